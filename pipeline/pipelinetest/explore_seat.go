package pipelinetest

import (
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A seat is a run, and what the rules have to remember of it. Worlds in which it
// is the same share it.
type seat struct {
	plan     *plan
	m        *machine.Machine
	marks    []mark    // by node
	verified artifacts // a stage in tier staging has succeeded with them as they are
	decided  artifacts // a gate has let them through as they are
	waived   artifacts // a gate that decides on them was overridden, which counts as long as the run goes on
	touched  []touch   // by environment

	hash   uint64 // at rest
	worlds int    // that have it and are still to be looked at
	next   []move // what may become of what is open
	listed bool   // in next
}

// A mark is what was done with a step.
type mark uint8

const (
	called    mark = 1 << iota // its hook has not returned
	succeeded                  // since a person had something done anew
)

// A touch is what a run did to an environment.
type touch uint8

const (
	untouched touch = iota
	changed         // a stage was called there
	wayBack         // the last one was in a way out
)

// copyTo makes c a copy of t, in the memory that c has.
func (t *seat) copyTo(c *seat) {
	t.m.CopyTo(c.m)
	c.plan = t.plan
	c.verified, c.decided, c.waived = t.verified, t.decided, t.waived
	c.marks = append(c.marks[:0], t.marks...)
	c.touched = append(c.touched[:0], t.touched...)
}

// rest sets the hash of t, to which nothing more happens by itself. With forget,
// what has ended counts only as far as something depends on it.
func (t *seat) rest(forget bool) {
	h := uint64(t.plan.nr) + 2
	switch {
	case !forget:
		h = mixBytes(t.m.Hash(h), t.marks)
	case t.m.Status.Done():
		t.hash = machine.Mix(h, uint64(t.m.Status), 16)
		return
	default:
		h = t.hashTests(t.m.Future(h))
	}
	h = machine.Mix(h, uint64(t.verified), uint64(t.decided))
	if t.waived != 0 {
		h = machine.Mix(h, uint64(t.waived), 13)
	}
	t.hash = mixBytes(h, t.touched)
}

// hashTests adds which stages in tier staging have not succeeded though they were
// reached: Verified asks for them also when they have ended.
func (t *seat) hashTests(h uint64) uint64 {
	for _, i := range t.plan.tests {
		if st := t.m.View(i).Status; !st.OK() && st != machine.Pending {
			h = machine.Mix(h, uint64(i), 17)
		}
	}
	return h
}

func mixBytes[T ~uint8](h uint64, all []T) uint64 {
	var word uint64
	for i, b := range all {
		if word = word<<8 | uint64(b); i%8 == 7 {
			h, word = machine.Mix(h, word, 10), 0
		}
	}
	return machine.Mix(h, word, uint64(len(all)))
}

// note keeps what the rules have to remember of an event.
func (t *seat) note(e Event) {
	switch p := e.part; e.Kind {
	case journal.Claimed:
		for i := range t.marks {
			t.marks[i] &^= called
		}
	case journal.Retried:
		for i := range t.marks {
			t.marks[i] &^= succeeded
		}
	case journal.Called:
		t.marks[e.node] |= called
		t.touch(p)
	case journal.Done:
		t.done(e)
	case journal.Overridden:
		switch n := t.m.Node(e.node); {
		case n.Kind == machine.Gate:
			t.waived |= p.consumes
		case t.m.View(e.node).Status.OK(): // it waited for a person
			t.done(e)
		}
	case journal.Failed, journal.Erred, journal.Held:
		t.marks[e.node] &^= called
	case journal.Passed:
		t.decided |= p.consumes
	}
}

// done notes that a stage has succeeded.
func (t *seat) done(e Event) {
	t.marks[e.node] = succeeded
	if p := e.part; p.tier == stage.Staging && !p.wayOut {
		t.verified |= p.consumes
	}
	t.verified, t.decided = t.verified&^e.part.produces, t.decided&^e.part.produces
}

// touch notes that a stage is called.
func (t *seat) touch(p *role) {
	if p.env < 0 {
		return
	}
	for len(t.touched) <= p.env {
		t.touched = append(t.touched, untouched)
	}
	switch at := &t.touched[p.env]; {
	case p.wayOut:
		*at = wayBack
	case !p.watches:
		*at = changed
	}
}

// freshSeat returns a seat that no world has.
func (s *search) freshSeat() *seat {
	if n := len(s.spareSeats); n > 0 {
		t := s.spareSeats[n-1]
		s.spareSeats = s.spareSeats[:n-1]
		return t
	}
	return &seat{m: new(machine.Machine)}
}

// A place is where a seat is kept.
type place struct {
	run  int
	hash uint64
}

// keep has w, which is still to be looked at, share its seats.
func (s *search) keep(w *world) {
	for k, t := range w.seats {
		if t == nil {
			break
		}
		at := place{k, t.hash}
		if same := s.seats[at]; same == nil {
			s.seats[at], t.worlds, t.listed = t, 0, false
		} else if same != t {
			s.spareSeats = append(s.spareSeats, t)
			w.seats[k] = same
		}
		w.seats[k].worlds++
	}
	w.owned = 0
}

// release has w, which was looked at but for what happens to it now, own the
// seats that no other world has.
func (s *search) release(w *world) {
	for k, t := range w.seats {
		if t == nil {
			break
		}
		if t.worlds--; t.worlds == 0 {
			delete(s.seats, place{k, t.hash})
			w.owned |= 1 << k
		}
	}
}

// forget takes back the memory of w, but for that of the seats that others have.
func (s *search) forget(w *world) {
	for k, t := range w.seats {
		if w.owned&(1<<k) != 0 {
			s.spareSeats = append(s.spareSeats, t)
		}
	}
	w.owned = 0
	s.spare = append(s.spare, w)
}
