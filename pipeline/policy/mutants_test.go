package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// A plan is what varies of the pipelines here: each mutant changes one thing.
type plan struct {
	quorum    approval.Quorum
	subject   []string // of the gate
	staging   stage.Environment
	prod      stage.Environment
	deploy    string // what the deployments in production consume
	soak      time.Duration
	noGate    bool
	noTest    bool
	noBack    bool
	backLater bool // after telling
	swapped   bool // tested, then staged
	gateLate  bool // after the first share of traffic
	risky     bool // the gate is asked only if a condition holds
	any       bool // the gate passes for another reason too
	skip      bool // the gate is skipped, and production goes on
	parallel  bool // production beside staging
	outside   bool // the last bake is outside of what has a way back
	sideDoor  pipeline.Step
}

var yearEnd = window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-12-20", To: "2027-01-04"}}, Why: "year end"})

func sound() plan {
	return plan{
		quorum: two, subject: image, deploy: "image", soak: time.Hour,
		staging: staging, prod: guarded(production, yearEnd),
	}
}

// delivery is a pipeline as in the quickstart, with a soak: build, stage, test,
// ask, a share of the traffic, bake, all of it, with a way back.
func (x plan) delivery() pipeline.Pipeline {
	via := rollout.Full{Via: deployer{}}
	at := func(e stage.Environment, name string, run stage.Runner) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: run, Environment: e, Consumes: []string{"image"}}
	}
	release := func(name string, run stage.Runner) pipeline.Stage {
		s := at(x.prod, name, run)
		s.Consumes = []string{x.deploy}
		return s
	}
	stageIt, test := at(x.staging, "stage", via), at(x.staging, "smoke", work)
	soak := at(x.staging, "soak", bake.Watch{For: x.soak, Metrics: []bake.Metric{{Name: "errors", Want: bake.AtMost(0), Source: quiet}}})
	pre := pipeline.Sequence{stageIt, test, soak}
	switch {
	case x.noTest:
		pre = pipeline.Sequence{stageIt}
	case x.swapped:
		pre = pipeline.Sequence{test, soak, stageIt}
	}
	require := gate.Gate(x.quorum)
	if x.any {
		require = gate.Any(require, open)
	}
	g := pipeline.Gate{Name: "release", Require: require, Subject: x.subject, Environment: x.prod}
	var ask pipeline.Step = g
	switch {
	case x.noGate || x.gateLate:
		ask = pipeline.Stage{Name: "tell", Run: work}
	case x.risky:
		ask = when("risky", g)
	case x.skip:
		g.OnReject = pipeline.Skip
		ask = pipeline.Sequence{g, pipeline.Stage{Name: "tell", Run: work}}
	}
	canary, watched, all := release("canary", rollout.Canary{Via: deployer{}, Traffic: 10}), release("bake", soak.Run), release("everybody", via)
	out := pipeline.Sequence{canary, watched, all}
	if x.gateLate {
		out = pipeline.Sequence{canary, g, watched, all}
	}
	var undo pipeline.Step = release("go-back", rollout.Back{Via: deployer{}})
	if x.backLater {
		undo = pipeline.Sequence{pipeline.Stage{Name: "tell-all", Run: work}, undo}
	}
	var prod pipeline.Step = pipeline.OnFailure{Of: out, Do: undo}
	switch {
	case x.noBack:
		prod = out
	case x.outside:
		prod = pipeline.Sequence{pipeline.OnFailure{Of: pipeline.Sequence{canary, all}, Do: undo}, watched}
	}
	steps := pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: work, Produces: []string{"image"}},
		pipeline.Stage{Name: "build-again", Run: work, Produces: []string{"other-image"}},
	}
	if x.parallel {
		steps = append(steps, pipeline.Parallel{pre, pipeline.Sequence{ask, prod}})
	} else {
		steps = append(steps, pre, ask, prod)
	}
	if x.sideDoor != nil {
		steps = pipeline.Sequence{steps[0], steps[1], pipeline.Parallel{pipeline.Sequence(steps[2:]), x.sideDoor}}
	}
	return pipeline.Pipeline{Name: "shop", Steps: steps}
}

// rules are what an auditor wants of it.
var rules = policy.Rules{
	policy.Some(policy.Environments("production")),
	policy.Each(inProduction,
		policy.Approved{Need: 2, Group: "release-managers"},
		policy.Verified{},
		policy.Baked{For: time.Hour, In: stage.Staging},
		policy.Under(yearEnd),
		policy.WayBack{},
		policy.BuiltOnce{By: []string{"build"}},
	),
	policy.Each(policy.Everywhere, policy.Alone{}),
	policy.Reachable{Barred: 1},
	policy.LockOrder{},
}

func TestASoundPipelineKeepsTheRules(t *testing.T) {
	if err := policy.Require(sound().delivery(), rules...); err != nil {
		t.Error(err)
	}
}

func TestMutantsAreFound(t *testing.T) {
	hotfix := in(guarded(production, yearEnd), "hotfix")
	for _, test := range []struct {
		name   string
		mutate func(x *plan)
		want   string // in what is said
	}{
		{"the gate is dropped", func(x *plan) { x.noGate = true }, `"canary" in "production": want 2 approvals from group "release-managers", none by an author or the starter`},
		{"the quorum is lowered", func(x *plan) { x.quorum.Need = 1 }, `gate "release" asks for 1`},
		{"the quorum is of others", func(x *plan) { x.quorum.Group = "everybody" }, `gate "release" asks for 0 from group "release-managers"`},
		{"authors may approve", func(x *plan) { x.quorum.AllowAuthor = true }, `gate "release" counts the votes of authors`},
		{"the starter may approve", func(x *plan) { x.quorum.AllowStarter = true }, `gate "release" counts the vote of the starter`},
		{"the gate has a way around", func(x *plan) { x.any = true }, `none by an author or the starter`},
		{"the gate decides on nothing", func(x *plan) { x.subject = nil }, `gate "release" does not decide on "image"`},
		{"the gate decides on something else", func(x *plan) { x.subject = []string{"other-image"} }, `gate "release" does not decide on "image"`},
		{"the gate is asked too late", func(x *plan) { x.gateLate = true }, `soak → tell → canary begins`},
		{"the gate is asked at times", func(x *plan) { x.risky = true }, `risky is not taken → canary begins`},
		{"the gate is skipped", func(x *plan) { x.skip = true }, `release is skipped → canary begins`},
		{"another image is deployed", func(x *plan) { x.deploy, x.subject = "other-image", []string{"other-image"} }, `"other-image" is built by stage "build-again"; only "build" may`},
		{"the test is dropped", func(x *plan) { x.noTest = true }, `want a verification in tier staging`},
		{"the test comes before what it tests", func(x *plan) { x.swapped = true }, `stage "smoke" can be reached without a stage that deploys to "staging"`},
		{"staging is for development", func(x *plan) { x.staging.Tier = stage.Development }, `want a verification in tier staging`},
		{"staging declares no tier", func(x *plan) { x.staging.Tier = stage.Undeclared }, `"stage" in "staging": want 2 approvals`},
		{"the soak is shorter", func(x *plan) { x.soak = 59 * time.Minute }, `stage "soak" bakes for 59m0s`},
		{"production goes out beside staging", func(x *plan) { x.parallel = true }, `build → build-again → release → canary begins`},
		{"the freeze is dropped", func(x *plan) { x.prod.Gates = nil }, `want an environment with gate`},
		{"the freeze is shorter", func(x *plan) {
			x.prod.Gates = []gate.Gate{window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-12-24", To: "2027-01-04"}}})}
		}, `want an environment with gate`},
		{"the way back is dropped", func(x *plan) { x.noBack = true }, `"canary" in "production": want a way back; it is in no OnFailure`},
		{"the way back comes after what may fail", func(x *plan) { x.backLater = true }, `no stage that puts "production" back comes first`},
		{"the bake has no way back", func(x *plan) { x.outside = true }, `"bake" in "production": want a way back`},
		{"production is Shared", func(x *plan) { x.prod.Shared = true }, `runs may overlap there, as it is Shared`},
		{"production is called something else", func(x *plan) { x.prod.Name, x.prod.Tier = "live", stage.Testing }, `want a stage in one of the environments`},
		{"two people, one of whom may have written it", func(x *plan) {
			x.quorum = approval.Quorum{Need: 2, From: []string{"ada", "bob"}}
		}, `not if ada may not vote`},
		{"a hotfix has a door of its own", func(x *plan) { x.sideDoor = when("urgent", hotfix) }, `urgent is taken → hotfix begins`},
		{"a loop has a door of its own", func(x *plan) {
			x.sideDoor = pipeline.ForEach{Name: "each", Items: some, Body: func(item string) pipeline.Step {
				return deploy(stage.Environment{Name: "production-" + item, Tier: stage.Production}, "to-"+item)
			}}
		}, `each has an item → to-item begins`},
		{"a way out is a door of its own", func(x *plan) {
			x.sideDoor = pipeline.OnFailure{Of: do("try"), Do: deploy(x.prod, "push")}
		}, `try fails → push begins`},
		{"what is done finally is a door of its own", func(x *plan) {
			x.sideDoor = pipeline.Finally{Of: ask("sure", two), Do: deploy(x.prod, "push")}
		}, `sure is rejected → push begins`},
		{"a second target is not behind the gate", func(x *plan) { // solutions-modern-cicd-anthos#39
			x.sideDoor = graph(node(do("plan")), node(deploy(stage.Environment{Name: "production-us", Tier: stage.Production}, "us"), "plan"))
		}, `plan → us begins`},
		{"what locks is taken in another order", func(x *plan) {
			x.sideDoor = pipeline.Sequence{in(x.prod, "hold"), in(x.staging, "peek"), in(x.prod, "drop"), in(x.staging, "leave")}
		}, `want environments to be entered in one order`},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := sound()
			test.mutate(&x)
			err := policy.Require(x.delivery(), rules...)
			if err == nil {
				t.Fatal("Require = nil; want a violation")
			}
			if count(err) == 0 {
				t.Fatalf("Require = %v; want violations: the mutant has to be valid", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("Require says\n%v\nwant in it\n%s", err, test.want)
			}
		})
	}
}
