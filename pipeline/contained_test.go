package pipeline_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A bomb is whatever belongs to the user. Each method does what it is set to.
type bomb struct{ off func() }

func (b bomb) Decide(context.Context, gate.Request) (gate.Decision, error) {
	b.off()
	return gate.Decision{}, nil
}
func (b bomb) Run(context.Context, stage.Input) (stage.Output, error) {
	b.off()
	return stage.Output{}, nil
}

// badLog is a handler that cannot take anything.
type badLog struct{ bomb }

func (b badLog) Enabled(context.Context, slog.Level) bool  { return true }
func (b badLog) Handle(context.Context, slog.Record) error { b.off(); return nil }
func (b badLog) WithAttrs([]slog.Attr) slog.Handler        { b.off(); return b }
func (b badLog) WithGroup(string) slog.Handler             { b.off(); return b }

type badTracer struct {
	tracenoop.TracerProvider
	bomb
}

func (b badTracer) Tracer(string, ...trace.TracerOption) trace.Tracer {
	return badTracing{b.bomb, tracenoop.Tracer{}}
}

type badTracing struct {
	bomb
	tracenoop.Tracer
}

func (b badTracing) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	b.off()
	return ctx, tracenoop.Span{}
}

type badMeter struct {
	metricnoop.MeterProvider
	bomb
}

func (b badMeter) Meter(string, ...metric.MeterOption) metric.Meter { return badMetering{bomb: b.bomb} }

type badMetering struct {
	metricnoop.Meter
	bomb
}

func (b badMetering) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return badHistogram{bomb: b.bomb}, nil
}

type badHistogram struct {
	metricnoop.Float64Histogram
	bomb
}

func (b badHistogram) Record(context.Context, float64, ...metric.RecordOption) { b.off() }

// What a user brings may panic, end its goroutine or hang. The run that it
// belongs to says so, and another one goes on beside it.
func TestABadCallbackHarmsNothingElse(t *testing.T) { // I18, R9
	panics := func() { panic("oh no") }
	ends := func() { runtime.Goexit() }
	hangs := func() { time.Sleep(24 * time.Hour) }
	for _, does := range []struct {
		name string
		off  func()
	}{{"panics", panics}, {"ends its goroutine", ends}, {"hangs", hangs}} {
		b := bomb{does.off}
		for name, bad := range map[string]pipeline.Step{
			"a hook":                     pipeline.Stage{Name: "bad", Run: b, Timeout: time.Minute},
			"a gate":                     pipeline.Gate{Name: "bad", Require: b},
			"the gate of an environment": pipeline.Stage{Name: "bad", Run: work("", 0).Run, Environment: stage.Environment{Name: "bad", Gates: []gate.Gate{b}}},
			"a condition":                pipeline.When{Name: "bad", If: func(context.Context, pipeline.Facts) (bool, error) { b.off(); return false, nil }, Do: work("never", 0)},
			"items": pipeline.ForEach{Name: "bad", Items: func(context.Context, pipeline.Facts) ([]string, error) { b.off(); return nil, nil },
				Body: func(string) pipeline.Step { return work("never", 0) }},
			"secrets": pipeline.Stage{Name: "bad", Timeout: time.Minute, Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
				_, err := in.Secret(ctx, "token")
				return stage.Output{}, err
			})},
		} {
			t.Run(name+" "+does.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := executor(pipeline.When{Name: "is-bad", If: func(_ context.Context, f pipeline.Facts) (bool, error) { return f.Run == "bad", nil }, Do: bad},
						work("good", time.Hour))
					x.Secrets = func(context.Context, string) (string, error) { b.off(); return "", nil }
					x.Limit = 2
					serve(t, x)
					start(t, x, "bad")
					pass(10 * time.Minute)
					start(t, x, "good")
					pass(2 * time.Hour)
					wantRun(t, x, "good", pipeline.Succeeded)
					if got := step(t, x, "bad", "bad"); got.Status == pipeline.Succeeded || got.Status == pipeline.Running || got.Reason == "" {
						t.Errorf("the step is %v: %q; want it to say what is wrong", got.Status, got.Reason)
					}
					if err := x.Cancel(t.Context(), "bad", "ann", ""); err != nil && !strings.Contains(err.Error(), "has failed") {
						t.Errorf("Cancel = %v; want that nothing is stuck", err)
					}
					pass(25 * time.Hour) // what hangs returns at last
					if r := run(t, x, "bad"); !r.Status.Done() {
						t.Errorf("the run is %v; want it at an end", r.Status)
					}
				})
			})
		}
	}
}

// What only listens loses what it panics at, and nothing else.
func TestABadListenerHarmsNothing(t *testing.T) { // I18
	b := bomb{func() { panic("oh no") }}
	for name, set := range map[string]func(x *pipeline.Executor){
		"log":    func(x *pipeline.Executor) { x.Log = slog.New(badLog{b}) },
		"tracer": func(x *pipeline.Executor) { x.TracerProvider = badTracer{bomb: b} },
		"meter":  func(x *pipeline.Executor) { x.MeterProvider = badMeter{bomb: b} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				deaf := pipeline.Stage{Name: "deaf", Timeout: time.Minute, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
					in.Log().WithGroup("http").With("a", 1).Info("hello")
					time.Sleep(time.Hour)
					return stage.Output{}, nil
				})}
				x := executor(asks("release"), deploy("deploy", time.Minute, production), deaf)
				set(x)
				serve(t, x)
				id := start(t, x, "")
				synctest.Wait()
				vote(t, x, id, "release", "ann")
				pass(2 * time.Hour)
				wantStep(t, x, id, "deploy", pipeline.Succeeded)
				if got := step(t, x, id, "deaf").Reason; !strings.Contains(got, "timed out") {
					t.Errorf("the stage says %q; want that it timed out, as nobody logged", got)
				}
				wantRun(t, x, id, pipeline.Failed)
			})
		})
	}
}

// A panickingStore panics from the nth call on.
type panickingStore struct {
	*journal.Memory
	left atomic.Int64
}

func (s *panickingStore) count() {
	if s.left.Add(-1) < 0 {
		panic("store: oh no")
	}
}

func (s *panickingStore) Append(ctx context.Context, batches ...journal.Batch) error {
	s.count()
	return s.Memory.Append(ctx, batches...)
}

func (s *panickingStore) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	s.count()
	return s.Memory.Events(ctx, name, from)
}

func (s *panickingStore) List(ctx context.Context, q journal.Query) ([]string, error) {
	s.count()
	return s.Memory.List(ctx, q)
}

func (s *panickingStore) Renew(ctx context.Context, owner string, until time.Time) error {
	s.count()
	return s.Memory.Renew(ctx, owner, until)
}

// An executor ends when its Store panics, as when that fails, and the next one
// goes on.
func TestAStoreThatPanicsIsBroken(t *testing.T) { // I18, I9
	for n := range 16 {
		synctest.Test(t, func(t *testing.T) {
			steps := []pipeline.Step{work("build", time.Minute), deploy("deploy", time.Minute, production)}
			store := new(journal.Memory)
			start(t, over(store, steps...), "one")
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			bad := &panickingStore{Memory: store}
			bad.left.Store(int64(n))
			err := over(bad, steps...).Serve(ctx)
			if err != nil && !strings.Contains(err.Error(), "panic: store: oh no") {
				t.Errorf("Serve over a store that panics after %d calls = %v; want its panic", n, err)
			}
			x := over(store, steps...)
			serve(t, x)
			pass(time.Hour)
			wantRun(t, x, "one", pipeline.Succeeded)
		})
	}
}

// mined is a gate and a policy that panics whatever it is asked.
type mined struct{ bomb }

func (m mined) Decide(context.Context, gate.Request) (gate.Decision, error) {
	return gate.Decision{}, nil
}
func (m mined) Eligible(gate.Request, gate.Vote) error { m.off(); return nil }
func (m mined) Who(gate.Request) []string              { m.off(); return nil }

type minedPolicy struct{ bomb }

func (m minedPolicy) Check(pipeline.Pipeline) error { m.off(); return nil }

type minedCheck struct{ stage.Func }

func (minedCheck) Check() error { panic("oh no") }

type minedText struct{ stage.Func }

func (minedText) Describe() string { panic("oh no") }

func none(context.Context, pipeline.Facts) ([]string, error) { return nil, nil }

// What is asked of a user's types on behalf of a caller is an error to them.
func TestABadAnswerIsAnErrorToWhoAsks(t *testing.T) { // I18
	b := bomb{func() { panic("oh no") }}
	wants := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "panic: oh no") {
			t.Errorf("%s = %v; want its panic as an error", what, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Gate{Name: "release", Require: mined{b}})
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		wants("Vote", x.Vote(t.Context(), id, "release", ballot(t, x, id, "release", "ann")))
		_, err := x.Explain(t.Context(), id, "ann")
		wants("Explain", err)
		if err := x.Cancel(t.Context(), id, "ann", ""); err != nil {
			t.Errorf("Cancel = %v; want that nothing is stuck", err)
		}
		wantRun(t, x, id, pipeline.Canceled)
	})
	x := executor(work("build", 0))
	x.Policies = []pipeline.Policy{minedPolicy{b}}
	_, err := x.Start(t.Context(), "shop", pipeline.Trigger{})
	wants("Start under a policy", err)
	wants("Validate of a hook", shop(pipeline.Stage{Name: "build", Run: minedCheck{}}).Validate())
	wants("Validate of its text", shop(pipeline.Stage{Name: "build", Run: minedText{}}).Validate())
	wants("Validate of a body", shop(pipeline.ForEach{Name: "all", Items: none, Body: func(string) pipeline.Step { panic("oh no") }}).Validate())
}

func TestAComparisonThatPanicsIsLeftOut(t *testing.T) { // I18, R2
	synctest.Test(t, func(t *testing.T) {
		x, id, _ := edited(t, func(x *pipeline.Executor, old pipeline.Pipeline) {
			x.Former = []pipeline.Pipeline{old}
			x.Compare = func(pipeline.Pipeline, pipeline.Pipeline) pipeline.Changes { panic("oh no") }
		})
		if r := run(t, x, id); r.For != "drift" || !strings.Contains(r.Reason, "the definition has changed") {
			t.Errorf("the run waits for %q: %s; want drift", r.For, r.Reason)
		}
	})
}
