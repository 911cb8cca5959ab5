package amazon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// few is enough waves to see that one comes after another.
var few = fleet[:2]

// prove returns why p, which is to be the delivery to few waves, may not go to
// all of them while nobody looks on, or nil.
func prove(p pipeline.Pipeline) error { return proveWaves(p, few) }

func proveWaves(p pipeline.Pipeline, waves []Wave) error {
	places := policy.Declares{{Name: "alpha", Tier: stage.Development}, {Name: "beta", Tier: stage.Testing}, {Name: "gamma", Tier: stage.Staging}}
	tested := policy.Chain{"build", "alpha", "alpha-test", "beta", "beta-test", "gamma-one-box", "gamma-one-box-test", "gamma", "gamma-test"}
	rules := policy.Rules{
		tested, about(tested[1:]...),
		policy.Each(policy.Environments("gamma"), policy.That("one box first", oneBoxFirst)),
		policy.Each(policy.Tier(stage.Production),
			policy.BuiltOnce{By: []string{"build"}},
			policy.Verified{},
			policy.WayBack{},
			policy.That("a third more at a time, at most", inThirds),
		),
		policy.Each(policy.Everywhere, policy.Alone{}),
		policy.Acts{"alpha": tested[1:3], "beta": tested[3:5], "gamma": tested[5:]},
		policy.Func(stops),
		policy.Reachable{},
		policy.LockOrder{},
	}
	before := tested[len(tested)-1:]
	for _, wave := range waves {
		var baked []string
		for _, r := range wave.Regions {
			places = append(places, stage.Environment{Name: r.Name, Tier: stage.Production})
			steps := r.steps("begin", "to-10", "one-box-bake", "go-on", "to-40", "to-70", "all", "bake")
			back := r.steps("back", "back-to-10", "back-to-40", "back-to-70")
			acts := r.steps("to-10", "one-box-bake", "to-40", "to-70", "all", "bake")
			rules = append(rules, steps, about(steps...), about(back...), r.says(wave.Bake), policy.Acts{r.Name: append(acts, back...)})
			for _, b := range before {
				rules = append(rules, policy.Chain{b, steps[0]})
			}
			baked = append(baked, steps[len(steps)-1])
		}
		before = baked
	}
	return policy.Require(p, rules, places)
}

// about is that each of the steps is about the service, and nothing else.
func about(steps ...string) policy.Flow {
	flow := policy.Flow{}
	for _, name := range steps {
		flow[name] = service
	}
	return flow
}

// steps returns the names of steps in the region, one after another.
func (r Region) steps(names ...string) policy.Chain {
	steps := make(policy.Chain, len(names))
	for i, name := range names {
		steps[i] = r.Name + "-" + name
	}
	return steps
}

// says is when something may begin in the region, how long it is watched, and in
// which steps it goes back.
func (r Region) says(bake time.Duration) policy.Says {
	watch := func(d, every time.Duration) string {
		return fmt.Sprintf("bake for %v, every %v, 0 misses tolerated, ask after %d inconclusive in a row or less than 1 conclusive: "+
			"active alarms in %s at most 0 by stage.SourceFunc; failed creates in %[4]s at most 0.01 by stage.SourceFunc from %d measurements",
			d, every, (d+24*time.Hour)/every, r.Name, enough)
	}
	back := func(share int) string { return fmt.Sprintf("canary rollout of %d%% via stage.DeployFunc", share) }
	return policy.Says{
		r.Name + "-begin":        "all of (no alarm is active; 2h0m0s left inside Mon-Fri 09:00-17:00 " + r.Zone + ")",
		r.Name + "-one-box-bake": watch(time.Hour, time.Minute),
		r.Name + "-go-on":        "all of (no alarm is active; inside Mon-Fri 09:00-17:00 " + r.Zone + ")",
		r.Name + "-bake":         watch(bake, 10*time.Minute),
		r.Name + "-back-to-70":   back(70),
		r.Name + "-back-to-40":   back(40),
		r.Name + "-back-to-10":   back(oneBox),
		r.Name + "-back":         "rollback via stage.DeployFunc",
	}
}

// stops is that what goes wrong in a region stops its wave, and so all that
// follow.
func stops(p pipeline.Pipeline) error {
	for path, s := range p.All() {
		switch s := s.(type) {
		case pipeline.Graph:
			if !s.FailFast {
				return fmt.Errorf("%s: a wave goes on when a region has failed; want FailFast", path)
			}
		case pipeline.Gate:
			if s.OnReject != pipeline.Fail || s.Name != s.Environment.Name+"-begin" && s.Name != s.Environment.Name+"-go-on" {
				return fmt.Errorf("%s: gate %q is for %q and has OnReject %d; want one for its region that fails", path, s.Name, s.Environment.Name, s.OnReject)
			}
		}
	}
	return nil
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
	return policy.After("one box that was tested", func(s pipeline.Step) bool { return pipeline.Name(s) == "gamma-one-box-test" }).Holds(at)
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
