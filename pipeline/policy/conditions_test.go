package policy_test

import (
	"testing"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
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
