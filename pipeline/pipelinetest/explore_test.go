package pipelinetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

func work(name string) pipeline.Stage { return pipeline.Stage{Name: name, Run: must} }

func in(env stage.Environment, name string) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: must, Environment: env, Consumes: []string{"image"}}
}

func named(steps ...pipeline.Step) pipeline.Pipeline {
	return pipeline.Pipeline{Name: "toy", Steps: steps}
}

var (
	stagingPlace    = stage.Environment{Name: "staging", Tier: stage.Staging}
	productionPlace = stage.Environment{Name: "production", Tier: stage.Production}
	guarded         = stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{manager.Require}}
	guardedStaging  = stage.Environment{Name: "staging", Tier: stage.Staging, Gates: guarded.Gates}
	makesImage      = pipeline.Stage{Name: "build", Run: must, Produces: []string{"image"}}
	earlyManager    = pipeline.Gate{Name: "early", Require: approval.Quorum{Group: "release-managers"}}
	lateManager     = pipeline.Gate{Name: "late", Require: earlyManager.Require}
	manager         = pipeline.Gate{Name: "release", Require: approval.Quorum{Group: "release-managers"}, Subject: []string{"image"}}
)

// onlyFails has the named stages succeed or fail.
func onlyFails(names ...string) map[string][]pipelinetest.Outcome {
	all := map[string][]pipelinetest.Outcome{}
	for _, name := range names {
		all[name] = []pipelinetest.Outcome{pipelinetest.Succeeds, pipelinetest.Fails}
	}
	return all
}

// other returns a pipeline that competes with one that is named.
func other(steps ...pipeline.Step) pipeline.Pipeline {
	return pipeline.Pipeline{Name: "other", Steps: steps}
}

// careful is a delivery that keeps all rules.
func careful() pipeline.Pipeline {
	return named(makesImage, in(stagingPlace, "stage"), manager, pipeline.OnFailure{
		Of: pipeline.Sequence{in(productionPlace, "deploy"), in(productionPlace, "verify")},
		Do: in(productionPlace, "back"),
	})
}

// crossing takes two environments in opposite order.
func crossing() pipeline.Pipeline {
	a, b := stage.Environment{Name: "a"}, stage.Environment{Name: "b"}
	stay := func(env stage.Environment, name string) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: must, Environment: env}
	}
	return named(pipeline.Parallel{
		pipeline.Sequence{work("left"), stay(a, "a1"), stay(b, "b1")},
		pipeline.Sequence{work("right"), stay(b, "b2"), stay(a, "a2")},
	})
}

// frozen is a careful delivery to where freezes hold.
func frozen() pipeline.Pipeline {
	return named(makesImage, in(stagingPlace, "stage"), manager, pipeline.OnFailure{
		Of: pipeline.Sequence{in(guarded, "deploy"), in(guarded, "verify")},
		Do: in(guarded, "back"),
	})
}

// nested holds environment outer while it takes inner.
func nested(outer, inner string) pipeline.Step {
	stay := func(env, name string) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: must, Environment: stage.Environment{Name: env}}
	}
	return pipeline.Sequence{stay(outer, "outer"), stay(inner, "inner"), stay(outer, "again")}
}

func TestExploreCountsStates(t *testing.T) {
	items := func(context.Context, pipeline.Facts) ([]string, error) { return nil, errors.New("asked") }
	decide := func(context.Context, pipeline.Facts) (bool, error) { return false, errors.New("asked") }
	for _, test := range []struct {
		name                string
		x                   pipelinetest.Exploration
		states, transitions int
	}{
		{"a stage is called, and succeeds, fails or asks", pipelinetest.Exploration{Pipeline: named(work("a"))}, 4, 3},
		{"the second of two stages is reached from one of the ends of the first", pipelinetest.Exploration{Pipeline: named(work("a"), work("b"))}, 7, 6},
		{"two stages at once are in any of 4 × 4 states", pipelinetest.Exploration{Pipeline: named(pipeline.Parallel{work("a"), work("b")})}, 16, 24},
		{"a stage with only two outcomes", pipelinetest.Exploration{Pipeline: named(work("a")), Outcomes: map[string][]pipelinetest.Outcome{"a": {pipelinetest.Succeeds, pipelinetest.Fails}}}, 3, 2},
		{"two retries of an error are three calls", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Retry: pipeline.Retry{Times: 2}})}, 12, 11},
		{"a gate passes or rejects", pipelinetest.Exploration{Pipeline: named(pipeline.Gate{Name: "g", Require: manager.Require}, work("a"))}, 6, 5},
		{"a gate may expire, which leads to the same as a rejection", pipelinetest.Exploration{Pipeline: named(pipeline.Gate{Name: "g", Require: manager.Require, Expires: time.Hour}, work("a"))}, 6, 6},
		{"gates of an environment pass or are silent", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Environment: guardedStaging})}, 5, 4},
		{"a condition holds or does not", pipelinetest.Exploration{Pipeline: named(pipeline.When{Name: "w", If: decide, Do: work("a")})}, 6, 5},
		{"none, one or two items", pipelinetest.Exploration{Pipeline: named(pipeline.ForEach{Name: "f", Items: items, Body: func(string) pipeline.Step { return work("a") }})}, 1 + 1 + 4 + 16, 3 + 3 + 24},
		{"a stage that times out is as one that could not be done", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Timeout: time.Hour})}, 5, 4},
		{"a stage that times out is called again", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Timeout: time.Hour, Retry: pipeline.Retry{Times: 1}})}, 1 + 3 + 1 + 4, 3 + 1 + 1 + 4},
		{"a gate is overridden", pipelinetest.Exploration{Pipeline: named(pipeline.Gate{Name: "g", Require: manager.Require}), Overrides: 1}, 4, 3},
		{"a stage that asks is overridden", pipelinetest.Exploration{Pipeline: named(work("a")), Overrides: 1}, 5, 4},
		{"the pass of a gate lapses before it is used", pipelinetest.Exploration{Pipeline: named(pipeline.Parallel{
			pipeline.Sequence{pipeline.Gate{Name: "g", Require: manager.Require}, pipeline.Gate{Name: "h", Require: manager.Require}, work("a")},
		}), Lapses: true, Outcomes: map[string][]pipelinetest.Outcome{"g": {pipelinetest.Passes, pipelinetest.Lapses}, "h": {pipelinetest.Passes}, "a": {pipelinetest.Succeeds}}},
			6, 7}, // g asked; h asked; g asked anew, h asked; g asked anew, h passed; a called; a succeeded
		{"a freeze that nothing heeds", pipelinetest.Exploration{Pipeline: named(work("a")), Freezes: true}, 1 + 2*4, 1 + 2*3 + 2*4},
		{"a freeze that holds gates of an environment shut", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Environment: guardedStaging}), Freezes: true}, 1 + 2*5, 1 + 4 + 3 + 2*5},
		{"how Of ended is not forgotten while Finally is under way", pipelinetest.Exploration{Forget: true,
			Pipeline: named(pipeline.Finally{Of: work("a"), Do: work("b")}), Outcomes: onlyFails("a", "b")}, 1 + 2 + 2, 2 + 4},
		{"how tests ended is not forgotten while a stage may yet be called that needs them", pipelinetest.Exploration{Forget: true,
			Pipeline: named(pipeline.Parallel{
				pipeline.Stage{Name: "a", Run: must, Environment: stagingPlace}, pipeline.Stage{Name: "b", Run: must, Environment: stagingPlace}, work("c"),
			}), Outcomes: map[string][]pipelinetest.Outcome{"a": onlyFails("a")["a"], "b": onlyFails("b")["b"], "c": {pipelinetest.Succeeds}}},
			3*3 + (3*3 - 2*2) + 2, 33},
		{"how two stages ended is forgotten when both have", pipelinetest.Exploration{Forget: true,
			Pipeline: named(pipeline.Parallel{work("a"), work("b")}, work("c")), Outcomes: onlyFails("a", "b", "c")}, 1 + 4 + 1 + 2, 4 + 8 + 2},
		{"a run may be canceled while its stage is called", pipelinetest.Exploration{Pipeline: named(work("a")), Cancels: true}, 8, 8},
		{"an executor that dies has its stage called again", pipelinetest.Exploration{Pipeline: named(work("a")), Crashes: 1}, 8, 7},
		{"a stage that failed or asks is retried once", pipelinetest.Exploration{Pipeline: named(work("a")), Retries: 1}, 8, 8},
		{"a second run", pipelinetest.Exploration{Pipeline: named(work("a")), Runs: 2}, 4 + 16, 3 + 4 + 24},
		{"a run of another pipeline, which may be first", pipelinetest.Exploration{Pipeline: named(work("a")), Others: []pipeline.Pipeline{other(work("b"))}}, 2 * (4 + 16), 2 * (3 + 4 + 24)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pipelinetest.Explore(t, test.x)
			if got.States != test.states || got.Transitions != test.transitions || !got.Complete {
				t.Errorf("explored %v; want %d states, %d transitions, complete", got, test.states, test.transitions)
			}
		})
	}
}

func TestExploreCarefulDelivery(t *testing.T) {
	for _, x := range []pipelinetest.Exploration{
		{Pipeline: careful()},
		{Pipeline: careful(), Crashes: 1, Cancels: true, Retries: 1},
		{Pipeline: careful(), Runs: 2},
		{Pipeline: careful(), Overrides: 2, Lapses: true},
		{Pipeline: frozen(), Freezes: true, Overrides: 1, Crashes: 1},
		{Pipeline: shop(), Crashes: 1, Cancels: true},
		{Pipeline: wide(), States: 20_000, Rules: []pipelinetest.Rule{pipelinetest.CalledOnce(), pipelinetest.LocksReleased(), pipelinetest.NoDeadEnd()}},
	} {
		got := pipelinetest.Explore(t, x)
		again, err := x.Search()
		if err != nil || again != got {
			t.Errorf("explored again: %v, %v; want the same as before, %v", again, err, got)
		}
	}
}

// A Finally puts production back also if the run did not get there.
func TestAWayBackFromWhereNothingChangedIsNoFault(t *testing.T) {
	got := pipelinetest.Explore(t, pipelinetest.Exploration{Cancels: true, Pipeline: named(makesImage, in(stagingPlace, "stage"), manager, pipeline.Finally{
		Of: pipeline.Sequence{work("prepare"), in(productionPlace, "deploy")},
		Do: in(productionPlace, "back"),
	})})
	if !got.Complete {
		t.Errorf("explored %v; want all there is", got)
	}
}

func TestExploreFinds(t *testing.T) {
	for _, test := range []struct {
		name string
		x    pipelinetest.Exploration
		rule string
		says string
	}{
		{"a way back that is missing", pipelinetest.Exploration{Pipeline: named(makesImage, in(stagingPlace, "stage"), manager, in(productionPlace, "deploy"), in(productionPlace, "verify"))},
			"way back", "leaves production"},
		{"a gate after the deployment", pipelinetest.Exploration{Pipeline: named(makesImage, in(stagingPlace, "stage"), pipeline.OnFailure{
			Of: pipeline.Sequence{in(productionPlace, "deploy"), manager}, Do: in(productionPlace, "back")})},
			"gate let through", "before any gate"},
		{"a test beside the deployment", pipelinetest.Exploration{Pipeline: named(makesImage, in(stagingPlace, "stage"), manager, pipeline.Parallel{
			in(stagingPlace, "smoke"), pipeline.OnFailure{Of: in(productionPlace, "deploy"), Do: in(productionPlace, "back")}})},
			"verified", "while smoke"},
		{"a delivery without staging", pipelinetest.Exploration{Pipeline: named(makesImage, manager, pipeline.OnFailure{Of: in(productionPlace, "deploy"), Do: in(productionPlace, "back")})},
			"verified", "no stage in tier staging"},
		{"two environments taken in opposite order", pipelinetest.Exploration{Runs: 2, Pipeline: crossing(), Rules: []pipelinetest.Rule{pipelinetest.NoDeadEnd()}},
			"dead end", "nothing goes on"},
		{"two pipelines that take environments in opposite order", pipelinetest.Exploration{Pipeline: named(nested("a", "b")), Others: []pipeline.Pipeline{other(nested("b", "a"))}, Rules: []pipelinetest.Rule{pipelinetest.NoDeadEnd()}},
			"dead end", "r2 inner waits for environment"},
		{"a hotfix that goes round staging", pipelinetest.Exploration{Pipeline: careful(), Others: []pipeline.Pipeline{other(makesImage, manager, pipeline.OnFailure{Of: in(productionPlace, "deploy"), Do: in(productionPlace, "back")})}},
			"verified", "no stage in tier staging"},
		{"a freeze that the gate before a bake does not know of", pipelinetest.Exploration{Freezes: true, Pipeline: careful()},
			"freeze", "deploy is called in a freeze"},
		{"a gate that is overridden in place of the tests", pipelinetest.Exploration{Overrides: 1, Pipeline: named(makesImage, in(stagingPlace, "stage"), pipeline.Gate{Name: "hot", Require: manager.Require, Subject: []string{"image"}}, pipeline.OnFailure{Of: in(productionPlace, "deploy"), Do: in(productionPlace, "back")}),
			Rules: []pipelinetest.Rule{{Name: "nobody overrides", Holds: func(_ pipelinetest.State, e pipelinetest.Event) error {
				if e.Kind == journal.Overridden && e.Step == "hot" {
					return errors.New("somebody does")
				}
				return nil
			}}}},
			"nobody overrides", "somebody does"},
		{"a stage that times out in production, without a way back", pipelinetest.Exploration{
			Pipeline: named(makesImage, in(stagingPlace, "stage"), manager, pipeline.Stage{Name: "deploy", Run: must, Environment: productionPlace, Consumes: []string{"image"}, Timeout: time.Hour}),
			Outcomes: map[string][]pipelinetest.Outcome{"deploy": {pipelinetest.Succeeds, pipelinetest.TimesOut}}},
			"way back", "leaves production"},
		{"an approval that grows old and is then refused", pipelinetest.Exploration{
			Pipeline: named(earlyManager, lateManager, work("a")), Lapses: true,
			Rules: []pipelinetest.Rule{{Name: "who was let pass stays so", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
				if e.Kind == journal.Rejected && e.Step == "early" && s.Step(e.Run, "late") == pipeline.Succeeded {
					return errors.New("early is rejected after late has passed")
				}
				return nil
			}}}},
			"who was let pass", "early is rejected"},
		{"a rule of one's own", pipelinetest.Exploration{Pipeline: careful(), Rules: []pipelinetest.Rule{{Name: "back is never taken", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
			if e.Kind == journal.Called && e.Step == "back" {
				return fmt.Errorf("verify has %v", s.Step(e.Run, "verify"))
			}
			return nil
		}}}}, "back is never", "verify has"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.x.Search()
			if err != nil {
				t.Fatal(err)
			}
			if f := got.Fault; f == nil || !strings.Contains(f.Rule, test.rule) || !strings.Contains(f.Reason, test.says) {
				t.Fatalf("explored %v; want rule %q broken, for %q", got, test.rule, test.says)
			}
			pipelinetest.Confirm(t, test.x, got.Fault)
		})
	}
}

// What the stages make live is live in an exploration too, so that an older
// release does not take the place of a newer one there (E6, I13).
func TestExploreKnowsWhatIsLive(t *testing.T) {
	late := pipelinetest.Rule{Name: "an older release does not take the place of a newer one", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		for _, run := range s.Runs() {
			if e.Kind == journal.Called && e.Step == "deploy" && run > e.Run && s.Step(run, "deploy") == pipeline.Succeeded {
				return fmt.Errorf("%s deploys after %s, which was started later", e.Run, run)
			}
		}
		return nil
	}}
	x := pipelinetest.Exploration{Pipeline: brief(), Runs: 3, Crashes: 1, Rules: []pipelinetest.Rule{late}}
	if got := pipelinetest.Explore(t, x); !got.Complete {
		t.Errorf("explored %v; want all", got)
	}
	x.Pipeline = careful() // of which nobody knows what it makes live
	if got, err := x.Search(); err != nil || got.Fault == nil {
		t.Errorf("explored %v, %v; want an older release to come late", got, err)
	}
}

func TestExploreSaysThatTheBoundWasReached(t *testing.T) {
	got, err := pipelinetest.Exploration{Pipeline: layered(1000), States: 500}.Search()
	if err != nil || got.Complete || got.States != 500 || !strings.Contains(got.String(), "not complete: the bound was reached") {
		t.Errorf("explored %v, %v; want 500 states, not complete", got, err)
	}
}

func TestExploreRefuses(t *testing.T) {
	for want, x := range map[string]pipelinetest.Exploration{
		`outcomes of "deploi", which is no step`:              {Outcomes: map[string][]pipelinetest.Outcome{"deploi": {pipelinetest.Fails}}},
		`no outcomes of "deploy"; want one or more`:           {Outcomes: map[string][]pipelinetest.Outcome{"deploy": {}}},
		`stage "deploy" rejects; want one of [succeeds fails`: {Outcomes: map[string][]pipelinetest.Outcome{"deploy": {pipelinetest.Rejects}}},
		`Runs is 9; want 0 to 8`:                              {Runs: 9},
		`Runs is 8; want 0 to 7`:                              {Runs: 8, Others: []pipeline.Pipeline{other(work("a"))}},
		`two pipelines "toy"; want a name of its own`:         {Others: []pipeline.Pipeline{named(work("a"))}},
		`gate "stage" fails; want one of [passes rejects`:     {Others: []pipeline.Pipeline{other(pipeline.Gate{Name: "stage", Require: manager.Require})}, Outcomes: map[string][]pipelinetest.Outcome{"stage": {pipelinetest.Fails}}},
		`Overrides is 101; want 0 to 100`:                     {Overrides: 101},
		`Crashes is -1; want 0 to 100`:                        {Crashes: -1},
		`rule 0, "none", has no function Holds`:               {Rules: []pipelinetest.Rule{{Name: "none"}}},
	} {
		x.Pipeline = careful()
		if _, err := x.Search(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Search: %v; want %q in it", err, want)
		}
	}
	if _, err := (pipelinetest.Exploration{}).Search(); err == nil {
		t.Error("Search without a pipeline: no error; want what Validate says")
	}
}

// TestExploreReports has what is found reported to a test.
func TestExploreReports(t *testing.T) {
	rec := new(reporter)
	pipelinetest.Explore(rec, pipelinetest.Exploration{Pipeline: named(makesImage, in(productionPlace, "deploy"))})
	if want := "broken: production runs only what was verified in staging"; !strings.Contains(rec.String(), want) {
		t.Errorf("reported %q; want %q in it", rec, want)
	}
}

// A reporter is a recorder of what is reported with a format.
type reporter struct{ recorder }

func (r *reporter) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }
