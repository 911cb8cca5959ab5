package main

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// prove returns why p may not go to production, or nil.
func prove(p pipeline.Pipeline) error {
	it := []string{shop}
	return policy.Require(p,
		policy.Declares{staging, production},
		policy.Chain{"build", "stage", "smoke", release, "replace", "everybody"},
		policy.Chain{"test", "stage"},
		policy.Chain{release, "canary-10", "bake-10", "canary-50", "bake-50"},
		policy.Each(policy.Tier(stage.Production),
			policy.Approved{Group: releaseManagers},
			policy.Verified{},
			policy.BuiltOnce{By: []string{"build"}},
			policy.WayBack{},
			policy.Alone{},
		),
		policy.Flow{
			"stage": it, "smoke": it, release: it, "go-back": it,
			"canary-10": it, "bake-10": it, "canary-50": it, "bake-50": it, "everybody": it,
		},
		policy.Acts{
			staging.Name:    {"stage", "smoke"},
			production.Name: {"canary-10", "bake-10", "canary-50", "bake-50", "everybody", "go-back"},
		},
		policy.Says{
			"canary-10": "canary rollout of 10% via the platform on this machine",
			"bake-10":   "bake for 3s, " + watches,
			"canary-50": "canary rollout of 50% via the platform on this machine",
			"bake-50":   "bake for 2s, " + watches,
			"go-back":   "rollback via the platform on this machine",
		},
		policy.Func(vetoed),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// watches is how a share of production is looked at.
const watches = "every 500ms, 0 misses tolerated, ask after 600 inconclusive in a row or less than 1 conclusive: " +
	"error rate at most 0.01 by error rate at the front door over 20s from 40 measurements, also of the past; " +
	"latency in seconds at most 10 by latency at the front door over 20s from 40 measurements, also of the past"

// vetoed wants the gate to be for production, and the word of one release manager
// to stop a release.
func vetoed(p pipeline.Pipeline) error {
	for _, s := range p.All() {
		g, ok := s.(pipeline.Gate)
		if !ok {
			continue
		}
		if q, ok := g.Require.(approval.Quorum); !ok || !q.Veto || g.OnReject != pipeline.Fail || g.Environment.Name != production.Name {
			return fmt.Errorf("gate %q: want a quorum with Veto for %q that fails when it rejects", g.Name, production.Name)
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
