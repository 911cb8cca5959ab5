package pipeline

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

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
	events, err := r.s.x.store.Events(r.s.store, r.id, 0)
	if err != nil {
		r.s.log.Warn("since when a gate was shut is not known to its trace", "run", r.id, "step", w.step, "error", err)
	}
	for i := range events {
		if e := &events[i]; e.Kind == journal.Withdrawn && e.Step == w.step && e.Time.After(w.from) && !e.Time.After(w.to) {
			w.from = e.Time
		}
	}
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

// tell is called without the lock of r.
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
	_, span := m.start(r.under(r.s.store), "WAIT "+taskOf(w.step), trace.WithTimestamp(w.from), trace.WithAttributes(attrs...))
	if w.fault != "" {
		span.SetStatus(codes.Error, w.reason)
	}
	span.End(trace.WithTimestamp(w.to))
}
