package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A backend has the spans that were exported, by however many processes.
type backend struct{ tracetest.InMemoryExporter }

// traces has x export to b, as the only executor of a process does.
func (b *backend) traces(x *pipeline.Executor, options ...sdktrace.TracerProviderOption) *pipeline.Executor {
	options = append([]sdktrace.TracerProviderOption{sdktrace.WithSyncer(b), sdktrace.WithIDGenerator(pipeline.TraceIDs{})}, options...)
	x.TracerProvider = sdktrace.NewTracerProvider(options...)
	return x
}

// attributes returns those of a span, as text.
func attributes(s tracetest.SpanStub) map[string]string {
	attrs := map[string]string{}
	for _, a := range s.Attributes {
		attrs[string(a.Key)] = a.Value.String()
	}
	return attrs
}

// tree returns the spans, a line each, children below their parent: name, time
// from the first span on, result, and class of error with its text.
func (b *backend) tree() (lines []string) {
	spans := b.GetSpans()
	slices.SortStableFunc(spans, func(s, u tracetest.SpanStub) int {
		if c := s.StartTime.Compare(u.StartTime); c != 0 {
			return c
		}
		return s.EndTime.Compare(u.EndTime)
	})
	known := map[trace.SpanID]bool{}
	for _, s := range spans {
		known[s.SpanContext.SpanID()] = true
	}
	var walk func(parent trace.SpanID, indent string)
	walk = func(parent trace.SpanID, indent string) {
		for _, s := range spans {
			p := s.Parent.SpanID()
			if !known[p] {
				p = trace.SpanID{}
			}
			if p != parent {
				continue
			}
			from := s.StartTime.Sub(spans[0].StartTime)
			line := fmt.Sprintf("%s%s %v+%v", indent, s.Name, from, s.EndTime.Sub(s.StartTime))
			attrs := attributes(s)
			line += " " + attrs["cicd.pipeline.result"] + attrs["cicd.pipeline.task.run.result"]
			if fault := attrs["error.type"]; fault != "" || s.Status.Description != "" {
				line += fmt.Sprintf(" %s %v: %s", fault, s.Status.Code, s.Status.Description)
			}
			lines = append(lines, line)
			walk(s.SpanContext.SpanID(), indent+"  ")
		}
	}
	walk(trace.SpanID{}, "")
	return lines
}

func (b *backend) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, b.tree()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	ids := map[trace.SpanID]string{}
	for _, s := range b.GetSpans() {
		if other, twice := ids[s.SpanContext.SpanID()]; twice {
			t.Errorf("spans %q and %q have one ID", other, s.Name)
		}
		ids[s.SpanContext.SpanID()] = s.Name
	}
}

// fails is a stage that ends badly.
func fails(name string, err error) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, err })}
}

func TestARunIsOneTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		x := b.traces(executor(
			work("build", time.Minute),
			pipeline.Parallel{work("unit", 2*time.Minute), fails("lint", nil)},
			asks("approve"),
			deploy("deploy", time.Minute, production),
		))
		stop := serve(t, x)
		id := start(t, x, "run-1")
		pass(time.Hour)
		vote(t, x, id, "approve", "ann")
		pass(time.Hour)
		b.want(t,
			"RUN shop 0s+1h1m0s success",
			"  RUN build 0s+1m0s success",
			"  RUN lint 1m0s+0s success",
			"  RUN unit 1m0s+2m0s success",
			"  WAIT approve 3m0s+57m0s success",
			"  RUN deploy 1h0m0s+1m0s success",
		)
		stop()

		got := map[string]map[string]string{}
		for _, s := range b.GetSpans() {
			got[s.SpanKind.String()+" "+s.Name] = attributes(s)
		}
		want := map[string]map[string]string{
			"server RUN shop": {
				"cicd.pipeline.name": "shop", "cicd.pipeline.run.id": "run-1", "cicd.pipeline.action.name": "RUN",
				"cicd.pipeline.result": "success", "penstock.run.status": "succeeded",
			},
			"internal WAIT approve": {
				"cicd.pipeline.task.name": "approve", "cicd.pipeline.task.run.id": "run-1/approve", "cicd.pipeline.task.run.result": "success",
				"penstock.step": "approve", "penstock.step.kind": "gate", "penstock.reason": "approved by ann",
			},
			"internal RUN deploy": {
				"cicd.pipeline.task.name": "deploy", "cicd.pipeline.task.run.id": "run-1/deploy#1", "cicd.pipeline.task.run.result": "success",
				"penstock.step": "deploy", "penstock.attempt": "1", "penstock.record": "done", "deployment.environment.name": "production",
			},
		}
		for _, name := range []string{"build", "unit", "lint"} {
			want["internal RUN "+name] = map[string]string{
				"cicd.pipeline.task.name": name, "cicd.pipeline.task.run.id": "run-1/" + name + "#1", "cicd.pipeline.task.run.result": "success",
				"penstock.step": name, "penstock.attempt": "1", "penstock.record": "done",
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
	})
}

func TestACallIsToldAsItIsRecorded(t *testing.T) {
	deaf := func(d time.Duration) pipeline.Stage {
		return pipeline.Stage{Name: "work", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			time.Sleep(d)
			return stage.Output{}, nil
		})}
	}
	does := func(f func()) pipeline.Stage {
		return pipeline.Stage{Name: "work", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { f(); return stage.Output{}, nil })}
	}
	limited := func(s pipeline.Stage) pipeline.Stage { s.Timeout = time.Minute; return s }
	twice := fails("work", errors.New("registry: 503"))
	twice.Retry = pipeline.Retry{Times: 1, Wait: time.Minute}
	polled := pipeline.Stage{Name: "work", Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		if in.State == nil {
			return stage.Output{Again: time.Minute, State: []byte("1")}, nil
		}
		return stage.Output{}, nil
	})}
	stray := pipeline.Stage{Name: "work", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
		return stage.Output{Values: map[string]any{"url": 1}}, nil
	})}
	for _, tt := range []struct {
		name string
		step pipeline.Step
		want []string // of the calls
		run  string
	}{
		{"success", does(func() {}), []string{"0s success"}, "success"},
		{"the work says no", fails("work", stage.Failf("2 tests failed")), []string{"0s failure failure Error: 2 tests failed"}, "failure failure Error: work: 2 tests failed"},
		{"it could not be done", fails("work", errors.New("registry: 503")), []string{"0s error _OTHER Error: registry: 503"}, "error _OTHER Error: work: registry: 503"},
		{"a panic", does(func() { panic("oh no") }), []string{"0s failure panic Error: panicked: oh no"}, "failure failure Error: work: panicked: oh no"},
		{"the end of the goroutine", does(runtime.Goexit), []string{"0s failure panic Error: ended its goroutine instead of returning"}, "failure failure Error: work: ended its goroutine instead of returning"},
		{"what the stage may not return", stray, []string{`0s failure output Error: returned value "url", which the step does not give; it gives []`}, `failure failure Error: work: returned value "url", which the step does not give; it gives []`},
		{"no time left", limited(work("work", time.Hour)), []string{"1m0s timeout timeout Error: timed out after 1m0s"}, "error _OTHER Error: work: timed out after 1m0s"},
		{"a deaf hook that is given up", limited(deaf(time.Hour)), []string{"1m10s timeout timeout Error: timed out after 1m0s; the hook did not return within 10s after that"}, "error _OTHER Error: work: timed out after 1m0s; the hook did not return within 10s after that"},
		{"a retry", twice, []string{"0s error _OTHER Error: registry: 503", "0s error _OTHER Error: registry: 503"}, "error _OTHER Error: work: registry: 503"},
		{"a poll", polled, []string{"0s success", "0s success"}, "success"},
		{"stopped because another failed", pipeline.Graph{FailFast: true, Nodes: []pipeline.Node{{Step: work("work", time.Hour)}, {Step: pipeline.Sequence{work("first", time.Second), fails("bad", stage.Failf("no"))}, Name: "bad"}}},
			[]string{"1s cancellation"}, "failure failure Error: bad: no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				x := b.traces(executor(tt.step))
				stop := serve(t, x)
				start(t, x, "run-1")
				pass(2 * time.Hour)
				stop()
				var calls []string
				tree := b.tree()
				for _, line := range tree {
					if call, ok := strings.CutPrefix(line, "  RUN work "); ok {
						_, call, _ = strings.Cut(call, "+") // when it began has jitter, after an error
						calls = append(calls, call)
					}
				}
				if diff := cmp.Diff(tt.want, calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if _, run, _ := strings.Cut(tree[0], "s "); run != tt.run {
					t.Errorf("run %q; want %q", run, tt.run)
				}
			})
		})
	}
}

func TestAnItemIsInNoNameOfASpan(t *testing.T) { // R8a
	synctest.Test(t, func(t *testing.T) {
		var b backend
		x := b.traces(executor(pipeline.ForEach{
			Name:  "regions",
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu", "us"}, nil },
			Body:  func(string) pipeline.Step { return work("copy", time.Minute) },
			Max:   1,
		}))
		serve(t, x)
		start(t, x, "run-1")
		pass(time.Hour)
		b.want(t, "RUN shop 0s+2m0s success", "  RUN copy 0s+1m0s success", "  RUN copy 1m0s+1m0s success")
		var steps []string
		for _, s := range b.GetSpans() {
			if step, ok := attributes(s)["penstock.step"]; ok {
				steps = append(steps, step)
			}
		}
		if want := []string{"copy[eu]", "copy[us]"}; !slices.Equal(steps, want) {
			t.Errorf("steps %q; want %q", steps, want)
		}
	})
}

// A hook that begins a trace of its own is not given the IDs of the run.
func TestAHookGetsItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		x := b.traces(executor())
		x.Pipelines = []pipeline.Pipeline{shop(
			pipeline.Stage{Name: "build", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
				tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer("hook")
				_, s := tracer.Start(ctx, "go build")
				s.End()
				_, s = tracer.Start(ctx, "elsewhere", trace.WithNewRoot())
				s.End()
				return stage.Output{}, nil
			})},
			pipeline.Gate{Name: "tickets", Require: gate.Func(func(ctx context.Context, _ gate.Request) (gate.Decision, error) {
				_, s := x.TracerProvider.Tracer("hook").Start(ctx, "GET /tickets")
				s.End()
				return gate.Passf("none open"), nil
			})},
		)}
		serve(t, x)
		start(t, x, "run-1")
		b.want(t,
			"elsewhere 0s+0s ",
			"RUN shop 0s+0s success",
			"  RUN build 0s+0s success",
			"    go build 0s+0s ",
			"  GET /tickets 0s+0s ",
			"  WAIT tickets 0s+0s success",
		)
	})
}
