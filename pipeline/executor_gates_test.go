package pipeline_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// A question is asked of a gate, a condition or a ForEach.
type question func(ctx context.Context) error

// questions returns a pipeline for each kind of step that is asked, and of
// stages in a guarded environment. They are answered well when f is.
func questions(f question) map[string]pipeline.Step {
	decide := gate.Func(func(ctx context.Context, _ gate.Request) (gate.Decision, error) {
		err := f(ctx)
		return gate.Passf("open"), err
	})
	guarded := production
	guarded.Gates = []gate.Gate{decide}
	return map[string]pipeline.Step{
		"gate":  pipeline.Gate{Name: "asked", Require: decide},
		"stage": deploy("asked", 0, guarded),
		"when": pipeline.When{Name: "asked", Do: work("done", 0), If: func(ctx context.Context, _ pipeline.Facts) (bool, error) {
			err := f(ctx)
			return true, err
		}},
		"for-each": pipeline.ForEach{Name: "asked", Body: func(string) pipeline.Step { return work("done", 0) }, Items: func(ctx context.Context, _ pipeline.Facts) ([]string, error) {
			err := f(ctx)
			return []string{"a"}, err
		}},
	}
}

func TestAQuestionThatCannotBeAnsweredIsAskedAgain(t *testing.T) { // G1
	var nobody *rude
	for _, tt := range []struct {
		name string
		fail question
		says string
	}{
		{"an error", func(context.Context) error { return errors.New("tickets: connection refused") }, "could not be answered: tickets: connection refused"},
		{"a nil pointer as an error", func(context.Context) error { return nobody }, "could not be answered: panicked: "},
		{"a panic", func(context.Context) error { panic("oh no") }, "could not be answered: panicked: oh no"},
		{"the end of the goroutine", func(context.Context) error { runtime.Goexit(); return nil }, "could not be answered: ended its goroutine"},
		{"an answer that takes too long", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "could not be answered: timed out after 1m0s"},
		{"a deaf hook", func(context.Context) error { time.Sleep(10 * time.Minute); return nil }, "could not be answered: timed out after 1m0s; the hook did not return within 10s after that"},
	} {
		for kind := range questions(nil) {
			t.Run(tt.name+" of a "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var down, asked atomic.Int64
					down.Store(1)
					x := executor(pipeline.Parallel{work("other", time.Second), questions(func(ctx context.Context) error {
						asked.Add(1)
						if down.Load() == 1 {
							return tt.fail(ctx)
						}
						return nil
					})[kind]})
					serve(t, x)
					id := start(t, x, "")
					pass(2 * time.Minute)
					if got := step(t, x, id, "asked"); got.Status != pipeline.Waiting || got.For != "check" || !strings.Contains(got.Reason, tt.says) {
						t.Errorf("the step is %v for %q: %s; want it to wait for a check: %s", got.Status, got.For, got.Reason, tt.says)
					}
					wantStep(t, x, id, "other", pipeline.Succeeded)
					pass(24 * time.Hour)
					if n := asked.Load(); n < 200 || n > 500 {
						t.Errorf("asked %d times in a day; want it at growing intervals of up to five minutes", n)
					}
					down.Store(0)
					pass(time.Hour)
					wantRun(t, x, id, pipeline.Succeeded)
				})
			})
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer gate.Decision
		says   string
	}{
		{"the zero Decision", gate.Decision{}, ""},
		{"a verdict that is none", gate.Decision{Verdict: 7, Reason: "maybe"}, "maybe"},
		{"a verdict below all", gate.Decision{Verdict: -1, Reason: "maybe"}, "maybe"},
		{"a time that cannot be recorded", gate.Passf("open").Until(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)), "want a later time, before the year 10000"},
		{"a novel", gate.Waitf("%s", strings.Repeat("a", 1<<20)), "aaa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := executor(pipeline.Gate{Name: "asked", Require: gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
					return tt.answer, nil
				})})
				serve(t, x)
				id := start(t, x, "")
				pass(time.Hour)
				got := step(t, x, id, "asked")
				if got.Status != pipeline.Waiting || !strings.Contains(got.Reason, tt.says) || len(got.Reason) > 4<<10 {
					t.Errorf("the gate is %v: %.200s; want it shut", got.Status, got.Reason)
				}
			})
		})
	}
}

func TestAGateThatAlwaysSaysNowDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		x := executor(pipeline.Gate{Name: "asked", Require: gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			asked++
			return gate.Waitf("soon").Until(req.Now), nil
		})})
		serve(t, x)
		start(t, x, "")
		pass(time.Minute)
		if asked > 200 {
			t.Errorf("asked %d times in a minute; want it at sensible intervals", asked)
		}
	})
}

func TestItemsThatAreNotInOrder(t *testing.T) { // R8a
	for _, tt := range []struct {
		name  string
		items []string
		body  func(string) pipeline.Step
		says  string
	}{
		{"an empty one", []string{""}, nil, "want 1 to 64 letters"},
		{"one with brackets", []string{"a]"}, nil, "want 1 to 64 letters"},
		{"two the same", []string{"a", "b", "a"}, nil, `item "a" twice`},
		{"too many", make([]string, 10_001), nil, "10001 items; want at most 10000"},
		{"a body that panics", []string{"a"}, func(item string) pipeline.Step {
			if item == "a" {
				panic("oh no")
			}
			return work("done", 0)
		}, "oh no"},
		{"a body that is nil", []string{"a"}, func(item string) pipeline.Step {
			if item == "a" {
				return nil
			}
			return work("done", 0)
		}, "the body is nil"},
		{"a body of other steps", []string{"a"}, func(item string) pipeline.Step { return work("done-"+item, 0) }, "other steps"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.body == nil {
					tt.body = func(string) pipeline.Step { return work("done", 0) }
				}
				x := executor(pipeline.ForEach{Name: "all", Body: tt.body, Items: func(context.Context, pipeline.Facts) ([]string, error) { return tt.items, nil }})
				serve(t, x)
				id := start(t, x, "")
				pass(time.Minute)
				if got := step(t, x, id, "all"); got.Status != pipeline.Waiting || !strings.Contains(got.Reason, tt.says) {
					t.Errorf("the step is %v: %.300s; want it to wait: %s", got.Status, got.Reason, tt.says)
				}
			})
		})
	}
}

func TestABodyThatIsNotTheSameEachTimeHarmsOnlyItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		x := executor(pipeline.ForEach{
			Name:  "all",
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"a"}, nil },
			Body: func(item string) pipeline.Step {
				if item == "a" {
					if made++; made > 1 {
						panic("oh no")
					}
				}
				return work("done", 0)
			},
		})
		x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "till", Steps: pipeline.Sequence{work("build", time.Hour)}})
		serve(t, x)
		start(t, x, "bad")
		good, err := x.Start(t.Context(), "till", pipeline.Trigger{})
		if err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		wantRun(t, x, good, pipeline.Succeeded)
	})
}
