package sqlite_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/checkpoint"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// The verify command of a program that delivers. Somebody has changed who
// canceled a run.
func ExampleStore_Verify() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "journals.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	for i, by := range []string{"ada", "brian"} {
		store.Append(ctx, journal.Batch{Journal: fmt.Sprint("run-", i+1), Events: []journal.Event{
			{Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Kind: journal.Stopped, By: by},
		}})
	}
	report, err := journal.Verify(ctx, store)
	fmt.Println(report.Head.Events, "events,", len(report.Damage), "damaged,", err)

	edit(filepath.Join(dir, "journals.db"), "drop trigger fixed; update events set line = cast(replace(line, 'brian', 'ada') as blob)")

	report, err = journal.Verify(ctx, store)
	for _, d := range report.Damage[1:] { // the first is the trigger that is gone
		fmt.Println(d.Journal, "event", d.Event, "is damaged:", errors.Is(err, journal.ErrCorrupt))
	}
	// Output:
	// 2 events, 0 damaged, <nil>
	// run-2 event 0 is damaged: true
}

// record does what a program does that is started, appends to the journal of a
// run, and ends.
func record(file, run string) {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	err = store.Append(ctx, journal.Batch{Journal: run, Events: []journal.Event{
		{Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Kind: journal.Stopped, By: "ada"},
	}})
	if err != nil {
		fmt.Println(err)
	}
}

// edit changes a file behind the store's back.
func edit(path, statement string) {
	db, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = db.Exec(statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		fmt.Println(err)
	}
}

// The nightly program of a host: the store is what it was at the last checkpoint
// and has grown since, and a new checkpoint goes to where nobody who can write to
// the store can.
func ExampleStore_Checkpoint() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	file := filepath.Join(dir, "journals.db")
	public, private, err := ed25519.GenerateKey(nil) // once; the private half does not leave this machine
	if err != nil {
		fmt.Println(err)
		return
	}
	var elsewhere []byte // the note of last night
	nightly := func() error {
		store, err := sqlite.Config{Key: checkpoint.Key{Ed25519: private}}.Open(ctx, file)
		if err != nil {
			return err
		}
		defer store.Close()
		var known []journal.Head
		if elsewhere != nil {
			last, err := checkpoint.Open(elsewhere, public)
			if err != nil {
				return err
			}
			known = append(known, last.Head)
		}
		report, err := journal.Verify(ctx, store, known...)
		if err != nil {
			return err
		}
		fmt.Println(report.Head.Events, "events, as they were appended")
		elsewhere, err = store.Checkpoint(ctx)
		return err
	}
	record(file, "run-1")
	fmt.Println(nightly())
	record(file, "run-2")
	fmt.Println(nightly())

	// Somebody has the store forget both runs, and its witness too.
	os.RemoveAll(dir)
	os.Mkdir(dir, 0o700)
	record(file, "run-3")
	fmt.Println("rolled back:", errors.Is(nightly(), journal.ErrRolledBack))
	// Output:
	// 1 events, as they were appended
	// <nil>
	// 2 events, as they were appended
	// <nil>
	// rolled back: true
}

// What is appended is there when the program is started again.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	for life := range 2 {
		store, err := sqlite.Open(ctx, filepath.Join(dir, "journals.db"))
		if err != nil {
			fmt.Println(err)
			return
		}
		err = store.Append(ctx, journal.Batch{Journal: "run-1", Length: life, Events: []journal.Event{
			{Time: time.Now(), Kind: journal.Retried, By: "ada", Step: "deploy"},
		}})
		events, _ := store.Events(ctx, "run-1", 0)
		fmt.Println(len(events), err)
		store.Close()
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}

// A backup of last night was restored. What it has lost is known, and somebody
// has to accept it before anything goes on.
func ExampleConfig_AcceptRollback() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	file := filepath.Join(dir, "journals.db")
	record(file, "run-1")
	backup, _ := os.ReadFile(file)
	record(file, "run-2")
	record(file, "run-3") // the last commit alone would be put back from the witness
	os.WriteFile(file, backup, 0o600)

	_, err = sqlite.Open(ctx, file)
	fmt.Println("refused:", errors.Is(err, journal.ErrRolledBack))

	lost, err := sqlite.Config{}.AcceptRollback(ctx, file, "ada", "the disk broke; last night's backup")
	fmt.Println(lost.Lost, "events are lost, of", lost.From, err)

	store, err := sqlite.Open(ctx, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	events, err := store.Events(ctx, "run-1", 1)
	fmt.Println(events[0].Kind, "by", events[0].By, err)
	// Output:
	// refused: true
	// 2 events are lost, of [run-2 run-3] <nil>
	// restored by ada <nil>
}

// Somebody looks at the store of a program that may be serving. Nothing can be
// changed that way.
func ExampleConfig() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	file := filepath.Join(dir, "journals.db")
	serving, err := sqlite.Open(ctx, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer serving.Close()
	note := journal.Event{Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Kind: journal.Stopped, By: "ada"}
	serving.Append(ctx, journal.Batch{Journal: "run-1", Events: []journal.Event{note}})

	look, err := sqlite.Config{ReadOnly: true}.Open(ctx, file)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer look.Close()
	report, err := journal.Verify(ctx, look)
	fmt.Println(report.Head.Events, "event,", len(report.Damage), "damaged,", err)
	err = look.Append(ctx, journal.Batch{Journal: "run-1", Length: 1, Events: []journal.Event{note}})
	fmt.Println(errors.Is(err, journal.ErrInput))
	// Output:
	// 1 event, 0 damaged, <nil>
	// true
}
