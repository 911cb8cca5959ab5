package pipeline

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
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
	_, span := r.s.x.meter.start(ctx, "RUN "+pipeline, append(more,
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

// part returns when the part of the run began that the first events of its
// journal end with. A run that has ended goes on when a person has a step of it
// done anew.
func (r *live) part(length int) time.Time {
	from, ended := r.trace.begun, false
	events, err := r.s.x.store.Events(r.s.store, r.id, 0)
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
