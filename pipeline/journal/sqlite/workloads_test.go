//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A workload is what a user does with a store.
type workload struct {
	name  string
	from  string // the origin; empty means there is no store yet
	limit int64  // bytes in a log of the witness; 0 means the usual
	play  func(u *user)
}

var workloads = []workload{
	{"a new store", "", 0, func(u *user) {
		s := u.open()
		u.appends(s, 10, "a")
	}},
	{"one append after another", "closed", 0, func(u *user) {
		s := u.open()
		for range 4 {
			u.appends(s, 10, "a")
		}
	}},
	{"long events for several journals", "closed", 0, func(u *user) {
		s := u.open()
		u.appends(s, 9000, "a", "b", "new", "env/production")
		u.appends(s, 9000, "b", "a")
	}},
	{"appends that are committed together", "closed", 0, func(u *user) {
		if s := u.open(); s != nil {
			u.together(s, "a", "b", "c", "d")
			u.together(s, "d", "c", "b", "a")
		}
	}},
	{"a conflict", "closed", 0, func(u *user) {
		s := u.open()
		u.appends(s, 10, "a")
		u.conflicts(s)
		u.appends(s, 10, "b")
	}},
	{"leases", "closed", 0, func(u *user) {
		s := u.open()
		if s == nil {
			return
		}
		u.told(s, "Renew", s.Renew(u.ctx, "x", time.Now().Add(time.Hour)))
		_, err := s.Alive(u.ctx, "x", time.Now())
		u.told(s, "Alive", err)
		u.told(s, "Renew", s.Renew(u.ctx, "x", time.Time{}))
		u.appends(s, 10, "a")
	}},
	{"reading", "open", 0, func(u *user) {
		s := u.open()
		u.reads(s)
		u.appends(s, 10, "a")
		u.reads(s)
		if s != nil {
			_, _, err := s.Changes(u.ctx, 0)
			u.told(s, "Changes", err)
		}
	}},
	{"reading only", "open", 0, func(u *user) {
		s := u.with(Config{ReadOnly: true, disk: u.disk})
		u.reads(s)
		u.verifies(s)
	}},
	{"Verify and checkpoints", "open", 2000, func(u *user) {
		s := u.with(Config{Key: keyOf(1), disk: u.disk})
		for range 3 {
			u.appends(s, 500, "a")
		}
		u.verifies(s)
		if s != nil {
			_, err := s.Checkpoint(u.ctx)
			u.told(s, "Checkpoint", err)
		}
	}},
	{"runs that park", "open", 0, func(u *user) {
		s := u.open()
		for range 2 {
			if s == nil {
				return
			}
			s.parked, s.rested = true, time.Time{}
			u.appends(s, 3000, "a", "b")
		}
	}},
	{"a WAL that is moved as it grows", "open", 0, func(u *user) {
		s := u.open()
		if s == nil {
			return
		}
		_, err := s.writer.number("pragma wal_autocheckpoint = 6")
		u.told(s, "pragma", err)
		for range 4 {
			u.appends(s, 7000, "a")
		}
	}},
	{"short logs", "closed", 1000, func(u *user) {
		s := u.open()
		for range 6 {
			u.appends(s, 10, "a")
		}
	}},
	{"opened again and again", "closed", 0, func(u *user) {
		for range 3 {
			u.appends(u.open(), 10, "a")
			u.leave()
		}
	}},
	{"two stores that take turns", "closed", 0, func(u *user) {
		one, two := u.open(), u.other()
		for range 2 {
			u.appends(one, 10, "a", "b")
			u.appends(two, 10, "b", "a")
			u.reads(one)
		}
		u.leave()
		u.appends(u.other(), 10, "a")
	}},
	{"two stores with short logs", "closed", 1000, func(u *user) {
		one, two := u.open(), u.other()
		for range 3 {
			u.appends(one, 10, "a")
			u.appends(two, 10, "a")
		}
	}},
	{"archiving", "closed", 0, func(u *user) {
		s := u.open()
		u.archives(s)
		u.appends(s, 10, "a")
	}},
	{"after a kill", "open", 0, goesOn},
	{"after a crash that left the last commit in the database alone", "database", 0, goesOn},
	{"after a crash that left the last commit in the witness alone", "witness", 0, goesOn},
	{"after a crash that left half a line", "torn", 0, goesOn},
}

func goesOn(u *user) {
	s := u.open()
	u.reads(s)
	u.appends(s, 10, "a")
}

// together has appends of one event each wait for each other, so that one of them
// commits all.
func (u *user) together(s *Store, names ...string) {
	there, ok := u.measure(s, names)
	if !ok || u.closed[s] {
		return
	}
	s.mu.Lock()
	s.leading = true // by nobody
	s.mu.Unlock()
	errs, said := make([]error, len(names)), make([][]string, len(names))
	var wg sync.WaitGroup
	for i := range names {
		var b []journal.Batch
		b, said[i] = u.batches(10, names[i:i+1], there)
		wg.Go(func() { errs[i] = s.Append(u.ctx, b...) })
		for waiting := 0; waiting <= i; runtime.Gosched() {
			s.mu.Lock()
			waiting = len(s.queue)
			s.mu.Unlock()
		}
	}
	s.pass()
	wg.Wait()
	for i := range names {
		u.note(s, names[i:i+1], said[i], there, errs[i])
	}
}

// conflicts wants an append at a wrong length to be refused.
func (u *user) conflicts(s *Store) {
	if s == nil || u.closed[s] {
		return
	}
	err := s.Append(u.ctx, batch("b", 0, note("never")), batch("a", 77, note("never")))
	if !errors.Is(err, journal.ErrConflict) && u.told(s, "Append", err) {
		u.problem("Append at a wrong length = nil; want ErrConflict")
	}
}

// archives archives a run. If the outcome is not known either the run is there or
// what is left of it.
func (u *user) archives(s *Store) {
	if s == nil {
		return
	}
	const name = "old"
	events := []journal.Event{note("an event of old"), ended()}
	u.note(s, []string{name, name}, texts(events), u.acked, s.Append(u.ctx, batch(name, 0, events...)))
	_, what, err := journal.MarshalArchive(name, events)
	if u.closed[s] || len(u.acked[name]) == 0 || !u.told(s, "MarshalArchive", err) {
		return
	}
	left := []string{string(journal.Archived)}
	e := journal.Event{Time: note("").Time, Kind: journal.Archived, By: "ada", Data: &what}
	err = s.Archive(u.ctx, name, len(events), e)
	if u.told(s, "Archive", err) {
		u.acked[name] = left
	} else if errors.Is(err, journal.ErrClosed) {
		u.maybe = append(u.maybe, u.acked[name], left)
		delete(u.acked, name)
	}
}

func (u *user) verifies(s *Store) {
	if s == nil {
		return
	}
	_, err := s.Verify(u.ctx)
	u.told(s, "Verify", err)
}

// An origin is a store as it is before a workload.
type origin struct {
	image image
	acked map[string][]string
}

// makeOrigins makes those that workloads begin with.
func makeOrigins(t *testing.T) map[string]origin {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "s.db"))
	acked := map[string][]string{}
	look := func() image {
		im, err := imageOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return im
	}
	for i := range 4 {
		for _, name := range []string{"a", "b", "env/production"} {
			text := fmt.Sprint("event ", i, " of ", name, " before")
			must(t, s, batch(name, i, note(text)))
			acked[name] = append(acked[name], text)
		}
	}
	before := look()
	last := "the last event of b"
	must(t, s, batch("b", 4, note(last)))
	acked["b"] = append(acked["b"], last)
	after := look()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	torn := both(after, after)
	log, at, line := lastCommit(after)
	half := append([]byte{}, after[log]...)
	clear(half[at+line/2:])
	torn[log] = half
	return map[string]origin{
		"":         {},
		"closed":   {look(), acked},
		"open":     {after, acked},
		"database": {both(after, before), acked},
		"witness":  {both(before, after), acked},
		"torn":     {torn, maps.Clone(acked)},
	}
}
