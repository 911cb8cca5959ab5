package pipeline

import (
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// An actor is a run in an outlook.
type actor struct {
	m     *machine.Machine
	d     *definition     // nil if it is not here
	place int             // in outlook.actors
	order map[string]int  // of the steps in the tree, by name without item
	heard map[string]int  // when something was recorded of a step first, by name; 0 means not yet
	calls map[string]call // by name of stage
	marks map[int32]*mark // by node
}

// A call is when the hook of a stage was called first and last in an attempt.
type call struct {
	attempt     int
	first, last time.Time
}

// A mark is what a forecast has to remember of a node.
type mark struct {
	stopped      int       // attempt of which the hook was
	times, votes int       // asked, and invented
	since        time.Time // people were asked; zero if they are not
	voting       bool      // one of them is about to vote
	no           bool      // the last answer was a rejection
	delay        *Delay    // that goes on
}

// mark returns what is to be remembered of node i.
func (r *actor) mark(i int32) *mark {
	if r.marks[i] == nil {
		r.marks[i] = new(mark)
	}
	return r.marks[i]
}

// note keeps what a forecast has to remember of an event.
func (r *actor) note(e *journal.Event) {
	if r.heard[e.Step] == 0 {
		r.heard[e.Step] = len(r.heard) + 1
	}
	d, ok := e.Data.(*journal.Call)
	if !ok {
		return
	}
	c := r.calls[e.Step]
	if c.attempt != d.Attempt {
		c = call{attempt: d.Attempt, first: e.Time}
	}
	c.last = e.Time
	r.calls[e.Step] = c
}

// parked reports whether the run stays where it is, and why.
func (r *actor) parked() (why string, is bool) {
	switch {
	case r.m.For != "":
		return "it waits for " + r.m.For + ": " + r.m.Reason, true
	case r.d == nil:
		return "definition " + r.m.Definition.Short() + " is not here", true
	}
	return "", false
}

// still reports whether nothing happens to the run.
func (r *actor) still() bool {
	_, is := r.parked()
	return is || r.m.Status.Done()
}
