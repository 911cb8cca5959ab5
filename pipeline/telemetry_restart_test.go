package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Each executor here has a tracer provider of its own, as each process has.

func TestATraceSurvivesARestart(t *testing.T) {
	steps := []pipeline.Step{work("build", time.Minute), asks("approve"), deploy("deploy", time.Hour, production)}
	for _, tt := range []struct {
		name string
		at   time.Duration // when the first executor is stopped; the approval comes after two hours
		want []string
	}{
		{"while a stage is called", 30 * time.Second, []string{
			"RUN shop 0s+3h0m0s success",
			"  RUN build 0s+30s error shutdown Error: not recorded: the executor shuts down",
			"  RUN build 30s+1m0s success",
			"  WAIT approve 1m30s+1h58m30s success",
			"  RUN deploy 2h0m0s+1h0m0s success",
		}},
		{"while a gate is shut", time.Hour, []string{
			"RUN shop 0s+3h0m0s success",
			"  RUN build 0s+1m0s success",
			"  WAIT approve 1m0s+1h59m0s success",
			"  RUN deploy 2h0m0s+1h0m0s success",
		}},
		{"while the last stage is called", 150 * time.Minute, []string{
			"RUN shop 0s+3h30m0s success",
			"  RUN build 0s+1m0s success",
			"  WAIT approve 1m0s+1h59m0s success",
			"  RUN deploy 2h0m0s+30m0s error shutdown Error: not recorded: the executor shuts down",
			"  RUN deploy 2h30m0s+1h0m0s success",
		}},
		{"after the end", 200 * time.Minute, []string{
			"RUN shop 0s+3h0m0s success",
			"  RUN build 0s+1m0s success",
			"  WAIT approve 1m0s+1h59m0s success",
			"  RUN deploy 2h0m0s+1h0m0s success",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				store := new(journal.Memory)
				x := b.traces(over(store, steps...))
				stop := serve(t, x)
				id := start(t, x, "run-1")
				go func() {
					time.Sleep(2 * time.Hour)
					vote(t, over(store, steps...), id, "approve", "ann")
				}()
				pass(tt.at)
				stop()
				x = b.traces(over(store, steps...))
				stop = serve(t, x)
				pass(12 * time.Hour)
				stop()
				b.want(t, tt.want...)
			})
		})
	}
}

// A hook that was called by a process that died is asked whether it was done.
func TestAnObservationIsTold(t *testing.T) { // J3
	synctest.Test(t, func(t *testing.T) {
		var b backend
		store := new(journal.Memory)
		s := pipeline.Stage{Name: "deploy", Run: &platform{}}
		x := b.traces(over(store, s))
		stop := serve(t, x)
		start(t, x, "run-1")
		pass(time.Minute)
		stop()
		x = b.traces(over(store, s))
		serve(t, x)
		b.want(t,
			"RUN shop 0s+1m0s success",
			"  RUN deploy 0s+1m0s error shutdown Error: not recorded: the executor shuts down",
			"  OBSERVE deploy 1m0s+0s success",
		)
	})
}

// A platform does what it is told at once, and then takes its time to say so.
type platform struct{}

func (p *platform) Run(ctx context.Context, _ stage.Input) (stage.Output, error) {
	<-ctx.Done()
	return stage.Output{}, ctx.Err()
}

func (p *platform) Observe(context.Context, stage.Input) (stage.Observation, error) {
	return stage.Observation{Done: true}, nil
}

func TestAHookThatIsLeftBehindIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		x := b.traces(executor(pipeline.Stage{Name: "deaf", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			time.Sleep(24 * time.Hour)
			return stage.Output{}, nil
		})}))
		stop := serve(t, x)
		start(t, x, "run-1")
		pass(time.Minute)
		stop()
		pass(48 * time.Hour) // it returns, and is not told of again
		b.want(t, "RUN deaf 0s+1m10s error shutdown Error: not recorded: the executor shuts down")
	})
}

// A run that a person takes up again after it has ended has a second span,
// below the first, for what was done anew (R7).
func TestARunTakenUpAgainHasASpanForThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		broken := true
		steps := []pipeline.Step{work("build", time.Minute), pipeline.Stage{Name: "test", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			if broken {
				return stage.Output{}, stage.Failf("2 tests failed")
			}
			return stage.Output{}, nil
		})}, work("deploy", time.Minute)}
		store := new(journal.Memory)
		x := b.traces(over(store, steps...))
		stop := serve(t, x)
		id := start(t, x, "run-1")
		pass(time.Hour)
		again := func() {
			if err := x.Retry(t.Context(), id, "test", "ann", "flaky"); err != nil {
				t.Fatal(err)
			}
			pass(time.Hour)
		}
		again()
		stop()
		x = b.traces(over(store, steps...))
		serve(t, x)
		broken = false
		again()
		b.want(t,
			"RUN shop 0s+1m0s failure failure Error: test: 2 tests failed",
			"  RUN build 0s+1m0s success",
			"  RUN test 1m0s+0s failure failure Error: 2 tests failed",
			"  RUN test 1h0m0s+0s failure failure Error: 2 tests failed",
			"  RUN shop 1h0m0s+0s failure failure Error: test: 2 tests failed",
			"  RUN test 2h0m0s+0s success",
			"  RUN deploy 2h0m0s+1m0s success",
			"  RUN shop 2h0m0s+1m0s success",
		)
	})
}

// A trace is sampled as a whole, or not at all, also if several processes
// export to it.
func TestATraceIsSampledAsAWhole(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{
		"by the parent":          sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.5)),
		"by the ID of the trace": sdktrace.TraceIDRatioBased(.5),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b backend
				store := new(journal.Memory)
				steps := []pipeline.Step{work("build", time.Minute), asks("approve"), work("deploy", time.Minute)}
				x := b.traces(over(store, steps...), sdktrace.WithSampler(sampler))
				stop := serve(t, x)
				const runs = 64
				for i := range runs {
					start(t, x, fmt.Sprintf("run-%d", i))
				}
				pass(time.Hour)
				stop()
				x = b.traces(over(store, steps...), sdktrace.WithSampler(sampler))
				serve(t, x)
				for i := range runs {
					vote(t, x, fmt.Sprintf("run-%d", i), "approve", "ann")
				}
				pass(time.Hour)

				traces := map[string][]string{}
				for _, s := range b.GetSpans() {
					id := s.SpanContext.TraceID().String()
					traces[id] = append(traces[id], s.Name)
				}
				if n := len(traces); n < runs/5 || n > runs*4/5 {
					t.Errorf("%d of %d traces are sampled; want about half", n, runs)
				}
				want := []string{"RUN build", "RUN deploy", "RUN shop", "WAIT approve"}
				for id, names := range traces {
					if slices.Sort(names); !slices.Equal(names, want) {
						t.Errorf("trace %s has spans %q; want %q", id, names, want)
					}
				}
			})
		})
	}
}

// Without TraceIDs the spans of a run are in one trace all the same, and one
// below the other as far as can be.
func TestATraceWithoutTraceIDs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		store := new(journal.Memory)
		steps := []pipeline.Step{work("build", time.Minute), asks("approve")}
		process := func() *pipeline.Executor {
			x := over(store, steps...)
			x.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(&b))
			return x
		}
		x := process()
		stop := serve(t, x)
		id := start(t, x, "run-1")
		pass(time.Hour)
		stop()
		x = process()
		serve(t, x)
		vote(t, x, id, "approve", "ann")
		b.want(t, "RUN build 0s+1m0s success", "RUN shop 0s+1h0m0s success", "WAIT approve 1m0s+59m0s success")
		first := b.GetSpans()[0]
		for _, s := range b.GetSpans() {
			if s.SpanContext.TraceID() != first.SpanContext.TraceID() || s.Parent.SpanID() != first.Parent.SpanID() {
				t.Errorf("%s is in trace %s below %s; want %s below %s", s.Name, s.SpanContext.TraceID(), s.Parent.SpanID(), first.SpanContext.TraceID(), first.Parent.SpanID())
			}
		}
	})
}

// J4: what came of a call does not count, and is not told as if it did, once
// another executor has taken the run over.
func TestACallThatWasTakenOverIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backend
		store := new(journal.Memory)
		x := b.traces(over(store, work("build", 2*time.Minute)))
		serve(t, x)
		id := start(t, x, "run-1")
		pass(time.Minute)
		events, err := store.Events(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		claim := journal.Event{Time: time.Now().UTC(), Kind: journal.Claimed, By: "one-that-dies", Epoch: 2}
		if err := store.Append(t.Context(), journal.Batch{Journal: id, Length: len(events), Events: []journal.Event{claim}}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		b.want(t,
			"RUN shop 0s+3m5s success",
			"  RUN build 0s+1m0s error fenced Error: not recorded: another executor takes the run forward",
			"  RUN build 1m5s+2m0s success",
		)
	})
}
