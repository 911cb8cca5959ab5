package regulated

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// prove returns what of p an auditor would not sign, or nil.
func prove(p pipeline.Pipeline) error {
	store := &artifact.Memory{}
	return policy.Require(p,
		policy.Some(policy.Tier(stage.Production)),
		policy.Each(policy.Tier(stage.Staging), policy.Verified{In: stage.Testing}),
		policy.Each(policy.Tier(stage.Production),
			policy.BuiltOnce{By: []string{"build"}},
			policy.Verified{},
			policy.Approved{Need: 2},
			passed(signed{trust, store}),
			passed(approval.Quorum{Need: 2, From: everyone.Approvers, Veto: true}),
			passed(approved{}),
			policy.Under(window.Inside(hours)),
			policy.WayBack{},
			policy.Alone{},
			policy.That("a bake of an hour in production, before everybody gets it", grown),
		),
		policy.Each(policy.Everywhere, policy.That("tests of half an hour at most", brief)),
		policy.Reachable{Barred: 2},
		policy.LockOrder{},
	)
}

// passed is that a gate has passed that describes itself as g does.
func passed(g gate.Gate) policy.Condition {
	want := gate.Describe(g)
	return policy.After(want, func(s pipeline.Step) bool {
		asks, ok := s.(pipeline.Gate)
		return ok && slices.ContainsFunc(slices.Collect(gate.Walk(asks.Require)), func(g gate.Gate) bool { return gate.Describe(g) == want })
	})
}

// grown wants what stands in production after its one tenth to have baked there.
func grown(at policy.Place) error {
	if at.WayOut || at.Stage.Name == "canary" || stage.Watches(at.Stage.Run) {
		return nil
	}
	return policy.Baked{For: time.Hour, In: stage.Production}.Holds(at)
}

func brief(at policy.Place) error {
	tests := at.Stage.Environment.Tier != stage.Production && !policy.Deploys(at.Stage)
	if d := at.Stage.Timeout; tests && (d <= 0 || d > limit) {
		return &policy.Violation{Reason: "its Timeout is " + d.String()}
	}
	return nil
}

// exploration is what may become of a release, and of one after it.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Cancels: true, Outcomes: once(p)}
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

func plan() pipeline.Pipeline { return Delivery(newWorld(&desk{}), everyone) }

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
