package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// J5, I10: whatever is changed behind the store's back is found, and Verify
// says where and what. Each change is one that no constraint of SQL refuses.
func TestVerifyFindsWhatWasChanged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change string
		says   []string // one for each place of damage
	}{
		{"nothing", "select 1", nil},
		{"a letter in a line", "update events set line = cast(replace(line, 'two', 'tvo') as blob) where seq = 3",
			[]string{`journal "a", event 2, event 3 of the store: got hash `}},
		{"a line and its hash", "update events set line = x'7b7d', hash = zeroblob(32) where seq = 3",
			[]string{`journal "a", event 2, event 3 of the store: got hash 0000`, "got sum", `journal "a", event 3, event 5 of the store: got hash`}},
		{"a sum", "update events set sum = zeroblob(32) where seq = 3",
			[]string{`event 3 of the store: got sum 0000`, "event 4 of the store: got sum"}},
		{"an event gone", "delete from events where seq = 3",
			[]string{"event 4 of the store: got number 4 in the store; want number 3", "got sum", `journal "a", event 3, event 5 of the store: got number 3 in its journal; want number 2`, "got hash"}},
		{"the last event gone", "delete from events where seq = 6", []string{`: got 1 events; want 2`}},
		{"the last events gone without a trace in their journals",
			"delete from events where seq >= 5; update journals set ended = 0; update journals set length = 3, hash = (select hash from events where seq = 3) where id = 1; update journals set length = 1, hash = (select hash from events where seq = 4) where id = 2", []string{`journal "a", event 3, `, `journal "b", event 1, `}},
		{"an event added", "insert into events select 7, 2, 2, line, hash, sum, 7 from events where seq = 6",
			[]string{`journal "b", event 2, event 7 of the store: got hash`, "got sum", `got 3 events; want 2`}},
		{"the name of a journal", "update journals set name = cast('c' as blob) where id = 1", []string{`journal "c", event 0, event 1 of the store: got hash`}},
		{"a journal gone", "delete from journals where id = 2", []string{"want the journal that it belongs to"}},
		{"a journal with no events", "insert into journals values (9, cast('z' as blob), 0, 0, 0, x'00')", []string{`journal "z"`}},
		{"a run that is said to have ended", "update journals set ended = 1 where id = 1", []string{`journal "a", `}},
		{"the order of journals", "update journals set id = 9 where id = 1; update events set journal = 9 where journal = 1", []string{"began later"}},
		{"an index gone", "drop index open", []string{"want create index open"}},
		{"a trigger", "create trigger t after insert on events begin delete from events;end", []string{"got CREATE TRIGGER"}},
		{"the ID of the store", "update store set id = 'x'", []string{"event 1 of the store: got sum"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			s := openAt(t, path)
			must(t, s, batch("a", 0, note("zero"), note("one"), note("two")))
			must(t, s, batch("b", 0, note("zero")), batch("a", 3, note("three")))
			must(t, s, batch("b", 1, journal.Event{Time: note("").Time, Kind: journal.Ended}))
			execAt(t, path, strings.Split(c.change, "; ")...)
			r, err := readAt(t, path).Verify(t.Context())
			if errors.Is(err, journal.ErrCorrupt) != (len(c.says) > 0) || len(r.Damage) > 5 {
				t.Errorf("Verify = %v\nwant damage: %v, and one change to be few places", err, len(c.says) > 0)
			}
			for _, want := range c.says {
				if !slices.ContainsFunc(r.Damage, func(d *journal.Damage) bool { return strings.Contains(d.Error(), want) }) {
					t.Errorf("Verify = %v\nwant it to say %q", err, want)
				}
			}
		})
	}
}

// readAt opens a store only to look at it.
func readAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Config{ReadOnly: true}.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

// Damage without end is not reported without end.
func TestVerifyStopsAtAHundredPlaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	var batches []journal.Batch
	for i := range 3 * most {
		batches = append(batches, batch(fmt.Sprint(i), 0, note("x")))
	}
	must(t, s, batches...)
	execAt(t, path, "update events set line = x'00'")
	r, err := s.Verify(t.Context())
	if !errors.Is(err, journal.ErrCorrupt) || len(r.Damage) != most {
		t.Errorf("Verify of %d damaged events reports %d places, %T; want %d", 3*most, len(r.Damage), err, most)
	}
}
