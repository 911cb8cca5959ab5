package pipeline

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/cicdconv"
	"go.opentelemetry.io/otel/trace"
)

// What an Executor tells OpenTelemetry follows the semantic conventions for
// CI/CD, v1.43.0. What they have no word for begins with "penstock.".

const scope = "github.com/penstock/penstock/pipeline"

// Attributes of our own.
const (
	stepKey    = attribute.Key("penstock.step")       // its name, with the item of a ForEach; not in metrics, for items have no end
	kindKey    = attribute.Key("penstock.step.kind")  // stage or gate
	attemptKey = attribute.Key("penstock.attempt")    // of a call
	recordKey  = attribute.Key("penstock.record")     // kind of the event that records what a call came to
	waitForKey = attribute.Key("penstock.wait.for")   // what a stage waited for last
	reasonKey  = attribute.Key("penstock.reason")     // why a wait ended, or was
	statusKey  = attribute.Key("penstock.run.status") // of a run that has ended
)

// Results, in the words that runs and tasks have in common.
const (
	resultSuccess  = "success"
	resultFailure  = "failure" // the work says no
	resultError    = "error"   // it could not be done
	resultTimeout  = "timeout"
	resultCanceled = "cancellation"
	resultSkip     = "skip"
)

// Classes of error, for error.type. There are no others.
const (
	faultFailure  = "failure"  // the work says no
	faultPanic    = "panic"    // the hook panicked or ended its goroutine
	faultOutput   = "output"   // the hook returned what the stage may not
	faultTimeout  = "timeout"  // the hook did not return in time
	faultRejected = "rejected" // a gate said no
	faultExpired  = "expired"  // nobody said no, but the time of a gate was up
	faultShutdown = "shutdown" // the executor shut down; the hook is called again
	faultFenced   = "fenced"   // another executor took the run over
	faultOther    = "_OTHER"   // it could not be done
)

// A meter is where an Executor reports to. The zero meter reports nothing, and
// costs nothing.
type meter struct {
	tracer trace.Tracer // nil if nothing is traced

	metric metric.Meter // nil if nothing is measured
	runs   cicdconv.PipelineRunDuration
	active cicdconv.PipelineRunActiveObservable
	errors cicdconv.PipelineRunErrors
	stages metric.Float64Histogram
	waits  metric.Float64Histogram
}

// buckets are those of durations that may be a blink or a week, in seconds.
var buckets = metric.WithExplicitBucketBoundaries(
	.1, .5, 1, 5, 15, 60, 5*60, 15*60, 60*60, 4*60*60, 12*60*60, 24*60*60, 3*24*60*60, 7*24*60*60)

func (t *meter) init(x *Executor) error {
	if x.TracerProvider != nil {
		t.tracer = x.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	}
	if x.MeterProvider == nil {
		return nil
	}
	t.metric = x.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	var errs [5]error
	t.runs, errs[0] = cicdconv.NewPipelineRunDuration(t.metric, buckets)
	t.active, errs[1] = cicdconv.NewPipelineRunActiveObservable(t.metric)
	t.errors, errs[2] = cicdconv.NewPipelineRunErrors(t.metric)
	t.stages, errs[3] = t.metric.Float64Histogram("penstock.stage.duration", buckets,
		metric.WithUnit("s"), metric.WithDescription("Duration of a call of a stage."))
	t.waits, errs[4] = t.metric.Float64Histogram("penstock.wait.duration", buckets,
		metric.WithUnit("s"), metric.WithDescription("Time that a gate was shut, or that a stage waited to be called."))
	return errors.Join(errs[:]...)
}

// on reports whether somebody may listen.
func (t *meter) on() bool { return t.tracer != nil || t.metric != nil }

// watch has the runs counted that s takes forward, until stop is called. They
// are looked at when somebody collects: a count that is kept could be wrong.
func (t *meter) watch(s *server) (stop func(), err error) {
	if t.metric == nil {
		return func() {}, nil
	}
	r, err := t.metric.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		runs := make(map[string]int64, len(s.x.current))
		for name := range s.x.current {
			runs[name] = 0
		}
		s.mu.Lock()
		for _, r := range s.live {
			runs[r.trace.pipeline]++
		}
		s.mu.Unlock()
		for name, n := range runs {
			o.ObserveInt64(t.active.Inst(), n, metric.WithAttributes(
				t.active.AttrPipelineName(name), t.active.AttrPipelineRunState(cicdconv.PipelineRunStateExecuting)))
		}
		return nil
	}, t.active.Inst())
	if err != nil {
		return nil, err
	}
	return func() { _ = r.Unregister() }, nil // fails only if it was done before
}

// taskOf returns the name of a step as the definition has it: without an item.
func taskOf(step string) string {
	name, _, _ := strings.Cut(step, "[")
	return name
}
