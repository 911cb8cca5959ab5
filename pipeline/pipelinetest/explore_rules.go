package pipelinetest

import (
	"fmt"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A Rule is what has to hold in every state that an [Exploration] reaches.
type Rule struct {
	Name string // what holds, such as "production runs only what was verified"

	// Holds returns how the rule is broken, or nil. It is asked after each
	// event, and with a zero Event when nothing more follows by itself. It must
	// be a function of what it is given: the same state is not looked at twice.
	Holds func(s State, e Event) error
}

// An Event is what just happened in an [Exploration].
type Event struct {
	Run  string // "r1" for the one started first, "r2", …
	Kind journal.Kind
	Step string // if it is about one

	run  int
	node int32
	part *role
}

// A State is how far the runs of an [Exploration] are. It is not to be kept.
type State struct{ w *world }

// Runs returns the names of the runs that were started.
func (s State) Runs() []string {
	n := 0
	for n < len(s.w.seats) && s.w.seats[n] != nil {
		n++
	}
	return s.w.s.names[:n:n]
}

// Pipeline returns the name of the pipeline that a run is of, or "".
func (s State) Pipeline(run string) string {
	if t := s.seat(run); t != nil {
		return t.plan.prog.Pipeline
	}
	return ""
}

// Status returns how far a run is, and [pipeline.Pending] for one that was not
// started.
func (s State) Status(run string) pipeline.Status {
	if t := s.seat(run); t != nil {
		return pipeline.Status(t.m.Status)
	}
	return pipeline.Pending
}

// Step returns how far a step of a run is.
func (s State) Step(run, step string) pipeline.Status {
	if t := s.seat(run); t != nil {
		if i, ok := t.m.Find(step); ok {
			return pipeline.Status(t.m.View(i).Status)
		}
	}
	return pipeline.Pending
}

// Holder returns the run that holds an environment, or "".
func (s State) Holder(environment string) string {
	for _, env := range s.w.envs {
		if env != nil && env.Name == environment {
			return env.Holder.Run
		}
	}
	return ""
}

// Frozen reports whether there is a freeze.
func (s State) Frozen() bool { return s.w.frozen }

func (s State) seat(run string) *seat {
	if k := s.w.s.index(run); k >= 0 {
		return s.w.seats[k]
	}
	return nil
}

// Rules returns the rules of this package, all of which a pipeline should keep.
func Rules() []Rule {
	return []Rule{Verified(), Decided(), Frozen(), CalledOnce(), LocksReleased(), WaysBack(), NoDeadEnd()}
}

// Verified returns the rule that a stage in tier production is called only with
// artifacts with which a stage in tier staging has succeeded in the same run, and
// none there failed or is under way. Ways out are free.
func Verified() Rule {
	return Rule{"production runs only what was verified in staging", func(s State, e Event) error {
		if !changesProduction(e) {
			return nil
		}
		t := s.w.seats[e.run]
		pl := t.plan
		if miss := e.part.consumes &^ t.verified; miss != 0 {
			return fmt.Errorf("%s is called with %s, with which no stage in tier staging has succeeded", e.Step, pl.first(miss))
		}
		for _, i := range pl.tests {
			if pl.static[i].consumes&e.part.consumes == 0 {
				continue
			}
			if v := t.m.View(i); !v.Status.OK() && v.Status != machine.Pending {
				return fmt.Errorf("%s is called while %s, in tier staging, has the status %v", e.Step, v.Node.Name, v.Status)
			}
		}
		return nil
	}}
}

// Decided returns the rule that a stage in tier production is called only with
// artifacts that a gate has let through in the same run, if the pipeline has a
// gate that decides on them. A gate without Subject decides on all. Ways out are
// free, and so is what a person lets pass who overrides a gate.
func Decided() Rule {
	return Rule{"production runs only what a gate let through", func(s State, e Event) error {
		if !changesProduction(e) {
			return nil
		}
		t := s.w.seats[e.run]
		if miss := e.part.consumes & t.plan.gated &^ (t.decided | t.waived); miss != 0 {
			return fmt.Errorf("%s is called with %s before any gate has let it through", e.Step, t.plan.first(miss))
		}
		return nil
	}}
}

// Frozen returns the rule that in a freeze no stage in tier production is called
// (see Exploration.Freezes). What holds it up are gates of its environment: those
// in the tree passed before. Ways out are free, and so is a stage that a person
// has overridden.
func Frozen() Rule {
	return Rule{"production does not change in a freeze", func(s State, e Event) error {
		if s.Frozen() && changesProduction(e) && s.w.seats[e.run].m.View(e.node).Overridden == "" {
			return fmt.Errorf("%s is called in a freeze; want a gate of its environment", e.Step)
		}
		return nil
	}}
}

func changesProduction(e Event) bool {
	return e.Kind == journal.Called && e.part.tier == stage.Production && !e.part.wayOut && !e.part.watches
}

// CalledOnce returns the rule that a stage is not called while it is called, and
// not after it has succeeded, unless a person has something done anew.
func CalledOnce() Rule {
	return Rule{"no stage is called twice", func(s State, e Event) error {
		if e.Kind != journal.Called {
			return nil
		}
		switch m := s.w.seats[e.run].marks[e.node]; {
		case m&called != 0:
			return fmt.Errorf("%s is called while it is called", e.Step)
		case m&succeeded != 0:
			return fmt.Errorf("%s is called after it has succeeded", e.Step)
		}
		return nil
	}}
}

// LocksReleased returns the rule that a run that has ended neither holds an
// environment nor waits for one.
func LocksReleased() Rule {
	return Rule{"a run that has ended holds nothing", func(s State, e Event) error {
		if e.Kind != journal.Ended {
			return nil
		}
		for _, env := range s.w.envs {
			if env == nil {
				continue
			}
			if env.Holder.Run == e.Run {
				return fmt.Errorf("%s has ended and holds %s", e.Run, env.Name)
			}
			for _, v := range env.Queue {
				if v.Run == e.Run {
					return fmt.Errorf("%s has ended and waits for %s", e.Run, env.Name)
				}
			}
		}
		return nil
	}}
}

// WaysBack returns the rule that no run ends and leaves an environment in tier
// production, or of a tier that is not declared, with a release that is no good:
// a way out was taken there after whatever went wrong. If that fails too, the
// run has failed and says so.
func WaysBack() Rule {
	return Rule{"after a failure the way back is taken", func(s State, e Event) error {
		if e.Kind != journal.Ended {
			return nil
		}
		t := s.w.seats[e.run]
		pl := t.plan
		for env, at := range t.touched {
			if at == changed && pl.precious(env) && t.m.Unhealthy(pl.envs[env]) {
				return fmt.Errorf("%s has ended and leaves %s as the failure left it", e.Run, pl.envs[env])
			}
		}
		return nil
	}}
}

// NoDeadEnd returns the rule that a run that has not ended has something under
// way, or waits for an answer or a person.
func NoDeadEnd() Rule {
	return Rule{"no dead end", func(s State, e Event) error {
		if e.Kind != "" {
			return nil
		}
		if run := s.w.dead(); run != "" {
			return fmt.Errorf("%s has not ended, and nothing goes on: %s", run, s.w.standstill())
		}
		return nil
	}}
}
