package octopus

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// prove returns why p may deploy what should not be, or nil.
func prove(p pipeline.Pipeline) error {
	dev, tests, staging := policy.Environments("dev"), policy.Environments("test-1", "test-2"), policy.Environments("staging")
	production := policy.Environments("production")
	return policy.Require(p,
		policy.Some(dev), policy.Some(policy.Environments("test-1")), policy.Some(policy.Environments("test-2")), policy.Some(staging), policy.Some(production),
		policy.Each(policy.Everywhere, policy.BuiltOnce{}, policy.Alone{}),
		policy.Each(tests, policy.AfterStep("default-channel"), policy.Approved{Group: Testers, AllowAuthor: true, AllowStarter: true}),
		policy.Each(staging, policy.AfterStep("default-channel"), policy.AfterStep("test-phase"), policy.Approved{Group: Managers, AllowStarter: true}),
		policy.Each(production,
			policy.Verified{},
			policy.AfterStep("verify-staging"),
			policy.Approved{Need: 2, Group: Managers},
			policy.Under(window.Outside(stocktaking)),
			policy.WayBack{},
		),
		policy.Chain{"test-phase", "to-staging"}, // nobody is asked for staging before the tests are over
		policy.Func(channels),
		acts,
		flow,
		declared,
		policy.Func(asked),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// channels wants each lane of the default channel to be one of it.
func channels(p pipeline.Pipeline) error {
	for _, lane := range []struct{ channel, step string }{
		{"default-channel", "deploy-dev"}, {"test-1", "deploy-test-1"}, {"test-2", "deploy-test-2"}, {"test-phase", "tested"},
	} {
		found := false
		for _, s := range p.All() {
			if when, ok := s.(pipeline.When); ok && when.Name == lane.channel {
				for _, s := range (pipeline.Pipeline{Steps: pipeline.Sequence{when.Do}}).All() {
					found = found || pipeline.Name(s) == lane.step
				}
			}
		}
		if !found {
			return fmt.Errorf("%s is not in %s; want it in the default channel alone", lane.step, lane.channel)
		}
	}
	return nil
}

// acts is where each stage acts.
var acts = policy.Acts{
	"dev":        {"deploy-dev", "verify-dev"},
	"test-1":     {"deploy-test-1", "verify-test-1"},
	"test-2":     {"deploy-test-2", "verify-test-2"},
	"staging":    {"deploy-staging", "verify-staging"},
	"production": {"deploy-production", "verify-production", "back"},
}

// flow is what each stage acts on: all of them on the image.
var flow = func() policy.Flow {
	all := policy.Flow{}
	for _, stages := range acts {
		for _, name := range stages {
			all[name] = image
		}
	}
	return all
}()

// declared is the environments: one run at a time, the oldest first.
var declared = policy.Declares{
	{Name: "dev", Tier: stage.Development},
	{Name: "test-1", Tier: stage.Testing},
	{Name: "test-2", Tier: stage.Testing},
	{Name: "staging", Tier: stage.Staging},
	{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Outside(stocktaking)}},
}

// asked wants each gate to ask what it does, and what becomes of it if the answer is
// no, or none.
func asked(p pipeline.Pipeline) error {
	optional := approval.Quorum{Group: Testers, AllowAuthor: true, AllowStarter: true, Veto: true}
	want := map[string]gate.Gate{
		"to-test-1":     gate.All(unblocked{}, optional),
		"to-test-2":     gate.All(unblocked{}, optional),
		"tested":        tested{Need: 1, Of: []string{"test-1", "test-2"}},
		"to-staging":    gate.All(unblocked{}, approval.Quorum{Group: Managers, AllowStarter: true}),
		"to-production": gate.All(unblocked{}, approval.Quorum{Need: 2, Group: Managers, Veto: true}),
	}
	var errs []error
	for path, s := range p.All() {
		g, ok := s.(pipeline.Gate)
		if !ok {
			continue
		}
		if want[g.Name] == nil || gate.Describe(g.Require) != gate.Describe(want[g.Name]) {
			errs = append(errs, fmt.Errorf("%s: gate %q asks for %s", path, g.Name, gate.Describe(g.Require)))
		}
		otherwise, takes, where := pipeline.Fail, []string(nil), strings.TrimPrefix(g.Name, "to-")
		switch {
		case strings.HasPrefix(where, "test-"):
			otherwise = pipeline.Skip
		case g.Name == "tested":
			where = "staging"
		case where == "production":
			takes = report
		}
		if g.OnReject != otherwise || g.OnExpire != otherwise || (g.Expires > 0) != (otherwise == pipeline.Skip) {
			errs = append(errs, fmt.Errorf("%s: gate %q goes on otherwise than by deciding", path, g.Name))
		}
		if g.Environment.Name != where || !slices.Equal(g.Subject, image) || !slices.Equal(g.Takes, takes) {
			errs = append(errs, fmt.Errorf("%s: gate %q is for %q, about %q and %q; want %q, the image and %q", path, g.Name, g.Environment.Name, g.Subject, g.Takes, where, takes))
		}
		delete(want, g.Name)
	}
	if len(want) > 0 {
		errs = append(errs, fmt.Errorf("%d gates are missing, such as %v", len(want), want))
	}
	return errors.Join(errs...)
}

// exploration is what may become of a release.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Crashes: 1, Outcomes: outcomes(p), Rules: append(pipelinetest.Rules(), inOrder)}
}

// outcomes are those of rollouts, which ask nobody. A test that fails always asks.
func outcomes(p pipeline.Pipeline) map[string][]pipelinetest.Outcome {
	only := map[string][]pipelinetest.Outcome{}
	for _, s := range p.All() {
		s, ok := s.(pipeline.Stage)
		switch {
		case !ok:
		case policy.Deploys(s):
			only[s.Name] = []pipelinetest.Outcome{pipelinetest.Succeeds, pipelinetest.Fails, pipelinetest.Passes, pipelinetest.FoundDone, pipelinetest.FoundNotDone}
		default:
			only[s.Name] = []pipelinetest.Outcome{pipelinetest.Succeeds, pipelinetest.Asks}
		}
	}
	return only
}

var inOrder = pipelinetest.Rule{
	Name: "a release goes from phase to phase, and nowhere by itself",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		before := map[string][]string{
			"verify-dev":        {"deploy-dev"},
			"deploy-test-1":     {"to-test-1"},
			"verify-test-1":     {"deploy-test-1"},
			"deploy-test-2":     {"to-test-2"},
			"verify-test-2":     {"deploy-test-2"},
			"deploy-staging":    {"to-staging"},
			"verify-staging":    {"deploy-staging"},
			"deploy-production": {"to-production", "verify-staging"},
			"verify-production": {"deploy-production"},
		}
		if e.Kind != journal.Called {
			return nil
		}
		for _, b := range before[e.Step] {
			if got := s.Step(e.Run, b); got != pipeline.Succeeded {
				return fmt.Errorf("%s is called while %s is %v", e.Step, b, got)
			}
		}
		if phase := s.Step(e.Run, "test-phase"); e.Step == "deploy-staging" && phase != pipeline.Skipped && s.Step(e.Run, "tested") != pipeline.Succeeded {
			return fmt.Errorf("%s is called, and nobody knows whether it was tested", e.Step)
		}
		return nil
	},
}

func plan() pipeline.Pipeline { return Delivery(world(new(books)), stocktaking) }

func TestProved(t *testing.T) {
	if err := prove(plan()); err != nil {
		t.Error(err)
	}
}

// Two releases of the default channel have more than a million states, and two
// hotfixes a few.
func TestExplored(t *testing.T) {
	whole, canceled, hotfixes := exploration(plan()), exploration(plan()), exploration(plan())
	canceled.Crashes, canceled.Cancels = 0, true
	hotfixes.Runs = 2
	for _, lane := range []string{"default-channel", "test-1", "test-2", "test-phase"} {
		hotfixes.Outcomes[lane] = []pipelinetest.Outcome{pipelinetest.No}
	}
	all := []pipelinetest.Exploration{whole, canceled, hotfixes}
	if testing.Short() {
		all = all[:1]
	}
	for _, x := range all {
		if got := pipelinetest.Explore(t, x); !got.Complete {
			t.Errorf("explored %v; want all there is", got)
		} else {
			t.Log(got)
		}
	}
}
