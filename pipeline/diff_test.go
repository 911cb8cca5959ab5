package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

func says(text string) gate.Gate { return describedGate{open, described(text)} }

func users() stage.Environment {
	return stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{says("no freeze")}, Config: map[string]string{"size": "3"}}
}

func does(name, text string) Stage {
	return with(work(name), func(s *Stage) { s.Run = describedRunner{nothing, described(text)} })
}

func watching(name string, d time.Duration) Stage {
	return with(in(users(), name), func(s *Stage) {
		s.Run = bake.Watch{For: d, Metrics: []bake.Metric{{Name: "errors"}}}
	})
}

// delivery returns a pipeline with two ways to production, one for hotfixes.
func delivery() Pipeline {
	return shop(
		Stage{Name: "build", Run: describedRunner{nothing, "make"}, Produces: []string{"image"}},
		Parallel{does("unit", "unit tests"), does("lint", "linters")},
		When{"hotfix", always, Sequence{ask("security-review"), in(users(), "patch")}},
		in(stage.Environment{Name: "staging", Tier: stage.Staging}, "rehearse"),
		Gate{Name: "release", Require: gate.All(says("tests are green"), approval.Quorum{Need: 2, Group: "managers"}), Subject: []string{"image"}, Environment: users()},
		OnFailure{
			Of: Sequence{
				with(in(users(), "canary"), func(s *Stage) { s.Run, s.Consumes = rollout.Canary{Traffic: 5}, []string{"image"} }),
				watching("bake", 30*time.Minute),
				with(in(users(), "deploy"), func(s *Stage) { s.Run, s.Consumes = rollout.Full{}, []string{"image"} }),
			},
			Do: in(users(), "roll-back"),
		},
	)
}

// signed returns a line for each change, with a sign that says its effect.
func signed(c Changes) string {
	var lines []string
	for _, d := range c {
		lines = append(lines, map[Effect]string{Weaker: "- ", Different: "~ ", Stronger: "+ "}[d.Effect]+d.Text)
	}
	return strings.Join(lines, "\n")
}

func lines(lines ...string) string { return strings.Join(lines, "\n") }

func TestDiffTells(t *testing.T) {
	at := func(i int, change func(Step) Step) func(*Pipeline) {
		return func(p *Pipeline) { p.Steps[i] = change(p.Steps[i]) }
	}
	release := func(change func(*Gate)) func(*Pipeline) {
		return at(4, func(s Step) Step { return with(s.(Gate), change) })
	}
	build := func(change func(*Stage)) func(*Pipeline) {
		return at(0, func(s Step) Step { return with(s.(Stage), change) })
	}
	out := func(change func(of Sequence) Step) func(*Pipeline) {
		return at(5, func(s Step) Step { return OnFailure{Of: change(s.(OnFailure).Of.(Sequence)), Do: s.(OnFailure).Do} })
	}
	everywhere := func(change func(*stage.Environment)) func(*Pipeline) {
		return func(p *Pipeline) {
			p.Steps = rewrite(p.Steps, func(s Stage) Stage {
				if s.Environment.Name == "production" {
					change(&s.Environment)
				}
				return s
			}).(Sequence)
			g := p.Steps[4].(Gate)
			change(&g.Environment)
			p.Steps[4] = g
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Pipeline)
		want   string
	}{
		{"nothing", func(*Pipeline) {}, lines()},

		{"a gate that is gone", func(p *Pipeline) { p.Steps = append(p.Steps[:4:4], p.Steps[5:]...) }, lines(
			"- path canary, bake, deploy, roll-back → production lost gate release")},
		{"the gate of one way that is gone", at(2, func(s Step) Step { return When{"hotfix", always, in(users(), "patch")} }), lines(
			"- path hotfix → patch → production lost gate security-review")},
		{"a gate that moved behind what it guards", func(p *Pipeline) { p.Steps[4], p.Steps[5] = p.Steps[5], p.Steps[4] }, lines(
			"- path canary, bake, deploy, roll-back → production lost gate release",
			"~ gate release: moved after deploy, was after rehearse")},
		{"a gate that can be skipped, for what is further out", func(p *Pipeline) { p.Steps[1] = Sequence{optional("early"), p.Steps[1]} }, lines(
			"- path hotfix → patch → production and path canary, bake, deploy → production and path rehearse → staging no longer come after unit, lint",
			"+ path unit, lint gained gate early")},
		{"one approval instead of two", release(func(g *Gate) {
			g.Require = gate.All(says("tests are green"), approval.Quorum{Need: 1, Group: "managers"})
		}), lines(
			"- gate release before production is weaker: `1 approval from group \"managers\"`, was `2 approvals from group \"managers\"`")},
		{"a part of a gate that is gone", release(func(g *Gate) { g.Require = approval.Quorum{Need: 2, Group: "managers"} }), lines(
			"- gate release no longer asks \"tests are green\" before production")},
		{"parts of a gate in another order", release(func(g *Gate) {
			g.Require = gate.All(approval.Quorum{Need: 2, Group: "managers"}, says("tests are green"))
		}), lines(
			"~ gate release asks the same before production in another way")},
		{"what becomes of a gate", release(func(g *Gate) { g.OnReject, g.Expires, g.OnExpire = Hold, 48*time.Hour, Skip }), lines(
			"~ gate release: when rejected, hold; was fail",
			"~ gate release: Expires 48h, was never",
			"~ gate release: when it expires, skip; was fail")},
		{"what a gate decides on", release(func(g *Gate) { g.Subject, g.Takes = nil, []string{"url"} }), lines(
			"- gate release no longer decides on image",
			"+ gate release now is told url")},
		{"a gate with another name", release(func(g *Gate) { g.Name = "go-live" }), lines(
			"~ gate release is now named go-live")},
		{"a stage with another name", build(func(s *Stage) { s.Name = "compile" }), lines(
			"~ stage build is now named compile")},
		{"a When with another name", at(2, func(s Step) Step { return with(s.(When), func(w *When) { w.Name = "urgent" }) }), lines(
			"~ When hotfix is now named urgent")},
		{"a shorter bake", out(func(of Sequence) Step { of[1] = watching("bake", 10*time.Minute); return of }), lines(
			"- stage bake: bake of 30m before 100 % is now 10m")},
		{"a bake that is gone", out(func(of Sequence) Step { return Sequence{of[0], of[2]} }), lines(
			"- path deploy → production no longer comes after bake, which is gone")},
		{"a bake beside the deployment", out(func(of Sequence) Step { return Sequence{of[0], Parallel{of[1], of[2]}} }), lines(
			"- path deploy → production no longer comes after bake",
			"~ stage bake: moved into a Parallel",
			"~ stage deploy: now after canary, no longer after bake, moved into a Parallel")},
		{"a test that is gone", func(p *Pipeline) { p.Steps[1] = Parallel{does("lint", "linters")} }, lines(
			"- path hotfix → patch → production and path canary, bake, deploy → production and path rehearse → staging no longer come after unit, which is gone")},
		{"a test that is new", func(p *Pipeline) { p.Steps[1] = append(p.Steps[1].(Parallel), work("load")) }, lines(
			"+ path hotfix → patch → production and path canary, bake, deploy → production and path rehearse → staging now come after load, which is new")},
		{"a test that moved to the end", func(p *Pipeline) {
			p.Steps[1] = does("lint", "linters")
			p.Steps = append(p.Steps, does("unit", "unit tests"))
		}, lines(
			"- path hotfix → patch → production and path canary, bake, deploy → production and path rehearse → staging no longer come after unit",
			"~ stage lint: moved out of a Parallel",
			"~ stage unit: moved after deploy, was after build, moved out of a Parallel",
			"+ path unit gained gate release")},
		{"a new way round a gate", func(p *Pipeline) {
			p.Steps = append(p.Steps[:4:4], append(Sequence{When{"express", always, in(users(), "rush")}}, p.Steps[4:]...)...)
		}, lines(
			"- path express → rush → production is new, behind no gate")},
		{"a new stage in production, before all gates", func(p *Pipeline) { p.Steps = append(Sequence{in(users(), "rush")}, p.Steps...) }, lines(
			"- path rush → production is new, behind no gate",
			"+ path hotfix → patch → production and path canary, bake, deploy → production and path rehearse → staging now come after rush, which is new")},
		{"no way back", at(5, func(s Step) Step { return s.(OnFailure).Of }), lines(
			"- a failure of canary, bake, deploy no longer leads to roll-back",
			"~ stage roll-back → production is gone")},
		{"a way back for part of it", at(5, func(s Step) Step {
			of := s.(OnFailure).Of.(Sequence)
			return Sequence{of[0], of[1], OnFailure{of[2], s.(OnFailure).Do}}
		}), lines(
			"- a failure of canary, bake no longer leads to roll-back")},
		{"another way back", at(5, func(s Step) Step { return OnFailure{s.(OnFailure).Of, in(users(), "page")} }), lines(
			"~ a failure of canary, bake, deploy now leads to page, no longer to roll-back",
			"~ stage roll-back → production is gone",
			"~ stage page → production is new")},
		{"a Finally around it", at(5, func(s Step) Step { return Finally{Of: s, Do: work("tell")} }), lines(
			"~ stage tell is new",
			"+ the end of canary, bake, deploy, roll-back now leads to tell")},
		{"a stage moved into the way out", at(5, func(s Step) Step {
			of := s.(OnFailure).Of.(Sequence)
			return OnFailure{Of: of[:2], Do: Sequence{s.(OnFailure).Do, of[2]}}
		}), lines(
			"- a failure of deploy no longer leads to roll-back",
			"- stage deploy no longer waits for the gates of production",
			"~ stage deploy: no longer after bake, moved into OnFailure.Do")},
		{"tests one after another", at(1, func(s Step) Step { return Sequence(s.(Parallel)) }), lines(
			"~ stage unit: moved out of a Parallel",
			"~ stage lint: now after unit, no longer after build, moved out of a Parallel",
			"~ gate security-review: no longer after unit")},
		{"tests in another order in a Parallel", at(1, func(s Step) Step { return Parallel{s.(Parallel)[1], s.(Parallel)[0]} }), lines(
			"~ the same steps are written down in another way: \"… build → (lint ∥ unit) → hotfix?(⟨security-review⟩ …\", was \"… build → (unit ∥ lint) → hotfix?(⟨security-review⟩ …\"")},
		{"another tier", everywhere(func(e *stage.Environment) { e.Tier = stage.Testing }), lines(
			"- environment production: tier testing, was production")},
		{"an environment with no gates, shared", everywhere(func(e *stage.Environment) { e.Gates, e.Shared, e.Queue = nil, true, stage.Newest }), lines(
			"- environment production no longer asks \"no freeze\"",
			"- environment production is shared: runs may overlap there, which they did not",
			"~ environment production: the newest run enters next, was the oldest")},
		{"another configuration", everywhere(func(e *stage.Environment) { e.Config = map[string]string{"size": "5", "zone": "eu"} }), lines(
			"~ environment production: config \"size\" is \"5\", was \"3\"",
			"~ environment production: config \"zone\" is new, \"eu\"")},
		{"an environment with another name", everywhere(func(e *stage.Environment) { e.Name = "live" }), lines(
			"~ environment production is now named live; its lock and its history begin anew")},
		{"a stage in another environment", at(3, func(s Step) Step { return in(users(), "rehearse") }), lines(
			"~ stage rehearse is for production, was for staging",
			"~ environment staging is gone, tier staging")},
		{"what a stage does, in a word", build(func(s *Stage) { s.Run = describedRunner{nothing, "bazel"} }), lines(
			"~ stage build: \"bazel\", was \"make\"")},
		{"artifacts", build(func(s *Stage) { s.Produces, s.Gives = []string{"image", "sbom"}, []string{"url"} }), lines(
			"~ stage build now produces sbom",
			"~ stage build now gives url")},
		{"what a Digest leaves out", build(func(s *Stage) {
			s.Timeout, s.Retry, s.Group, s.Unknown = time.Hour, Retry{3, time.Minute, time.Hour}, "builders", AskPerson
		}), lines(
			"~ stage build: Timeout 1h, was none",
			"~ stage build: Retry.Times 3, was none",
			"~ stage build: Retry.Wait 1m, was a second",
			"~ stage build: Retry.Most 1h, was 15m",
			"~ stage build: Group is \"builders\", was \"\"",
			"+ stage build: when a crash hid the outcome, ask a person; was call again")},
		{"what the trigger brings, and the name of all", func(p *Pipeline) { p.Name, p.Given = "store", []string{"notes"} }, lines(
			"~ the trigger now has to bring notes",
			"~ pipeline shop is now named store")},
		{"a Sequence around a step", at(0, func(s Step) Step { return Sequence{s} }), lines(
			"~ the same steps are written down in another way: \"shop: (build) → (unit …\", was \"shop: build → (unit …\"")},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := delivery()
			test.change(&q)
			if got := signed(Diff(delivery(), q)); got != test.want {
				t.Errorf("Diff tells\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}
