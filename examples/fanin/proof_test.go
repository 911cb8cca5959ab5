package fanin

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// prove returns why p may put together what does not belong together, or nil.
func prove(p pipeline.Pipeline) error {
	return policy.Require(p,
		policy.Some(policy.Tier(stage.Testing)),
		policy.Each(policy.Everywhere,
			policy.BuiltOnce{},
			policy.AfterStep("fetch"), policy.AfterStep("build-server"), policy.AfterStep("build-client"),
			policy.Alone{Deploys: func(s pipeline.Stage) bool { return s.Name == "assemble" }},
		),
		policy.Flow{"build-server": {"source"}, "build-client": {"source"}, "assemble": {"server", "client"}},
		policy.Acts{"": {"fetch", "build-server", "build-client"}, "bench": {"assemble"}},
		policy.Func(limited),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// limited wants the client to be built no more often at a time than its group
// allows, and by nobody else.
func limited(p pipeline.Pipeline) error {
	for _, s := range p.All() {
		if s, ok := s.(pipeline.Stage); ok && (s.Group == SlowBuilders) != (s.Name == "build-client") {
			return fmt.Errorf("stage %q has group %q; want %q for build-client alone", s.Name, s.Group, SlowBuilders)
		}
	}
	return nil
}

// exploration is what may become of two changes, one after the other.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Rules: append(pipelinetest.Rules(), partsFirst, inOrder)}
}

var partsFirst = pipelinetest.Rule{
	Name: "parts are there before they are put together",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		before := map[string][]string{
			"build-server": {"fetch"},
			"build-client": {"fetch"},
			"assemble":     {"build-server", "build-client"},
		}
		if e.Kind != journal.Called {
			return nil
		}
		for _, b := range before[e.Step] {
			if got := s.Step(e.Run, b); got != pipeline.Succeeded {
				return fmt.Errorf("%s is called while %s is %v", e.Step, b, got)
			}
		}
		return nil
	},
}

var inOrder = pipelinetest.Rule{
	Name: "one product is put together at a time",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		if e.Kind != journal.Called || e.Step != "assemble" || s.Holder("bench") == e.Run {
			return nil
		}
		return fmt.Errorf("%s is called for %s, while %q is at the bench", e.Step, e.Run, s.Holder("bench"))
	},
}

// plan is the pipeline with a queue.
func plan(queue stage.Queue) pipeline.Pipeline {
	return Delivery((&workshop{contents: map[artifact.Digest]string{}}).work(), queue)
}

func TestProved(t *testing.T) {
	for _, queue := range []stage.Queue{stage.Oldest, stage.Newest} {
		if err := prove(plan(queue)); err != nil {
			t.Errorf("%v first: %v", queue, err)
		}
	}
}

func TestExplored(t *testing.T) {
	for _, queue := range []stage.Queue{stage.Oldest, stage.Newest} {
		if got := pipelinetest.Explore(t, exploration(plan(queue))); !got.Complete {
			t.Errorf("%v first: explored %v; want all there is", queue, got)
		} else {
			t.Logf("%v first: %v", queue, got)
		}
	}
}
