package pipeline

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// An outlook is some runs and environments over time that does not pass. It
// drives their machines: what a stage does, and what a person says, is made up,
// and all that follows is not.
type outlook struct {
	ctx context.Context
	a   *Assume
	records
	read map[string]int // how long journals were when they were read

	now    time.Time
	until  time.Time
	about  *actor   // whom the forecast is of
	actors []*actor // in the order in which they began
	sites  []*site  // in the order in which they were read
	due    dues
	made   int    // events
	lacks  string // an environment that was come to and was not read
	gaveUp string // why nothing more is looked at
	delays []*Delay
}

// maxMade is the most events that a forecast makes up.
const maxMade = 1_000_000

// foresee lets time go on until the run has ended, nothing happens any more, or
// it is too far ahead.
func (o *outlook) foresee() {
	for _, r := range o.actors {
		o.enter(r)
	}
	for o.settle(); !o.about.m.Status.Done() && !o.stopped(); o.settle() {
		if len(o.due) > 0 && !o.due[0].at.After(o.now) {
			heap.Pop(&o.due).(due).do()
			continue
		}
		next := o.next()
		if next.IsZero() || !next.Before(o.until) {
			o.rest()
			return
		}
		o.now = next
	}
}

// enter takes a run up where it is.
func (o *outlook) enter(r *actor) {
	if r.still() {
		return
	}
	if r.m.InFlight() && r.m.Owner == "" {
		o.claim(r) // who called let go of it
	}
	for i := range int32(r.m.Size()) {
		o.track(r, i)
		if do, _ := r.m.Open(i); do == machine.Call {
			o.called(r, i)
		}
	}
}

// rest has the run wait as one does for which nothing is done.
func (o *outlook) rest() {
	if m := o.about.m; m.Owner != "" && !m.InFlight() {
		o.apply(o.about, &journal.Event{Time: o.now, Kind: journal.Released, By: m.Owner, Epoch: m.Epoch})
	}
}

// stopped reports whether nothing more is to be looked at.
func (o *outlook) stopped() bool {
	if o.made > maxMade && o.gaveUp == "" {
		o.gaveUp = fmt.Sprintf("no end after %d events, at %v", maxMade, o.now)
	}
	return o.gaveUp != "" || o.lacks != "" || o.ctx.Err() != nil
}

// next returns when something happens next, or the zero Time.
func (o *outlook) next() (next time.Time) {
	if len(o.due) > 0 {
		next = o.due[0].at
	}
	for _, r := range o.actors {
		if r.still() {
			continue
		}
		if at := r.m.Next(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// settle does all that follows by itself.
func (o *outlook) settle() {
	for !o.stopped() {
		if !o.step() && !o.strangers() {
			return
		}
	}
}

// step does what the first run that has something to do has to do next.
func (o *outlook) step() bool {
	for _, r := range o.actors {
		if r.still() {
			continue
		}
		r.m.Tick(o.now)
		if c := r.m.Pop(o.now); c.Do != machine.None {
			o.obey(r, c)
			return true
		}
	}
	return false
}

func (o *outlook) obey(r *actor, c machine.Command) {
	m := r.m
	switch c.Do {
	case machine.Call:
		o.put(r, m.Called(c.Node, o.now))
		o.called(r, c.Node)
	case machine.Stop:
		o.stop(r, c.Node)
	case machine.Enter:
		if s := o.site(m.Node(c.Node).Environment); s != nil {
			run, there := m.Entering(c.Node, s.Environment, o.now)
			o.cross(r, s, run, there)
		}
	case machine.Leave:
		if s := o.site(c.Env); s != nil {
			run, there := m.Leaving(s.Environment, o.now)
			o.cross(r, s, run, there)
		}
	case machine.Withdraw, machine.Refuse, machine.Wait:
		o.put(r, m.Simple(c, o.now))
	case machine.Abandon:
		events, _ := m.Abandoned(c.Node, o.now)
		for _, e := range events {
			o.put(r, e)
		}
	case machine.Finish:
		o.put(r, m.Finished(o.now))
	case machine.Observe:
		if m.Asked(c.Node, c.Ticket) {
			m.Blind(c.Node) // what a process that died has done is not looked at: it is done again
		}
	default:
		o.ask(r, c)
	}
}

// put has an event happen to a run.
func (o *outlook) put(r *actor, e journal.Event) {
	if r.m.Owner == "" && e.Kind != journal.Voted {
		o.claim(r)
	}
	if e.Kind != journal.Voted {
		e.Epoch = r.m.Epoch
	}
	o.apply(r, &e)
	if e.Step != "" {
		i, _ := r.m.Find(e.Step)
		o.track(r, i)
	}
}

func (o *outlook) claim(r *actor) {
	o.apply(r, &journal.Event{Time: o.now, Kind: journal.Claimed, By: "forecast", Epoch: r.m.Epoch + 1})
}

func (o *outlook) apply(r *actor, e *journal.Event) {
	o.made++
	r.note(e)
	if err := r.m.Apply(e); err != nil {
		o.gaveUp = err.Error()
	}
}
