package policy

import (
	"fmt"

	"github.com/penstock/penstock/pipeline"
)

// Chain is the Rule that there are steps with these names, and that on every way
// to each the one before it has ended well. It is the order that a release is
// known by: build, stage, smoke, release, deploy.
//
// What is in a [pipeline.When] may not be taken, so it stands in a Chain of its
// own; that the When is over stands in the Chain of what comes after it.
type Chain []string

// Check implements [Rule].
func (r Chain) Check(p pipeline.Pipeline) error {
	t := treeOf(p)
	var found []*Violation
	for k, name := range r {
		i, ok := t.find(name)
		if !ok {
			found = append(found, &Violation{Pipeline: p.Name, Rule: fmt.Sprintf("a step %q", name), Reason: "there is none, or more than one"})
			continue
		}
		if k == 0 {
			continue
		}
		before := r[k-1]
		way, around := t.around(i, func(m Mark) bool { return !m.Begun && pipeline.Name(m.Step) == before })
		if around {
			found = append(found, &Violation{Pipeline: p.Name, Path: t.at[i].path, Step: name, Rule: fmt.Sprintf("%q to have ended well before", before), Way: way})
		}
	}
	return broken(found)
}
