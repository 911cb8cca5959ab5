package policy

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// BuiltOnce is the Condition that each artifact that the stage consumes was
// there before the run, as the pipeline is Given it, or is produced by just one
// stage, which is in none of the environments that Not is true of. So what goes
// out is what was built and tested, and is not made anew on the way.
type BuiltOnce struct {
	By  []string // names of the stages that may build; none means any
	Not Where    // where nothing may be built; nil means the environment of the stage, and production
}

// Describe returns "artifacts that were built once".
func (c BuiltOnce) Describe() string { return "artifacts that were built once" }

// Holds implements [Condition].
func (c BuiltOnce) Holds(at Place) error {
	var found []*Violation
	for _, name := range at.Stage.Consumes {
		if why := c.wrong(at, name); why != "" {
			found = append(found, &Violation{Reason: why})
		}
	}
	return broken(found)
}

// wrong says what is wrong with where an artifact comes from, or "".
func (c BuiltOnce) wrong(at Place, artifact string) string {
	var makers []string
	for i := range at.tree.at {
		s, ok := at.tree.at[i].step.(pipeline.Stage)
		if !ok || !slices.Contains(s.Produces, artifact) {
			continue
		}
		makers = append(makers, s.Name)
		switch env := s.Environment; {
		case env.Name != "" && c.not(at)(env):
			return fmt.Sprintf("%q is built by stage %q in environment %q", artifact, s.Name, env.Name)
		case len(c.By) > 0 && !slices.Contains(c.By, s.Name):
			return fmt.Sprintf("%q is built by stage %q; only %s may", artifact, s.Name, quoted(c.By))
		}
	}
	given := slices.Contains(at.Pipeline.Given, artifact)
	switch {
	case len(makers) > 1:
		return fmt.Sprintf("%q is built by each of %s", artifact, quoted(makers))
	case len(makers) == 1 && given:
		return fmt.Sprintf("%q is given, and built by stage %q", artifact, makers[0])
	case len(makers) == 0 && !given:
		return fmt.Sprintf("%q is neither given nor built", artifact)
	}
	return ""
}

func (c BuiltOnce) not(at Place) Where {
	if c.Not != nil {
		return c.Not
	}
	production := Tier(stage.Production)
	return func(e stage.Environment) bool { return e.Name == at.Stage.Environment.Name || production(e) }
}
