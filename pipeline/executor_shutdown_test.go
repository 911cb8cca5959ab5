package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

func TestShutdownEndsNoRun(t *testing.T) { // R6
	for _, tt := range []struct {
		name string
		hook func(ctx context.Context, release <-chan struct{}) error // the first call
		took time.Duration                                            // to shut down
		want []string                                                 // recorded by then
	}{
		{"a hook that listens stays called", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return ctx.Err()
		}, 0, []string{"began", "claimed", "called long"}},
		{"a failure that is none stays called", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			return stage.Failf("tests were interrupted")
		}, 0, []string{"began", "claimed", "called long"}},
		{"a panic stays called", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			panic("no context")
		}, 0, []string{"began", "claimed", "called long"}},
		{"a success is recorded", func(ctx context.Context, _ <-chan struct{}) error {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			return nil
		}, 5 * time.Second, []string{"began", "claimed", "called long", "done long"}},
		{"a deaf hook is left behind", func(_ context.Context, release <-chan struct{}) error {
			<-release
			return nil
		}, 10 * time.Second, []string{"began", "claimed", "called long"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				calls, keys := 0, []string{}
				x := executor(pipeline.Stage{Name: "long", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
					keys = append(keys, in.Key)
					if calls++; calls == 1 {
						return stage.Output{}, tt.hook(ctx, release)
					}
					return stage.Output{}, nil
				})})
				stop := serve(t, x)
				id := start(t, x, "")
				pass(time.Minute)
				began := time.Now()
				stop()
				if took := time.Since(began); took != tt.took {
					t.Errorf("Serve took %v to return; want %v", took, tt.took)
				}
				wantStory(t, x, id, tt.want...)
				pass(time.Minute)
				close(release) // what it returns now comes too late
				synctest.Wait()
				wantStory(t, x, id, tt.want...)

				serve(t, x)
				wantRun(t, x, id, pipeline.Succeeded)
				if len(slices.Compact(keys)) != 1 {
					t.Errorf("keys are %q; want one (J3)", keys)
				}
			})
		})
	}
}

func TestServeTwiceAtOnceIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", 0))
		stop := serve(t, x)
		if err := x.Serve(t.Context()); err == nil {
			t.Error("a second Serve = nil; want an error")
		}
		id := start(t, x, "")
		wantRun(t, x, id, pipeline.Succeeded) // the first is not harmed
		stop()
		serve(t, x)
		id = start(t, x, "")
		wantRun(t, x, id, pipeline.Succeeded)
	})
}

func TestServeWithAContextThatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		x := executor(counts("build", &calls))
		start(t, x, "")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.Serve(ctx); err != nil || calls != 0 {
			t.Errorf("Serve = %v after %d calls; want nil at once", err, calls)
		}
	})
}

func TestAnObserverIsAskedAfterACrash(t *testing.T) { // J3
	for _, tt := range []struct {
		name    string
		observe func(times int) (stage.Observation, error)
		runs    int
		says    string
	}{
		{"that it was done", func(int) (stage.Observation, error) {
			return stage.Observation{Done: true, Output: stage.Output{Summary: "is there"}}, nil
		}, 0, "is there"},
		{"that it was not", func(int) (stage.Observation, error) { return stage.Observation{}, nil }, 1, "did it"},
		{"that it never knows", func(int) (stage.Observation, error) {
			return stage.Observation{}, fmt.Errorf("a shell script: %w", errors.ErrUnsupported)
		}, 1, "did it"},
		{"that it could not be found out, and then that it was done", func(n int) (stage.Observation, error) {
			if n < 5 {
				return stage.Observation{}, errors.New("registry: connection refused")
			}
			return stage.Observation{Done: true, Output: stage.Output{Summary: "is there"}}, nil
		}, 0, "is there"},
		{"with a panic, and then that it was done", func(n int) (stage.Observation, error) {
			if n < 5 {
				panic("oh no")
			}
			return stage.Observation{Done: true, Output: stage.Output{Summary: "is there"}}, nil
		}, 0, "is there"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runner := &observed{observe: tt.observe}
				x := executor(pipeline.Stage{Name: "publish", Run: runner})
				crashed(t, x, "one", "publish")
				serve(t, x)
				pass(time.Hour)
				if got := step(t, x, "one", "publish"); got.Status != pipeline.Succeeded || got.Reason != tt.says || runner.runs != tt.runs {
					t.Errorf("the stage is %v: %s, after %d calls of Run; want %s after %d", got.Status, got.Reason, runner.runs, tt.says, tt.runs)
				}
			})
		})
	}
}

// observed is a Runner that may know whether it was done.
type observed struct {
	observe func(times int) (stage.Observation, error)
	asked   int
	runs    int
}

func (o *observed) Run(context.Context, stage.Input) (stage.Output, error) {
	o.runs++
	return stage.Output{Summary: "did it"}, nil
}

func (o *observed) Observe(context.Context, stage.Input) (stage.Observation, error) {
	o.asked++
	return o.observe(o.asked)
}

// crashed leaves a run as a process does that dies in a stage.
func crashed(t *testing.T, x *pipeline.Executor, id, stage string) {
	t.Helper()
	start(t, x, id)
	err := x.Store.Append(t.Context(), journal.Batch{Journal: id, Length: 1, Events: []journal.Event{
		{Time: time.Now(), Kind: journal.Claimed, By: "killed-1", Epoch: 1},
		{Time: time.Now(), Kind: journal.Called, Step: stage, Epoch: 1, Data: &journal.Call{Attempt: 1, Key: id + "/" + stage}},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStageThatIsNotCalledAgainAfterACrash(t *testing.T) { // J3
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		pay := counts("pay", &calls)
		pay.Unknown = pipeline.AskPerson
		x := executor(pay)
		crashed(t, x, "one", "pay")
		serve(t, x)
		pass(time.Hour)
		if got := step(t, x, "one", "pay"); got.Status != pipeline.Waiting || got.For != "hold" || calls != 0 {
			t.Errorf("the stage is %v for %q after %d calls; want it to wait for a person", got.Status, got.For, calls)
		}
		if err := x.Override(t.Context(), "one", "ann", "the bank says it was paid", "pay"); err != nil {
			t.Fatal(err)
		}
		wantRun(t, x, "one", pipeline.Succeeded)
	})
}

func TestRunsThatWaitHoldNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const runs = 300
		x := executor(pipeline.Parallel{
			asks("release"),
			pipeline.Stage{Name: "bake", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
				return stage.Output{Again: 24 * time.Hour}, nil
			})},
		})
		serve(t, x)
		before := runtime.NumGoroutine()
		for i := range runs {
			start(t, x, fmt.Sprintf("r%d", i))
		}
		pass(time.Hour)
		if after := runtime.NumGoroutine(); after > before+runs/10 { // those of the test binary come and go
			t.Errorf("%d goroutines with %d runs that wait; want about %d, as with none", after, runs, before)
		}
		if r := run(t, x, "r7"); r.Owner != "" {
			t.Errorf("a run that waits is owned by %q; want nobody, so that no lease is kept", r.Owner)
		}
	})
}

func TestHooksGetOneContextEachThatEndsWithServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var told atomic.Bool
		x := executor(pipeline.Stage{Name: "build", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
			told.Store(ctx.Value(key{}) == "value")
			return stage.Output{}, nil
		})})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		done := make(chan error)
		go func() { done <- x.Serve(ctx) }()
		start(t, x, "")
		pass(time.Second)
		cancel()
		if err := <-done; err != nil || !told.Load() {
			t.Errorf("Serve = %v, and its values reached the hook: %v; want nil, true", err, told.Load())
		}
	})
}
