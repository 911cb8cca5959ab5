package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/cicdconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A telling is what is told of one call of a stage. Its fields are guarded by
// the lock of the live.
type telling struct {
	wait         *wait      // that the call ends; nil if it ends none. Not guarded.
	span         trace.Span // nil if nobody listens
	begun, ended time.Time
	record       journal.Kind // of the event of what it came to; empty if there is none
	text         string       // of that event, if it says no
}

// calling returns what is to be told of a call of stage i that is not recorded
// yet, or nil if nobody listens.
func (t *tracing) calling(r *live, i int32, now time.Time) *telling {
	if !t.on {
		return nil
	}
	told := new(telling)
	if v := r.m.View(i); v.Started.IsZero() && v.For != "" {
		told.wait = waitOf(r, &v)
		told.wait.to, told.wait.result = now, resultSuccess
	}
	return told
}

// traced returns the context for the hook of t, with the span that it runs in:
// one of its own, or that of the run if it is a question, for those are asked
// too often.
func (t *task) traced() context.Context {
	r := t.r
	if !r.trace.on {
		return t.ctx
	}
	if t.do != machine.Call && t.do != machine.Observe {
		return r.under(t.ctx)
	}
	ctx, begun, span := r.under(t.ctx), time.Now(), trace.Span(nil)
	if r.root().IsValid() {
		ctx, span = r.s.x.meter.start(ctx, verbs[t.do]+taskOf(t.name), trace.WithTimestamp(begun), trace.WithAttributes(t.attributes()...))
	}
	r.mu.Lock()
	if t.told == nil {
		t.told = new(telling) // of an Observe
	}
	told := t.told
	told.begun, told.span = begun, span
	r.mu.Unlock()
	if told.wait != nil {
		_ = guarded(func() error { told.wait.tell(r); return nil })
	}
	return ctx
}

var verbs = map[machine.Do]string{machine.Call: "RUN ", machine.Observe: "OBSERVE "}

func (t *task) attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.CICDPipelineTaskName(taskOf(t.name)),
		semconv.CICDPipelineTaskRunID(fmt.Sprintf("%s#%d", t.in.Key, t.attempt)),
		stepKey.String(t.name),
		attemptKey.Int(t.attempt),
	}
	if env := t.in.Environment.Name; env != "" {
		attrs = append(attrs, semconv.DeploymentEnvironmentNameKey.String(env))
	}
	return attrs
}

var errStale = errors.New("the stage was called anew meanwhile")

// came notes the event that says what the call came to.
func (t *telling) came(e *journal.Event) {
	if t == nil {
		return
	}
	t.record, t.text = e.Kind, ""
	if d, ok := e.Data.(*journal.Reason); ok {
		t.text = d.Text
	}
}

// stop notes when the hook returned, or was given up.
func (t *telling) stop() {
	if t != nil {
		t.ended = time.Now()
	}
}

// returned tells of a task that is not under way any more. If what it came to is
// not recorded, err says why. R.mu is held.
func (t *tracing) returned(k *task, err error) {
	told := k.told
	if told == nil || told.begun.IsZero() {
		return
	}
	k.told = nil
	result, fault, text := k.result(told, err)
	r, do, name := k.r, k.do, k.name
	t.later = append(t.later, func() { told.tell(r, do, name, result, fault, text) })
}

func (t *telling) tell(r *live, do machine.Do, step, result, fault, text string) {
	attrs := []attribute.KeyValue{semconv.CICDPipelineTaskRunResultKey.String(result)}
	if fault != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(fault))
	}
	if m := &r.s.x.meter; m.metric != nil && do == machine.Call {
		m.stages.Record(r.s.store, t.ended.Sub(t.begun).Seconds(), metric.WithAttributes(append(attrs[:len(attrs):len(attrs)],
			semconv.CICDPipelineName(r.trace.pipeline), semconv.CICDPipelineTaskName(taskOf(step)))...))
		if fault != "" && fault != faultShutdown && fault != faultFenced { // those are no errors of the run
			m.errors.Add(r.s.store, 1, r.trace.pipeline, cicdconv.ErrorTypeAttr(fault))
		}
	}
	if t.span == nil {
		return
	}
	if t.record != "" {
		attrs = append(attrs, recordKey.String(string(t.record)))
	}
	t.span.SetAttributes(attrs...)
	if fault != "" {
		t.span.SetStatus(codes.Error, machine.Clip(text))
	}
	t.span.End(trace.WithTimestamp(t.begun.Add(t.ended.Sub(t.begun)))) // right though the clock was set meanwhile
}

// result returns how a call ended, in the words of the conventions, and the
// class of error and its text if it did not succeed.
func (t *task) result(told *telling, why error) (result, fault, text string) {
	switch {
	case why != nil:
	case t.left:
		why = context.Cause(t.ctx)
	case t.do == machine.Call && told.record == "" && !t.stopped:
		why = errStale
	}
	no := (*stage.Failure)(nil)
	switch {
	case why != nil:
		return resultError, lost(why), "not recorded: " + why.Error()
	case t.err == nil && told.record == journal.Failed:
		return resultFailure, faultOutput, told.text
	case t.err == nil && (told.record != "" || t.do != machine.Call):
		return resultSuccess, "", ""
	case t.stopped:
		return resultCanceled, "", ""
	case t.stack != "":
		return resultFailure, faultPanic, t.err.Error()
	case errors.As(t.err, &no):
		return resultFailure, faultFailure, t.err.Error()
	case errors.Is(t.err, errTimeout) || errors.Is(t.err, context.DeadlineExceeded):
		return resultTimeout, faultTimeout, t.err.Error()
	case t.do == machine.Observe && errors.Is(t.err, errors.ErrUnsupported):
		return resultSkip, "", ""
	}
	return resultError, faultOther, t.err.Error()
}

// lost returns the class of error of calls that are not recorded because of err.
func lost(err error) string {
	switch {
	case errors.Is(err, errShutdown):
		return faultShutdown
	case errors.Is(err, errFenced), errors.Is(err, errGone), errors.Is(err, errStale):
		return faultFenced
	}
	return faultOther
}

// forsake tells of the hooks that have not returned though the server has shut
// down.
func (s *server) forsake() {
	if !s.x.meter.on() {
		return
	}
	s.mu.Lock()
	var live []*live
	for _, r := range s.live {
		live = append(live, r)
	}
	s.mu.Unlock()
	for _, r := range live {
		r.mu.Lock()
		for _, t := range r.flight {
			if !t.returned {
				t.told.stop()
				r.trace.returned(t, errShutdown)
			}
		}
		r.release()
	}
}
