package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// bakes is how long a share of production has to be watched, at least.
var bakes = map[string]time.Duration{"bake-10": 3 * time.Second, "bake-50": 2 * time.Second}

// prove returns why p may not go to production, or nil.
func prove(p pipeline.Pipeline) error {
	return policy.Require(p,
		policy.Some(policy.Tier(stage.Production)),
		policy.Each(policy.Tier(stage.Production),
			policy.Approved{Group: releaseManagers},
			policy.Verified{},
			policy.BuiltOnce{By: []string{"build"}},
			policy.After("the tests", func(s pipeline.Step) bool { return pipeline.Name(s) == "test" }),
			policy.WayBack{},
			policy.Alone{},
			policy.That("bakes that are long enough", baked),
		),
		policy.Func(vetoed),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

func baked(at policy.Place) error {
	w, ok := at.Stage.Run.(bake.Watch)
	if least := bakes[at.Stage.Name]; ok && w.For < least {
		return &policy.Violation{Reason: fmt.Sprintf("it bakes for %v; want %v", w.For, least)}
	}
	return nil
}

// vetoed wants the word of one release manager to stop a release.
func vetoed(p pipeline.Pipeline) error {
	for _, s := range p.All() {
		if g, ok := s.(pipeline.Gate); ok {
			if q, ok := g.Require.(approval.Quorum); !ok || !q.Veto {
				return fmt.Errorf("gate %q: want a quorum with Veto", g.Name)
			}
		}
	}
	return nil
}

// exploration is what may become of a delivery, and of one after it.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Cancels: true, Outcomes: once(p), Rules: append(pipelinetest.Rules(), watched)}
}

// once is that a stage that cannot be done is not called again: it then fails,
// and another call is as the first.
func once(p pipeline.Pipeline) map[string][]pipelinetest.Outcome {
	only := map[string][]pipelinetest.Outcome{}
	for _, s := range p.All() {
		if s, ok := s.(pipeline.Stage); ok && s.Retry.Times > 0 {
			only[s.Name] = []pipelinetest.Outcome{
				pipelinetest.Succeeds, pipelinetest.Fails, pipelinetest.Passes, pipelinetest.FoundDone, pipelinetest.FoundNotDone,
			}
		}
	}
	return only
}

// watched is that everybody gets what has stood each smaller share of the
// traffic before, where there is something that it replaces.
var watched = pipelinetest.Rule{
	Name: "a share is watched before it grows",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		if e.Kind != journal.Called || s.Step(e.Run, "replace") == pipeline.Skipped {
			return nil
		}
		before := map[string][]string{
			"bake-10":   {"canary-10"},
			"canary-50": {"bake-10"},
			"bake-50":   {"canary-50"},
			"everybody": {"bake-10", "bake-50"},
		}
		for _, b := range before[e.Step] {
			if got := s.Step(e.Run, b); got != pipeline.Succeeded {
				return fmt.Errorf("%s is called while %s is %v", e.Step, b, got)
			}
		}
		return nil
	},
}

// plan is the pipeline as it is, on a platform that no test here reaches.
func plan() pipeline.Pipeline { return delivery(&artifact.Memory{}, platform.Client{}) }

func TestProved(t *testing.T) {
	if err := prove(plan()); err != nil {
		t.Error(err)
	}
}

func TestExplored(t *testing.T) {
	if got := pipelinetest.Explore(t, exploration(plan())); !got.Complete {
		t.Errorf("explored %v; want all there is", got)
	} else {
		t.Log(got)
	}
}
