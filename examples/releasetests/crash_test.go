package releasetests

import (
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

func TestAReleaseGoesOutOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(t, change("r1"), ann.Approves("r1", "release"), ben.Approves("r1", "release").After(time.Hour))
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		r1 := got.Run("r1")
		r1.Want(pipeline.Succeeded)
		r1.Never("roll-back")
		if n := got.Platform.Effects(); n != 3 { // staging, canary, everybody
			t.Errorf("deployed %d times; want 3, nothing twice", n)
		}
		if live := got.Environments["production"].Live["image"]; live != r1.Artifacts["image"] {
			t.Errorf("live in production is %v; want %v, of r1", live, r1.Artifacts["image"])
		}
	})
}

func TestAnAlarmTakesProductionBackWhereverTheExecutorDies(t *testing.T) {
	s := story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release"),
		pipelinetest.Measure("r1", "error rate", 0.2).WhenReached("r1", "bake").After(59*time.Minute),
	)
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Failed)
		got.Run("r1").Never("deploy-production")
		if serving := got.Platform.Serving("production"); len(serving) > 0 {
			t.Errorf("production serves %v; want nothing, as before", serving)
		}
	})
}
