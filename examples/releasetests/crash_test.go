package releasetests

import (
	"context"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// baked is a story in which a bake takes an hour and ends with err. It leaves no
// record of each minute: those would be sixty more places to die at, all alike.
func baked(t testing.TB, err error, script ...pipelinetest.Action) pipelinetest.Story {
	s := story(t, script...)
	s.Stubs["bake"] = pipelinetest.Stub{Takes: time.Hour, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
		return stage.Output{}, err
	})}
	return s
}

func TestAReleaseGoesOutOnceWhereverTheExecutorDies(t *testing.T) {
	s := baked(t, nil, change("r1"), ann.Approves("r1", "release"), ben.Approves("r1", "release").After(time.Hour))
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

func TestAFailedBakeTakesProductionBackWhereverTheExecutorDies(t *testing.T) {
	s := baked(t, stage.Failf("the error rate is 0.2"), change("r1"), ann.Approves("r1", "release"), ben.Approves("r1", "release"))
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Failed)
		got.Run("r1").Never("deploy-production")
		if serving := got.Platform.Serving("production"); len(serving) > 0 {
			t.Errorf("production serves %v; want nothing, as before", serving)
		}
	})
}
