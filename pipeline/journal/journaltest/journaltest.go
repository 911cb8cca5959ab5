// Package journaltest tests implementations of [journal.Store], and makes
// stores fail for the tests of what is built on them.
package journaltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// Run tests that the stores that open returns keep the promises made in the
// documentation of [journal.Store] and, if they have its methods, of
// [journal.Watcher], [journal.Leaser], [journal.Verifier] and [journal.Archiver].
// Each call of open returns an empty store, and closes it at the end of its test.
//
// Some of it tries sequences of calls that package rapid draws. Its flags
// -rapid.checks and -rapid.steps say how many, and how long they are.
func Run(t *testing.T, open func(t *testing.T) journal.Store) {
	run(t, open, nil)
}

// run is Run, with stores that can be opened again if again is not nil.
func run(t *testing.T, open func(t *testing.T) journal.Store, again func(t *testing.T, s journal.Store) journal.Store) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) { r.check(t, open(t)) })
	}
	t.Run("any sequence of calls", func(t *testing.T) {
		checkSequences(t, func() *handles {
			s := open(t)
			h := &handles{stores: []journal.Store{s}}
			if again != nil {
				h.again = func() journal.Store { return again(t, s) }
			}
			return h
		})
	})
}

// RunDurable does what [Run] does, and tests that what was acknowledged is
// there in another store that is opened on the same data. That store is what
// again returns; s may still be open, as if its process had been killed.
func RunDurable(t *testing.T, open func(t *testing.T) journal.Store, again func(t *testing.T, s journal.Store) journal.Store) {
	run(t, open, again)
	t.Run("what was acknowledged is there when the store is opened again", func(t *testing.T) {
		s := open(t)
		checkDurable(t, s, func() journal.Store { return again(t, s) })
	})
}

// A rule is one promise. Its check opens nothing and ends what it starts.
type rule struct {
	name  string
	check func(t testing.TB, s journal.Store)
}

func rules() []rule {
	return slices.Concat(appendRules, readRules, listRules, watchRules, leaseRules, verifyRules, archiveRules)
}

func checkDurable(t testing.TB, s journal.Store, again func() journal.Store) {
	events := appended()
	must(t, s, batch("run", 0, events...), batch("env/shop", 0, note("a"), note("b")))
	must(t, s, batch("run", len(events), note("last")))
	wantAll := func(s journal.Store, when string) {
		t.Helper()
		same(t, s, "run", 0, append(appended(), note("last")), when)
		same(t, s, "env/shop", 0, []journal.Event{note("a"), note("b")}, when)
		wantList(t, s, journal.Query{}, "run", "env/shop")
	}
	other := again()
	wantAll(other, "after the store was opened again")
	if err := other.Append(t.Context(), batch("run", 0, note("x"))); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("Append at length 0 after the store was opened again = %v; want ErrConflict: expected lengths outlive a crash (J1)", err)
	}
	must(t, other, batch("env/shop", 2, note("c")))
	same(t, other, "env/shop", 2, []journal.Event{note("c")}, "after an append to the store that was opened again")
	if a, ok := other.(journal.Archiver); ok {
		must(t, other, batch("old", 0, ended()))
		e := archived(t, "old", []journal.Event{ended()})
		mustArchive(t, a, "old", 1, e)
		wantArchived(t, again(), "old", 0, e)
	}
}

// note returns an event that differs from others by its text.
func note(text string) journal.Event {
	e := Events()[0]
	return journal.Event{Time: e.Time, Kind: journal.Failed, Data: &journal.Reason{Text: text}}
}

func notes(n int) (events []journal.Event) {
	for i := range n {
		events = append(events, note(fmt.Sprint(i)))
	}
	return events
}

func ended() journal.Event {
	return journal.Event{Time: note("").Time, Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}}
}

func batch(name string, length int, events ...journal.Event) journal.Batch {
	return journal.Batch{Journal: name, Length: length, Events: events}
}

func must(t testing.TB, s journal.Store, batches ...journal.Batch) {
	t.Helper()
	if err := s.Append(t.Context(), batches...); err != nil {
		t.Fatalf("Append of %s = %v; want nil", show(batches), err)
	}
}

func show(batches []journal.Batch) string {
	var parts []string
	for _, b := range batches {
		parts = append(parts, fmt.Sprintf("%d events at length %d of %q", len(b.Events), b.Length, b.Journal))
	}
	return strings.Join(parts, " and ")
}

// same checks that journal name, read from an event on, is want.
func same(t testing.TB, s journal.Store, name string, from int, want []journal.Event, when string) {
	t.Helper()
	got, err := s.Events(t.Context(), name, from)
	if err != nil {
		t.Errorf("Events(%q, %d) = %v; want %d events %s", name, from, err, len(want), when)
		return
	}
	if len(got) != len(want) {
		t.Errorf("Events(%q, %d) returns %d events, want %d %s", name, from, len(got), len(want), when)
		return
	}
	for i := range got {
		if g, w := form(t, got[i]), form(t, want[i]); g != w {
			t.Errorf("Events(%q, %d) %s: event %d\n got %s\nwant %s", name, from, when, i, g, w)
			return
		}
	}
}

// form is what is compared of an event. It is cut in messages of long events.
func form(t testing.TB, e journal.Event) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("event of kind %q, as returned, cannot be written: %v", e.Kind, err)
	}
	if len(b) > 1<<12 {
		return fmt.Sprintf("%s… (%d bytes, %x)", b[:100], len(b), sum(b))
	}
	return string(b)
}

func wantList(t testing.TB, s journal.Store, q journal.Query, want ...string) {
	t.Helper()
	got, err := s.List(t.Context(), q)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("List(%+v) = %q, %v; want %q", q, got, err, want)
	}
}
