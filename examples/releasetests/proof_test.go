package releasetests

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// guarded is what is proved of every stage in production, on every way to it.
var guarded = policy.Each(policy.Tier(stage.Production),
	policy.Approved{Need: 2, Group: "release-managers"},
	policy.Verified{},
	policy.Under(window.Outside(freezes)),
	policy.WayBack{},
	policy.BuiltOnce{},
	policy.Alone{},
	watched,
)

// watched is a rule of the team's own: all users get what some had for an hour.
var watched = policy.That("a bake before everybody gets it", func(at policy.Place) error {
	if _, everybody := at.Stage.Run.(rollout.Full); !everybody {
		return nil
	}
	return policy.Baked{For: time.Hour, In: stage.Production}.Holds(at)
})

// keeps is what every delivery of the team keeps. Give it to an Executor as
// Policies and nothing else can be started.
var keeps = policy.Rules{policy.Some(policy.Tier(stage.Production)), guarded, policy.Placed{}, policy.LockOrder{}, policy.Reachable{}}

// prove returns what p does not keep.
func prove(p pipeline.Pipeline) error { return policy.Require(p, keeps) }

func TestEveryWayIntoProductionIsGuarded(t *testing.T) {
	if err := prove(Delivery(nowhere)); err != nil {
		t.Error(err)
	}
}

// hotfix is p with a way around the gate for changes that are urgent.
func hotfix(p pipeline.Pipeline) pipeline.Pipeline {
	release := slices.IndexFunc(p.Steps, func(s pipeline.Step) bool { return pipeline.Name(s) == "release" })
	p.Steps = slices.Insert(slices.Clone(p.Steps), release, pipeline.Step(pipeline.When{
		Name: "urgent",
		If:   func(context.Context, pipeline.Facts) (bool, error) { return false, errNowhere },
		Do:   pipeline.Stage{Name: "patch-production", Run: rollout.Full{Via: nowhere.Deployer}, Environment: production, Consumes: image},
	}))
	return p
}

// A proof that fails says what is wanted, and shows the way in.
func TestAWayAroundTheGateIsFound(t *testing.T) {
	err := prove(hotfix(Delivery(nowhere)))
	for _, want := range []string{
		"want 2 approvals from group \"release-managers\", none by an author or the starter",
		"way: build → unit → lint → publish → deploy-staging → integration → load-test → urgent is taken → patch-production begins",
		"want a way back",
		"want a bake before everybody gets it",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("proved: %v; want %q in it", err, want)
		}
	}
}
