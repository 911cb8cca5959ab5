package pipeline

import "slices"

// A guard is a gate or a stage that others come after. One that is on both
// sides has one bit there.
type guard struct{ old, new int32 } // -1 if it is not there

// guards returns all of them, in the order of new, gates first: most questions
// are about those.
func (c *comparison) guards() []guard {
	var all []guard
	for i, mate := range c.new.mates {
		if c.new.leaf(int32(i)) {
			all = append(all, guard{mate, int32(i)})
		}
	}
	for i, mate := range c.old.mates {
		if c.old.leaf(int32(i)) && mate < 0 {
			all = append(all, guard{int32(i), -1})
		}
	}
	slices.SortStableFunc(all, func(a, b guard) int { return c.rank(a) - c.rank(b) })
	return all
}

func (c *comparison) rank(g guard) int {
	if c.isGate(g) {
		return 0
	}
	return 1
}

// either returns a side that the guard is on, new if it can be, and where.
func (c *comparison) either(g guard) (*side, int32) {
	if g.new >= 0 {
		return c.new, g.new
	}
	return c.old, g.old
}

func (c *comparison) isGate(g guard) bool {
	s, at := c.either(g)
	_, ok := s.places[at].step.(Gate)
	return ok
}

// A watch answers, for 64 leaves at a time, which of them have ended well
// whenever a step is reached: what Pipeline.Before yields.
type watch struct {
	*outline
	own    []uint64 // of the leaves in each step
	passed []uint64 // that have ended well whenever the step has
	before []uint64 // that have ended well whenever the step is reached
	gates  uint64   // those that are gates
}

func newWatch(o *outline) *watch {
	n := len(o.places)
	return &watch{outline: o, own: make([]uint64, n), passed: make([]uint64, n), before: make([]uint64, n)}
}

// look answers for the leaves of which at gives the places; -1 is none.
func (w *watch) look(at [64]int32) {
	clear(w.own)
	clear(w.passed)
	w.gates = 0
	for bit, i := range at {
		if i < 0 {
			continue
		}
		w.own[i], w.passed[i] = 1<<bit, 1<<bit
		if _, ok := w.places[i].step.(Gate); ok {
			w.gates |= 1 << bit
		}
	}
	loose := w.doubts()
	for i := len(w.places) - 1; i > 0; i-- {
		up := w.places[i].parent
		w.own[up] |= w.own[i]
		if loose[i].kind == none {
			w.passed[up] |= w.passed[i]
		}
	}
	w.before[0] = 0
	for i := range w.places {
		w.fall(int32(i))
		w.enter(int32(i))
	}
}

// enter says what is before the steps right below the one at i, if it is known
// what is before that.
func (w *watch) enter(i int32) {
	switch w.places[i].step.(type) {
	case Sequence:
		before := w.before[i]
		for c := i + 1; c < w.places[i].end; c = w.places[c].end {
			w.before[c] = before
			before |= w.passed[c]
		}
	case Graph:
		edges := w.order(i)
		for _, c := range edges.at {
			w.before[c] = w.before[i]
		}
		for _, k := range edges.sorted() {
			for _, p := range edges.prev[k] {
				w.before[edges.at[k]] |= w.before[edges.at[p]] | w.passed[edges.at[p]]
			}
		}
	default:
		for c := i + 1; c < w.places[i].end; c = w.places[c].end {
			w.before[c] = w.before[i]
		}
	}
}

// fall adds to what is before the Do of an OnFailure the gates that every stage
// of its Of comes after: it is taken once any of them was begun. Of is written
// before Do, so what is before its steps is known.
func (w *watch) fall(do int32) {
	up := w.places[do].parent
	if up < 0 || w.places[do].pos != 1 {
		return
	}
	if _, ok := w.places[up].step.(OnFailure); !ok {
		return
	}
	gates := w.gates & w.own[up+1]
	for i := up + 1; i < do && gates != 0; i++ {
		if _, ok := w.places[i].step.(Stage); ok {
			gates &= w.before[i]
		}
	}
	w.before[do] |= gates
}
