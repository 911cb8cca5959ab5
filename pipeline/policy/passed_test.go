package policy_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

func TestAfterStep(t *testing.T) {
	d, scan := deploy(production, "deploy"), do("scan")
	const want = `"deploy" in "production": want "scan" to have ended well before`
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"a stage before", shop(scan, d), ""},
		{"a gate before", shop(ask("scan", two), d), ""},
		{"a condition that was decided before", shop(when("scan", do("look")), d), ""},
		{"beside it", shop(pipeline.Parallel{scan, d}), "steps[0][1]: " + want + "\n\tway: deploy begins"},
		{"only at times", shop(when("risky", scan), d), "steps[1]: " + want + "\n\tway: risky is not taken → deploy begins"},
		{"begun, and failed", shop(pipeline.OnFailure{Of: scan, Do: d}), "steps[0].do: " + want + "\n\tway: scan fails → deploy begins"},
		{"the step itself", shop(in(production, "scan")), `steps[0]: "scan" in "production": want "scan" to have ended well before` + "\n\tway: scan begins"},
		{"a name that is misspelt", shop(do("scna"), d), `steps[1]: "deploy" in "production": want a step "scan"; none has this name; did you mean "scna"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.AfterStep("scan")))
		})
	}
	either := policy.Any(policy.AfterStep("scan"), policy.AfterStep("test"))
	wantBroken(t, shop(pipeline.OnFailure{Of: scan, Do: do("test")}, d), "", policy.Each(inProduction, either))
}

// A name that is misspelt is told, however deep it is: with it a proof of the
// opposite, or of something else, could hold of nothing.
func TestAMisspeltNameIsNoProof(t *testing.T) {
	p := shop(do("scna"), do("test"), deploy(production, "deploy"))
	misspelt, there := policy.AfterStep("scan"), policy.AfterStep("test")
	never := policy.Not(policy.All())
	const want = `steps[2]: "deploy" in "production": want a step "scan"; none has this name; did you mean "scna"?`
	const more = "\n" + `steps[2]: "deploy" in "production": want a step "tset"; none has this name; did you mean "test"?`
	for _, tt := range []struct {
		name string
		c    policy.Condition
	}{
		{"not", policy.Not(misspelt)},
		{"not not", policy.Not(policy.Not(misspelt))},
		{"all", policy.All(there, misspelt)},
		{"not all, of which another does not hold", policy.Not(policy.All(never, misspelt))},
		{"any, of which another holds", policy.Any(there, misspelt)},
		{"any, of which another holds that is no step before", policy.Any(policy.All(), misspelt)},
		{"any of any", policy.Any(policy.Any(there, misspelt), there)},
		{"not any", policy.Not(policy.Any(never, misspelt))},
		{"all of any of not of all", policy.All(policy.Any(there, policy.Not(policy.All(there, misspelt))))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, p, want, policy.Each(inProduction, tt.c))
		})
	}
	wantBroken(t, p, want+more, policy.Each(inProduction, policy.Not(policy.Any(misspelt, policy.AfterStep("tset")))))
}

func TestPassed(t *testing.T) {
	d := deploy(production, "deploy")
	const want = `"deploy" in "production": want gate "2 approvals from group \"release-managers\"" to have passed`
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"before it", shop(ask("release", two), d), ""},
		{"as a part", shop(ask("release", gate.All(open, two)), d), ""},
		{"under another name on each way", shop(pipeline.OnFailure{Of: pipeline.Sequence{do("try"), ask("a", two)}, Do: ask("b", two)}, d), ""},
		{"at its environment", shop(deploy(guarded(production, two), "deploy")), ""},
		{"at an environment before", shop(in(guarded(staging, two), "stage"), d), ""},
		{"at the environment of a way out, which is not asked (R5)", shop(pipeline.OnFailure{Of: do("test"), Do: deploy(guarded(production, two), "deploy")}),
			"steps[0].do: " + want + "\n\tway: test fails → deploy begins"},
		{"one of several gates", shop(ask("release", gate.Any(two, open)), d), "steps[1]: " + want + "\n\tway: release → deploy begins"},
		{"another gate of its kind", shop(ask("release", approval.Quorum{Group: "release-managers"}), d), "steps[1]: " + want + "\n\tway: release → deploy begins"},
		{"beside it", shop(pipeline.Parallel{ask("release", two), d}), "steps[0][1]: " + want + "\n\tway: deploy begins"},
		{"unless it is skipped", shop(pipeline.Sequence{optional("release", two), do("tell")}, d), "steps[1]: " + want + "\n\tway: release is skipped → deploy begins"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantBroken(t, tt.p, tt.want, policy.Each(inProduction, policy.Passed(two)))
		})
	}
}

// A rule may be asked about a pipeline that Validate refuses.
func TestANameThatSeveralStepsHave(t *testing.T) {
	twice := shop(do("build"), do("build"), in(stage.Environment{Name: "prod"}, "deploy"))
	for _, rule := range []policy.Rule{policy.Chain{"build"}, policy.Each(policy.Everywhere, policy.AfterStep("build"))} {
		err := rule.Check(twice)
		if want := `want a step "build"; several have this name`; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Check = %v; want at its end %s", err, want)
		}
	}
}
