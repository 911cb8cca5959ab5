package pipelinetest

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// What a [Point] says.
const (
	seenWaiting   = "waiting"
	seenPassing   = "passing"
	seenRejecting = "rejecting"
	seenExpiring  = "expiring"

	seenSucceeding = "succeeding"
	seenFailing    = "failing"
	seenAgain      = "tried again"

	seenTaken    = "taken"
	seenNotTaken = "not taken"
	seenItems    = "with items"
	seenNoItems  = "without items"

	seenAfterSuccess = "after success"
	seenAfterFailure = "after failure"

	seenQueue     = "with a run that waits to enter"
	seenOvertaken = "with a run that is superseded"
	seenOpen      = "open"
	seenShut      = "shut"
)

// Sights are what can be seen of a pipeline. The bodies of a ForEach are as they
// are for one item.
type sights struct {
	name    string
	program *machine.Program
	points  []Point
	has     map[Point]bool
	stages  map[string]pipeline.Stage
	ways    []way
	units   map[unit]string // what their points are of
}

// A way is an OnFailure or a Finally.
type way struct {
	of    string // what its points are of
	path  string
	final bool
	tries map[string]bool // names of the steps in Of
	takes map[string]bool // names of the steps in Do
	items int             // ForEach around it
}

// A unit is a gate that is a condition of its own, such as a freeze: one of those
// that a step asks.
type unit struct {
	step string // a gate, or a stage whose environment has gates
	gate int    // place of the gate among those of the environment
	part int    // place in unitsOf the gate
}

func newSights(p pipeline.Pipeline) *sights {
	s := &sights{name: p.Name, has: map[Point]bool{}, stages: map[string]pipeline.Stage{}, units: map[unit]string{}}
	if p.Validate() != nil {
		return s
	}
	s.program = p.Program()
	for path, step := range p.All() {
		switch step := step.(type) {
		case pipeline.Gate:
			s.gate(step)
		case pipeline.Stage:
			s.stage(step, s.barred(path))
		case pipeline.When:
			s.add("when "+step.Name, seenTaken, seenNotTaken)
		case pipeline.ForEach:
			s.add("for-each "+step.Name, seenItems, seenNoItems)
		case pipeline.OnFailure:
			w := s.way(p, path, "way out")
			s.add(w.of, seenTaken)
		case pipeline.Finally:
			w := s.way(p, path, "finally")
			w.final = true
			s.add(w.of, seenAfterSuccess, seenAfterFailure)
		}
	}
	return s
}

// add adds points, if they are new.
func (s *sights) add(of string, whats ...string) {
	for _, what := range whats {
		p := Point{s.name, of, what}
		if !s.has[p] {
			s.has[p] = true
			s.points = append(s.points, p)
		}
	}
}

func (s *sights) gate(g pipeline.Gate) {
	of := "gate " + g.Name
	s.add(of, seenWaiting, seenPassing)
	if rejects(g.Require) {
		s.add(of, seenRejecting)
	}
	if g.Expires > 0 {
		s.add(of, seenExpiring)
	}
	for i, part := range unitsOf(g.Require)[1:] {
		s.unit(unit{g.Name, 0, i + 1}, of, part)
	}
}

// stage adds what can be seen of a stage and of its environment. Barred says that
// no gate is asked before it.
func (s *sights) stage(st pipeline.Stage, barred bool) {
	s.stages[st.Name] = st
	if env := st.Environment; env.Name != "" {
		of := "environment " + env.Name
		if !barred && !stage.Watches(st.Run) {
			for i, g := range env.Gates {
				for k, part := range unitsOf(g) {
					s.unit(unit{st.Name, i, k}, of, part)
				}
			}
		}
		if !env.Shared {
			s.add(of, seenQueue)
		}
		if !env.Shared && env.Queue == stage.Newest {
			s.add(of, seenOvertaken)
		}
	}
	of := "stage " + st.Name
	s.add(of, seenSucceeding, seenFailing)
	if st.Retry.Times > 0 {
		s.add(of, seenAgain)
	}
}

func (s *sights) unit(u unit, of string, g gate.Gate) {
	s.units[u] = of + ", " + gate.Describe(g)
	s.add(s.units[u], seenOpen, seenShut)
}

// way adds the way of p that has a path.
func (s *sights) way(p pipeline.Pipeline, path, kind string) *way {
	w := way{path: path, tries: map[string]bool{}, takes: map[string]bool{}}
	for other, step := range p.All() {
		name := pipeline.Name(step)
		_, each := step.(pipeline.ForEach)
		switch {
		case each && below(path, other+".body"):
			w.items++
		case name == "":
		case below(other, path+".of"):
			w.tries[name] = true
		case below(other, path+".do"):
			if len(w.takes) == 0 {
				w.of = kind + " " + name
			}
			w.takes[name] = true
		}
	}
	s.ways = append(s.ways, w)
	return &s.ways[len(s.ways)-1]
}

// barred reports whether the step at path is in the Do of a way, which no gate of
// an environment holds up.
func (s *sights) barred(path string) bool {
	return slices.ContainsFunc(s.ways, func(w way) bool { return below(path, w.path+".do") })
}

// below reports whether the step at path is the one at top or in it.
func below(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// unitsOf returns g and, if it is more than a window, the windows that it needs.
func unitsOf(g gate.Gate) []gate.Gate {
	all := []gate.Gate{g}
	for part := range gate.Walk(g) {
		if isWindow(part) && !isWindow(g) {
			all = append(all, part)
		}
	}
	return all
}

func isWindow(g gate.Gate) bool {
	_, fits := g.(window.Fits)
	_, ok := window.Of(g)
	return ok || fits
}

// rejects reports whether g may reject, as far as is known. That a window never
// opens again is left out.
func rejects(g gate.Gate) bool {
	switch g := g.(type) {
	case approval.Quorum:
		return g.Veto
	case *approval.Quorum:
		return g.Veto
	case interface{ Parts() []gate.Gate }:
		return slices.ContainsFunc(g.Parts(), rejects)
	}
	return !isWindow(g)
}
