package regulated

import (
	"fmt"
	"slices"
	"testing"
	"time"

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
	beta, gamma, production := places()
	image, release := []string{"image"}, []string{"image", "sbom", "signature"}
	return policy.Require(p,
		policy.Declares{beta, gamma, production},
		policy.Chain{
			"build", "sign", "deploy-beta", "test-beta", "deploy-gamma", "test-gamma",
			"open-ticket", "release", "canary", "bake", "everybody", "synthetic",
		},
		policy.Flow{
			"sign": release[:2], "open-ticket": image, "release": release, "back": image,
			"deploy-beta": image, "test-beta": image, "deploy-gamma": image, "test-gamma": image,
			"canary": image, "bake": image, "everybody": image, "synthetic": image,
		},
		policy.Acts{
			"":           {"sign", "open-ticket"},
			"beta":       {"deploy-beta", "test-beta"},
			"gamma":      {"deploy-gamma", "test-gamma"},
			"production": {"canary", "bake", "everybody", "synthetic", "back"},
		},
		policy.Says{
			"release": gate.Describe(gate.All(
				signed{trust, nil},
				approval.Quorum{Need: 2, From: everyone.Approvers, Veto: true},
				approved{},
			)),
			"canary": "canary rollout of 10% via stage.DeployFunc",
			"bake": "bake for 1h0m0s, every 1m0s, 0 misses tolerated, ask after 4 inconclusive in a row or less than 30 conclusive: " +
				"error rate at most 0.01 by stage.SourceFunc",
			"back": "rollback via stage.DeployFunc",
		},
		policy.Each(policy.Tier(stage.Staging), policy.Verified{In: stage.Testing}),
		policy.Each(policy.Tier(stage.Production),
			policy.BuiltOnce{By: []string{"build"}},
			policy.Verified{},
			policy.Approved{Need: 2},
			policy.Under(window.Inside(hours)),
			policy.WayBack{},
			policy.Alone{},
		),
		policy.Each(policy.Everywhere, policy.That("tests of half an hour at most", brief)),
		policy.Func(refuses),
		policy.Reachable{Barred: 2},
		policy.LockOrder{},
	)
}

func brief(at policy.Place) error {
	tests := at.Stage.Environment.Tier != stage.Production && !policy.Deploys(at.Stage)
	if d := at.Stage.Timeout; tests && (d <= 0 || d > limit) {
		return &policy.Violation{Reason: "its Timeout is " + d.String()}
	}
	return nil
}

// refuses wants a release that nobody agreed to within a month to have failed,
// and those who agree to know where it goes and on which ticket.
func refuses(p pipeline.Pipeline) error {
	for path, s := range p.All() {
		g, ok := s.(pipeline.Gate)
		switch {
		case !ok:
		case g.OnReject != pipeline.Fail || g.OnExpire != pipeline.Fail || g.Expires != 30*24*time.Hour:
			return fmt.Errorf("%s: gate %q: OnReject %d, Expires %v, OnExpire %d; want it to fail, after a month", path, g.Name, g.OnReject, g.Expires, g.OnExpire)
		case g.Environment.Name != "production" || !slices.Equal(g.Takes, []string{"ticket"}):
			return fmt.Errorf("%s: gate %q is for %q and is told %q; want production, and the ticket", path, g.Name, g.Environment.Name, g.Takes)
		}
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
