package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journal.Store { return new(journal.Memory) })
}

// A test of a restart runs each life of a program in a bubble of its own, on
// one Memory. What waited in the first must not be touched from the second.
func TestMemoryOutlivesABubble(t *testing.T) {
	var s journal.Memory
	for life := range 3 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*24*time.Hour)
			defer cancel()
			if _, _, err := s.Changes(ctx, -1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("life %d: Changes = %v; want it to wait for five days", life, err)
			}
			if err := s.Append(t.Context(), journal.Batch{Journal: "a", Length: life, Events: []journal.Event{{Kind: journal.Quit}}}); err != nil {
				t.Errorf("life %d: Append = %v", life, err)
			}
		})
	}
}

// A Memory remembers only so many changes. A mark from before them gets every
// name, never too few.
func TestMemoryForgetsOldChanges(t *testing.T) {
	var s journal.Memory
	const journals, rounds = 3, 6000
	for i := range journals * rounds {
		b := journal.Batch{Journal: fmt.Sprint(i % journals), Length: i / journals, Events: []journal.Event{{Kind: journal.Quit}}}
		if err := s.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ mark, want int64 }{{0, 3}, {1, 3}, {journals*rounds - 2, 2}, {journals*rounds - 1, 1}} {
		names, next, err := s.Changes(t.Context(), c.mark)
		if err != nil || int64(len(names)) != c.want || next != journals*rounds {
			t.Errorf("Changes(%d) = %q, %d, %v; want %d names and mark %d", c.mark, names, next, err, c.want, journals*rounds)
		}
	}
}
