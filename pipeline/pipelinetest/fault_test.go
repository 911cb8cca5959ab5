package pipelinetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

var r1 = pipelinetest.Start("shop", pipeline.Trigger{Key: "r1"})

// release starts r1 and approves it, besides what else happens.
func release(more ...pipelinetest.Action) pipelinetest.Story {
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{shop()},
		Begin:     monday,
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 10 * time.Minute}},
		Metrics:   map[string]float64{"error rate": 0.001},
		Script:    append([]pipelinetest.Action{r1, ann.Approves("r1", "release"), ben.Approves("r1", "release")}, more...),
	}
}

func TestWhatCanHappen(t *testing.T) {
	smoke, canary := pipelinetest.Stage{Run: "r1", Name: "smoke"}, pipelinetest.Stage{Run: "r1", Name: "canary"}
	build := pipelinetest.Stage{Run: "r1", Name: "build"}
	for _, tt := range []struct {
		name  string
		story pipelinetest.Story
		ends  pipeline.Status
		tells []string
	}{
		{"nothing", release(), pipeline.Succeeded, []string{
			"r1 shop started", "r1 stage build running", "r1 stage build succeeded", "r1 the run has succeeded",
		}},
		{"a stage says no, and is not called again (R7)", pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop()}, Script: []pipelinetest.Action{
			r1, smoke.Fails("2 of 40 checks failed"),
		}}, pipeline.Failed, []string{"r1 stage smoke failed: 2 of 40 checks failed", "r1 the run has failed"}},
		{"a stage that said no is retried (R7)", release(
			smoke.Fails("2 of 40 checks failed"),
			ann.Retries("r1", "smoke", "the test was wrong").After(time.Hour),
		), pipeline.Succeeded, []string{
			"r1 stage smoke failed: 2 of 40 checks failed", "r1 the run has failed",
			"r1 stage smoke retried by ann: the test was wrong", "r1 stage smoke succeeded", "r1 the run has succeeded",
		}},
		{"a stage cannot be done twice, and then can", release(smoke.Errors(2, "no route to host")), pipeline.Succeeded, []string{
			"r1 stage smoke errored, again in", "r1 stage smoke errored, again in", "r1 stage smoke succeeded",
		}},
		{"a stage hangs, and is called again when its time is up", release(smoke.Hangs()), pipeline.Succeeded, []string{
			"r1 stage smoke running", "r1 stage smoke errored, again in", "r1 stage smoke succeeded",
		}},
		{"a hook panics (R9)", release(canary.Panics("index out of range")), pipeline.Failed, []string{
			"r1 stage canary failed: panicked: index out of range", "r1 stage back succeeded",
		}},
		{"a stage asks, and a person overrides it", release(
			smoke.Asks("is a checksum of 0 right?"),
			ann.Overrides("r1", "it is", "smoke").WhenReached("r1", "smoke").After(time.Hour),
		), pipeline.Succeeded, []string{
			"r1 stage smoke waiting for hold: is a checksum of 0 right?", "r1 stage smoke overridden by ann: it is",
		}},
		{"a stage asks, and a person retries it", release(
			smoke.Asks("is a checksum of 0 right?"),
			ann.Retries("r1", "smoke", "it is not"),
		), pipeline.Succeeded, []string{"waiting for hold", "r1 stage smoke retried by ann: it is not", "r1 stage smoke succeeded"}},
		{"a person cancels while a stage is called (R6)", pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{shop()},
			Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 10 * time.Minute}},
			Script:    []pipelinetest.Action{r1, ann.Cancels("r1", "wrong branch").After(5 * time.Minute)},
		}, pipeline.Canceled, []string{"r1 canceled by ann: wrong branch", "r1 the run was canceled"}},
		{"another release follows when one has ended", release(
			pipelinetest.Start("shop", pipeline.Trigger{Key: "r2", Cause: pipeline.Manual, Actor: "ann"}).WhenEnded("r1", "").After(time.Minute),
			ann.Cancels("r2", "not needed").WhenEnded("r2", "build"),
		), pipeline.Succeeded, []string{"r1 the run has succeeded", "r2 shop started by ann, a manual run", "r2 stage build succeeded", "r2 canceled by ann: not needed"}},
		{"a person cancels before a deployment has an effect (R5)", release(
			ann.Cancels("r1", "wrong branch").WhenReached("r1", "canary"),
		), pipeline.Canceled, []string{"r1 canceled by ann: wrong branch", "r1 the run was canceled"}},
		{"the executor dies while a stage is called", release(
			pipelinetest.Crash(time.Hour).WhenReached("r1", "build").After(4 * time.Minute),
		), pipeline.Succeeded, []string{"r1 stage build running", "the executor dies for 1h", "another executor goes on", "r1 stage build running, attempt 2", "r1 stage build succeeded"}},
		{"the executor dies before the outcome of a stage is recorded", release(build.Crashes()), pipeline.Succeeded, []string{
			"r1 stage build running", "the executor dies", "another executor goes on", "r1 stage build running, attempt 2",
		}},
		{"the executor dies after it deployed; it looks, and does not deploy again (J3)", release(canary.Crashes()), pipeline.Succeeded, []string{
			"the executor dies", "another executor goes on", "r1 stage canary found done: image@76d240923015 to 5% of production", "r1 stage bake running",
		}},
		{"people vote while no executor runs", pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{shop()},
			Begin:     monday,
			Metrics:   map[string]float64{"error rate": 0.001},
			Script: []pipelinetest.Action{
				r1, pipelinetest.Crash(24 * time.Hour).At("Mon 10:00"),
				ann.Approves("r1", "release").At("11:00"), ben.Approves("r1", "release").At("11:30"),
			},
		}, pipeline.Succeeded, []string{
			"the executor dies for 1d", "r1 gate release ann approves", "r1 gate release ben approves", "another executor goes on", "r1 gate release passed: approved by ann and ben",
		}},
		{"an objection", pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop()}, Script: []pipelinetest.Action{
			r1, ann.Approves("r1", "release"), ann.Objects("r1", "release", "the notes are empty").After(time.Minute),
		}}, pipeline.Waiting, []string{"1 of 2 approvals", "r1 gate release ann objects: the notes are empty", "0 of 2 approvals"}},
		{"a second round, in which old votes do not count (R7)", pipelinetest.Story{Pipelines: []pipeline.Pipeline{vetoed()}, Script: []pipelinetest.Action{
			pipelinetest.Start("vetoed", pipeline.Trigger{Key: "r1"}),
			ann.Approves("r1", "release"),
			bob.Objects("r1", "release", "not today").After(time.Hour),
			bob.Retries("r1", "release", "it is tomorrow").After(24 * time.Hour),
			ben.Approves("r1", "release").Round(2),
			ann.Approves("r1", "release").Round(2).After(time.Hour),
		}}, pipeline.Succeeded, []string{
			"r1 gate release rejected", "r1 gate release retried by bob: it is tomorrow", "0 of 2 approvals", "r1 gate release ben approves", "r1 the run has succeeded",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := pipelinetest.Run(t, tt.story)
			got.Run("r1").Want(tt.ends)
			got.Tells(tt.tells...)
			sameInWords(t, tt.story, got)
			if held := got.Environments["production"].Holder.Run; held != "" {
				t.Errorf("%s still holds production; want it given back (E1)", held)
			}
		})
	}
}

// vetoed is a pipeline that one objection stops.
func vetoed() pipeline.Pipeline {
	return pipeline.Pipeline{Name: "vetoed", Steps: pipeline.Sequence{
		pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Group: "release-managers", Veto: true}},
	}}
}

func TestWhatStandsIn(t *testing.T) {
	seen := map[string]string{}
	see := stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		seen[in.Stage] = in.Artifacts["image"].Name + string(in.Values["notes"])
		return stage.Output{}, nil
	})
	p := pipeline.Pipeline{Name: "small", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: must, Produces: []string{"image"}, Gives: []string{"notes"}},
		pipeline.Gate{Name: "checked", Require: gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Decision{}, errors.New("a gate of the pipeline was asked")
		})},
		pipeline.Stage{Name: "real", Run: see, Consumes: []string{"image"}, Takes: []string{"notes"}},
		pipeline.Stage{Name: "stub", Run: must, Consumes: []string{"image"}, Takes: []string{"notes"}},
	}}
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{p},
		Stubs:     map[string]pipelinetest.Stub{"build": {Gives: map[string]any{"notes": 4711}}, "stub": {Run: see}},
		Real:      []string{"real"},
		Gates:     map[string]gate.Gate{"checked": gate.All()},
		Script:    []pipelinetest.Action{pipelinetest.Start("small", pipeline.Trigger{Key: "r1"})},
	}
	pipelinetest.Run(t, s).Run("r1").Want(pipeline.Succeeded)
	if diff := cmp.Diff(map[string]string{"real": "image4711", "stub": "image4711"}, seen); diff != "" {
		t.Errorf("what hooks were given (-want +got):\n%s", diff)
	}
}

func TestGatesOfAnEnvironmentCanBeReplaced(t *testing.T) {
	s := release()
	s.Gates = map[string]gate.Gate{"production": window.Inside(window.Weekly{Zone: "UTC", Days: window.Sat, Why: "market day"})}
	pipelinetest.Run(t, s).Run("r1").Waiting("canary", "window", "outside market day, until Sat 7 Mar")
}

func TestMetricsCanBeReportedByThePlatform(t *testing.T) {
	s := release()
	s.Metrics, s.Platform = nil, new(stagetest.Platform)
	got := pipelinetest.Run(t, s)
	got.Run("r1").Waiting("bake", "hold", "error rate has no data")

	s.Platform = new(stagetest.Platform)
	s.Platform.Report("error rate", "production", got.Run("r1").Artifacts, stage.Sample{Value: 0.5, Count: 10})
	pipelinetest.Run(t, s).Tells("r1 stage bake failed: error rate is 0.5; want at most 0.01")
}

func TestTheExecutorCanBeLimited(t *testing.T) {
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{wide()},
		Executor:  &pipeline.Executor{Limit: 1},
		Stubs:     map[string]pipelinetest.Stub{"lint": {Takes: time.Minute}, "test": {Takes: time.Minute}, "scan": {Takes: time.Minute}},
		Script:    []pipelinetest.Action{bob.Starts("wide", pipeline.Trigger{Key: "r1"})},
	}
	got := pipelinetest.Run(t, s)
	got.Run("r1").Waiting("test", "capacity", "")
	got.Run("r1").Before("lint", "verify[us]")
	if took := got.Run("r1").Ended.Sub(got.Run("r1").Began); took != 3*time.Minute {
		t.Errorf("three stages of a minute took %v; want 3m0s, one after another", took)
	}
}
