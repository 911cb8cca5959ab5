package journal_test

import (
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

func TestFence(t *testing.T) {
	for _, c := range []struct {
		e    journal.Event
		want int64
	}{
		{journal.Event{Kind: journal.Began}, 0},
		{journal.Event{Kind: journal.Claimed, Epoch: 3}, 3},
		{journal.Event{Kind: journal.Called, Epoch: 3, Data: &journal.Call{Token: 7}}, 7},
		{journal.Event{Kind: journal.Called, Epoch: 9, Data: &journal.Call{Token: 7}}, 9},
		{journal.Event{Kind: journal.Took, Data: &journal.Entry{Token: 4}}, 4},
		{journal.Event{Kind: journal.Taken, Data: &journal.Hold{Token: 5}}, 5},
	} {
		if got := c.e.Fence(); got != c.want {
			t.Errorf("Fence of %s at epoch %d = %d, want %d", c.e.Kind, c.e.Epoch, got, c.want)
		}
	}
}
