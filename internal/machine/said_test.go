package machine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// What people may have recorded has a bound, and one of them cannot use up that of
// the others; a run can always be canceled (I21, R6).
func TestWhatPeopleSayHasABound(t *testing.T) {
	m := &Machine{Run: "r", names: map[string]int32{"gate": 0, "other": 1}, states: make([]state, 2)}
	m.states[0].more = new(more)
	vote := func(step, by string) []journal.Event {
		return []journal.Event{{Kind: journal.Voted, Step: step, By: by, Data: &gate.Vote{By: by}}}
	}
	word := func(k journal.Kind, n int) (events []journal.Event) {
		for range n {
			events = append(events, journal.Event{Kind: k, Step: "gate", By: "ann"})
		}
		return events
	}
	check := func(what string, events []journal.Event, want string) {
		t.Helper()
		got := ""
		if err := m.CanSay(events); err != nil {
			got = err.Error()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: CanSay = %q; want %q", what, got, want)
		}
	}
	for range maxVotes {
		check("a vote of ann", vote("gate", "ann"), "")
		m.states[0].more.votes = append(m.states[0].more.votes, gate.Vote{By: "ann"})
		m.said++
	}
	check("one more of ann", vote("gate", "ann"), `"ann" has voted 100 times on "gate" in this round; want at most 100`)
	check("one of ben", vote("gate", "ben"), "")
	check("one of ann on another", vote("other", "ann"), "")
	check("one of ann on what is not there", vote("none", "ann"), "")

	m.said = maxSaid - 3
	check("the last three", word(journal.Overridden, 3), "")
	check("four where three are left", word(journal.Overridden, 4), "9997 votes and other words of people")
	m.said = maxSaid
	for _, k := range []journal.Kind{journal.Retried, journal.Overridden, journal.Adopted, journal.Drained} {
		check(fmt.Sprint(k, " after the last"), word(k, 1), "want at most 10000")
	}
	check("a vote after the last", vote("gate", "ben"), "want at most 10000")
	check("a cancel after the last", word(journal.Stopped, 1), "")
	m.stopped = "canceled by ann"
	check("a second cancel after the last", word(journal.Stopped, 1), "want at most 10000")
}

// What people said is counted by whoever folds the journal, also over a change of the
// definition (I21, J7).
func TestWhatPeopleSaidIsCounted(t *testing.T) {
	old, next := must(t, "seq(a, b)").program(), must(t, "seq(a, c, b)").program()
	programs := map[artifact.Digest]*Program{old.Definition: old, next.Definition: next}
	events := []journal.Event{
		{Time: epoch, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: old.Definition}},
		{Time: epoch, Kind: journal.Overridden, Step: "b", By: "ann"},
		{Time: epoch, Kind: journal.Overridden, Step: "b", By: "ben"},
		{Time: epoch, Kind: journal.Claimed, By: "x1", Epoch: 1},
		{Time: epoch, Kind: journal.Adopted, By: "ann", Data: &journal.Adoption{Definition: next.Definition}},
		{Time: epoch, Kind: journal.Stopped, By: "ann"},
	}
	for _, known := range []map[artifact.Digest]*Program{programs, nil} {
		m, err := Fold("run-1", events, func(_ string, d artifact.Digest) *Program { return known[d] })
		if err != nil || m.said != 4 {
			t.Errorf("after four events by people %v are counted, %v", m.said, err)
		}
	}
}
