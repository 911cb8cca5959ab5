package kubernetes

import (
	"fmt"
	"maps"
	"slices"
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

// prove returns why p may publish what should not be, or nil.
func prove(p pipeline.Pipeline) error {
	registry, mock := policy.Environments("registry"), policy.Environments("mock")
	published := []string{"merge", "image-job", "nomock-release"}
	return policy.Require(p,
		policy.Some(registry), policy.Some(policy.Environments("staging")), policy.Some(mock),
		policy.Each(policy.Everywhere,
			policy.AfterStep("version"),
			policy.BuiltOnce{By: []string{"mock-stage", "nomock-stage"}, Not: registry},
			policy.Alone{Deploys: func(s pipeline.Stage) bool { return !stage.Watches(s.Run) }},
		),
		policy.Each(mock, policy.Passed(green{})),
		policy.Each(policy.Environments("staging"), policy.AfterStep("alpha"), policy.AfterStep("candidate"), policy.AfterStep("rehearsed")),
		policy.Each(registry,
			policy.BuiltOnce{By: []string{"nomock-stage"}},
			policy.AfterStep("verify"),
			policy.Approved{Need: 2},
			policy.Passed(approval.Quorum{Slots: []approval.Slot{{Group: Approvers}, {Group: Reviewers}}}),
			policy.Under(window.Outside(autumn.Closed)),
			policy.WayBack{NoReturn: published},
		),
		policy.Chain{"version", "before-code-freeze"},
		policy.Chain{"version", "in-test-freeze"},
		policy.Chain{"alpha", "signal"},
		policy.Chain{"candidate", "signal"},
		policy.Chain{"mock-stage", "mock-release"},
		policy.Chain{"nomock-stage", "verify"},
		policy.Chain{"merge", "image-job", "nomock-release", "announce"},
		acts, flow, declared,
		policy.Func(lanes),
		policy.Func(promoted),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// acts is where each stage acts.
var acts = policy.Acts{
	"":         {"version", "promotion", "announce"},
	"mock":     {"mock-stage", "mock-release"},
	"staging":  {"nomock-stage", "verify"},
	"registry": {"merge", "image-job", "nomock-release"},
}

// flow is what each stage acts on.
var flow = policy.Flow{
	"version":        nil,
	"mock-stage":     nil,
	"mock-release":   {"mock"},
	"nomock-stage":   nil,
	"verify":         {"binaries", "images"},
	"promotion":      {"images"},
	"merge":          {"images"},
	"image-job":      {"images"},
	"nomock-release": {"binaries", "images"},
	"announce":       {"binaries", "images"},
}

// declared is the environments: one run at a time, the oldest first.
var declared = policy.Declares{
	{Name: "mock", Tier: stage.Testing},
	{Name: "staging", Tier: stage.Staging},
	{Name: "registry", Tier: stage.Production, Gates: []gate.Gate{window.Outside(autumn.Closed)}},
}

// lanes wants each lane to begin with its gate.
func lanes(p pipeline.Pipeline) error {
	want := map[string]gate.Gate{
		"alpha":     window.Outside(autumn.CodeFreeze),
		"candidate": window.Inside(autumn.TestFreeze),
		"rehearsed": green{},
	}
	for _, s := range p.All() {
		when, ok := s.(pipeline.When)
		if !ok {
			continue
		}
		first := when.Do
		if all, ok := first.(pipeline.Sequence); ok && len(all) > 0 {
			first = all[0]
		}
		g, ok := first.(pipeline.Gate)
		if !ok || want[when.Name] == nil || gate.Describe(g.Require) != gate.Describe(want[when.Name]) || g.OnReject != pipeline.Fail {
			return fmt.Errorf("lane %q begins with %v; want a gate: %s", when.Name, first, gate.Describe(want[when.Name]))
		}
		delete(want, when.Name)
	}
	if len(want) > 0 {
		return fmt.Errorf("there are no lanes %q", slices.Sorted(maps.Keys(want)))
	}
	return nil
}

// promoted wants those who promote to know which pull request they agree to, and
// one who disagrees to be heard.
func promoted(p pipeline.Pipeline) error {
	for path, s := range p.All() {
		g, ok := s.(pipeline.Gate)
		if !ok || g.Name != "approve-promotion" {
			continue
		}
		if g.Environment.Name != "registry" || !slices.Equal(g.Takes, []string{"pull-request"}) || g.OnReject != pipeline.Fail {
			return fmt.Errorf("%s: gate %q is for %q and told %q; want it for the registry, told the pull request, to fail when it is rejected", path, g.Name, g.Environment.Name, g.Takes)
		}
	}
	return nil
}

// exploration is what may become of a release, and of one after it. There is no
// way back, so the rule of pipelinetest that wants one is left out.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Outcomes: outcomes(p), Rules: []pipelinetest.Rule{
		pipelinetest.Verified(), pipelinetest.Decided(), pipelinetest.CalledOnce(), pipelinetest.LocksReleased(), pipelinetest.NoDeadEnd(),
		inOrder, alone,
	}}
}

// outcomes are those of stages that ask nobody, and that are not called again when
// they cannot be done: they then fail, and another call is as the first.
func outcomes(p pipeline.Pipeline) map[string][]pipelinetest.Outcome {
	only := map[string][]pipelinetest.Outcome{}
	for _, s := range p.All() {
		if s, ok := s.(pipeline.Stage); ok {
			only[s.Name] = []pipelinetest.Outcome{pipelinetest.Succeeds, pipelinetest.Fails, pipelinetest.Passes}
		}
	}
	return only
}

var inOrder = pipelinetest.Rule{
	Name: "each step comes when what it relies on has ended well",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		before := map[string][]string{
			"mock-stage":     {"version", "signal"},
			"mock-release":   {"mock-stage"},
			"nomock-stage":   {"version"},
			"promotion":      {"verify"},
			"merge":          {"approve-promotion"},
			"image-job":      {"merge"},
			"nomock-release": {"image-job"},
			"announce":       {"nomock-release"},
		}
		if e.Kind != journal.Called {
			return nil
		}
		for _, b := range before[e.Step] {
			if got := s.Step(e.Run, b); got != pipeline.Succeeded {
				return fmt.Errorf("%s is called while %s is %v", e.Step, b, got)
			}
		}
		if got := s.Step(e.Run, "rehearsed"); e.Step == "nomock-stage" && got != pipeline.Skipped && s.Step(e.Run, "mock-release") != pipeline.Succeeded {
			return fmt.Errorf("nomock-stage is called, and rehearsed is %v", got)
		}
		return nil
	},
}

var alone = pipelinetest.Rule{
	Name: "one release at a time is published",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		publishes := e.Step == "merge" || e.Step == "image-job" || e.Step == "nomock-release"
		if who := s.Holder("registry"); e.Kind == journal.Called && publishes && who != e.Run {
			return fmt.Errorf("%s is called for %s, and %q is there", e.Step, e.Run, who)
		}
		return nil
	},
}

func plan() pipeline.Pipeline { return Delivery(world(new(github), tests{}), autumn) }

func TestProved(t *testing.T) {
	if err := prove(plan()); err != nil {
		t.Error(err)
	}
}

func TestExplored(t *testing.T) {
	competing := exploration(plan())
	canceled := competing
	canceled.Runs, canceled.Cancels = 1, true
	if testing.Short() {
		competing.Crashes = 0
	}
	for _, x := range []pipelinetest.Exploration{competing, canceled} {
		if got := pipelinetest.Explore(t, x); !got.Complete {
			t.Errorf("explored %v; want all there is", got)
		} else {
			t.Log(got)
		}
	}
}
