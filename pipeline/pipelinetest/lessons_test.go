// Stories of what went wrong in the examples once.
package pipelinetest_test

import (
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

func env(name string, gates ...gate.Gate) stage.Environment {
	return stage.Environment{Name: name, Gates: gates}
}

// What fails fast does not wait for the way out of what failed (R4, R5).
func TestFailFastStopsTheOthersBeforeTheWayOutIsTaken(t *testing.T) {
	node := func(r string) pipeline.Node {
		return pipeline.Node{Name: r, Step: pipeline.OnFailure{
			Of: pipeline.Sequence{pipeline.Stage{Name: r + "-one", Run: must}, pipeline.Stage{Name: r + "-two", Run: must}},
			Do: pipeline.Stage{Name: r + "-back", Run: must},
		}}
	}
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{{Name: "wave", Steps: pipeline.Sequence{pipeline.Graph{FailFast: true, Nodes: []pipeline.Node{node("a"), node("b")}}}}},
		Stubs:     map[string]pipelinetest.Stub{"a-back": {Takes: time.Hour}, "b-one": {Takes: 10 * time.Minute}},
		Script: []pipelinetest.Action{
			pipelinetest.Start("wave", pipeline.Trigger{Key: "r1"}),
			pipelinetest.Stage{Run: "r1", Name: "a-one"}.Fails("no"),
		},
	})
	got.Run("r1").Never("b-two") // a failed ten minutes before b-one ended
}

// A pass is withdrawn when it lapses and not when it would be used, so that an
// approval can be given again in time (G5, G9).
func TestAnApprovalThatGrewOldCanBeGivenAgainBeforeTheWindowOpens(t *testing.T) {
	production := env("production", window.Inside(window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "09:00", To: "17:00"}))
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{{Name: "p", Steps: pipeline.Sequence{
			pipeline.Gate{Name: "release", Require: approval.Quorum{From: []string{"ann"}, MaxAge: 2 * time.Hour}},
			pipeline.Stage{Name: "deploy", Run: must, Environment: production},
		}}},
		Begin:  time.Date(2026, 3, 2, 18, 0, 0, 0, time.UTC),
		Script: []pipelinetest.Action{pipelinetest.Start("p", pipeline.Trigger{Key: "r1"}), ann.Approves("r1", "release"), ann.Approves("r1", "release").At("Tue 08:55")},
	})
	got.Run("r1").Want(pipeline.Succeeded)
}

// toUAT deploys to an environment and verifies there.
func toUAT() pipeline.Pipeline {
	uat, image := env("uat"), []string{"image"}
	return pipeline.Pipeline{Name: "p", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: must, Produces: image},
		pipeline.Stage{Name: "deploy", Run: rollout.Full{Via: cluster}, Environment: uat, Consumes: image},
		pipeline.Stage{Name: "verify", Run: must, Environment: uat, Consumes: image},
	}}
}

// Another release may be live in an environment that was left, so a retry there
// begins with the deployment (E1, R7).
func TestARetryInAnEnvironmentThatWasLeftDeploysAnew(t *testing.T) {
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toUAT()},
		Script: []pipelinetest.Action{
			pipelinetest.Start("p", pipeline.Trigger{Key: "r1", Cause: pipeline.Promotion}),
			pipelinetest.Stage{Run: "r1", Name: "build"}.Asks("not yet"),
			pipelinetest.Start("p", pipeline.Trigger{Key: "r2"}),
			pipelinetest.Stage{Run: "r2", Name: "verify"}.Fails("no"),
			ann.Retries("r1", "build", "now").WhenEnded("r2", ""),
			ann.Retries("r2", "verify", "a flake").After(24 * time.Hour),
		},
	})
	got.Run("r1").Want(pipeline.Succeeded)
	got.Run("r2").Want(pipeline.Succeeded)
	if live, want := got.Environments["uat"].Live["image"], got.Run("r2").Artifacts["image"]; live != want {
		t.Errorf("verified with %v live; want %v, of the run that verified", live, want)
	}
}

// An older release does not replace a newer one, not even when a person has it
// retried: to go back is a cause of its own (E6, I13).
func TestAnOlderReleaseDoesNotReplaceANewerOne(t *testing.T) {
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toUAT()},
		Script: []pipelinetest.Action{
			pipelinetest.Start("p", pipeline.Trigger{Key: "r1"}),
			pipelinetest.Stage{Run: "r1", Name: "verify"}.Fails("no"),
			pipelinetest.Start("p", pipeline.Trigger{Key: "r2"}).WhenEnded("r1", ""),
			ann.Retries("r1", "verify", "a flake").After(24 * time.Hour),
		},
	})
	got.Run("r1").Want(pipeline.Superseded)
	got.Run("r2").Want(pipeline.Succeeded)
	if uat, want := got.Environments["uat"], got.Run("r2").Artifacts["image"]; uat.Live["image"] != want || uat.Release.Run != "r2" {
		t.Errorf("%v of %s is live; want %v of r2", uat.Live["image"], uat.Release.Run, want)
	}
}

// What went out just before a window shut is watched all the same (D5, E3).
func TestABakeDoesNotWaitForTheWindow(t *testing.T) {
	production := env("production", window.Inside(window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "09:00", To: "17:00"}))
	image := []string{"image"}
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{{Name: "p", Steps: pipeline.Sequence{
			pipeline.Stage{Name: "build", Run: must, Produces: image},
			pipeline.Stage{Name: "canary", Run: rollout.Canary{Via: cluster, Traffic: 10}, Environment: production, Consumes: image},
			pipeline.Stage{Name: "bake", Run: watch(time.Hour, time.Minute), Environment: production, Consumes: image},
		}}},
		Begin:   time.Date(2026, 3, 2, 16, 50, 0, 0, time.UTC),
		Stubs:   map[string]pipelinetest.Stub{"canary": {Takes: 20 * time.Minute}},
		Metrics: map[string]float64{"error rate": 0},
		Script:  []pipelinetest.Action{pipelinetest.Start("p", pipeline.Trigger{Key: "r1"})},
	})
	canary, _ := got.Run("r1").Step("canary")
	bake, _ := got.Run("r1").Step("bake")
	if d := bake.Started.Sub(canary.Ended); d != 0 {
		t.Errorf("10%% of production was not watched for %v", d)
	}
}

// A run that waits is never too old: elsewhere it is deleted after 30 days (I2).
func TestAnApprovalMayTakeMoreThanAYear(t *testing.T) {
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{{Name: "p", Steps: pipeline.Sequence{
			pipeline.Gate{Name: "release", Require: approval.Quorum{From: []string{"ann"}}},
			pipeline.Stage{Name: "deploy", Run: must},
		}}},
		Lasts: 500 * 24 * time.Hour,
		Script: []pipelinetest.Action{
			pipelinetest.Start("p", pipeline.Trigger{Key: "r1"}),
			pipelinetest.Crash(time.Hour).After(200 * 24 * time.Hour),
			ann.Approves("r1", "release").After(400 * 24 * time.Hour),
		},
	})
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	if took := r1.Ended.Sub(r1.Began); took != 400*24*time.Hour {
		t.Errorf("the run took %v; want it to end when ann approved", took)
	}
}
