package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A journal is written to a file, and then forgotten but for the event that says
// so. What the file has is compared with that, years later.
func ExampleArchiver() {
	ctx := context.Background()
	var store journal.Memory
	store.Append(ctx, journal.Batch{Journal: "run-1", Events: []journal.Event{
		{Time: noon, Kind: journal.Stopped, By: "ada", Data: &journal.Reason{Text: "wrong version"}},
		{Time: noon, Kind: journal.Ended, Data: &journal.End{Status: "canceled"}},
	}})

	var file bytes.Buffer
	events, _ := store.Events(ctx, "run-1", 0)
	text, left, err := journal.MarshalArchive("run-1", events)
	if err != nil {
		fmt.Println(err)
		return
	}
	file.Write(text) // and sync it
	left.Place = "2026.jsonl"
	err = store.Archive(ctx, "run-1", len(events), journal.Event{
		Time: noon.AddDate(0, 6, 0), Kind: journal.Archived, By: "ada", Data: &left,
	})
	fmt.Println(err)

	_, err = store.Events(ctx, "run-1", 0)
	fmt.Println(err)
	var archived *journal.ArchivedError
	if !errors.As(err, &archived) {
		return
	}
	for c, err := range journal.ReadArchive(&file) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(c.Journal, "has", len(c.Events), "events, as they were:", c.Digest == archived.Digest)
	}
	// Output:
	// <nil>
	// journal: archived: "run-1", of 2 events, on 2026-09-02 to 2026.jsonl
	// run-1 has 2 events, as they were: true
}

// A crash left half of a journal at the end of the file. The program wrote it again
// when it was started anew.
func ExampleReadArchive() {
	text, _, err := journal.MarshalArchive("run-1", []journal.Event{
		{Time: noon, Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	file := append(text[:60:60], text...)
	for c, err := range journal.ReadArchive(bytes.NewReader(file)) {
		if err != nil {
			fmt.Println(c.Journal, "is damaged:", errors.Is(err, journal.ErrCorrupt))
			continue
		}
		fmt.Println(c.Journal, "ended on", c.Events[0].Time.Format(time.DateOnly))
	}
	// Output:
	// run-1 is damaged: true
	// run-1 ended on 2026-03-02
}
