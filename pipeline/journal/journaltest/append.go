package journaltest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:4] }

var appendRules = []rule{
	{"an append at the wrong length conflicts and adds nothing", func(t testing.TB, s journal.Store) {
		for _, length := range []int{1, 2} {
			conflicts(t, s, "a journal that was never appended to", batch("a", length, note("x")))
		}
		must(t, s, batch("a", 0, note("0"), note("1")))
		for _, length := range []int{0, 1, 3} {
			conflicts(t, s, "a journal of length 2", batch("a", length, note("x")))
		}
		same(t, s, "a", 0, notes(2), "after conflicts, which add nothing")
		must(t, s, batch("a", 2, note("2")))
		same(t, s, "a", 0, notes(3), "after an append at the right length")
	}},

	{"an append to several journals is all or nothing", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, notes(1)...), batch("b", 0, notes(2)...))
		// The batch that conflicts comes first, in the middle and last.
		for at := range 3 {
			batches := []journal.Batch{batch("a", 1, note("x")), batch("b", 2, note("x")), batch("c", 0, note("x"))}
			batches[at].Length++
			conflicts(t, s, "three journals, one of another length", batches...)
			same(t, s, "a", 0, notes(1), "after a conflict in another journal (J1)")
			same(t, s, "b", 0, notes(2), "after a conflict in another journal (J1)")
			same(t, s, "c", 0, nil, "after a conflict in another journal (J1)")
		}
		wantList(t, s, journal.Query{}, "a", "b")
		must(t, s, batch("c", 0, note("0")), batch("b", 2, note("2")), batch("a", 1, note("1")))
		same(t, s, "a", 0, notes(2), "after an append to three journals")
		same(t, s, "b", 0, notes(3), "after an append to three journals")
		same(t, s, "c", 0, notes(1), "after an append to three journals")
	}},

	{"of appends at the same length one wins", func(t testing.TB, s journal.Store) {
		const writers, rounds = 8, 10
		for round := range rounds {
			mine := func(w int) string { return fmt.Sprintf("round %d of %d", round, w) }
			errs := make([]error, writers)
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					errs[w] = s.Append(t.Context(), batch("a", round, note(mine(w))), batch(mine(w), 0, note("x")))
				})
			}
			wg.Wait()
			var winners []string
			for w, err := range errs {
				if err == nil {
					winners = append(winners, mine(w))
				} else if !errors.Is(err, journal.ErrConflict) {
					t.Errorf("Append by one of %d writers at length %d = %v; want nil or ErrConflict", writers, round, err)
				}
			}
			if len(winners) != 1 {
				t.Fatalf("%d of %d appends at length %d were acknowledged; want one (J1)", len(winners), writers, round)
			}
			same(t, s, "a", round, []journal.Event{note(winners[0])}, "which is that of the writer that won")
			wantList(t, s, journal.Query{Prefix: mine(0)[:len("round 0 ")]}, winners[0])
		}
	}},

	{"appends to different journals do not disturb each other", func(t testing.TB, s journal.Store) {
		const writers, each = 8, 20
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := s.Append(t.Context(), batch(fmt.Sprint(w), i, note(fmt.Sprint(i)))); err != nil {
						t.Errorf("Append by the only writer of journal %d = %v; want nil", w, err)
						return
					}
				}
			})
		}
		wg.Wait()
		for w := range writers {
			same(t, s, fmt.Sprint(w), 0, notes(each), "after concurrent appends to eight journals")
		}
	}},

	{"a chain of conflicts loses and repeats nothing", func(t testing.TB, s journal.Store) {
		const writers, each = 4, 10
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := 0; i < each; {
					events, err := s.Events(t.Context(), "a", 0)
					if err == nil {
						err = s.Append(t.Context(), batch("a", len(events), note(fmt.Sprint(w, " ", i))))
					}
					if err == nil {
						i++
					} else if !errors.Is(err, journal.ErrConflict) {
						t.Errorf("read, append = %v; want nil or ErrConflict", err)
						return
					}
				}
			})
		}
		wg.Wait()
		events, err := s.Events(t.Context(), "a", 0)
		if err != nil || len(events) != writers*each {
			t.Fatalf("%d appends were acknowledged, but Events returns %d, %v", writers*each, len(events), err)
		}
		next := map[string]int{}
		for _, e := range events {
			w, i, _ := strings.Cut(e.Data.(*journal.Reason).Text, " ")
			if i != fmt.Sprint(next[w]) {
				t.Fatalf("event %s of writer %s comes where %d is due; want its own order", i, w, next[w])
			}
			next[w]++
		}
	}},

	{"what cannot be asked is refused", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, note("0")))
		for _, c := range []struct {
			name    string
			batches []journal.Batch
		}{
			{"no batches", nil},
			{"no name", []journal.Batch{batch("", 0, note("x"))}},
			{"a name of 161 bytes", []journal.Batch{batch(strings.Repeat("x", 161), 0, note("x"))}},
			{"a length below zero", []journal.Batch{batch("a", -1, note("x"))}},
			{"no events", []journal.Batch{batch("a", 1)}},
			{"no events in the second batch", []journal.Batch{batch("a", 1, note("x")), batch("b", 0)}},
			{"one journal twice", []journal.Batch{batch("a", 1, note("x")), batch("a", 2, note("y"))}},
			{"a kind that is not known", []journal.Batch{batch("a", 1, journal.Event{Kind: "teleported"})}},
			{"data of another kind", []journal.Batch{batch("a", 1, journal.Event{Kind: journal.Began, Data: &journal.End{}})}},
		} {
			if err := s.Append(t.Context(), c.batches...); !errors.Is(err, journal.ErrInput) {
				t.Errorf("Append of %s = %v; want ErrInput (call journal.Check first)", c.name, err)
			}
		}
		same(t, s, "a", 0, notes(1), "after appends that were refused")
		wantList(t, s, journal.Query{}, "a")
	}},

	{"a context that is done stops every call", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, note("0")))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, errEvents := s.Events(ctx, "a", 0)
		_, errList := s.List(ctx, journal.Query{})
		for name, err := range map[string]error{
			"Append": s.Append(ctx, batch("a", 1, note("1"))),
			"Events": errEvents,
			"List":   errList,
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a canceled context = %v; want context.Canceled", name, err)
			}
		}
		same(t, s, "a", 0, notes(1), "after an append whose context was done before it")
		must(t, s, batch("a", 1, note("1")))
	}},

	{"the slices given to Append are not kept", func(t testing.TB, s journal.Store) {
		events := notes(3)
		batches := []journal.Batch{batch("a", 0, events...)}
		must(t, s, batches...)
		clear(events)
		batches[0] = batch("b", 7)
		same(t, s, "a", 0, notes(3), "after the caller used its slices for something else")
	}},
}

func conflicts(t testing.TB, s journal.Store, to string, batches ...journal.Batch) {
	t.Helper()
	if err := s.Append(t.Context(), batches...); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("Append of %s to %s = %v; want ErrConflict, so that two writers cannot both win (J1)", show(batches), to, err)
	}
}
