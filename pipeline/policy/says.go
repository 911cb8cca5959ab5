package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// Says is the Rule that there are steps with these names, and that the hook of
// each stage, or what each gate requires, says just this of itself: how long a
// bake is and what it watches, which share of the traffic a rollout gives, who
// has to approve. What was agreed on is kept word for word.
type Says map[string]string

// Check implements [Rule].
func (r Says) Check(p pipeline.Pipeline) error {
	t := treeOf(p)
	var found []*Violation
	for _, name := range slices.Sorted(maps.Keys(r)) {
		v, i := t.one(name)
		if i < 0 {
			found = append(found, v)
			continue
		}
		var got string
		switch s := t.at[i].step.(type) {
		case pipeline.Stage:
			got = stage.Describe(s.Run)
		case pipeline.Gate:
			got = gate.Describe(s.Require)
		}
		if got != r[name] {
			v.Rule, v.Reason = fmt.Sprintf("%q", r[name]), fmt.Sprintf("it says %q", got)
			found = append(found, v)
		}
	}
	return broken(found)
}
