package policy

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// Deploys reports whether a stage is known to bring what it consumes into its
// environment: whether its Runner is one of package rollout.
func Deploys(s pipeline.Stage) bool {
	switch s.Run.(type) {
	case rollout.Full, *rollout.Full, rollout.Canary, *rollout.Canary:
		return true
	}
	return GoesBack(s)
}

// GoesBack reports whether a stage is known to put back what its environment
// held before the run: whether its Runner is a [rollout.Back].
func GoesBack(s pipeline.Stage) bool {
	switch s.Run.(type) {
	case rollout.Back, *rollout.Back:
		return true
	}
	return false
}

// watchOf returns what a stage watches, if it is known to do nothing else.
func watchOf(s pipeline.Stage) (bake.Watch, bool) {
	switch w := s.Run.(type) {
	case bake.Watch:
		return w, true
	case *bake.Watch:
		if w != nil {
			return *w, true
		}
	}
	return bake.Watch{}, false
}

// Verified is the Condition that on every way to the stage the artifacts that it
// consumes have passed a verification in an environment like production. A
// stage counts as one if
//
//   - its environment is of that tier, and declares it;
//   - it consumes each of the artifacts;
//   - it does not deploy;
//   - a stage that does deploy them there has succeeded on every way to it.
//
// A stage that consumes nothing brings nothing in: any verification before it
// will do.
type Verified struct {
	In      stage.Tier                // 0 means Staging
	Deploys func(pipeline.Stage) bool // whether a stage deploys what it consumes; nil means the function Deploys
}

// Holds implements [Condition].
func (c Verified) Holds(at Place) error { return sought(at, c) }

// Describe returns a text such as "a verification in tier staging".
func (c Verified) Describe() string { return fmt.Sprintf("a verification in tier %v", c.tier()) }

func (c Verified) tier() stage.Tier {
	if c.In == stage.Undeclared {
		return stage.Staging
	}
	return c.In
}

func (c Verified) deploys(s pipeline.Stage) bool {
	if c.Deploys != nil {
		return c.Deploys(s)
	}
	return Deploys(s) && !GoesBack(s)
}

func (c Verified) seek(at Place) func(Mark) error {
	deployed := map[string]bool{} // by path of the stage that would verify
	return func(m Mark) error {
		s, ok := m.Step.(pipeline.Stage)
		if !ok || m.Begun || s.Environment.Name == "" || s.Environment.Tier != c.tier() || c.deploys(s) || GoesBack(s) {
			return errOther
		}
		if missing := lacking(at.Stage.Consumes, s.Consumes); len(missing) > 0 {
			return fmt.Errorf("stage %q does not consume %s", s.Name, quoted(missing))
		}
		there, asked := deployed[m.Path]
		if !asked {
			there = c.deployed(at, s)
			deployed[m.Path] = there
		}
		if !there {
			return fmt.Errorf("stage %q can be reached without a stage that deploys to %q", s.Name, s.Environment.Name)
		}
		return nil
	}
}

// deployed reports whether what the stage at consumes was deployed where s is,
// on every way to s.
func (c Verified) deployed(at Place, s pipeline.Stage) bool {
	i, ok := at.tree.find(s.Name)
	if !ok {
		return false
	}
	_, around := at.tree.around(i, func(m Mark) bool {
		d, ok := m.Step.(pipeline.Stage)
		return ok && !m.Begun && d.Environment.Name == s.Environment.Name && c.deploys(d) && len(lacking(at.Stage.Consumes, d.Consumes)) == 0
	})
	return !around
}

// Baked is the Condition that on every way to the stage the artifacts that it
// consumes have passed a [bake.Watch] of at least some time. The times of several
// are not added.
type Baked struct {
	For time.Duration
	In  stage.Tier // of the environment, which has to declare it; 0 means any
}

// Holds implements [Condition].
func (c Baked) Holds(at Place) error { return sought(at, c) }

// Describe returns a text such as "a bake of 1h0m0s in tier staging".
func (c Baked) Describe() string {
	text := fmt.Sprintf("a bake of %v", c.For)
	if c.In != stage.Undeclared {
		text += fmt.Sprintf(" in tier %v", c.In)
	}
	return text
}

func (c Baked) seek(at Place) func(Mark) error {
	return func(m Mark) error {
		s, ok := m.Step.(pipeline.Stage)
		if !ok || m.Begun {
			return errOther
		}
		w, ok := watchOf(s)
		missing := lacking(at.Stage.Consumes, s.Consumes)
		switch {
		case !ok:
			return errOther
		case w.For < c.For:
			return fmt.Errorf("stage %q bakes for %v", s.Name, w.For)
		case c.In != stage.Undeclared && s.Environment.Tier != c.In:
			return fmt.Errorf("stage %q bakes in tier %v", s.Name, s.Environment.Tier)
		case len(missing) > 0:
			return fmt.Errorf("stage %q does not consume %s", s.Name, quoted(missing))
		}
		return nil
	}
}
