package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/internal/suggest"
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
		v, i := t.one(name)
		if i < 0 {
			found = append(found, v)
			continue
		}
		if k == 0 {
			continue
		}
		before := r[k-1]
		way, around := t.around(i, func(m Mark) bool { return !m.Begun && pipeline.Name(m.Step) == before })
		if around {
			v.Rule, v.Way = fmt.Sprintf("%q to have ended well before", before), way
			found = append(found, v)
		}
	}
	return broken(found)
}

// one returns the index of the one step with a name, and a violation to be filled
// in about it; or -1, and the violation that there is none.
func (t *tree) one(name string) (*Violation, int) {
	v := &Violation{Pipeline: t.pipeline.Name}
	i, ok := t.find(name)
	if !ok {
		v.Rule, v.Reason = fmt.Sprintf("a step %q", name), "several have this name"
		if _, several := t.named[name]; !several {
			v.Reason = "none has this name" + new(suggest.Hinter).Hint(name, slices.Sorted(maps.Keys(t.named)))
		}
		return v, -1
	}
	v.Path, v.Step = t.at[i].path, name
	switch s := t.at[i].step.(type) {
	case pipeline.Stage:
		v.Where = s.Environment.Name
	case pipeline.Gate:
		v.Where = s.Environment.Name
	}
	return v, i
}
