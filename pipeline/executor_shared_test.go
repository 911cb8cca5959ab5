package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Several executors over one store (J4).

func TestOnlyOneExecutorWorksOnARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var c crowd // in which each is for a minute, which is longer than any lease
		var executors []*pipeline.Executor
		for range 3 {
			x := over(store, c.stage("build", ""), asks("release"), c.stage("deploy", ""))
			serve(t, x)
			executors = append(executors, x)
		}
		for i := range 6 {
			start(t, executors[i%3], fmt.Sprintf("r%d", i))
		}
		pass(2 * time.Minute)
		for i := range 6 {
			vote(t, executors[(i+1)%3], fmt.Sprintf("r%d", i), "release", "ann")
		}
		pass(2 * time.Minute)
		for i := range 6 {
			wantRun(t, executors[0], fmt.Sprintf("r%d", i), pipeline.Succeeded)
		}
		if len(c.order) != 12 || c.most != 6 {
			t.Errorf("%d calls, %d at a time; want each of 12 stages called once", len(c.order), c.most)
		}
	})
}

func TestALeaseOutlastsATimeInWhichNothingWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var calls atomic.Int64
		long := pipeline.Stage{Name: "long", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			calls.Add(1)
			time.Sleep(time.Hour)
			return stage.Output{}, nil
		})}
		quick := pipeline.Pipeline{Name: "quick", Steps: pipeline.Sequence{work("build", 0)}}
		a, b := over(store, long), over(store, long)
		a.Pipelines, b.Pipelines = append(a.Pipelines, quick), append(b.Pipelines, quick)
		stop := serve(t, a)
		defer stop()
		if _, err := a.Start(t.Context(), "quick", pipeline.Trigger{}); err != nil {
			t.Fatal(err)
		}
		pass(6 * time.Second) // a has renewed its lease for the quick run alone
		start(t, a, "one")
		synctest.Wait()
		serve(t, b)
		pass(2 * time.Hour)
		wantRun(t, a, "one", pipeline.Succeeded)
		if calls.Load() != 1 {
			t.Errorf("the stage was called %d times; want once, for the one who called it lives", calls.Load())
		}
	})
}

// A partition is a store that an executor can be cut off from.
type partition struct {
	*journal.Memory
	cut atomic.Bool
}

var errCut = errors.New("no route to host")

func (p *partition) Renew(ctx context.Context, owner string, until time.Time) error {
	if p.cut.Load() {
		return errCut
	}
	return p.Memory.Renew(ctx, owner, until)
}

func TestAnotherExecutorTakesOverWhenALeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var calls atomic.Int64
		var fenced atomic.Bool
		var keys, attempts [2]string
		long := pipeline.Stage{Name: "long", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
			n := calls.Add(1)
			keys[n-1], attempts[n-1] = in.Key, fmt.Sprint(in.Attempt)
			select {
			case <-ctx.Done():
				fenced.Store(true)
				return stage.Output{Summary: "by the one before"}, nil
			case <-time.After(10 * time.Minute):
				return stage.Output{Summary: "by the one after"}, nil
			}
		})}
		link := &partition{Memory: store}
		a, b := over(link, long), over(store, long)
		serve(t, a)
		start(t, a, "one")
		synctest.Wait() // it is a's
		serve(t, b)
		pass(time.Minute)
		link.cut.Store(true)
		pass(9 * time.Minute)
		if !fenced.Load() || calls.Load() != 2 {
			t.Errorf("the hook of the one cut off was stopped: %v, and there were %d calls; want true, and 2", fenced.Load(), calls.Load())
		}
		pass(10 * time.Minute)
		wantRun(t, b, "one", pipeline.Succeeded)
		if got, want := step(t, b, "one", "long").Reason, "by the one after"; got != want {
			t.Errorf("the stage is done %q; want %q, for the other is fenced", got, want)
		}
		if keys[0] != keys[1] || attempts != [2]string{"1", "2"} {
			t.Errorf("keys are %q and attempts %q; want one key, and attempts 1 and 2 (J3)", keys, attempts)
		}
	})
}

func TestADeadExecutorIsSucceededWithinItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		a, b := over(store, work("long", time.Hour), asks("release")), over(store, work("long", time.Hour), asks("release"))
		// A process that was killed leaves a claim, an intent and a lease.
		if _, err := a.Start(t.Context(), "shop", pipeline.Trigger{Key: "one"}); err != nil {
			t.Fatal(err)
		}
		if err := store.Append(t.Context(), journal.Batch{Journal: "one", Length: 1, Events: []journal.Event{
			{Time: time.Now(), Kind: journal.Claimed, By: "killed-1", Epoch: 1},
			{Time: time.Now(), Kind: journal.Called, Step: "long", Epoch: 1, Data: &journal.Call{Attempt: 1, Key: "one/long"}},
		}}); err != nil {
			t.Fatal(err)
		}
		if err := store.Renew(t.Context(), "killed-1", time.Now().Add(15*time.Second)); err != nil {
			t.Fatal(err)
		}
		serve(t, b)
		pass(14 * time.Second)
		if got := run(t, b, "one").Owner; got != "killed-1" {
			t.Errorf("the owner is %q while the lease runs; want the one who holds it", got)
		}
		pass(6*time.Second + time.Second)
		if got := step(t, b, "one", "long"); got.Status != pipeline.Running || got.Attempt != 2 {
			t.Errorf("the stage is %v, attempt %d; want it called again within a third of a lease", got.Status, got.Attempt)
		}
	})
}

func TestAVoteThroughAnotherExecutorIsActedOnAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store func() journal.Store
	}{
		{"with a Watcher", func() journal.Store { return new(journal.Memory) }},
		{"with a plain Store", func() journal.Store { return struct{ journal.Store }{new(journal.Memory)} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := tt.store()
				steps := []pipeline.Step{work("build", time.Second), asks("release"), work("deploy", time.Hour)}
				server, desk := over(store, steps...), over(store, steps...)
				serve(t, server)
				id := start(t, desk, "one")
				pass(250 * time.Millisecond)
				wantStep(t, desk, id, "build", pipeline.Running)
				pass(time.Hour)
				vote(t, desk, id, "release", "ann")
				pass(250 * time.Millisecond)
				wantStep(t, desk, id, "deploy", pipeline.Running)
				if err := desk.Cancel(t.Context(), id, "ann", "wrong one"); err != nil {
					t.Fatal(err)
				}
				pass(250 * time.Millisecond)
				wantRun(t, desk, id, pipeline.Canceled)
			})
		})
	}
}

func TestTwoExecutorsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		steps := []pipeline.Step{work("build", time.Minute), asks("release"), work("deploy", time.Minute)}
		a, b := over(store, steps...), over(store, steps...)
		stop := serve(t, a)
		serve(t, b)
		start(t, a, "one")
		pass(30 * time.Second)
		stop() // in the middle of build: b takes it without waiting for the end of a lease
		pass(time.Minute + 6*time.Second)
		wantStep(t, b, "one", "build", pipeline.Succeeded)
		wantStep(t, b, "one", "release", pipeline.Waiting)
		vote(t, b, "one", "release", "ann")
		pass(2 * time.Minute)
		wantRun(t, b, "one", pipeline.Succeeded)
	})
}
