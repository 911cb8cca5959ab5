package simulate

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A flaw is a mistake of the store, to see that a search finds it.
type flaw string

const (
	anyLength flaw = "takes what was decided on other events"
	halves    flaw = "takes what fits of an append, and says that it conflicts"
	forgets   flaw = "acknowledges what a person wants that conflicts, and drops it"
	expires   flaw = "frees an environment when the lease ends of whoever serves the run in it"
)

// flawed reports whether an append that does not fit is acknowledged all the same,
// having done what is wrong.
func (d *disk) flawed(by *process, batches []journal.Batch) bool {
	switch d.flaw {
	case anyLength:
		d.add(by, batches)
	case halves:
		for _, b := range batches {
			if d.fits([]journal.Batch{b}) == nil {
				d.add(by, []journal.Batch{b})
			}
		}
		return false
	}
	return d.flaw == anyLength || d.flaw == forgets && by == nil
}

// expire frees what a run holds that nobody who lives takes forward.
func (d *disk) expire(e *machine.Environment) {
	if b := d.w.audit.runs[e.Holder.Run]; d.flaw == expires && b != nil && b.m.Owner != "" && !d.alive(b.m.Owner, d.w.wall()) {
		e.Holder = machine.Visitor{}
	}
}

// TestTheSearchFindsAStoreThat has stores with a flaw searched.
func TestTheSearchFindsAStoreThat(t *testing.T) {
	for _, f := range []struct {
		flaw flaw
		plot int
		left bounds
		want string // what is broken first
	}{
		{anyLength, 0, bounds{}, "J4"},
		{halves, 1, bounds{}, "I7"},
		{forgets, 0, bounds{}, "I1"},
		{expires, 1, bounds{lapses: 1}, "I7"},
	} {
		t.Run(strings.ReplaceAll(string(f.flaw), ",", ""), func(t *testing.T) {
			s := &search{plot: plots[f.plot], left: f.left, flaw: f.flaw, most: 1_000_000}
			broken := s.run()
			t.Log(broken)
			if !strings.HasPrefix(broken, f.want) {
				t.Errorf("after %d states: %s; want %s broken", len(s.from), broken, f.want)
			}
		})
	}
}
