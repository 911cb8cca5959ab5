package pipeline

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/cicdconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// tracing is what is told of a live run. Only what is recorded is told, by who
// recorded it, and so once.
type tracing struct {
	on       bool // somebody may listen
	pipeline string
	begun    time.Time
	later    []func() // to be told when the lock of the live is not held
	lost     error    // why nothing is recorded any more

	once sync.Once
	span trace.Span        // of the run; nil if there is none with the right IDs
	root trace.SpanContext // of the run; invalid if nobody listens
}

func (t *tracing) begin(r *live) {
	t.on, t.pipeline, t.begun = r.s.x.meter.on(), r.m.Beginning.Pipeline, r.m.Begun
}

// root returns the span of the run, of which all others are children. Each
// process that takes the run forward begins it, with the same IDs, and learns
// whether the trace is sampled. The one that ends the run ends the span too, and
// a span that is not ended is not exported.
func (r *live) root() trace.SpanContext {
	t := &r.trace
	t.once.Do(func() {
		tracer := r.s.x.meter.tracer
		if tracer == nil {
			return
		}
		ids := idsOf(t.pipeline, r.id)
		span := r.start(context.WithValue(r.s.store, runIDs{}, ids), t.begun, trace.WithNewRoot())
		got := span.SpanContext()
		switch {
		case !got.IsValid():
		case got.TraceID() == ids.trace && got.SpanID() == ids.span:
			t.span, t.root = span, got
		default:
			t.root = trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: ids.trace, SpanID: ids.span, TraceFlags: got.TraceFlags(), TraceState: got.TraceState(), Remote: true,
			})
		}
	})
	return t.root
}

// start begins a span of the run, or of the part of it that began at the given
// time.
func (r *live) start(ctx context.Context, at time.Time, more ...trace.SpanStartOption) trace.Span {
	pipeline := r.trace.pipeline
	_, span := r.s.x.meter.tracer.Start(ctx, "RUN "+pipeline, append(more,
		trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at), trace.WithAttributes(
			semconv.CICDPipelineName(pipeline), semconv.CICDPipelineRunID(r.id), semconv.CICDPipelineActionNameRun))...)
	return span
}

// under returns ctx with the span of the run as that which new ones are
// children of.
func (r *live) under(ctx context.Context) context.Context {
	if root := r.root(); root.IsValid() {
		return trace.ContextWithSpanContext(ctx, root)
	}
	return ctx
}

// recorded tells of gates that were decided, and of the end of the run.
func (t *tracing) recorded(r *live) {
	if !t.on {
		return
	}
	for i := range r.events {
		switch e := &r.events[i]; e.Kind {
		case journal.Passed, journal.Rejected:
			t.decided(r, e)
		case journal.Ended:
			t.ended(r, e)
		}
	}
}

// ended tells that the run has, and of the waits that ended with no event of
// their own: of gates that a person overrode and of steps that were canceled.
func (t *tracing) ended(r *live, e *journal.Event) {
	end, at, length, status := *e.Data.(*journal.End), e.Time, r.m.Length, r.m.View(0).Status
	var waits []*wait
	again := false
	for v := range r.m.Views() {
		again = again || v.Round > 1
		if result := silent(&v); result != "" {
			w := waitOf(r, &v)
			w.to, w.result = v.Ended, result
			waits = append(waits, w)
		}
	}
	t.later = append(t.later, func() {
		from := t.begun
		if again {
			from = r.part(length)
		}
		for _, w := range waits {
			if !w.to.Before(from) {
				w.tell(r)
			}
		}
		t.tell(r, end, status, from, at)
	})
}

// silent returns the result of a wait that ended with no event of its own, or
// "".
func silent(v *machine.View) string {
	switch {
	case v.Reached.IsZero() || v.Ended.IsZero():
	case v.Node.Kind == machine.Gate && v.Status == machine.Canceled,
		v.Node.Kind == machine.Stage && v.Status == machine.Canceled && v.Started.IsZero() && v.Ended.After(v.Reached):
		return resultCanceled
	case v.Node.Kind == machine.Gate && v.Overridden != "" && strings.HasPrefix(v.Reason, "overridden by "):
		return resultSuccess
	}
	return ""
}

// part returns when the part of the run began that the first events of its
// journal end with. A run that has ended goes on when a person has a step of it
// done anew.
func (r *live) part(length int) time.Time {
	from, ended := r.trace.begun, false
	events, err := r.s.x.Store.Events(r.s.store, r.id, 0)
	if err != nil {
		r.s.log.Warn("when the run was begun anew is not known to its trace", "run", r.id, "error", err)
	}
	for i := range events[:min(length, len(events))] {
		switch e := &events[i]; {
		case e.Kind == journal.Ended:
			ended = true
		case e.Kind == journal.Retried && ended:
			from, ended = e.Time, false
		}
	}
	return from
}

// tell tells of the run from one time to another: of all of it, or of what a
// person had done anew after it had ended, as a child of that.
func (t *tracing) tell(r *live, end journal.End, status machine.Status, from, to time.Time) {
	result, fault := resultOf(end.Status, status)
	attrs := []attribute.KeyValue{semconv.CICDPipelineResultKey.String(result)}
	if fault != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(fault))
	}
	m := &r.s.x.meter
	if m.metric != nil {
		m.runs.Record(r.s.store, max(0, to.Sub(from).Seconds()), t.pipeline, cicdconv.PipelineRunStateExecuting, attrs...)
	}
	if !r.root().IsValid() {
		return
	}
	span := t.span
	if span == nil || from != t.begun {
		span = r.start(r.under(r.s.store), from)
	}
	span.SetAttributes(append(attrs, statusKey.String(end.Status))...)
	if fault != "" {
		span.SetStatus(codes.Error, end.Text)
	}
	span.End(trace.WithTimestamp(to))
}

// resultOf returns the result of a run with the given status, of which the
// steps together have one too, and the class of error if it is one.
func resultOf(run string, steps machine.Status) (result, fault string) {
	switch run {
	case machine.Succeeded.String():
		return resultSuccess, ""
	case machine.Skipped.String():
		return resultSkip, ""
	case machine.Canceled.String(), machine.Superseded.String():
		return resultCanceled, ""
	}
	if steps == machine.Errored {
		return resultError, faultOther
	}
	return resultFailure, faultFailure
}

// A wait is a time in which a gate was shut, or a stage was not called though
// it was reached.
type wait struct {
	step, kind, key string
	from, to        time.Time
	result, fault   string
	waitsFor        string // of a stage
	reason          string
}

func waitOf(r *live, v *machine.View) *wait {
	i, _ := r.m.Find(v.Node.Name)
	return &wait{step: v.Node.Name, kind: kinds[v.Node.Kind], key: r.m.Key(i), from: v.Reached, waitsFor: v.For, reason: v.Reason}
}

// decided tells of a gate that passed or rejected.
func (t *tracing) decided(r *live, e *journal.Event) {
	i, ok := r.m.Find(e.Step)
	if !ok || r.m.Node(i).Kind != machine.Gate {
		return
	}
	v := r.m.View(i)
	w := waitOf(r, &v)
	w.to, w.result = e.Time, resultSuccess
	before := true // it may have passed before
	switch d := e.Data.(type) {
	case *journal.Pass:
		w.reason, before = d.Text, !d.Lapses.IsZero()
	case *journal.Rejection:
		w.reason, w.result, w.fault = d.Text, resultFailure, faultRejected
		if d.Expired {
			w.fault = faultExpired
		}
		if v.Status == machine.Skipped {
			w.result, w.fault = resultSkip, ""
		}
	}
	t.later = append(t.later, func() {
		if before {
			w.shut(r)
		}
		w.tell(r)
	})
}

// shut has w begin when the pass of a gate was withdrawn, if it was (G9).
func (w *wait) shut(r *live) {
	events, err := r.s.x.Store.Events(r.s.store, r.id, 0)
	if err != nil {
		r.s.log.Warn("since when a gate was shut is not known to its trace", "run", r.id, "step", w.step, "error", err)
	}
	for i := range events {
		if e := &events[i]; e.Kind == journal.Withdrawn && e.Step == w.step && e.Time.After(w.from) && !e.Time.After(w.to) {
			w.from = e.Time
		}
	}
}

func (w *wait) tell(r *live) {
	m, task := &r.s.x.meter, semconv.CICDPipelineTaskName(taskOf(w.step))
	kind, result := kindKey.String(w.kind), semconv.CICDPipelineTaskRunResultKey.String(w.result)
	if m.metric != nil {
		m.waits.Record(r.s.store, max(0, w.to.Sub(w.from).Seconds()), metric.WithAttributes(semconv.CICDPipelineName(r.trace.pipeline), task, kind, result))
	}
	if !r.root().IsValid() {
		return
	}
	attrs := []attribute.KeyValue{task, semconv.CICDPipelineTaskRunID(w.key), stepKey.String(w.step), kind, result, reasonKey.String(w.reason)}
	if w.waitsFor != "" {
		attrs = append(attrs, waitForKey.String(w.waitsFor))
	}
	if w.fault != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(w.fault))
	}
	_, span := m.tracer.Start(r.under(r.s.store), "WAIT "+taskOf(w.step), trace.WithTimestamp(w.from), trace.WithAttributes(attrs...))
	if w.fault != "" {
		span.SetStatus(codes.Error, w.reason)
	}
	span.End(trace.WithTimestamp(w.to))
}
