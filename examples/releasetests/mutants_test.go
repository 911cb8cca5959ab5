package releasetests

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
)

// known is what is proved of this delivery, besides what the team keeps in all:
// its steps by name.
var known = policy.Rules{
	policy.Declares{staging, production},
	policy.Chain{"build", "unit", "publish", "deploy-staging", "integration", "release", "canary", "bake", "deploy-production", "notify"},
	policy.Chain{"build", "lint", "publish"},
	policy.Chain{"deploy-staging", "load-test", "release"},
	policy.Acts{
		"staging":    {"deploy-staging", "integration", "load-test"},
		"production": {"canary", "bake", "deploy-production", "roll-back"},
	},
	policy.Flow{
		"deploy-staging": image, "integration": image, "load-test": image, "release": image,
		"canary": image, "bake": image, "deploy-production": image, "roll-back": image,
	},
	policy.Says{
		"release": `all of (2 approvals from group "release-managers"; inside Mon-Fri 09:00-17:00 Europe/Berlin)`,
		"bake": "bake for 1h0m0s, every 1m0s, 0 misses tolerated, ask after 4 inconclusive in a row or less than 30 conclusive: " +
			"error rate at most 0.01 by stage.SourceFunc",
	},
	policy.Func(func(p pipeline.Pipeline) error {
		for path, s := range p.All() {
			if g, ok := s.(pipeline.Gate); ok && (g.OnReject != pipeline.Fail || g.Environment.Name != "production") {
				return fmt.Errorf("%s: gate %q is for %q and has OnReject %d; want one for production that fails", path, g.Name, g.Environment.Name, g.OnReject)
			}
		}
		return nil
	}),
}

// Who tests the tests? Each mutant is the delivery with one thing less: a gate, an
// hour of the bake, a way back. One that lives is a mistake that nobody would
// notice. What the team keeps in all deliveries finds half of them: that the tests
// come before the gate, which hours are office hours, and how many errors are too
// many has to be known of this one.
func TestEveryMutantIsFound(t *testing.T) {
	m := pipelinetest.Mutation{
		Pipeline: Delivery(nowhere),
		Check: func(t testing.TB, p pipeline.Pipeline) {
			if err := policy.Require(p, keeps, known); err != nil {
				t.Error(err)
			}
		},
		Explore: func(p pipeline.Pipeline) pipelinetest.Exploration {
			x := exploration(p)
			x.States = 2000 // the shortest stories are found first
			return x
		},
	}
	if testing.Short() {
		m.Explore = nil // under the race detector it takes minutes
	}
	t.Log(pipelinetest.Mutate(t, m))
}
