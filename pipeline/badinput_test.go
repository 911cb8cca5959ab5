package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// rude is an error that cannot say what it is.
type rude struct{ text string }

func (e *rude) Error() string { return e.text } // panics if e is nil

// unprintable has no JSON form, and panics when it is asked for one.
type unprintable struct{}

func (unprintable) MarshalJSON() ([]byte, error) { panic("no JSON") }

func returns(out stage.Output, err error) stage.Func {
	return func(context.Context, stage.Input) (stage.Output, error) { return out, err }
}

func TestWhatAHookMustNotDoFailsItsStage(t *testing.T) { // R9, R10
	var nobody *rude
	url := map[string]any{"url": "https://ci/1"}
	big := json.RawMessage(`"` + strings.Repeat("a", 1<<20) + `"`)
	for _, tt := range []struct {
		name  string
		run   stage.Func
		want  pipeline.Status
		says  string
		stack bool
	}{
		{"panics", func(context.Context, stage.Input) (stage.Output, error) { panic("oh no") }, pipeline.Failed, "panicked: oh no", true},
		{"panics with nil", func(context.Context, stage.Input) (stage.Output, error) { panic(nil) }, pipeline.Failed, "panicked: ", true},
		{"panics with an error that panics", func(context.Context, stage.Input) (stage.Output, error) { panic(nobody) }, pipeline.Failed, "panicked: ", true},
		{"reads behind the end", func(_ context.Context, in stage.Input) (stage.Output, error) {
			return stage.Output{Summary: in.Key[len(in.Key)+in.Attempt:]}, nil
		}, pipeline.Failed, "slice bounds out of range", true},
		{"ends its goroutine, as FailNow does", func(context.Context, stage.Input) (stage.Output, error) { runtime.Goexit(); panic("not reached") }, pipeline.Failed, "ended its goroutine", true},
		{"ends its goroutine in a panic", func(context.Context, stage.Input) (stage.Output, error) { defer runtime.Goexit(); panic("oh no") }, pipeline.Failed, "ended its goroutine", true},
		{"returns an error that is a nil pointer", returns(stage.Output{}, nobody), pipeline.Failed, "panicked: runtime error: invalid memory address", true},
		{"returns a failure around a nil pointer", returns(stage.Output{}, stage.Failf("smoke: %w", nobody)), pipeline.Failed, "smoke: ", false},
		{"returns an artifact that nobody knows", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1"), {Name: "sbom", Digest: artifact.DigestBytes(nil)}}, Values: url}, nil), pipeline.Failed, `returned artifact "sbom", which the step does not produce; it produces ["image"]`, false},
		{"returns an artifact twice", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1"), image("v2")}, Values: url}, nil), pipeline.Failed, `returned artifact "image" twice`, false},
		{"returns an artifact without a digest", returns(stage.Output{Artifacts: []artifact.Artifact{{Name: "image"}}, Values: url}, nil), pipeline.Failed, "digest", false},
		{"does not return what it produces", returns(stage.Output{Values: url}, nil), pipeline.Failed, `did not return artifact "image"`, false},
		{"does not return what it gives", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}}, nil), pipeline.Failed, `did not return value "url"`, false},
		{"returns a value that nobody knows", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}, Values: map[string]any{"url": 1, "uri": 2}}, nil), pipeline.Failed, `returned value "uri", which the step does not give; it gives ["url"]`, false},
		{"returns a value that has no JSON form", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}, Values: map[string]any{"url": make(chan int)}}, nil), pipeline.Failed, `value "url" has no JSON form`, false},
		{"returns a value that panics", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}, Values: map[string]any{"url": unprintable{}}}, nil), pipeline.Failed, "panicked: no JSON", true},
		{"returns a value of a mebibyte", returns(stage.Output{Artifacts: []artifact.Artifact{image("v1")}, Values: map[string]any{"url": big}}, nil), pipeline.Failed, `value "url" has 1048578 bytes; want at most 65536`, false},
		{"returns a mebibyte of state", returns(stage.Output{Again: time.Second, State: big}, nil), pipeline.Failed, "returned 1048578 bytes of state; want at most 65536", false},
		{"returns state that is not JSON", returns(stage.Output{Again: time.Second, State: []byte("{")}, nil), pipeline.Failed, "state that is not JSON", false},
		{"returns a mebibyte of error", returns(stage.Output{}, errors.New(string(big))), pipeline.Errored, "aaa…", false},
		{"says more than all of the traffic", returns(stage.Output{Live: artifact.Set{}, Traffic: 101}, nil), pipeline.Failed, "want 0 to 100 %", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := pipeline.Stage{Name: "bad", Run: tt.run, Produces: []string{"image"}, Gives: []string{"url"}}
				x := executor(pipeline.Parallel{bad, work("good", time.Hour)})
				serve(t, x)
				id := start(t, x, "")
				pass(time.Minute)
				got := step(t, x, id, "bad")
				if got.Status != tt.want || !strings.Contains(got.Reason, tt.says) || (got.Stack != "") != tt.stack {
					t.Errorf("the stage is %v: %.200s\nstack: %q\nwant %v: %s", got.Status, got.Reason, got.Stack, tt.want, tt.says)
				}
				if len(got.Reason) > 4<<10 {
					t.Errorf("the reason has %d bytes; want at most 4096", len(got.Reason))
				}
				wantStep(t, x, id, "good", pipeline.Running) // nothing else is harmed
				pass(time.Hour)
				wantStep(t, x, id, "good", pipeline.Succeeded)
				wantRun(t, x, id, pipeline.Failed)
				wantReplay(t, x, id)
			})
		})
	}
}

func TestWhatIsNoArtifactIsNotLive(t *testing.T) { // R10, E4
	for name, err := range map[string]error{"in a success": nil, "in an error": errors.New("502")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := pipeline.Stage{Name: "deploy", Environment: production, Run: returns(stage.Output{Live: artifact.Set{"image": {}}, Traffic: 100}, err)}
				x := executor(s)
				serve(t, x)
				id := start(t, x, "")
				if got := step(t, x, id, "deploy"); got.Status != pipeline.Failed || !strings.Contains(got.Reason, "is no artifact is live") {
					t.Errorf("the stage is %v: %s; want it failed", got.Status, got.Reason)
				}
				if env := environment(t, x); env.Live != nil || len(env.History) != 0 {
					t.Errorf("live is %v, and history %v; want none of it", env.Live, env.History)
				}
			})
		})
	}
}

func TestWhatAHookReturnsIsReadOnceItHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := map[string]int{}
		s := pipeline.Stage{Name: "build", Gives: []string{"sizes"}, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			return stage.Output{Values: map[string]any{"sizes": shared}}, nil
		})}
		last := pipeline.Stage{Name: "read", Takes: []string{"sizes"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			return stage.Output{Summary: string(in.Values["sizes"])}, nil
		})}
		x := executor(s, last)
		serve(t, x)
		id := start(t, x, "")
		wantRun(t, x, id, pipeline.Succeeded)
		if got := step(t, x, id, "read").Reason; got != "{}" {
			t.Errorf("read %s; want {}", got)
		}
	})
}

func TestAHookThatIgnoresItsContext(t *testing.T) {
	deaf := func(release chan struct{}) stage.Func {
		return func(context.Context, stage.Input) (stage.Output, error) {
			<-release
			return stage.Output{Summary: "too late"}, nil
		}
	}
	for _, tt := range []struct {
		name  string
		steps func(deaf stage.Runner) pipeline.Step
		end   func(t *testing.T, x *pipeline.Executor, id string)
		want  pipeline.Status
		says  string
	}{
		{"after its timeout", func(deaf stage.Runner) pipeline.Step {
			return pipeline.Stage{Name: "deaf", Run: deaf, Timeout: time.Minute}
		}, func(*testing.T, *pipeline.Executor, string) {}, pipeline.Errored, "timed out after 1m0s; the hook did not return within 10s after that"},
		{"after a cancel (R6)", func(deaf stage.Runner) pipeline.Step {
			return pipeline.Stage{Name: "deaf", Run: deaf}
		}, func(t *testing.T, x *pipeline.Executor, id string) {
			if err := x.Cancel(t.Context(), id, "ann", "enough"); err != nil {
				t.Fatal(err)
			}
		}, pipeline.Canceled, "stopped; the hook did not return within 10s after that"},
		{"after another step failed fast (R4)", func(deaf stage.Runner) pipeline.Step {
			return pipeline.Graph{FailFast: true, Nodes: []pipeline.Node{
				{Step: pipeline.Stage{Name: "deaf", Run: deaf}},
				{Step: pipeline.Stage{Name: "no", Run: returns(stage.Output{}, stage.Failf("no"))}},
			}}
		}, func(*testing.T, *pipeline.Executor, string) {}, pipeline.Canceled, "stopped; the hook did not return within 10s after that"},
		{"after the time of a Finally is up (R5)", func(deaf stage.Runner) pipeline.Step {
			return pipeline.Finally{Of: work("build", 0), Do: pipeline.Stage{Name: "deaf", Run: deaf}, Within: time.Minute}
		}, func(*testing.T, *pipeline.Executor, string) {}, pipeline.Failed, "the time for what is done finally is up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				x := executor(pipeline.Finally{Of: tt.steps(deaf(release)), Do: work("clean-up", 0)})
				serve(t, x)
				id := start(t, x, "")
				synctest.Wait()
				tt.end(t, x, id)
				pass(time.Hour)
				check := func() {
					t.Helper()
					if got := step(t, x, id, "deaf"); got.Status != tt.want || !strings.Contains(got.Reason, tt.says) {
						t.Errorf("the stage is %v: %s\nwant %v: %s", got.Status, got.Reason, tt.want, tt.says)
					}
					wantStep(t, x, id, "clean-up", pipeline.Succeeded)
					if r := run(t, x, id); !r.Status.Done() || r.Status == pipeline.Succeeded {
						t.Errorf("the run is %v; want it at an end that is no success", r.Status)
					}
				}
				check()
				close(release)
				synctest.Wait()
				check() // what it returns later is not looked at
			})
		})
	}
}

func TestWhatAHookReturnsAfterItsTimeIsUpDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := pipeline.Stage{Name: "slow", Timeout: time.Minute, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			time.Sleep(time.Minute + time.Second)
			return stage.Output{Summary: "done"}, nil
		})}
		x := executor(s)
		serve(t, x)
		id := start(t, x, "")
		pass(2 * time.Minute)
		if got := step(t, x, id, "slow"); got.Status != pipeline.Errored || got.Reason != "timed out after 1m0s" {
			t.Errorf("the stage is %v: %s; want it errored for its timeout", got.Status, got.Reason)
		}
	})
}

func TestAManyTimesPanickingHookHarmsNobody(t *testing.T) { // R9
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.ForEach{
			Name: "all",
			Items: func(context.Context, pipeline.Facts) (items []string, err error) {
				for i := range 100 {
					items = append(items, fmt.Sprint(i))
				}
				return items, nil
			},
			Body: func(item string) pipeline.Step {
				return pipeline.Stage{Name: "bad", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
					if item == "42" {
						return stage.Output{}, nil
					}
					if item > "5" {
						runtime.Goexit()
					}
					panic(item)
				})}
			},
		})
		serve(t, x)
		id := start(t, x, "")
		wantRun(t, x, id, pipeline.Failed)
		wantStep(t, x, id, "bad[42]", pipeline.Succeeded)
		wantStep(t, x, id, "bad[99]", pipeline.Failed)
	})
}
