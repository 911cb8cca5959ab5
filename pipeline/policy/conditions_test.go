package policy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

func TestApproved(t *testing.T) { // G4, G5
	release := ask("release", two)
	d := deploy(production, "deploy")
	for _, test := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"approved", shop(release, d), ""},
		{"approved by part of a gate", shop(ask("release", gate.All(open, &two)), d), ""},
		{"approved by slots", shop(ask("release", approval.Quorum{Slots: []approval.Slot{{Group: "dev"}, {Group: "ops"}}}), d), ""},
		{"approved at the environment", shop(deploy(guarded(production, two), "deploy")), ""},
		{"not approved", shop(do("test"), d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: test → deploy begins`},
		{"by one person", shop(ask("release", approval.Quorum{Group: "ops"}), d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter; gate "release" asks for 1
	way: release → deploy begins`},
		{"by authors", shop(ask("release", approval.Quorum{Need: 2, Anyone: true, AllowAuthor: true}), d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter; gate "release" counts the votes of authors
	way: release → deploy begins`},
		{"either gate", shop(ask("release", gate.Any(two, open)), d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: release → deploy begins`},
		{"of something else", shop(pipeline.Gate{Name: "release", Require: two}, d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter; gate "release" does not decide on "image"
	way: release → deploy begins`},
		{"for another environment", shop(pipeline.Gate{Name: "release", Require: two, Subject: image, Environment: staging}, d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter; gate "release" is for environment "staging"
	way: release → deploy begins`},
		{"after it", shop(d, release, do("tell")), `steps[0]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: deploy begins`},
		{"beside it", shop(pipeline.Parallel{release, d}), `steps[0][1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: deploy begins`},
		{"if a condition holds", shop(when("risky", release), d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: risky is not taken → deploy begins`},
		{"unless it is skipped", shop(pipeline.Sequence{optional("release", two), do("tell")}, d), `steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: release is skipped → deploy begins`},
		{"if it is skipped, this is too", shop(optional("release", two), d), ""},
		{"in another branch of a graph", shop(graph(node(release), node(do("scan")), node(d, "scan"))), `steps[0].nodes[2]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: scan → deploy begins`},
		{"far before in a graph", shop(graph(node(release), node(do("scan"), "release"), node(d, "scan"))), ""},
		{"before the way out", shop(release, pipeline.OnFailure{Of: d, Do: back(production, "back")}), ""},
		{"inside what the way out is from", shop(pipeline.OnFailure{Of: pipeline.Sequence{do("warm-up"), release, d}, Do: back(production, "back")}), `steps[0].do: "back" in "production": want 2 approvals, none by an author or the starter
	way: warm-up fails → back begins`},
		{"another one before each stage of that", shop(pipeline.OnFailure{
			Of: pipeline.Parallel{pipeline.Sequence{ask("a", two), do("x")}, pipeline.Sequence{ask("b", two), do("y")}},
			Do: back(production, "back"),
		}), ""},
		{"at the environment of what failed", shop(pipeline.OnFailure{Of: deploy(guarded(production, two), "deploy"), Do: back(guarded(production, two), "back")}), ""},
		{"at the environment of a way out, which is not asked (R5)", shop(pipeline.OnFailure{Of: do("test"), Do: back(guarded(production, two), "back")}), `steps[0].do: "back" in "production": want 2 approvals, none by an author or the starter
	way: test fails → back begins`},
		{"before what is done finally, but after it was entered", shop(pipeline.Finally{Of: pipeline.Sequence{release, d}, Do: in(production, "clean")}), `steps[0].do: "clean" in "production": want 2 approvals, none by an author or the starter
	way: release is rejected → clean begins`},
		{"an environment without a tier (E8)", shop(deploy(stage.Environment{Name: "prod"}, "deploy")), `steps[0]: "deploy" in "prod": want 2 approvals, none by an author or the starter
	way: deploy begins`},
		{"for each item", shop(pipeline.ForEach{Name: "region", Items: some, Body: func(item string) pipeline.Step {
			return pipeline.Sequence{ask("release-"+item, two), deploy(stage.Environment{Name: item, Tier: stage.Production}, "deploy-"+item)}
		}}), ""},
		{"for items of another loop", shop(
			pipeline.ForEach{Name: "ask", Items: some, Body: func(item string) pipeline.Step { return ask("release-"+item, two) }}, d),
			`steps[1]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: ask has no items → deploy begins`},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantBroken(t, test.p, test.want, policy.Each(inProduction, policy.Approved{Need: 2}))
		})
	}
}

func TestApprovedAsksForLess(t *testing.T) {
	lax := approval.Quorum{Group: "ops", AllowAuthor: true, AllowStarter: true}
	p := shop(pipeline.Gate{Name: "release", Require: lax}, deploy(production, "deploy"))
	for _, test := range []struct {
		name string
		want policy.Approved
		ok   bool
	}{
		{"of other artifacts, by anyone", policy.Approved{AllowAuthor: true, AllowStarter: true, Unbound: true}, true},
		{"by a group", policy.Approved{Group: "ops", AllowAuthor: true, AllowStarter: true, Unbound: true}, true},
		{"by another group", policy.Approved{Group: "dev", AllowAuthor: true, AllowStarter: true, Unbound: true}, false},
		{"not by the starter", policy.Approved{AllowAuthor: true, Unbound: true}, false},
		{"not by an author", policy.Approved{AllowStarter: true, Unbound: true}, false},
		{"of these artifacts", policy.Approved{AllowAuthor: true, AllowStarter: true}, false},
	} {
		if err := policy.Require(p, policy.Each(inProduction, test.want)); (err == nil) != test.ok {
			t.Errorf("%s: Require = %v; want it kept: %v", test.name, err, test.ok)
		}
	}
}

func TestVerified(t *testing.T) {
	up, test, d := deploy(staging, "stage"), in(staging, "test"), deploy(production, "deploy")
	const want = `"deploy" in "production": want a verification in tier staging`
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"deployed, verified, deployed", shop(up, test, d), ""},
		{"deployed, watched, deployed", shop(up, watch(staging, "soak", 1), d), ""},
		{"verified beside another", shop(up, pipeline.Parallel{test, do("scan")}, d), ""},
		{"not verified", shop(up, d), "steps[1]: " + want + "\n\tway: stage → deploy begins"},
		{"verified before it was deployed", shop(test, up, d), "steps[2]: " + want + "; stage \"test\" can be reached without a stage that deploys to \"staging\"\n\tway: test → stage → deploy begins"},
		{"deployed if a condition holds", shop(when("new", up), test, d), "steps[2]: " + want + "; stage \"test\" can be reached without a stage that deploys to \"staging\"\n\tway: new is not taken → test → deploy begins"},
		{"put back and verified", shop(back(staging, "undo"), test, d), "steps[2]: " + want + "; stage \"test\" can be reached without a stage that deploys to \"staging\"\n\tway: undo → test → deploy begins"},
		{"verified something else", pipeline.Pipeline{Name: "shop", Given: []string{"image", "chart"}, Steps: pipeline.Sequence{up, with(test, "chart"), d}},
			"steps[2]: " + want + "; stage \"test\" does not consume \"image\"\n\tway: stage → test → deploy begins"},
		{"verified in a place that declares no tier", shop(deploy(stage.Environment{Name: "qa"}, "stage"), in(stage.Environment{Name: "qa"}, "test"), d),
			"steps[0]: \"stage\" in \"qa\": want a verification in tier staging\n\tway: stage begins\nsteps[1]: \"test\" in \"qa\": want a verification in tier staging\n\tway: stage → test begins\nsteps[2]: " + want + "\n\tway: stage → test → deploy begins"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.Verified{}))
		})
	}
}

func with(s pipeline.Stage, consumes ...string) pipeline.Stage {
	s.Consumes = consumes
	return s
}

func TestBaked(t *testing.T) {
	d := deploy(production, "deploy")
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"long enough", shop(watch(staging, "soak", time.Hour), d), ""},
		{"longer", shop(watch(staging, "soak", 2*time.Hour), d), ""},
		{"too short", shop(watch(staging, "soak", 10*time.Minute), d), `steps[1]: "deploy" in "production": want a bake of 1h0m0s in tier staging; stage "soak" bakes for 10m0s
	way: soak → deploy begins`},
		{"twice half as long", shop(watch(staging, "soak", time.Hour/2), watch(staging, "soak-more", time.Hour/2), d), `steps[2]: "deploy" in "production": want a bake of 1h0m0s in tier staging; stage "soak" bakes for 30m0s; stage "soak-more" bakes for 30m0s
	way: soak → soak-more → deploy begins`},
		{"elsewhere", shop(watch(stage.Environment{Name: "dev", Tier: stage.Development}, "soak", time.Hour), d), `steps[1]: "deploy" in "production": want a bake of 1h0m0s in tier staging; stage "soak" bakes in tier development
	way: soak → deploy begins`},
		{"no bake", shop(in(staging, "test"), d), `steps[1]: "deploy" in "production": want a bake of 1h0m0s in tier staging
	way: test → deploy begins`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.Baked{For: time.Hour, In: stage.Staging}))
		})
	}
}

func TestUnder(t *testing.T) { // E3, G9
	freeze := func(day window.Date) gate.Gate {
		return window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: day}}})
	}
	christmas, easter := freeze("2026-12-24"), freeze("2026-04-05")
	both := policy.Each(inProduction, policy.Under(christmas, easter))
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"both", shop(deploy(guarded(production, easter, freeze("2026-12-24")), "deploy")), ""},
		{"both in one gate", shop(deploy(guarded(production, gate.All(easter, open, christmas)), "deploy")), ""},
		{"one of them", shop(deploy(guarded(production, christmas), "deploy")), `steps[0]: "deploy" in "production": want an environment with gate "` + gate.Describe(easter) + `"; it has "` + gate.Describe(christmas) + `"`},
		{"in the tree, where it is asked once", shop(ask("christmas", christmas), ask("easter", easter), deploy(production, "deploy")),
			`steps[2]: "deploy" in "production": want an environment with gate "` + gate.Describe(christmas) + `"; it has none` + "\n" +
				`steps[2]: "deploy" in "production": want an environment with gate "` + gate.Describe(easter) + `"; it has none`},
		{"not for a way out (R5)", shop(pipeline.OnFailure{Of: do("x"), Do: back(production, "back")}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) { wantBroken(t, tt.p, tt.want, both) })
	}
}

func TestUnderTellsFunctionsApart(t *testing.T) {
	if err := policy.Require(shop(deploy(guarded(production, open), "deploy")), policy.Each(inProduction, policy.Under(open))); err == nil {
		t.Error("Require = nil; want a violation, for two functions cannot be compared")
	}
}

func TestWayBack(t *testing.T) { // R5, E5
	d, b := deploy(production, "deploy"), back(production, "back")
	const want = `"deploy" in "production": want a way back; `
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"on failure", shop(pipeline.OnFailure{Of: d, Do: b}), ""},
		{"on failure of more", shop(pipeline.OnFailure{Of: pipeline.Sequence{pipeline.OnFailure{Of: d, Do: do("tell")}, do("x")}, Do: pipeline.Parallel{do("tell-more"), b}}), ""},
		{"finally", shop(pipeline.Finally{Of: d, Do: b}), ""},
		{"whatever else is done fails", shop(pipeline.OnFailure{Of: d, Do: pipeline.Finally{Of: do("tell"), Do: b}}), ""},
		{"a graph", shop(pipeline.OnFailure{Of: d, Do: graph(node(do("tell")), node(b))}), ""},
		{"none", shop(d), "steps[0]: " + want + "it is in no OnFailure"},
		{"somewhere else", shop(pipeline.OnFailure{Of: d, Do: back(staging, "back")}), "steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"of another kind", shop(pipeline.OnFailure{Of: d, Do: in(production, "clean")}), "steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"if telling does not fail", shop(pipeline.OnFailure{Of: d, Do: pipeline.Sequence{do("tell"), b}}), "steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"if somebody agrees", shop(pipeline.OnFailure{Of: d, Do: pipeline.Sequence{ask("sure", two), b}}), "steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"if a condition holds", shop(pipeline.OnFailure{Of: d, Do: when("bad", b)}), "steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"in a graph that may begin nothing else", shop(pipeline.OnFailure{Of: d, Do: pipeline.Graph{Nodes: []pipeline.Node{node(do("tell")), node(b)}, FailFast: true, Max: 1}}),
			"steps[0].of: " + want + `no stage that puts "production" back comes first at steps[0].do`},
		{"a bake outside", shop(pipeline.OnFailure{Of: d, Do: b}, watch(production, "bake", 1)), `steps[1]: "bake" in "production": want a way back; it is in no OnFailure`},
		{"declared that there is none", shop(in(production, "migrate"), pipeline.OnFailure{Of: d, Do: b}), ""},
		{"a way back over that", shop(pipeline.OnFailure{Of: pipeline.Sequence{in(production, "migrate"), d}, Do: b}),
			`steps[0].of[0]: "migrate" in "production": want no way back over a point of no return; if what follows fails, stage "back" goes back over it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.WayBack{NoReturn: []string{"migrate"}}))
		})
	}
	own := policy.WayBack{GoesBack: func(s pipeline.Stage) bool { return s.Name == "undo" }}
	wantBroken(t, shop(pipeline.OnFailure{Of: d, Do: in(production, "undo")}), "", policy.Each(inProduction, own))
}

func TestBuiltOnce(t *testing.T) {
	build := pipeline.Stage{Name: "build", Run: work, Produces: []string{"app"}}
	again := pipeline.Stage{Name: "rebuild", Run: work, Environment: production, Produces: []string{"app"}}
	d := with(deploy(production, "deploy"), "app")
	const want = `"deploy" in "production": want artifacts that were built once; `
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"built", shop(build, d), ""},
		{"given", shop(deploy(production, "deploy")), ""},
		{"built in production", shop(again, d), `steps[1]: ` + want + `"app" is built by stage "rebuild" in environment "production"`},
		{"built by another stage", shop(pipeline.Stage{Name: "make", Run: work, Produces: []string{"app"}}, d), `steps[1]: ` + want + `"app" is built by stage "make"; only "build" may`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.BuiltOnce{By: []string{"build"}}))
		})
	}
	once := policy.Each(inProduction, policy.BuiltOnce{})
	for name, p := range map[string]pipeline.Pipeline{
		"twice":      shop(build, again, d),
		"given also": {Name: "shop", Given: []string{"app"}, Steps: pipeline.Sequence{build, d}},
		"not at all": {Name: "shop", Steps: pipeline.Sequence{d}},
	} {
		if err := once.Check(p); err == nil {
			t.Errorf("built %s: Check = nil; want a violation also if Validate was not asked", name)
		}
	}
}

func TestAlone(t *testing.T) { // E1
	eu, us := deploy(production, "eu"), deploy(production, "us")
	shared := production
	shared.Shared = true
	each := func(max int, body func(string) pipeline.Step) pipeline.ForEach {
		return pipeline.ForEach{Name: "region", Items: some, Body: body, Max: max}
	}
	const want = `want no other stage to change the environment at the same time; `
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"one after another", shop(eu, us), ""},
		{"one after another in a graph", shop(graph(node(eu), node(do("x"), "eu"), node(us, "x"))), ""},
		{"in branches", shop(pipeline.Parallel{eu, us}), `steps[0][1]: "us" in "production": ` + want + `stage "eu" at steps[0][0] may be under way too`},
		{"in a graph", shop(graph(node(eu), node(us))), `steps[0].nodes[1]: "us" in "production": ` + want + `stage "eu" at steps[0].nodes[0] may be under way too`},
		{"in a branch and a way out", shop(pipeline.Parallel{eu, pipeline.OnFailure{Of: do("x"), Do: back(production, "undo")}}), `steps[0][1].do: "undo" in "production": ` + want + `stage "eu" at steps[0][0] may be under way too`},
		{"in two environments", shop(pipeline.Parallel{eu, deploy(staging, "us")}), ""},
		{"tests beside each other", shop(pipeline.Parallel{in(staging, "a"), in(staging, "b")}), ""},
		{"tests beside each other without a lock", shop(pipeline.Parallel{in(shared, "a"), in(shared, "b")}), `steps[0][1]: "b" in "production": ` + want + `stage "a" at steps[0][0] may be under way too`},
		{"watching without a lock", shop(pipeline.Parallel{in(shared, "a"), watch(shared, "b", 1)}), ""},
		{"deployed without a lock", shop(deploy(shared, "a")), `steps[0]: "a" in "production": ` + want + `runs may overlap there, as it is Shared`},
		{"for items at a time", shop(each(0, func(item string) pipeline.Step { return deploy(production, "to-"+item) })), `steps[0].body: "to-item" in "production": ` + want + `ForEach "region" takes it for several items at a time`},
		{"for one item at a time", shop(each(1, func(item string) pipeline.Step { return deploy(production, "to-"+item) })), ""},
		{"for items, each somewhere else", shop(each(0, func(item string) pipeline.Step { return deploy(stage.Environment{Name: item}, "to-"+item) })), ""},
	} {
		t.Run(tt.name, func(t *testing.T) { wantBroken(t, tt.p, tt.want, policy.Each(policy.Everywhere, policy.Alone{})) })
	}
}

func TestCombinations(t *testing.T) {
	security := policy.After("a security review", func(s pipeline.Step) bool { return pipeline.Name(s) == "security" })
	d := deploy(production, "deploy")
	branches := pipeline.OnFailure{
		Of: pipeline.Parallel{pipeline.Sequence{ask("release", two), do("x")}, pipeline.Sequence{ask("security", open), do("y")}},
		Do: back(production, "back"),
	}
	never := policy.That("that nobody asks", func(policy.Place) error { return errors.New("somebody does") })
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		c    policy.Condition
		want string
	}{
		{"another one on each way", shop(branches), policy.Any(policy.Approved{Need: 2}, security), ""},
		{"one of both", shop(ask("security", open), d), policy.Any(never, security), ""},
		{"none of both", shop(do("test"), d), policy.Any(never, policy.Any(policy.Approved{Need: 2}, security)),
			`steps[1]: "deploy" in "production": want (that nobody asks, or (2 approvals, none by an author or the starter, or a security review)); somebody does` + "\n\tway: test → deploy begins"},
		{"both", shop(ask("security", open), ask("release", two), d), policy.All(policy.Approved{Need: 2}, security), ""},
		{"each that is missing", shop(d), policy.All(policy.Approved{Need: 2}, security), `steps[0]: "deploy" in "production": want 2 approvals, none by an author or the starter
	way: deploy begins
steps[0]: "deploy" in "production": want a security review
	way: deploy begins`},
		{"not", shop(d), policy.Not(security), ""},
		{"not so", shop(ask("security", open), d), policy.Not(security), `steps[1]: "deploy" in "production": want not a security review; it holds here`},
		{"all of none", shop(d), policy.All(), ""},
		{"any of none", shop(d), policy.Any(), `steps[0]: "deploy" in "production": want one of no conditions`},
	} {
		t.Run(tt.name, func(t *testing.T) { wantBroken(t, tt.p, tt.want, policy.Each(inProduction, tt.c)) })
	}
}
