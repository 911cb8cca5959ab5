package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// What SQLite can do at best with the settings of a Store: each commit inserts
// two lines, with nothing checked, in one bare table and in the tables of a
// Store.
func BenchmarkRawInsert(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "journals.db"))
	must(b, s, batch("0", 0, note("x")))
	c := s.writer
	if _, err := c.exec("create table raw (id integer primary key, line blob)"); err != nil {
		b.Fatal(err)
	}
	line, err := note("smoke test: 3 of 40 failed").MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	number := int64(0)
	for name, insert := range map[string]func() error{
		"bare": func() error {
			_, err := c.exec("insert into raw (line) values (?)", line)
			return err
		},
		"tables": func() error {
			number++
			_, err := c.exec("insert into events (journal, number, line, hash, sum, start) values (1, ?, ?, ?, ?, ?)", number, line, line[:32], line[:32], number)
			if err == nil && number%2 == 0 {
				_, err = c.exec("update journals set length = ?, hash = ? where id = 1", number, line[:32])
			}
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, begun := c.exec("begin immediate")
				if err := errors.Join(begun, insert(), insert()); err != nil {
					b.Fatal(err)
				}
				if _, err := c.exec("commit"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}

// Writers append two events at a time, each to a journal of its own: as a Store
// does, and without a witness.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		for _, off := range []bool{true, false} {
			b.Run(fmt.Sprintf("writers=%d/witness=%v", writers, !off), func(b *testing.B) { benchmarkAppend(b, writers, off) })
		}
	}
}

func benchmarkAppend(b *testing.B, writers int, off bool) {
	e := note("smoke test: 3 of 40 failed")
	s := openAt(b, filepath.Join(b.TempDir(), "journals.db"))
	s.witness.off = off
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range writers {
		wg.Go(func() {
			for length := 0; next.Add(1) <= int64(b.N); length += 2 {
				if err := s.Append(b.Context(), batch(fmt.Sprint(w), length, e, e)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// A store of 100,000 runs that ended and 1,000 that did not is opened, and
// those are listed.
func BenchmarkOpenAndListOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journals.db")
	s := openAt(b, path)
	const runs, every = 101_000, 101
	var batches []journal.Batch
	for i := range runs {
		events := []journal.Event{note("x"), {Time: note("").Time, Kind: journal.Ended}}
		if i%every == 0 {
			events = events[:1]
		}
		batches = append(batches, batch(fmt.Sprintf("run-%06d", i), 0, events...))
		if len(batches) == 1000 {
			must(b, s, batches...)
			batches = nil
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		names, err := s.List(b.Context(), journal.Query{Open: true})
		if err != nil || len(names) != runs/every {
			b.Fatalf("List = %d names, %v; want %d", len(names), err, runs/every)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// One event is read from the end of a journal of 10,000, as after an append,
// and all of them, as after a restart.
func BenchmarkEvents(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "journals.db"))
	const length = 10_000
	events := make([]journal.Event, length)
	for i := range events {
		events[i] = note("smoke test: 3 of 40 failed")
	}
	must(b, s, batch("a", 0, events...))
	for name, from := range map[string]int{"last": length - 1, "all": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got, err := s.Events(b.Context(), "a", from); err != nil || len(got) != length-from {
					b.Fatalf("Events = %d, %v", len(got), err)
				}
			}
		})
	}
}

// An append is told to a call of Changes that waits.
func BenchmarkChanges(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "journals.db"))
	must(b, s, batch("a", 0, note("x")))
	var mark int64
	var lag time.Duration
	for length := 1; b.Loop(); length++ {
		_, next, err := s.Changes(b.Context(), mark)
		if err != nil {
			b.Fatal(err)
		}
		acked := make(chan time.Time, 1)
		go func() {
			must(b, s, batch("a", length, note("x")))
			acked <- time.Now()
		}()
		if _, _, err := s.Changes(b.Context(), next); err != nil {
			b.Fatal(err)
		}
		lag += time.Since(<-acked)
		mark = next
	}
	b.ReportMetric(float64(lag.Nanoseconds())/float64(b.N), "lag-ns/op")
}
