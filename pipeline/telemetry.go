package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Names and values follow the semantic conventions for CI/CD of OpenTelemetry,
// v1.43.0: a run is a span of kind SERVER, a step one of kind INTERNAL.

const scope = "github.com/penstock/penstock/pipeline"

// A meter is where an Executor reports to.
type meter struct {
	tracer trace.Tracer
	runs   metric.Float64Histogram   // seconds from start to end
	active metric.Int64UpDownCounter // runs that are live in this process
	faults metric.Int64Counter       // runs that failed
	steps  metric.Float64Histogram   // seconds of a call of a stage
	waits  metric.Float64Histogram   // seconds that a gate was shut
}

func (t *meter) init(x *Executor) error {
	tp, mp := x.TracerProvider, x.MeterProvider
	if tp == nil {
		tp = tracenoop.NewTracerProvider()
	}
	if mp == nil {
		mp = metricnoop.NewMeterProvider()
	}
	t.tracer = tp.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	m := mp.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	var errs [5]error
	t.runs, errs[0] = m.Float64Histogram("cicd.pipeline.run.duration", metric.WithUnit("s"), metric.WithDescription("Duration of a pipeline run."))
	t.active, errs[1] = m.Int64UpDownCounter("cicd.pipeline.run.active", metric.WithUnit("{run}"), metric.WithDescription("The number of pipeline runs currently active in the system by state."))
	t.faults, errs[2] = m.Int64Counter("cicd.pipeline.run.errors", metric.WithUnit("{error}"), metric.WithDescription("The number of errors encountered in pipeline runs."))
	t.steps, errs[3] = m.Float64Histogram("penstock.stage.duration", metric.WithUnit("s"), metric.WithDescription("Duration of a call of a stage."))
	t.waits, errs[4] = m.Float64Histogram("penstock.gate.wait", metric.WithUnit("s"), metric.WithDescription("Time from when a gate was reached until it passed or rejected."))
	return errors.Join(errs[:]...)
}

// TraceIDs gives the span of each run the same ID in whatever process it ends,
// so that its steps are its children also after a restart. Give it to the
// tracer provider of the OpenTelemetry SDK with WithIDGenerator. Without it the
// steps of a run have the right trace, and a parent that is never exported.
//
// The zero TraceIDs makes random IDs for all other spans. Its methods may be
// called from several goroutines at once.
type TraceIDs struct{}

type traceKey struct{}

// NewIDs returns the IDs of a span without a parent.
func (TraceIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if run, ok := ctx.Value(traceKey{}).(string); ok {
		return traceOf(run)
	}
	return traceOf(newID(time.Now()))
}

// NewSpanID returns the ID of a span in a trace.
func (TraceIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID {
	_, id := traceOf(newID(time.Now()))
	return id
}

// traceOf returns the ID of the trace of a run, and of the span that its steps
// have as parent.
func traceOf(run string) (t trace.TraceID, s trace.SpanID) {
	sum := sha256.Sum256([]byte(run))
	copy(t[:], sum[:])
	copy(s[:], sum[len(t):])
	return t, s
}

// tracing is the trace of a live run.
type tracing struct {
	on     bool
	metric bool
	parent context.Context // of the spans of steps
}

// begin finds out whether anybody listens, so that nothing is spent if not.
func (t *tracing) begin(r *live) {
	x := r.s.x
	ctx := context.WithValue(context.Background(), traceKey{}, r.id)
	_, probe := x.meter.tracer.Start(ctx, "probe") // never ended, so never exported
	t.on = probe.SpanContext().IsValid()
	t.metric = x.meter.steps.Enabled(ctx)
	id, parent := traceOf(r.id)
	if t.on {
		t.parent = trace.ContextWithRemoteSpanContext(r.ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: id, SpanID: parent, TraceFlags: probe.SpanContext().TraceFlags(), Remote: true,
		}))
	}
	if t.metric {
		x.meter.active.Add(ctx, 1, metric.WithAttributes(semconv.CICDPipelineName(r.m.Beginning.Pipeline), semconv.CICDPipelineRunStateExecuting))
	}
}

// end is told that the run is not live any more.
func (t *tracing) end(r *live) {
	if t.metric {
		r.s.x.meter.active.Add(r.s.store, -1, metric.WithAttributes(semconv.CICDPipelineName(r.m.Beginning.Pipeline), semconv.CICDPipelineRunStateExecuting))
	}
}

// A span is what is told of one call or question.
type span struct {
	span  trace.Span
	begun time.Time // zero if nobody listens
}

// step begins a span of a task. The hook gets it in its context.
func (t *tracing) step(k *task, n *machine.Node, now time.Time) {
	if t.metric || t.on {
		k.trace.begun = now
	}
	if !t.on {
		return
	}
	attrs := []attribute.KeyValue{
		semconv.CICDPipelineTaskName(n.Name),
		attribute.String("penstock.question", questions[k.do]),
	}
	if k.do == machine.Call {
		attrs[1] = semconv.CICDPipelineTaskRunID(k.in.Key)
		attrs = append(attrs, attribute.Int("penstock.attempt", k.attempt))
	}
	if n.Environment != "" {
		attrs = append(attrs, semconv.DeploymentEnvironmentNameKey.String(n.Environment))
	}
	ctx := trace.ContextWithSpanContext(k.ctx, trace.SpanContextFromContext(t.parent))
	k.ctx, k.trace.span = k.r.s.x.meter.tracer.Start(ctx, "RUN "+n.Name, trace.WithTimestamp(now), trace.WithAttributes(attrs...))
}

var questions = map[machine.Do]string{
	machine.Call: "run", machine.Ask: "decide", machine.Permit: "permit",
	machine.Observe: "observe", machine.Choose: "choose", machine.Items: "items",
}

// end ends the span of a task that has returned.
func (s *span) end(t *task) {
	if s.begun.IsZero() {
		return
	}
	result := resultOf(t.err)
	x, now := t.r.s.x, time.Now()
	if t.do == machine.Call && t.r.trace.metric {
		x.meter.steps.Record(t.ctx, now.Sub(s.begun).Seconds(), metric.WithAttributes(
			semconv.CICDPipelineName(t.in.Pipeline), semconv.CICDPipelineTaskName(t.name), attribute.String(string(semconv.CICDPipelineTaskRunResultKey), result)))
	}
	if s.span == nil {
		return
	}
	s.span.SetAttributes(attribute.String(string(semconv.CICDPipelineTaskRunResultKey), result))
	if t.err != nil {
		s.span.SetStatus(codes.Error, t.err.Error())
	}
	s.span.End(trace.WithTimestamp(now))
}

// resultOf returns the result of a call, in the words of the conventions.
func resultOf(err error) string {
	var failure *stage.Failure
	switch {
	case err == nil:
		return "success"
	case errors.As(err, &failure):
		return "failure"
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errTimeout):
		return "timeout"
	case errors.Is(err, context.Canceled) || errors.Is(err, errStopped):
		return "cancellation"
	}
	return "error"
}

// results are the results of runs, in the words of the conventions.
var results = map[string]string{
	"succeeded": "success", "failed": "failure", "canceled": "cancellation", "superseded": "skip", "skipped": "skip",
}

// recorded tells of gates that were decided and of the end of the run.
func (t *tracing) recorded(r *live) {
	if !t.on && !t.metric {
		return
	}
	for i := range r.events {
		switch e := &r.events[i]; e.Kind {
		case journal.Passed, journal.Rejected:
			t.gate(r, e)
		case journal.Ended:
			t.run(r, e)
		}
	}
}

// gate tells of a gate as one span over all the time that it was shut.
func (t *tracing) gate(r *live, e *journal.Event) {
	i, ok := r.m.Find(e.Step)
	if !ok || r.m.Node(i).Kind != machine.Gate {
		return
	}
	v, x := r.m.View(i), r.s.x
	result := "success"
	if e.Kind == journal.Rejected {
		result = "failure"
	}
	if t.metric {
		x.meter.waits.Record(r.s.store, e.Time.Sub(v.Reached).Seconds(), metric.WithAttributes(
			semconv.CICDPipelineName(r.m.Beginning.Pipeline), semconv.CICDPipelineTaskName(e.Step), attribute.String(string(semconv.CICDPipelineTaskRunResultKey), result)))
	}
	if !t.on {
		return
	}
	_, s := x.meter.tracer.Start(t.parent, "WAIT "+e.Step, trace.WithTimestamp(v.Reached), trace.WithAttributes(
		semconv.CICDPipelineTaskName(e.Step),
		semconv.CICDPipelineTaskRunID(fmt.Sprintf("%s/%s/%d", r.id, e.Step, v.Round)),
		attribute.String(string(semconv.CICDPipelineTaskRunResultKey), result),
		attribute.String("penstock.reason", v.Reason)))
	s.End(trace.WithTimestamp(e.Time))
}

// run tells of the whole run, which may have begun days ago in another process.
func (t *tracing) run(r *live, e *journal.Event) {
	end, x := e.Data.(*journal.End), r.s.x
	name, result := semconv.CICDPipelineName(r.m.Beginning.Pipeline), results[end.Status]
	if t.metric {
		attrs := metric.WithAttributes(name, attribute.String(string(semconv.CICDPipelineResultKey), result), semconv.CICDPipelineRunStateExecuting)
		x.meter.runs.Record(r.s.store, e.Time.Sub(r.m.Begun).Seconds(), attrs)
		if result == "failure" {
			x.meter.faults.Add(r.s.store, 1, metric.WithAttributes(name, semconv.ErrorTypeKey.String("failed")))
		}
	}
	if !t.on {
		return
	}
	// With TraceIDs the span has no parent, and the ID that its steps name.
	ctx := context.WithValue(context.Background(), traceKey{}, r.id)
	_, probe := x.meter.tracer.Start(ctx, "probe")
	if id, span := traceOf(r.id); probe.SpanContext().TraceID() != id || probe.SpanContext().SpanID() != span {
		ctx = t.parent
	}
	_, s := x.meter.tracer.Start(ctx, "RUN "+r.m.Beginning.Pipeline,
		trace.WithTimestamp(r.m.Begun), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			name, semconv.CICDPipelineRunID(r.id), semconv.CICDPipelineActionNameRun,
			attribute.String(string(semconv.CICDPipelineResultKey), result)))
	if result == "failure" {
		s.SetStatus(codes.Error, end.Text)
	}
	s.End(trace.WithTimestamp(e.Time))
}
