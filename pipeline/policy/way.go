package policy

import (
	"fmt"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// A Way is one way through a pipeline to a step: what happens on it, in an order
// in which it can happen. What else may happen at the same time is left out.
type Way []Move

// A Move is what happens at one step of a [Way].
type Move struct {
	Path string // of the step, as All yields it
	Step string // name of the step
	Did  string // what it does, such as "succeeds" or "is not taken"

	mark Mark // what others can see of it; nothing, if its Step is nil
}

// longWay is how many moves String prints; of more it leaves out those in the
// middle.
const longWay = 14

// String returns the names of the steps in order, with what each does unless it
// goes well:
//
//	build → replace is not taken → everybody begins
func (w Way) String() string {
	var b strings.Builder
	for k, m := range w {
		if left := len(w) - longWay; left > 1 && k >= longWay/2 && k < longWay/2+left {
			if k == longWay/2 {
				fmt.Fprintf(&b, " → … %d more …", left)
			}
			continue
		}
		if k > 0 {
			b.WriteString(" → ")
		}
		b.WriteString(m.Step)
		if m.Did != succeeds && m.Did != passes {
			b.WriteString(" " + m.Did)
		}
	}
	return b.String()
}

// What steps do on a way.
const (
	begins   = "begins"
	isHere   = "is reached"
	succeeds = "succeeds"
	fails    = "fails"
	passes   = "passes"
	rejects  = "is rejected"
	skipped  = "is skipped"
	taken    = "is taken"
	notTaken = "is not taken"
	anItem   = "has an item"
	noItems  = "has no items"
	canceled = "is canceled"
)

// A Mark is something that has happened on a way: a stage was begun, or a step
// has ended well.
//
// A Stage that has ended well has succeeded, and a Gate has passed. A When or a
// ForEach that has ended well is over, though it may have taken nothing.
type Mark struct {
	Path   string
	Step   pipeline.Step // a Stage, a Gate, a When or a ForEach
	Begun  bool          // a Stage was begun; else Step has ended well
	WayOut bool          // Step is in the Do of an OnFailure or a Finally, where the gates of environments are not asked
}

// Gates returns the gates that have passed for this to happen, each with its
// parts, as [gate.Walk] yields them: what a Gate requires, when it has passed,
// and the gates of its environment, when a stage was begun.
func (m Mark) Gates() []gate.Gate {
	var gates []gate.Gate
	switch s := m.Step.(type) {
	case pipeline.Gate:
		gates = parts(s.Require)
	case pipeline.Stage:
		if m.Begun && !m.WayOut {
			gates = parts(s.Environment.Gates...)
		}
	}
	return gates
}

// Subject returns the names of the artifacts that the gates decided on: see
// [Mark.Gates].
func (m Mark) Subject() []string {
	switch s := m.Step.(type) {
	case pipeline.Gate:
		return s.Subject
	case pipeline.Stage:
		return s.Consumes
	}
	return nil
}

func parts(gates ...gate.Gate) []gate.Gate {
	var all []gate.Gate
	for _, g := range gates {
		for part := range gate.Walk(g) {
			all = append(all, part)
		}
	}
	return all
}
