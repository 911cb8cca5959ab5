package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// Declares is the Rule that a pipeline has stages in just these environments, and
// that each is declared as it is here: its tier, its gates, and how runs take
// turns there. Gates are compared by what they say of themselves.
type Declares []stage.Environment

// Check implements [Rule].
func (r Declares) Check(p pipeline.Pipeline) error {
	var found []*Violation
	there := map[string]bool{}
	for _, at := range places(treeOf(p), Everywhere) {
		e := at.Stage.Environment
		if there[e.Name] {
			continue
		}
		there[e.Name] = true
		v := &Violation{Pipeline: p.Name, Path: at.Path, Step: at.Stage.Name, Where: e.Name}
		k := slices.IndexFunc(r, func(want stage.Environment) bool { return want.Name == e.Name })
		if k < 0 {
			v.Rule, v.Reason = "an environment that is declared", "it is not listed"
			found = append(found, v)
			continue
		}
		for _, field := range declared(r[k]).differ(declared(e)) {
			other := *v
			other.Rule, other.Reason = field[0], "it is "+field[1]
			found = append(found, &other)
		}
	}
	for _, e := range r {
		if !there[e.Name] {
			found = append(found, &Violation{Pipeline: p.Name, Rule: fmt.Sprintf("a stage in environment %q", e.Name), Reason: "there is none"})
		}
	}
	return broken(found)
}

// A declared is an environment, a text for each thing that is declared of it.
type declared stage.Environment

func (e declared) texts() []string {
	gates := make([]string, len(e.Gates))
	for i, g := range e.Gates {
		gates[i] = gate.Describe(g)
	}
	config := make([]string, 0, len(e.Config))
	for _, key := range slices.Sorted(maps.Keys(e.Config)) {
		config = append(config, key+"="+e.Config[key])
	}
	return []string{
		fmt.Sprintf("of tier %v", e.Tier),
		fmt.Sprintf("entered by the %v first", e.Queue),
		map[bool]string{false: "for one run at a time", true: "Shared"}[e.Shared],
		fmt.Sprintf("guarded by %q", gates),
		fmt.Sprintf("with Config %q", config),
	}
}

// differ returns what e and other say where they do not say the same.
func (e declared) differ(other declared) (fields [][2]string) {
	a, b := e.texts(), other.texts()
	for i := range a {
		if a[i] != b[i] {
			fields = append(fields, [2]string{a[i], b[i]})
		}
	}
	return fields
}
