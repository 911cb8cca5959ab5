package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// wants checks a rule, and that it says what is wanted, or nothing.
func wants(t *testing.T, p pipeline.Pipeline, r policy.Rule, want string) {
	t.Helper()
	err := policy.Require(p, r)
	switch {
	case want == "" && err != nil:
		t.Errorf("Require = %v; want nil", err)
	case want != "" && count(err) != 1:
		t.Errorf("Require = %v; want one violation, of %s", err, want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("Require = %v; want in it %s", err, want)
	}
}

func TestChain(t *testing.T) {
	chain := policy.Chain{"build", "sure", "deploy"}
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"in order", shop(do("build"), ask("sure", two), do("deploy")), ""},
		{"with others between", shop(do("build"), do("test"), pipeline.Parallel{ask("sure", two), do("lint")}, when("public", do("deploy"))), ""},
		{"a step that is missing", shop(do("build"), ask("sure", two)), `want a step "deploy"; none has this name; there is "`},
		{"in another order", shop(ask("sure", two), do("build"), do("deploy")), `"sure": want "build" to have ended well before`},
		{"at the same time", shop(do("build"), pipeline.Parallel{ask("sure", two), do("deploy")}), `way: build → deploy begins`},
		{"only at times", shop(do("build"), when("risky", ask("sure", two)), do("deploy")), `way: build → risky is not taken → deploy begins`},
		{"only begun", shop(do("build"), ask("sure", two), pipeline.OnFailure{Of: do("try"), Do: do("deploy")}), ""},
		{"begun, and failed", shop(pipeline.OnFailure{Of: pipeline.Sequence{do("build"), ask("sure", two)}, Do: do("deploy")}), `way: build fails → deploy begins`},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, chain, tt.want) })
	}
	if err := policy.Require(shop(do("build")), policy.Chain{}); err != nil {
		t.Errorf("an empty Chain: Require = %v; want nil", err)
	}
}

func TestFlow(t *testing.T) {
	release := pipeline.Gate{Name: "release", Require: two, Subject: image, Environment: production}
	flow := policy.Flow{"deploy": image, "release": image, "tell": nil}
	bare := release
	bare.Subject = nil
	both := in(production, "deploy")
	both.Consumes = []string{"image", "log"}
	other := both
	other.Consumes = []string{"log"}
	logs := pipeline.Stage{Name: "logs", Run: work, Produces: []string{"log"}}
	telling := in(staging, "tell")
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"as listed", shop(release, in(production, "deploy"), do("tell")), ""},
		{"nothing decided on", shop(bare, in(production, "deploy"), do("tell")), `"release" in "production": want "image"; it decides on no artifacts`},
		{"another artifact too", shop(logs, release, both, do("tell")), `"deploy" in "production": want "image"; it consumes "image", "log"`},
		{"another artifact", shop(logs, release, other, do("tell")), `want "image"; it consumes "log"`},
		{"something for nothing", shop(release, in(production, "deploy"), telling), `"tell" in "staging": want no artifacts; it consumes "image"`},
		{"a step that is missing", shop(release, do("tell")), `want a step "deploy"; none has this name; there is "`},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, flow, tt.want) })
	}
}

func TestSays(t *testing.T) {
	says := policy.Says{"release": `2 approvals from group "release-managers"`, "soak": "watch of nothing"}
	soak := do("soak")
	soak.Run = text("watch of nothing")
	less := soak
	less.Run = text("watch of less")
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"word for word", shop(soak, ask("release", two)), ""},
		{"a stage that says something else", shop(less, ask("release", two)), `"soak": want "watch of nothing"; it says "watch of less"`},
		{"a gate that says something else", shop(soak, ask("release", open)), `"release": want "2 approvals from group \"release-managers\""; it says "gate.Func"`},
		{"a step that is missing", shop(soak), `want a step "release"; none has this name; there is "`},
		{"what says nothing", shop(soak, when("release", do("ship"))), `it says ""`},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, says, tt.want) })
	}
}

// text is a hook that says so.
type text string

func (x text) Describe() string { return string(x) }
func (text) Run(context.Context, stage.Input) (stage.Output, error) {
	return stage.Output{}, nil
}

func TestActs(t *testing.T) {
	acts := policy.Acts{"staging": {"stage", "smoke"}, "production": {"deploy"}, "": {"sign"}}
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"as listed", shop(do("sign"), in(staging, "stage"), in(staging, "smoke"), in(production, "deploy"), do("tell")), ""},
		{"elsewhere", shop(do("sign"), in(staging, "stage"), in(production, "smoke"), in(production, "deploy")), `"smoke" in "production": want it in "staging"`},
		{"nowhere", shop(do("sign"), in(staging, "stage"), in(staging, "smoke"), do("deploy")), `"deploy": want it in "production"`},
		{"somewhere", shop(in(staging, "sign"), in(staging, "stage"), in(staging, "smoke"), in(production, "deploy")), `"sign" in "staging": want no environment`},
		{"a stage that is missing", shop(do("sign"), in(staging, "stage"), in(staging, "smoke")), `want a step "deploy"; none has this name; there is "`},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, acts, tt.want) })
	}
}

func TestPlaced(t *testing.T) {
	nowhere := in(production, "deploy")
	nowhere.Environment.Name, nowhere.Environment.Tier = "", 0
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		but  []string
		want string
	}{
		{"in an environment", shop(in(production, "deploy")), nil, ""},
		{"nothing to act on", shop(do("test")), nil, ""},
		{"nowhere", shop(nowhere), nil, `"deploy": want an environment; it consumes "image", and names none`},
		{"nowhere, in a loop", shop(pipeline.ForEach{Name: "each", Items: some, Body: func(string) pipeline.Step { return nowhere }}), nil, `steps[0].body: "deploy"`},
		{"nowhere, as is declared", shop(nowhere), []string{"deploy"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { wants(t, tt.p, policy.Placed{But: tt.but}, tt.want) })
	}
}
