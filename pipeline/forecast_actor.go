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
	waits map[string]halt // by name of step
	marks map[int32]*mark // by node
}

// A call is when the hook of a stage was called first and last in an attempt.
type call struct {
	attempt     int
	first, last time.Time
}

// A halt is since when a step does not go on.
type halt struct {
	why   journal.Wait // what was recorded last
	since time.Time    // when it began to wait for that
	asked time.Time    // since when its gates do not let it pass, so that people are asked; zero if they do
}

// A mark is what a forecast has to remember of a node.
type mark struct {
	stopped      int       // attempt of which the hook was
	times, votes int       // asked, and invented
	voting       bool      // one of them is about to vote
	voted        time.Time // when one of them did last
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
	r.halted(e)
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

// halted keeps since when the step waits that an event is about. That may be long
// after it was reached: its gates are asked when those before it let it pass. What
// it waited for until it was reached anew, or adopted, does not count.
func (r *actor) halted(e *journal.Event) {
	i, ok := r.m.Find(e.Step)
	if !ok || e.Kind == journal.Voted {
		return
	}
	h := r.waits[e.Step]
	if h.since.Before(r.m.View(i).Reached) || h.since.Before(r.m.Since) {
		h = halt{}
	}
	var why journal.Wait
	if d, ok := e.Data.(*journal.Wait); ok {
		why = *d
	}
	if why.For == "" || !goesOn(h.why.For, h.why.Text, why.For, why.Text) {
		h.since = e.Time
	}
	h.why = why
	switch {
	case e.Kind == journal.Permitted || e.Kind == journal.Withdrawn:
		h.asked = time.Time{}
	case h.asked.IsZero() && !why.Subject.IsZero(): // a gate has answered
		h.asked = e.Time
	}
	r.waits[e.Step] = h
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
