package policy

import (
	"fmt"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// AfterStep is the Condition that on every way to the stage the step with this
// name has ended well. It is [After] for a step that is known by name; [Chain] is
// for steps that act in no environment too. Where no step has the name, nothing
// that this is a part of holds: not even [Not].
func AfterStep(name string) Condition { return afterStep(name) }

type afterStep string

// Describe returns a text such as `"smoke" to have ended well before`.
func (c afterStep) Describe() string { return fmt.Sprintf("%q to have ended well before", string(c)) }

// Holds implements [Condition].
func (c afterStep) Holds(at Place) error {
	if err := c.mistake(at); err != nil {
		return err
	}
	return sought(at, c)
}

func (c afterStep) mistake(at Place) error {
	if v, i := at.tree.one(string(c)); i < 0 {
		return v
	}
	return nil
}

func (c afterStep) seek(Place) func(Mark) error {
	return func(m Mark) error {
		if m.Begun || pipeline.Name(m.Step) != string(c) {
			return errOther
		}
		return nil
	}
}

// Passed is the Condition that on every way to the stage this gate has passed: in
// a Gate of the tree, or among the gates of an environment that was begun in,
// such as its own. Which gates are the same is as for [Under].
//
// It says nothing of what the gate has decided on; [Approved] does.
func Passed(g gate.Gate) Condition {
	if g == nil {
		return missing{}
	}
	return passed{g}
}

type passed struct{ gate gate.Gate }

// Describe returns a text such as `gate "2 approvals from ops" to have passed`.
func (c passed) Describe() string {
	return fmt.Sprintf("gate %q to have passed", gate.Describe(c.gate))
}

// Holds implements [Condition].
func (c passed) Holds(at Place) error { return sought(at, c) }

func (c passed) seek(Place) func(Mark) error {
	return func(m Mark) error {
		if !contains(m.Gates(), c.gate) {
			return errOther
		}
		return nil
	}
}
