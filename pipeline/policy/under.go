package policy

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/penstock/penstock/gate"
)

// Under is the Condition that the gates of the stage's environment have each of
// these among them, such as window.Outside of each freeze. They are asked each
// time before a stage there is begun. A gate in the tree is not: once a stage
// after it has begun, a freeze does not hold up the next one.
//
// A way out is not held up by a freeze, so nothing is wanted of a stage in one.
//
// Two gates are the same if they are of one type and describe themselves alike,
// or, without a description, if they are equal. A [gate.Func] is never the same
// as another.
func Under(gates ...gate.Gate) Condition { return under(gates) }

type under []gate.Gate

func (c under) Describe() string {
	texts := make([]string, len(c))
	for i, g := range c {
		texts[i] = gate.Describe(g)
	}
	return "an environment with gates " + strings.Join(texts, " and ")
}

// Holds implements [Condition].
func (c under) Holds(at Place) error {
	if at.WayOut {
		return nil
	}
	there := parts(at.Stage.Environment.Gates...)
	var found []*Violation
	for _, want := range c {
		if !contains(there, want) {
			found = append(found, &Violation{Rule: fmt.Sprintf("an environment with gate %q", gate.Describe(want)), Reason: has(there)})
		}
	}
	return broken(found)
}

func contains(gates []gate.Gate, want gate.Gate) bool {
	for _, g := range gates {
		if same(g, want) {
			return true
		}
	}
	return false
}

func same(a, b gate.Gate) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	if _, ok := a.(interface{ Describe() string }); ok {
		return gate.Describe(a) == gate.Describe(b)
	}
	return reflect.ValueOf(a).Comparable() && a == b
}

// has says which gates an environment has.
func has(gates []gate.Gate) string {
	if len(gates) == 0 {
		return "it has none"
	}
	texts := make([]string, len(gates))
	for i, g := range gates {
		texts[i] = gate.Describe(g)
	}
	return "it has " + quoted(texts)
}
