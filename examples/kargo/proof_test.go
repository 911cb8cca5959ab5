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
	return policy.Require(p,
		policy.Declares{
			{Name: "test", Tier: stage.Testing},
			{Name: "qa", Tier: stage.Staging},
			{Name: "uat", Tier: stage.Staging},
			{Name: "prod", Tier: stage.Production},
		},
		policy.Chain{"deploy-test", "verify-test", "deploy-qa", "verify-qa", "soak-qa", "promote", "deploy-prod", "verify-prod"},
		policy.Chain{"verify-test", "deploy-uat", "verify-uat", "soak-uat", "promote"},
		policy.Each(policy.Tier(stage.Production),
			policy.Verified{},
			policy.Baked{For: Soak, In: stage.Staging},
			policy.Approved{Group: Promoters, AllowAuthor: true, AllowStarter: true},
		),
		policy.Each(policy.Everywhere, policy.BuiltOnce{}, policy.Alone{}),
		policy.Acts{
			"test": {"deploy-test", "verify-test"},
			"qa":   {"deploy-qa", "verify-qa", "soak-qa"},
			"uat":  {"deploy-uat", "verify-uat", "soak-uat"},
			"prod": {"deploy-prod", "verify-prod"},
		},
		policy.Flow{
			"deploy-test": image, "deploy-qa": image, "deploy-uat": image, "deploy-prod": image,
			"verify-test": image, "verify-qa": image, "verify-uat": image, "verify-prod": image,
			"soak-qa": image, "soak-uat": image, "promote": image,
		},
		policy.Says{"soak-qa": soaks, "soak-uat": soaks},
		policy.Func(refuses),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

const soaks = "bake for 1h0m0s, every 1m0s, 0 misses tolerated, ask after 4 inconclusive in a row or less than 30 conclusive: " +
	"healthy at least 1 by stage.SourceFunc"

// refuses wants freight that is refused not to be a success, and those who promote
// it to know where to.
func refuses(p pipeline.Pipeline) error {
	for path, s := range p.All() {
		if g, ok := s.(pipeline.Gate); ok && (g.OnReject != pipeline.Fail || g.Environment.Name != "prod") {
			return fmt.Errorf("%s: gate %q is for %q and has OnReject %d; want one for prod that fails", path, g.Name, g.Environment.Name, g.OnReject)
		}
	}
	return nil
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
