package pipeline_test

import (
	"context"
	"fmt"
	"slices"
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

func environment(t *testing.T, x *pipeline.Executor) pipeline.Environment {
	t.Helper()
	synctest.Wait()
	env, err := x.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestRunsEnterAnEnvironmentOneAfterTheOther(t *testing.T) { // E1, E2
	for _, executors := range []int{1, 3} {
		t.Run(fmt.Sprintf("with %d executors", executors), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, order := new(journal.Memory), []string{}
				enters := pipeline.Stage{Name: "deploy", Environment: production, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
					order = append(order, fmt.Sprintf("%s with token %d", in.Run, in.Token)) // a race if two are inside
					time.Sleep(time.Minute)
					return stage.Output{}, nil
				})}
				bake := deploy("bake", time.Hour, production)
				var xs []*pipeline.Executor
				for range executors {
					x := over(store, work("build", time.Second), enters, work("rest", time.Second), bake, work("report", time.Hour))
					serve(t, x)
					xs = append(xs, x)
				}
				var want []string
				for i := range 5 {
					id := start(t, xs[i%executors], fmt.Sprintf("r%d", i))
					want = append(want, fmt.Sprintf("%s with token %d", id, i+1))
					pass(5 * time.Second)
				}
				pass(time.Minute)
				if got := step(t, xs[0], "r1", "deploy"); got.For != "environment" || got.Reason != "run r0 is there" {
					t.Errorf("r1 waits for %q: %q; want the environment: run r0 is there", got.For, got.Reason)
				}
				if env := environment(t, xs[0]); env.Holder.Run != "r0" || len(env.Queue) != 4 || env.Queue[0].Run != "r1" {
					t.Errorf("inside is %q, and %v wait; want r0 inside, and r1 next of 4", env.Holder.Run, env.Queue)
				}
				pass(62 * time.Minute) // r0 has baked, and reports: the next is inside at once
				if env := environment(t, xs[0]); env.Holder.Run != "r1" {
					t.Errorf("inside is %q; want r1", env.Holder.Run)
				}
				pass(8 * time.Hour)
				for i := range 5 {
					wantRun(t, xs[0], fmt.Sprintf("r%d", i), pipeline.Succeeded)
				}
				if !slices.Equal(order, want) {
					t.Errorf("entered %q; want %q", order, want)
				}
			})
		})
	}
}

func TestTheNewestRunSupersedesThoseThatWait(t *testing.T) { // E2
	synctest.Test(t, func(t *testing.T) {
		newest := production
		newest.Queue = stage.Newest
		store := new(journal.Memory)
		a, b := over(store, deploy("deploy", time.Hour, newest)), over(store, deploy("deploy", time.Hour, newest))
		serve(t, a)
		serve(t, b)
		for i, x := range []*pipeline.Executor{a, b, a, b} {
			start(t, x, fmt.Sprintf("r%d", i))
			pass(time.Minute)
		}
		wantRun(t, a, "r0", pipeline.Running) // never the one inside
		wantRun(t, a, "r1", pipeline.Superseded)
		wantRun(t, a, "r2", pipeline.Superseded)
		if got, want := run(t, a, "r2").Reason, "superseded by r3"; got != want {
			t.Errorf("r2 ended %q; want %q", got, want)
		}
		pass(time.Hour)
		wantStep(t, a, "r3", "deploy", pipeline.Running)
		pass(time.Hour)
		wantRun(t, a, "r3", pipeline.Succeeded)
		if env := environment(t, a); env.Holder.Run != "" || len(env.Queue) != 0 {
			t.Errorf("inside is %q, and %v wait; want nobody", env.Holder.Run, env.Queue)
		}
	})
}

func TestARunThatWorksElsewhereEntersWhenItCan(t *testing.T) { // E1
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Parallel{deploy("deploy", time.Minute, production), work("report", time.Hour)})
		serve(t, x)
		start(t, x, "a")
		pass(time.Second)
		start(t, x, "b")
		pass(2 * time.Minute)
		wantStep(t, x, "b", "deploy", pipeline.Succeeded) // though b reports all the while
	})
}

func TestAnApprovalBeforeAnEnvironmentBlocksNobody(t *testing.T) { // E2
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("release"), deploy("deploy", time.Minute, production))
		serve(t, x)
		start(t, x, "slow")
		start(t, x, "quick")
		pass(time.Second)
		vote(t, x, "quick", "release", "ann")
		pass(time.Hour)
		wantRun(t, x, "quick", pipeline.Succeeded)
		wantRun(t, x, "slow", pipeline.Waiting)
	})
}

func TestAFixMayEnterAfterAFailure(t *testing.T) { // E1, E4
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Stage{Name: "deploy", Environment: production, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			out := stage.Output{Live: artifact.Set{"image": image(in.Run)}, Traffic: 100}
			if in.Run == "bad" {
				return out, stage.Failf("unhealthy")
			}
			return out, nil
		})})
		serve(t, x)
		start(t, x, "bad")
		pass(time.Second)
		start(t, x, "fix")
		wantRun(t, x, "bad", pipeline.Failed)
		wantRun(t, x, "fix", pipeline.Succeeded)
		env := environment(t, x)
		if len(env.History) != 2 || env.History[0].Succeeded || !env.History[1].Succeeded || env.Live["image"] != image("fix") {
			t.Errorf("Environment = %+v; want a bad deployment, then a good one, which is live", env)
		}
	})
}

func TestARunCanceledBeforeAnEnvironmentLeavesTheQueue(t *testing.T) { // E2, R6
	synctest.Test(t, func(t *testing.T) {
		x := executor(deploy("deploy", time.Hour, production))
		serve(t, x)
		for _, id := range []string{"a", "b", "c"} {
			start(t, x, id)
			pass(time.Minute)
		}
		if err := x.Cancel(t.Context(), "b", "ann", ""); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, "b", pipeline.Canceled)
		if env := environment(t, x); len(env.Queue) != 1 || env.Queue[0].Run != "c" {
			t.Errorf("%v wait; want c alone", env.Queue)
		}
		if err := x.Cancel(t.Context(), "a", "ann", ""); err != nil { // the one inside
			t.Fatal(err)
		}
		synctest.Wait()
		wantStep(t, x, "c", "deploy", pipeline.Running)
	})
}

func TestAnEnvironmentThatIsSharedHasNoQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := production
		shared.Shared = true
		x := executor(deploy("deploy", time.Hour, shared))
		serve(t, x)
		start(t, x, "a")
		start(t, x, "b")
		pass(time.Minute)
		wantStep(t, x, "a", "deploy", pipeline.Running)
		wantStep(t, x, "b", "deploy", pipeline.Running)
	})
}

func TestAnEnvironmentOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(deploy("deploy", time.Hour, production))
		stop := serve(t, x)
		for _, id := range []string{"a", "b", "c"} {
			start(t, x, id)
			pass(time.Minute)
		}
		stop()
		if env := environment(t, x); env.Holder.Run != "a" || len(env.Queue) != 2 {
			t.Errorf("inside is %q, and %v wait; want what was before", env.Holder.Run, env.Queue)
		}
		pass(time.Hour)
		serve(t, x)
		pass(4 * time.Hour)
		for _, id := range []string{"a", "b", "c"} {
			wantRun(t, x, id, pipeline.Succeeded)
		}
	})
}

// News of a run that queues, and works elsewhere meanwhile, has the gates of the
// environment asked once more. It enters all the same when the one inside has left
// (E2, E3, I2).
func TestARunThatQueuesAndHasNewsEntersWhenItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		guarded := production
		guarded.Gates = []gate.Gate{approval.Quorum{Anyone: true}}
		x := executor(pipeline.Parallel{work("scan", 5*time.Hour), deploy("deploy", time.Hour, guarded)})
		serve(t, x)
		one := start(t, x, "one")
		synctest.Wait()
		vote(t, x, one, "deploy", "bob")
		pass(time.Minute)
		two := start(t, x, "two")
		synctest.Wait()
		for _, by := range []string{"bob", "cat", "dan"} {
			vote(t, x, two, "deploy", by)
			pass(time.Minute)
			wantStep(t, x, two, "deploy", pipeline.Waiting)
		}
		pass(90 * time.Minute)
		wantStep(t, x, two, "deploy", pipeline.Running)
		pass(5 * time.Hour)
		wantRun(t, x, two, pipeline.Succeeded)
	})
}
