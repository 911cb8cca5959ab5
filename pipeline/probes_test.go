package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Each test here is something that went wrong in another library for pipelines
// or durable execution in Go.

// A panic in a step killed the process.
func TestProbePanicInAStage(t *testing.T) { // R9
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.OnFailure{
			Of: pipeline.Stage{Name: "deploy", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { panic("oh no") })},
			Do: work("back", 0),
		})
		serve(t, x)
		id := start(t, x, "")
		wantRun(t, x, id, pipeline.Failed)
		wantStep(t, x, id, "back", pipeline.Succeeded)
	})
}

// It killed the process again at each start, up to a hundred times.
func TestProbePanicIsNotMetAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		x := executor(pipeline.Stage{Name: "deploy", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			calls++
			panic("oh no")
		})})
		for range 3 {
			stop := serve(t, x)
			start(t, x, "one")
			wantRun(t, x, "one", pipeline.Failed)
			stop()
		}
		if calls != 1 {
			t.Errorf("the hook was called %d times; want once", calls)
		}
	})
}

// A panic in a condition killed the process.
func TestProbePanicInACondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Parallel{
			pipeline.When{Name: "changed", If: func(context.Context, pipeline.Facts) (bool, error) { panic("oh no") }, Do: work("build", 0)},
			work("test", time.Minute),
		})
		serve(t, x)
		id := start(t, x, "")
		pass(2 * time.Minute)
		wantStep(t, x, id, "test", pipeline.Succeeded)
		wantStep(t, x, id, "changed", pipeline.Waiting)
	})
}

// A deaf step with a timeout of 50 ms was reported as succeeded after 2 s.
func TestProbeDeafStageWithATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Stage{Name: "deaf", Timeout: 50 * time.Millisecond, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			time.Sleep(2 * time.Second)
			return stage.Output{}, nil
		})})
		serve(t, x)
		id := start(t, x, "")
		pass(time.Minute)
		wantStep(t, x, id, "deaf", pipeline.Errored)
		wantRun(t, x, id, pipeline.Failed)
	})
}

type zero struct{}

func (*zero) Run(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }

// Three steps of size zero were taken for one, as pointers to them are equal.
func TestProbeStagesOfSizeZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pipeline.Parallel
		for i := range 3 {
			p = append(p, pipeline.Stage{Name: fmt.Sprintf("s%d", i), Run: &zero{}})
		}
		x := executor(p)
		serve(t, x)
		id := start(t, x, "")
		for i := range 3 {
			if got := step(t, x, id, fmt.Sprintf("s%d", i)); got.Status != pipeline.Succeeded || got.Attempt != 1 {
				t.Errorf("step %s is %v after %d calls; want each called once", got.Name, got.Status, got.Attempt)
			}
		}
	})
}

// After kill -9 in a step it took 120 s until the run went on. With a store that
// knows which processes live it is at once; with Memory, which does not, at most
// a lease and a third.
func TestProbeKilledInAStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Minute))
		crashed(t, x, "one", "build")
		if err := x.Store.(*journal.Memory).Renew(t.Context(), "killed-1", time.Now().Add(15*time.Second)); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		pass(20 * time.Second)
		if got := step(t, x, "one", "build"); got.Attempt != 2 {
			t.Errorf("attempt %d; want the stage called again", got.Attempt)
		}
	})
}

// Killed while a run was parked, it took 30 s after the approval.
func TestProbeKilledWhileParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		steps := []pipeline.Step{asks("release"), work("deploy", time.Minute)}
		stop := serve(t, over(store, steps...))
		x := over(store, steps...)
		start(t, x, "one")
		pass(time.Minute)
		stop()
		serve(t, x)
		vote(t, x, "one", "release", "ann")
		synctest.Wait() // no time passes
		wantStep(t, x, "one", "deploy", pipeline.Running)
	})
}

// A rebuilt binary accepted the approval of a parked run, which then never moved.
func TestProbeRebuiltWhileParked(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		build := func(version string) *pipeline.Executor {
			return over(store, asks("release"), pipeline.Stage{Name: "deploy", Run: returns(stage.Output{Summary: "by " + version}, nil)})
		}
		stop := serve(t, build("v1"))
		start(t, build("v1"), "one")
		pass(time.Minute)
		stop()
		x := build("v2")
		serve(t, x)
		vote(t, x, "one", "release", "ann")
		wantRun(t, x, "one", pipeline.Succeeded)
		if got := step(t, x, "one", "deploy").Reason; got != "by v2" {
			t.Errorf("deployed %s; want by v2", got)
		}
	})
}

// A scan was inserted before a step that was done: it was given the recorded
// result of that step and never ran, staging was deployed twice, and the run
// "succeeded". Here it waits for a person, who may adopt the new definition.
func TestProbeStepInsertedWhileParked(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		x, id, calls := edited(t, func(*pipeline.Executor, pipeline.Pipeline) {})
		if r := run(t, x, id); r.For != "drift" || *calls != [5]int{1, 0, 1, 0, 0} {
			t.Errorf("the run waits for %q after calls %v; want drift, and nothing called meanwhile", r.For, *calls)
		}
		if err := x.Adopt(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		vote(t, x, id, "release", "bob")
		wantRun(t, x, id, pipeline.Succeeded)
		if *calls != [5]int{1, 1, 1, 0, 1} {
			t.Errorf("calls of build, scan, staging, -, live are %v; want each once", *calls)
		}
	})
}

// In a loop over environments the second click on Approve passed the next gate.
func TestProbeDoubleClickInALoop(t *testing.T) { // G4
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.ForEach{
			Name: "environments", Max: 1,
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"staging", "production"}, nil },
			Body: func(env string) pipeline.Step {
				return pipeline.Sequence{asks("approve"), deploy("deploy", time.Minute, stage.Environment{Name: env})}
			},
		})
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "approve[staging]", "ann")
		for range 2 {
			x.Vote(t.Context(), id, "approve[staging]", click)
			pass(time.Hour)
		}
		wantStep(t, x, id, "deploy[staging]", pipeline.Succeeded)
		wantStep(t, x, id, "approve[production]", pipeline.Waiting)
		if err := x.Vote(t.Context(), id, "approve[production]", click); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("the same click on the next gate = %v; want ErrRefused", err)
		}
	})
}

// An approval of a run that has ended was taken without a word.
func TestProbeApprovalOfAnEndedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("release"))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		click := ballot(t, x, id, "release", "ann")
		if err := x.Vote(t.Context(), id, "release", click); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, id, pipeline.Succeeded)
		if err := x.Vote(t.Context(), id, "release", click); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Vote = %v; want ErrRefused", err)
		}
	})
}

// An approval before the gate was reached was dropped without a word.
func TestProbeApprovalBeforeTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Hour), asks("release"))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		if err := x.Vote(t.Context(), id, "release", gate.Vote{By: "ann", Approve: true, Subject: artifact.DigestBytes(nil)}); !errors.Is(err, pipeline.ErrRefused) || !strings.Contains(err.Error(), "not reached yet") {
			t.Errorf("Vote = %v; want ErrRefused, as it is not reached yet, so that ann knows to come back", err)
		}
	})
}

// One run that always failed held up all others at that step.
func TestProbeOneRunAlwaysFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		upload := pipeline.Stage{Name: "upload", Retry: pipeline.Retry{Times: 1000}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			if in.Run == "poison" {
				return stage.Output{}, errors.New("413 payload too large")
			}
			return stage.Output{}, nil
		})}
		x := executor(upload)
		x.Limit = 1
		serve(t, x)
		start(t, x, "poison")
		synctest.Wait()
		for i := range 5 {
			id := start(t, x, fmt.Sprintf("r%d", i))
			wantRun(t, x, id, pipeline.Succeeded)
		}
		if got := step(t, x, "poison", "upload"); got.Status != pipeline.Errored || got.For != "retry" {
			t.Errorf("the stage is %v for %q; want it to wait for a retry", got.Status, got.For)
		}
	})
}

// When a run resumed, its gate was given nothing, and an empty digest was
// deployed without an error.
func TestProbeResumedGateKnowsWhatItDecidesOn(t *testing.T) { // G4
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var deployed artifact.Set
		build := pipeline.Stage{Name: "build", Produces: []string{"image"}, Run: returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}}, nil)}
		release := pipeline.Gate{Name: "release", Subject: []string{"image"}, Require: approval.Quorum{Anyone: true}}
		deploys := pipeline.Stage{Name: "deploy", Consumes: []string{"image"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			deployed = in.Artifacts
			return stage.Output{}, nil
		})}
		stop := serve(t, over(store, build, release, deploys))
		start(t, over(store, build, release, deploys), "one")
		pass(time.Minute)
		stop()
		x := over(store, build, release, deploys)
		serve(t, x)
		req, err := x.Ask(t.Context(), "one", "release")
		if err != nil || req.Artifacts["image"] != image("v1") {
			t.Errorf("Ask = %v, %v; want the image that was built before", req.Artifacts, err)
		}
		vote(t, x, "one", "release", "ann")
		wantRun(t, x, "one", pipeline.Succeeded)
		if deployed["image"] != image("v1") {
			t.Errorf("deployed %v; want what was approved", deployed)
		}
	})
}

// Shutting down marked parked runs as canceled.
func TestProbeShutdownWhileParked(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("release"))
		stop := serve(t, x)
		id := start(t, x, "")
		pass(time.Minute)
		stop()
		wantRun(t, x, id, pipeline.Waiting)
		serve(t, x)
		vote(t, x, id, "release", "ann")
		wantRun(t, x, id, pipeline.Succeeded)
	})
}

// A limit of one and a step that waits for a retry were a deadlock.
func TestProbeLimitOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := flaky("upload", 3, errors.New("connection refused"))
		bad.Retry.Times = 3
		x := executor(pipeline.Parallel{bad, work("test", time.Minute), work("lint", time.Minute)})
		x.Limit = 1
		serve(t, x)
		id := start(t, x, "")
		pass(time.Hour)
		wantRun(t, x, id, pipeline.Succeeded)
	})
}
