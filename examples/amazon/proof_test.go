package amazon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// few is enough waves to see that one comes after another.
var few = fleet[:2]

// prove returns why p, which is to be the delivery to few waves, may not go to
// all of them while nobody looks on, or nil.
func prove(p pipeline.Pipeline) error { return proveWaves(p, few) }

func proveWaves(p pipeline.Pipeline, waves []Wave) error {
	rules := policy.Rules{
		policy.Each(policy.Tier(stage.Testing), named("alpha-test")),
		policy.Each(policy.Tier(stage.Staging), named("beta-test")),
		policy.Each(policy.Environments("gamma"), policy.That("one box first", oneBoxFirst)),
		policy.Each(policy.Tier(stage.Production),
			policy.BuiltOnce{By: []string{"build"}},
			policy.Verified{},
			named("gamma-one-box-test"), named("gamma-test"),
			policy.WayBack{},
			policy.That("a third more at a time, at most", inThirds),
		),
		policy.Each(policy.Everywhere, policy.Alone{}),
		policy.Reachable{},
		policy.LockOrder{},
	}
	before := policy.All()
	for _, wave := range waves {
		var baked []policy.Condition
		for _, r := range wave.Regions {
			in := policy.Environments(r.Name)
			rules = append(rules, policy.Some(in), policy.Each(in, before, r.begins(), policy.That("one box that has baked for an hour, and business hours", r.goesOn)))
			baked = append(baked, watched(r.Name, wave.Bake))
		}
		before = policy.All(baked...)
	}
	return policy.Require(p, rules)
}

// named is that a step has ended well before.
func named(step string) policy.Condition {
	return policy.After(step, func(s pipeline.Step) bool { return pipeline.Name(s) == step })
}

// begins is that no alarm is active, and that there is time enough left today.
func (r Region) begins() policy.Condition {
	return r.passed(gate.All(quiet{}, window.Fits{For: oneBoxBake + rolling, In: hours(r, nil)}))
}

// goesOn wants more than one box only after that was watched, in business hours.
func (r Region) goesOn(at policy.Place) error {
	if share(at.Stage) <= oneBox {
		return nil
	}
	return policy.All(
		watched(r.Name, oneBoxBake),
		r.passed(gate.All(quiet{}, window.Inside(hours(r, nil)))),
	).Holds(at)
}

// passed is that a gate of the region has passed that describes itself as g does.
func (r Region) passed(g gate.Gate) policy.Condition {
	want := gate.Describe(g)
	return policy.After(want, func(s pipeline.Step) bool {
		asks, ok := s.(pipeline.Gate)
		return ok && asks.Environment.Name == r.Name && gate.Describe(asks.Require) == want
	})
}

// watched is that the release has baked in a region, with calls enough to tell.
func watched(region string, d time.Duration) policy.Condition {
	return policy.After(fmt.Sprintf("%v in %s, with %d calls", d, region, enough), func(s pipeline.Step) bool {
		at, ok := s.(pipeline.Stage)
		w, watches := at.Run.(bake.Watch)
		return ok && watches && at.Environment.Name == region && w.For >= d &&
			slices.ContainsFunc(w.Metrics, func(m bake.Metric) bool { return m.Name == "active alarms in "+region }) &&
			slices.ContainsFunc(w.Metrics, func(m bake.Metric) bool { return m.MinCount >= enough })
	})
}

// share is what a stage gives to the release, in percent; 0 if it gives nothing.
func share(s pipeline.Step) int {
	at, _ := s.(pipeline.Stage)
	switch r := at.Run.(type) {
	case rollout.Canary:
		return r.Traffic
	case rollout.Full:
		return 100
	}
	return 0
}

func inThirds(at policy.Place) error {
	n := share(at.Stage)
	if at.WayOut || n <= 34 {
		return nil
	}
	return policy.After(fmt.Sprintf("a share of %d%% or more", n-34), func(s pipeline.Step) bool {
		return share(s) >= n-34 && share(s) < n && s.(pipeline.Stage).Environment.Name == at.Stage.Environment.Name
	}).Holds(at)
}

func oneBoxFirst(at policy.Place) error {
	if share(at.Stage) <= oneBox {
		return nil
	}
	return named("gamma-one-box-test").Holds(at)
}

// exploration is what may become of a change. With one after it there would be
// more than a million states.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Crashes: 1, Cancels: true, Outcomes: once(p), Rules: append(pipelinetest.Rules(), backInThirds)}
}

// backInThirds is that a region does not lose in one step what it got in several.
var backInThirds = pipelinetest.Rule{
	Name: "a region goes back in the steps in which it came",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		region, ok := strings.CutSuffix(e.Step, "-back")
		if e.Kind != journal.Called || !ok {
			return nil
		}
		for forward, back := range map[string]string{"-to-40": "-back-to-10", "-to-70": "-back-to-40", "-all": "-back-to-70"} {
			switch s.Step(e.Run, region+forward) {
			case pipeline.Succeeded, pipeline.Failed, pipeline.Errored:
				if got := s.Step(e.Run, region+back); !got.Done() {
					return fmt.Errorf("%s is called while %s is %v", e.Step, region+back, got)
				}
			}
		}
		return nil
	},
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

func TestProved(t *testing.T) {
	if err := prove(Delivery(world(nil), few)); err != nil {
		t.Error(err)
	}
	if err := proveWaves(Delivery(world(nil), fleet), fleet); err != nil {
		t.Errorf("in all regions: %v", err)
	}
}

func TestExplored(t *testing.T) {
	if got := pipelinetest.Explore(t, exploration(Delivery(world(nil), few))); !got.Complete {
		t.Errorf("explored %v; want all there is", got)
	} else {
		t.Log(got)
	}
}

// Regions of a wave do not wait for each other, so there is more that may happen:
// crashes and cancels are left to the test above.
func TestAWaveOfTwoIsExplored(t *testing.T) {
	x := exploration(Delivery(world(nil), []Wave{{fleet[2].Regions[:2], 4 * time.Hour}}))
	x.Crashes, x.Cancels = 0, false
	if got := pipelinetest.Explore(t, x); !got.Complete {
		t.Errorf("explored %v; want all there is", got)
	} else {
		t.Log(got)
	}
}
