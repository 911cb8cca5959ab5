package pipelinetest_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/stagetest"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

// fiveDays has bakes, a weekend, a freeze, a slow approver, an alarm at minute
// 59 of a bake, and a newer release at minute 61.
func fiveDays() pipelinetest.Story {
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{shop()},
		Begin:     monday,
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 12 * time.Minute}, "smoke": {Takes: 5 * time.Minute}},
		Metrics:   map[string]float64{"error rate": 0.001},
		Script: []pipelinetest.Action{
			pipelinetest.Start("shop", pipeline.Trigger{Key: "r1", Authors: []string{"bob"}}),
			bob.Approves("r1", "release").Refused("wrote a change"),
			ann.Approves("r1", "release").After(2 * time.Hour),
			ben.Approves("r1", "release").After(22 * time.Hour),
			pipelinetest.Measure("r1", "error rate", 0.2).WhenReached("r1", "bake").After(59 * time.Minute),

			pipelinetest.Start("shop", pipeline.Trigger{Key: "r2", Authors: []string{"bob"}}).WhenReached("r1", "bake").After(61 * time.Minute),
			ann.Approves("r2", "release").After(2 * time.Hour),
			ben.Approves("r2", "release").At("Wed 16:30"),

			ann.Starts("shop", pipeline.Trigger{Key: "r3"}).At("Fri 16:00"),
			ann.Approves("r3", "release").Refused("started"),
			ben.Approves("r3", "release"),
			bob.Approves("r3", "release").After(30 * time.Minute),
		},
	}
}

func TestFiveDays(t *testing.T) {
	got := pipelinetest.Run(t, fiveDays())
	got.Golden("testdata/five-days.txt", *update)

	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Waiting("release", "approval", "1 of 2 approvals from release-managers")
	r1.Waiting("canary", "window", "outside office hours")
	r1.Reached("bake", "back")
	r1.Never("full", "watch")

	r2 := got.Run("r2")
	r2.Want(pipeline.Succeeded)
	r2.Waiting("full", "window", "stocktaking")
	r2.Before("bake", "full")
	r2.After("watch", "full")
	r2.Never("back")

	got.Run("r3").Want(pipeline.Succeeded)
	got.Tells("r1 leaves production", "r2 stage canary enters production", "r2 leaves production", "r3 stage canary enters production")

	image := got.Run("r3").Artifacts["image"]
	if live := got.Environments["production"].Live["image"]; live != image {
		t.Errorf("live in production is %v; want %v, that of r3", live, image)
	}
	if serving := got.Platform.Serving("production"); len(serving) != 1 || serving[0].Artifacts["image"] != image {
		t.Errorf("production serves %v; want %v alone", serving, image)
	}
}

// crowd is a story in which much happens at the same time.
func crowd() pipelinetest.Story {
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{wide(), shop()},
		Begin:     monday,
		Stubs:     map[string]pipelinetest.Stub{"test": {Takes: time.Minute}, "build": {Takes: time.Minute}},
		Metrics:   map[string]float64{"error rate": 0.001},
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		s.Script = append(s.Script,
			bob.Starts("wide", pipeline.Trigger{Key: key}),
			pipelinetest.Stage{Run: key, Name: "lint"}.Errors(2, "no route to host"),
			pipelinetest.Start("shop", pipeline.Trigger{Key: key + "-shop"}),
			ann.Approves(key+"-shop", "release"),
			ben.Approves(key+"-shop", "release").After(12*time.Hour),
		)
	}
	return s
}

func TestAStoryHasOneTimeline(t *testing.T) {
	for _, tt := range []struct {
		name  string
		story func() pipelinetest.Story
		times int
	}{
		{"five days", fiveDays, 3},
		{"a crowd that acts at the same time", crowd, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			first := pipelinetest.Run(t, tt.story()).Timeline.String()
			for range tt.times {
				again := pipelinetest.Run(t, tt.story()).Timeline.String()
				if diff := cmp.Diff(first, again); diff != "" {
					t.Fatalf("the same story goes otherwise (-first +again):\n%s", diff)
				}
			}
		})
	}
}

func TestTheDefinitionKeepsItsDigest(t *testing.T) {
	for _, p := range []pipeline.Pipeline{shop(), wide()} {
		if got, want := pipelinetest.StandIn(fiveDays(), p).Digest(), p.Digest(); got != want {
			t.Errorf("%s with what stands in has digest %v; want %v, for the story is of that definition (R2)", p.Name, got.Short(), want.Short())
		}
	}
}

func TestReleasesGoOnWhereverTheExecutorDies(t *testing.T) {
	s := fiveDays()
	s.Stubs = map[string]pipelinetest.Stub{"bake": {Run: stage.Func(nothing)}}
	s.Script = []pipelinetest.Action{
		pipelinetest.Start("shop", pipeline.Trigger{Key: "r1"}),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release").After(time.Hour),
		pipelinetest.Measure("r1", "error rate", 0.2).WhenReached("r1", "watch").After(30 * time.Minute),
	}
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Failed)
		got.Run("r1").Reached("back")
		if s := got.Platform.Serving("production"); len(s) > 0 {
			t.Errorf("production serves %v; want nothing, as before", s)
		}
		if n := got.Platform.Effects(); n != 4 { // staging, canary, full, back
			t.Errorf("the platform was changed %d times; want 4: nothing is deployed twice", n)
		}
	})
}

func TestStoriesThatAreWrong(t *testing.T) {
	start := pipelinetest.Start("shop", pipeline.Trigger{Key: "r1"})
	for _, tt := range []struct {
		name   string
		change func(s *pipelinetest.Story)
		want   string
	}{
		{"no pipelines", func(s *pipelinetest.Story) { s.Pipelines = nil }, "a Story without Pipelines"},
		{"a pipeline with a mistake", func(s *pipelinetest.Story) { s.Pipelines[0].Steps = nil }, `pipeline "shop"`},
		{"a time before there is any", func(s *pipelinetest.Story) { s.Begin = time.Unix(0, 0) }, "when virtual time begins"},
		{"a length below nothing", func(s *pipelinetest.Story) { s.Lasts = -1 }, "Lasts is -1ns; want a time"},
		{"a stub for nothing", func(s *pipelinetest.Story) { s.Stubs = map[string]pipelinetest.Stub{"biuld": {}} }, `Stubs: "biuld" is no stage; did you mean "build"?`},
		{"nothing is real", func(s *pipelinetest.Story) { s.Real = []string{"biuld"} }, `Real: "biuld" is no stage; did you mean "build"?`},
		{"a gate for nothing", func(s *pipelinetest.Story) { s.Gates = map[string]gate.Gate{"nowhere": nil} }, `Gates: "nowhere" is no gate and no environment; there is "production", "release", "staging"`},
		{"an action that is none", script(pipelinetest.Action{}), "line 1 of the script, , when the story begins: an Action that does nothing"},
		{"a time that is none", script(start.At("Tuesday")), `at "Tuesday"; want a form such as "14:20", "Tue 14:20" or "2026-03-12 14:20"`},
		{"a time that is past", script(start.At("2026-03-01 09:00")), "which is before the story begins"},
		{"an action before its cause", script(start.After(-time.Hour)), "after -1h0m0s; want 0 or more"},
		{"a run without a name", script(pipelinetest.Start("shop", pipeline.Trigger{})), `a run of "shop" without a Key`},
		{"a pipeline that is none", script(pipelinetest.Start("shoo", pipeline.Trigger{Key: "r1"})), `no pipeline "shoo"`},
		{"an action that is refused", script(start, bob.Overrides("r1", "", "release")), "line 2 of the script: bob overrides r1 release, when r1 begins: pipeline: refused"},
		{"one that is not, and should be", script(start.Refused("no")), "line 1 of the script: nobody starts shop as r1, when the story begins; refused: no: done; want it refused"},
		{"one refused for another reason", script(start, bob.Overrides("r1", "", "release").Refused("frozen")), `want a reason with "frozen"`},
		{"one that never comes", script(start, ann.Approves("r2", "release").After(90*time.Minute)), "line 2 of the script never came: ann approves r2 release, 1h 30m after r2 release is reached"},
		{"a fault that never comes", script(start, pipelinetest.Stage{Run: "r1", Name: "canary"}.Errors(2, "down")), "stage canary of r1 was called too seldom for 2 of the faults"},
		{"a fault of a stage that is misspelt", script(start, pipelinetest.Stage{Run: "r1", Name: "canray"}.Fails("no")), `line 2 of the script, r1 canray fails, when the story begins: no: "canray" is no stage; did you mean "canary"?`},
		{"a fault of what is no stage", script(start, pipelinetest.Stage{Run: "r1", Name: "release"}.Hangs()), `"release" is no stage`},
		{"a metric that is misspelt", script(start, pipelinetest.Measure("r1", "eror rate", 1)), `line 2 of the script, "eror rate" is 1 for r1, when r1 begins: "eror rate" is no metric that a bake watches; did you mean "error rate"?`},
		{"a vote for a gate that is misspelt", script(start, ann.Approves("r1", "relaese")), `line 2 of the script, ann approves r1 relaese, when r1 relaese is reached: "relaese" is no step; did you mean "release"?`},
		{"what comes after a step that is misspelt", script(start, pipelinetest.Crash(0).WhenEnded("r1", "biuld")), `"biuld" is no step; did you mean "build"?`},
		{"a round of no step", script(start.Round(2)), "Round of an Action that waits for no step"},
		{"no errors at all", script(pipelinetest.Stage{Run: "r1", Name: "canary"}.Errors(0, "down")), "0 errors; want 1 or more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop()}, Begin: monday}
			tt.change(&s)
			if got := tell(t, s); !strings.Contains(got, tt.want) {
				t.Errorf("Run reports %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestStoriesOfItems(t *testing.T) {
	eu := func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu"}, nil }
	each := pipeline.ForEach{Name: "regions", Items: eu, Body: func(item string) pipeline.Step {
		return pipeline.Sequence{
			pipeline.Stage{Name: "deploy-" + item, Run: stage.Func(nothing)},
			pipeline.Stage{Name: "bake", Run: bake.Watch{For: time.Hour, Metrics: []bake.Metric{{Name: "errors in " + item, Source: new(stagetest.Platform).Source("errors"), Want: bake.AtMost(0.01)}}}},
		}
	}}
	s := pipelinetest.Story{Pipelines: []pipeline.Pipeline{{Name: "wide", Steps: pipeline.Sequence{each}}}, Script: []pipelinetest.Action{
		pipelinetest.Start("wide", pipeline.Trigger{Key: "r1"}),
		pipelinetest.Stage{Run: "r1", Name: "deploy-eu[eu]"}.Fails("no"),
		pipelinetest.Measure("r1", "errors in eu", 1),
	}}
	if got := tell(t, s); strings.Contains(got, "is no ") {
		t.Errorf("Run reports %s\nwant the names that things have for an item understood", got)
	}
	s.Script = append(s.Script, pipelinetest.Stage{Run: "r1", Name: "delpoy-eu[eu]"}.Fails("no"))
	if got, want := tell(t, s), `"delpoy-eu[eu]" is no stage; did you mean "deploy-item"?`; !strings.Contains(got, want) {
		t.Errorf("Run reports %s\nwant %s", got, want)
	}
}

func script(actions ...pipelinetest.Action) func(*pipelinetest.Story) {
	return func(s *pipelinetest.Story) { s.Script = actions }
}

// In Go, what comes later than the line above does so out of order too.
func TestLater(t *testing.T) {
	got := pipelinetest.Run(t, pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop()}, Script: []pipelinetest.Action{
		pipelinetest.Start("shop", pipeline.Trigger{Key: "r1"}).Later(time.Minute),
		ann.Cancels("r1", "no").WhenReached("r1", "release").After(time.Hour),
		pipelinetest.Start("shop", pipeline.Trigger{Key: "r2"}).Later(time.Minute),
		pipelinetest.Start("shop", pipeline.Trigger{Key: "r3"}),
	}})
	got.Tells("r3 shop started", "r1 shop started", "r1 canceled", "r2 shop started")
	if began := got.Run("r2").Began.Sub(got.Timeline.Begin); began != time.Hour+2*time.Minute {
		t.Errorf("r2 began after %v; want 1h2m, a minute after r1 was canceled", began)
	}
}
