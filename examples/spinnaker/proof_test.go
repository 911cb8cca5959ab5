package spinnaker

import (
	"fmt"
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
	"github.com/penstock/penstock/stage/bake"
)

// prove returns why p may bring to production what was not compared and judged,
// or leave a cluster behind, or nil. The clusters serve users, so they are held to
// what production is but for what they are there to find out.
func prove(p pipeline.Pipeline) error {
	clusters, production := policy.Environments("baseline", "canary"), policy.Environments("production")
	return policy.Require(p,
		policy.Some(production), policy.Some(policy.Environments("baseline")), policy.Some(policy.Environments("canary")),
		policy.Each(policy.Everywhere, policy.AfterStep("bake"), policy.BuiltOnce{By: []string{"bake", "find-running"}, Not: production}, policy.Alone{}),
		policy.Each(clusters, policy.Any(policy.WayBack{}, policy.That("a stage that deploys nothing yet", finds))),
		policy.Each(production,
			policy.BuiltOnce{By: []string{"bake"}},
			policy.Verified{In: stage.Production},
			policy.Baked{For: lifetime, In: stage.Production},
			policy.AfterStep("score"),
			policy.Approved{Group: Judges},
			policy.Under(window.Inside(hours)),
			policy.WayBack{},
		),
		policy.Each(policy.Everywhere, policy.That("a score each hour", scored)),
		acts, flow, declared,
		policy.Func(judged),
		policy.Reachable{},
		policy.LockOrder{},
	)
}

// acts is where each stage acts.
var acts = policy.Acts{
	"":           {"bake"},
	"baseline":   {"find-running", "deploy-baseline", "destroy-baseline"},
	"canary":     {"deploy-canary", "analysis", "score", "destroy-canary"},
	"production": {"red-black", "back"},
}

// flow is what each stage acts on.
var flow = policy.Flow{
	"bake":             nil,
	"find-running":     nil,
	"deploy-baseline":  {"running"},
	"deploy-canary":    {"image"},
	"analysis":         {"image", "running"},
	"score":            {"image", "running"},
	"red-black":        {"image"},
	"back":             {"image"},
	"destroy-baseline": {"running"},
	"destroy-canary":   {"image"},
}

// declared is the environments: one run at a time, the oldest first. All of them
// serve users.
var declared = policy.Declares{
	{Name: "baseline", Tier: stage.Production, Config: oneSize},
	{Name: "canary", Tier: stage.Production, Config: oneSize},
	{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Inside(hours)}},
}

// oneSize is that of both clusters, so that nothing differs but the image.
var oneSize = map[string]string{"instances": "3"}

func finds(at policy.Place) error {
	if policy.Deploys(at.Stage) || len(at.Stage.Consumes) > 0 {
		return &policy.Violation{Reason: "it consumes something"}
	}
	return nil
}

// scored wants a bake to compare what both clusters run, and to end at the first
// score that is too low.
func scored(at policy.Place) error {
	w, ok := at.Stage.Run.(bake.Watch)
	if !ok {
		return nil
	}
	if err := policy.All(policy.AfterStep("deploy-baseline"), policy.AfterStep("deploy-canary")).Holds(at); err != nil {
		return err
	}
	want := bake.AtLeast(marginal).String()
	if w.Every > interval || w.Tolerate > 0 || w.MinSamples == 1 || w.Inconclusive != bake.Ask ||
		!slices.ContainsFunc(w.Metrics, func(m bake.Metric) bool { return m.Want.String() == want }) {
		return &policy.Violation{Reason: w.Describe()}
	}
	return nil
}

// judged wants one word against a release to stop it, and no answer as well.
func judged(p pipeline.Pipeline) error {
	want := gate.Describe(approval.Quorum{Group: Judges, Veto: true})
	for path, s := range p.All() {
		g, ok := s.(pipeline.Gate)
		switch {
		case !ok:
		case g.Environment.Name != "production" || !slices.Equal(g.Subject, []string{"image"}) || !slices.Equal(g.Takes, []string{"score"}):
			return fmt.Errorf("%s: gate %q is for %q, about %q and %q; want the image, its score, and production", path, g.Name, g.Environment.Name, g.Subject, g.Takes)
		case gate.Describe(g.Require) != want:
			return fmt.Errorf("%s: gate %q asks for %s; want %s", path, g.Name, gate.Describe(g.Require), want)
		case g.OnReject != pipeline.Fail || g.OnExpire != pipeline.Fail || g.Expires <= 0 || g.Expires > judgeable:
			return fmt.Errorf("%s: gate %q expires after %v; want a failure after %v", path, g.Name, g.Expires, judgeable)
		}
	}
	return nil
}

// exploration is what may become of a release, and of one after it. The rules of
// pipelinetest that want staging are left out, for there is none.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1, Outcomes: outcomes(p), Rules: []pipelinetest.Rule{
		pipelinetest.CalledOnce(), pipelinetest.LocksReleased(), pipelinetest.WaysBack(), pipelinetest.NoDeadEnd(),
		inOrder, compared, destroys,
	}}
}

// outcomes are those of stages that cannot ask a person: all but what scores.
func outcomes(p pipeline.Pipeline) map[string][]pipelinetest.Outcome {
	only := map[string][]pipelinetest.Outcome{}
	for _, s := range p.All() {
		if s, ok := s.(pipeline.Stage); ok && s.Name != "analysis" && s.Name != "score" {
			only[s.Name] = []pipelinetest.Outcome{
				pipelinetest.Succeeds, pipelinetest.Fails, pipelinetest.Passes, pipelinetest.FoundDone, pipelinetest.FoundNotDone,
			}
		}
	}
	return only
}

// inOrder is that each step comes when those before it have ended well.
var inOrder = pipelinetest.Rule{
	Name: "production changes after the canary was scored and judged",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		before := map[string][]string{
			"deploy-baseline": {"bake", "find-running"},
			"deploy-canary":   {"bake", "find-running"},
			"analysis":        {"deploy-baseline", "deploy-canary"},
			"score":           {"analysis"},
			"red-black":       {"score", "judgment"},
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

// compared is that a canary is compared while both clusters are its own.
var compared = pipelinetest.Rule{
	Name: "a canary has a baseline of its own until both are destroyed",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		if e.Kind != journal.Called || !slices.Contains([]string{"analysis", "score", "red-black"}, e.Step) {
			return nil
		}
		for _, cluster := range []string{"baseline", "canary"} {
			if got := s.Holder(cluster); got != e.Run {
				return fmt.Errorf("%s is called for %s while %q holds %s", e.Step, e.Run, got, cluster)
			}
		}
		return nil
	},
}

// destroys is that no run ends before it has destroyed what it deployed.
var destroys = pipelinetest.Rule{
	Name: "clusters are destroyed in any case",
	Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		if e.Kind != journal.Ended {
			return nil
		}
		for _, cluster := range []string{"baseline", "canary"} {
			deployed, gone := s.Step(e.Run, "deploy-"+cluster), s.Step(e.Run, "destroy-"+cluster)
			if (deployed == pipeline.Succeeded || deployed == pipeline.Failed) && gone != pipeline.Succeeded && gone != pipeline.Failed {
				return fmt.Errorf("%s has ended; destroy-%s is %v", e.Run, cluster, gone)
			}
		}
		return nil
	},
}

func TestProved(t *testing.T) {
	if err := prove(Delivery(world(nil))); err != nil {
		t.Error(err)
	}
}

func TestExplored(t *testing.T) {
	competing := exploration(Delivery(world(nil)))
	canceled := competing
	canceled.Runs, canceled.Cancels = 1, true
	for _, x := range []pipelinetest.Exploration{competing, canceled} {
		if got := pipelinetest.Explore(t, x); !got.Complete {
			t.Errorf("explored %v; want all there is", got)
		} else {
			t.Log(got)
		}
	}
}
