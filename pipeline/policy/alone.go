package policy

import (
	"fmt"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// Alone is the Condition that no other stage changes the environment while the
// stage may.
//
// The lock of an environment keeps runs apart, not the stages of one run. So two
// stages that deploy there must not be under way at the same time. Where the
// environment is Shared there is no lock: then no stage may deploy there, and
// no two at all may be under way at the same time but those that only watch.
type Alone struct {
	Deploys func(pipeline.Stage) bool // whether a stage deploys; nil means the function Deploys
}

// Describe returns "no other stage to change the environment at the same time".
func (c Alone) Describe() string { return "no other stage to change the environment at the same time" }

// Holds implements [Condition].
func (c Alone) Holds(at Place) error {
	if at.Stage.Environment.Shared && c.deploys(at.Stage) {
		return &Violation{Reason: "runs may overlap there, as it is Shared"}
	}
	if loop := at.tree.again(at.i); loop != "" && c.clash(at.Stage, at.Stage) {
		return &Violation{Reason: fmt.Sprintf("ForEach %q takes it for several items at a time", loop)}
	}
	for i := range at.i { // a pair is reported at the second one
		s, ok := at.tree.at[i].step.(pipeline.Stage)
		if ok && s.Environment.Name == at.Stage.Environment.Name && c.clash(s, at.Stage) && at.tree.beside(i, at.i) {
			return &Violation{Reason: fmt.Sprintf("stage %q at %s may be under way too", s.Name, at.tree.at[i].path)}
		}
	}
	return nil
}

// clash reports whether two stages in one environment have to be kept apart.
func (c Alone) clash(a, b pipeline.Stage) bool {
	if a.Environment.Shared {
		return !watches(a) && !watches(b)
	}
	return c.deploys(a) && c.deploys(b)
}

func (c Alone) deploys(s pipeline.Stage) bool {
	if c.Deploys != nil {
		return c.Deploys(s)
	}
	return Deploys(s)
}

func watches(s pipeline.Stage) bool {
	_, ok := watchOf(s)
	return ok
}

// beside reports whether steps i and j may be under way at the same time.
func (t *tree) beside(i, j int) bool { return !t.follows(i, j) && !t.follows(j, i) }

// again returns the name of a ForEach that may take stage i for several items at
// a time, with one environment for all of them, or "".
func (t *tree) again(i int) string {
	for k := t.at[i].up; k >= 0; k = t.at[k].up {
		each, ok := t.at[k].step.(pipeline.ForEach)
		if !ok || each.Max == 1 {
			continue
		}
		if e, ok := environment(each, i-t.at[k].in[0]); ok && e.Name == t.at[i].step.(pipeline.Stage).Environment.Name {
			return each.Name
		}
	}
	return ""
}

// otherItem is an item besides the one that All looks at bodies with.
const otherItem = "other-item"

// environment returns the environment that the stage at place i of the body of
// each has for another item. The body is the same steps for every item. It is
// the user's, and may panic.
func environment(each pipeline.ForEach, i int) (e stage.Environment, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	t := treeOf(pipeline.Pipeline{Steps: pipeline.Sequence{each.Body(otherItem)}})
	if i+1 >= len(t.at) {
		return stage.Environment{}, false
	}
	s, ok := t.at[i+1].step.(pipeline.Stage)
	return s.Environment, ok
}
