package pipelinetest

import (
	"slices"
	"strconv"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A search goes through the states of an exploration, nearest first, so that
// the first way to break a rule that it finds is as short as any.
type search struct {
	x      Exploration
	things *things
	plans  []*plan  // of Pipeline, then of Others
	names  []string // of runs, in the order in which they start

	out   Explored
	seen  map[uint64]int32 // places in steps of states, by their hashes
	steps []searchStep     // that led to each state, in the order in which they were found
	graph graph
	next  []found         // what the states lead to that are looked at
	live  bool            // it matters what is live: releases may take the place of each other
	seats map[place]*seat // of the worlds that are still to be looked at
	moves []move          // memory of look

	spare      []*world
	spareSeats []*seat
	event      journal.Event // the last one

	calls []*journal.Call // what the event of a call carries, by attempt
}

// A searchStep says how a state was reached.
type searchStep struct {
	from int32 // place in search.steps; -1 for the first
	by   move
}

func newSearch(x Exploration) *search {
	s := &search{x: x, things: new(things), seen: map[uint64]int32{}, seats: map[place]*seat{}}
	for nr, p := range x.pipelines() {
		runs := 1
		if nr == 0 {
			runs = x.Runs
		}
		s.plans = append(s.plans, newPlan(p, nr, runs, s.things, x.Outcomes))
	}
	for k := range x.Runs + len(x.Others) {
		s.names = append(s.names, "r"+strconv.Itoa(k+1))
	}
	s.live = len(s.names) > 1 && slices.ContainsFunc(x.pipelines(), deploys)
	return s
}

// index returns the place of a run, or -1.
func (s *search) index(run string) int { return slices.Index(s.names, run) }

// call returns what the event of a call carries.
func (s *search) call(attempt int) *journal.Call {
	for len(s.calls) <= attempt {
		s.calls = append(s.calls, &journal.Call{Attempt: len(s.calls)})
	}
	return s.calls[attempt]
}

// A found is a state that is still to be looked at.
type found struct {
	id int32
	w  *world
}

func (s *search) run() Explored {
	s.out = Explored{Complete: true, Depth: -1} // the ways to begin do not count
	for layer := []found{{-1, newWorld(s)}}; len(layer) > 0 && s.out.Complete; {
		for _, at := range layer {
			if s.look(at); s.out.Fault != nil {
				break
			}
		}
		if len(s.next) > 0 || s.out.Fault != nil {
			s.out.Depth++
		}
		layer, s.next = s.next, layer[:0]
	}
	if s.out.States = len(s.seen); s.out.Complete {
		s.out.Paths = s.graph.paths()
	}
	return s.out
}

// look has all happen to a state that may, up to what breaks a rule.
func (s *search) look(at found) {
	s.graph.next()
	s.moves = at.w.moves(s.moves[:0])
	for n, v := range s.moves {
		w := at.w
		if n < len(s.moves)-1 {
			w = s.copy(at.w)
		} else {
			s.release(w)
		}
		w.do(v)
		if at.id >= 0 {
			s.out.Transitions++
		}
		if w.wrong != nil {
			s.out.Complete, s.out.Fault = false, s.explain(at.id, &v, w.wrong)
			return
		}
		s.note(w, searchStep{at.id, v})
	}
	if len(s.moves) == 0 {
		s.release(at.w)
		s.forget(at.w)
	}
}

// note notes that a step leads to w, which is to be looked at if it is new. If
// the bound is reached, it is not.
func (s *search) note(w *world, by searchStep) {
	h := w.hash()
	id, old := s.seen[h]
	switch {
	case old:
		s.forget(w)
	case len(s.seen) == s.x.States:
		s.out.Complete = false
		s.forget(w)
		return
	default:
		id = int32(len(s.steps))
		s.seen[h], s.steps = id, append(s.steps, by)
		s.keep(w)
		s.next = append(s.next, found{id, w})
	}
	s.graph.leads(id + 1)
}

// copy returns a copy of w for something to happen to it.
func (s *search) copy(w *world) *world {
	c := new(world)
	if n := len(s.spare); n > 0 {
		c, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	w.copyTo(c)
	return c
}

// path returns the moves that lead to a state.
func (s *search) path(id int32) []move {
	var all []move
	for ; id >= 0; id = s.steps[id].from {
		all = append(all, s.steps[id].by)
	}
	slices.Reverse(all)
	return all
}

// standstill says what each run waits for.
func (w *world) standstill() (text string) {
	for k := range w.seats {
		t := w.seats[k]
		if t == nil || t.m.Status.Done() {
			continue
		}
		for v := range t.m.Views() {
			if v.Status == machine.Waiting {
				if text != "" {
					text += "; "
				}
				text += w.s.names[k] + " " + v.Node.Name + " waits for " + v.For + ": " + v.Reason
			}
		}
	}
	return text
}
