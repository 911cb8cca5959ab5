package approval

import (
	"slices"

	"github.com/penstock/penstock/gate"
)

// A seating gives each person at most one place in the slots, and as many
// people as possible a place: a maximum matching, found by augmenting paths
// (H. W. Kuhn, "The Hungarian method for the assignment problem", 1955).
//
// Once refused, a person is not needed later, and once seated, a person keeps
// a place, though perhaps in another slot. So the people added first are
// preferred to those added later.
type seating struct {
	slots []Slot
	in    [][]gate.Vote // who is in each slot
}

func newSeating(slots []Slot) *seating { return &seating{slots, make([][]gate.Vote, len(slots))} }

// add seats v, and reports whether there was a place. Others may change slots
// for that.
func (s *seating) add(v gate.Vote) bool { return s.seat(v, make([]bool, len(s.slots))) }

func (s *seating) seat(v gate.Vote, tried []bool) bool {
	for i, slot := range s.slots {
		if tried[i] || !slot.takes(v) {
			continue
		}
		tried[i] = true
		if len(s.in[i]) < slot.need() {
			s.in[i] = append(s.in[i], v)
			return true
		}
		for k, other := range s.in[i] {
			if s.seat(other, tried) {
				s.in[i][k] = v
				return true
			}
		}
	}
	return false
}

// filled returns how many people are seated.
func (s *seating) filled() (n int) {
	for _, in := range s.in {
		n += len(in)
	}
	return n
}

func (s *seating) full() bool { return s.filled() == needed(s.slots) }

func needed(slots []Slot) (n int) {
	for _, s := range slots {
		n += s.need()
	}
	return n
}

// short returns the slots in which one more person would help: those with a
// free place, and those from which somebody could move on to such a slot.
func (s *seating) short() []Slot {
	helps := make([]bool, len(s.slots))
	for i, slot := range s.slots {
		helps[i] = len(s.in[i]) < slot.need()
	}
	canMove := func(v gate.Vote) bool {
		for i, slot := range s.slots {
			if helps[i] && slot.takes(v) {
				return true
			}
		}
		return false
	}
	for again := true; again; {
		again = false
		for i := range s.slots {
			if !helps[i] && slices.ContainsFunc(s.in[i], canMove) {
				helps[i], again = true, true
			}
		}
	}
	var short []Slot
	for i, slot := range s.slots {
		if helps[i] {
			short = append(short, slot)
		}
	}
	return short
}
