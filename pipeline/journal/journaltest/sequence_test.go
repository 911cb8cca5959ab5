package journaltest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/pipeline/journal"
)

// TestSequencesFindBrokenStores has stores break in ways that take several calls to
// show. The sequences are the same each time.
func TestSequencesFindBrokenStores(t *testing.T) {
	var calls atomic.Int64
	for _, c := range []struct {
		name  string
		hooks hooks
		want  string // in what is said; empty if nothing is
	}{
		{"is sound", hooks{}, ""},
		{"forgets the order of names when one ends", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			names, err := s.List(ctx, q)
			if q.Newest && q.After != "" && len(names) > 1 {
				slices.Reverse(names)
			}
			return names, err
		}}, "List("},
		{"loses the second of three batches (J1)", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if len(batches) == 3 {
				batches = slices.Delete(slices.Clone(batches), 1, 2)
			}
			return s.Append(ctx, batches...)
		}}, "want"},
		{"lets two win at once, now and then (J1)", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			err := s.Append(ctx, batches...)
			if calls.Add(1)%7 == 0 && len(batches) == 1 {
				return nil
			}
			return err
		}}, "want"},
		{"returns events once more from the last on", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			events, err := s.Events(ctx, name, from)
			if all, _ := s.Events(ctx, name, 0); from > 0 && from == len(all) {
				events = all[from-1:]
			}
			return events, err
		}}, "Events("},
		{"does not tell of environments", hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
			names, next, err := s.Changes(ctx, mark)
			return slices.DeleteFunc(names, func(n string) bool { return strings.Contains(n, "env/") }), next, err
		}}, "Changes("},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said string
			// In a bubble, the wait for what never comes takes no time.
			synctest.Test(t, func(*testing.T) { said = drawn(&store{hooks: c.hooks}) })
			if said == "" != (c.want == "") || !strings.Contains(said, c.want) {
				t.Errorf("the sequences say of a store that %s: %q; want %q in it", c.name, said, c.want)
			}
		})
	}
}

// drawn returns what is wrong first in a hundred sequences.
func drawn(s journal.Store) string {
	h := &handles{stores: []journal.Store{s, s}}
	for seed := range 100 {
		said := rapid.Custom(func(t *rapid.T) string {
			q := newSequence(h, "x"+strings.Repeat("y", seed)+"/")
			rapid.Int().Draw(t, "so that something is drawn")
			t.Repeat(q.actions())
			return q.said
		}).Example(seed)
		if said != "" {
			return said
		}
	}
	return ""
}
