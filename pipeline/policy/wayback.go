package policy

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// WayBack is the Condition that, however the stage ends but well, a stage is
// reached that puts its environment back: that it is in the Of of a
// [pipeline.OnFailure] or a [pipeline.Finally] with such a stage in its Do,
// where nothing that may fail or wait comes before it. Bakes and tests in the
// environment want a way back too: it is they that find the fault.
//
// A stage that cannot be undone is declared in NoReturn. It is then in no Of
// from which a way back would go over it. Nothing is wanted of a stage that is
// in a way out itself: if that fails too, the environment is left as it is.
type WayBack struct {
	NoReturn []string                  // names of the stages that are points of no return
	GoesBack func(pipeline.Stage) bool // whether a stage puts its environment back; nil means the function GoesBack
}

// Describe returns "a way back".
func (c WayBack) Describe() string { return "a way back" }

// Holds implements [Condition].
func (c WayBack) Holds(at Place) error {
	if at.WayOut {
		return nil
	}
	back, miss := c.back(at)
	final := slices.Contains(c.NoReturn, at.Stage.Name)
	switch {
	case final && back != "":
		return &Violation{Rule: "no way back over a point of no return", Reason: fmt.Sprintf("if what follows fails, stage %q goes back over it", back)}
	case final || back != "":
		return nil
	}
	return &Violation{Reason: miss}
}

// back returns the name of a stage that is the way back from the one at, or "",
// and then why there is none.
func (c WayBack) back(at Place) (name, miss string) {
	t := at.tree
	miss = "it is in no OnFailure"
	for i := at.i; t.at[i].up >= 0; i = t.at[i].up {
		up := &t.at[t.at[i].up]
		if !twofold(up.step) {
			continue
		}
		if name := c.first(at, up.in[1]); name != "" {
			return name, ""
		}
		miss = fmt.Sprintf("no stage that puts %q back comes first at %s", at.Stage.Environment.Name, t.at[up.in[1]].path)
	}
	return "", miss
}

// first returns the name of a stage that puts the environment back and is
// reached whenever step i is, or "".
func (c WayBack) first(at Place, i int) string {
	s := &at.tree.at[i]
	from := s.in
	switch step := s.step.(type) {
	case pipeline.Stage:
		if step.Environment.Name == at.Stage.Environment.Name && c.goesBack(step) {
			return step.Name
		}
	case pipeline.Sequence, pipeline.OnFailure:
		from = from[:min(1, len(from))]
	case pipeline.Graph:
		from = nil
		for k, after := range s.after {
			// With both, those that have no place yet when one fails are never begun.
			if few := step.FailFast && step.Max > 0; len(after) == 0 && (!few || len(from) < step.Max) {
				from = append(from, s.in[k])
			}
		}
	case pipeline.Parallel, pipeline.Finally:
	default:
		return "" // it may not be taken, or ask
	}
	for _, k := range from {
		if name := c.first(at, k); name != "" {
			return name
		}
	}
	return ""
}

func (c WayBack) goesBack(s pipeline.Stage) bool {
	if c.GoesBack != nil {
		return c.GoesBack(s)
	}
	return GoesBack(s)
}
