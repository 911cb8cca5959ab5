package kargo

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// prove returns why freight may be promoted that should not be, or nil. There is
// no way back: what is no good is replaced by what comes next, as in Kargo.
func prove(p pipeline.Pipeline) error {
	inTest, atStage := named("verify-test"), policy.All(
		policy.Verified{},
		policy.Baked{For: Soak, In: stage.Staging},
		named("soak-qa"), named("soak-uat"),
	)
	return policy.Require(p,
		policy.Some(policy.Environments("test")), policy.Some(policy.Environments("qa")),
		policy.Some(policy.Environments("uat")), policy.Some(policy.Tier(stage.Production)),
		policy.Each(policy.Tier(stage.Staging), inTest),
		policy.Each(policy.Tier(stage.Production), inTest, atStage,
			policy.Approved{Group: Promoters, AllowAuthor: true, AllowStarter: true}),
		policy.Each(policy.Everywhere,
			policy.BuiltOnce{},
			policy.Alone{},
			policy.That("freight that was verified before it soaks", soaks),
		),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// named is that a step has ended well before.
func named(step string) policy.Condition {
	return policy.After(step, func(s pipeline.Step) bool { return pipeline.Name(s) == step })
}

// soaks wants each soak to begin when the freight was verified where it is.
func soaks(at policy.Place) error {
	if !stage.Watches(at.Stage.Run) {
		return nil
	}
	return policy.Verified{In: at.Stage.Environment.Tier}.Holds(at)
}

// exploration is what may become of freight, and of what comes after it.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Rules: []pipelinetest.Rule{
		pipelinetest.Verified(), pipelinetest.Decided(), pipelinetest.CalledOnce(), pipelinetest.LocksReleased(), pipelinetest.NoDeadEnd(),
		verifiedAlone,
	}}
}

// verifiedAlone is that nothing else gets to where freight is looked at.
var verifiedAlone = pipelinetest.Rule{
	Name: "freight is verified and soaks where it is alone",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		where := map[string]string{
			"verify-test": "test", "verify-qa": "qa", "soak-qa": "qa", "verify-uat": "uat", "soak-uat": "uat", "verify-prod": "prod",
		}[e.Step]
		if e.Kind != journal.Called || where == "" {
			return nil
		}
		if got := s.Step(e.Run, "deploy-"+where); got != pipeline.Succeeded {
			return fmt.Errorf("%s is called while deploy-%s is %v", e.Step, where, got)
		}
		if got := s.Holder(where); got != e.Run {
			return fmt.Errorf("%s of %s is called while %q holds %s", e.Step, e.Run, got, where)
		}
		return nil
	},
}

func TestProved(t *testing.T) {
	if err := prove(Delivery(nowhere)); err != nil {
		t.Error(err)
	}
}

func TestExplored(t *testing.T) {
	if got := pipelinetest.Explore(t, exploration(Delivery(nowhere))); !got.Complete {
		t.Errorf("explored %v; want all there is", got)
	} else {
		t.Log(got)
	}
}
