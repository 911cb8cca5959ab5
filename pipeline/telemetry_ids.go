package pipeline

import (
	"context"
	"crypto/rand"
	"crypto/sha256"

	"go.opentelemetry.io/otel/trace"
)

// TraceIDs gives the span of each run the same IDs in every process, so that a
// run is one trace however often it is taken over. Give it to the tracer
// provider of the OpenTelemetry SDK with WithIDGenerator. A sampler that goes
// by the ID of the trace then decides the same everywhere.
//
// Without it the spans of a run are in the right trace but have a parent that
// is never exported, and each process asks the sampler anew.
//
// The IDs follow from the pipeline and the ID of the run. All other spans get
// random ones. The methods may be called from several goroutines at once.
type TraceIDs struct{}

// NewIDs returns the IDs of a span without a parent.
func (TraceIDs) NewIDs(ctx context.Context) (t trace.TraceID, s trace.SpanID) {
	if ids, ok := ctx.Value(runIDs{}).(runIDs); ok {
		return ids.trace, ids.span
	}
	rand.Read(t[:]) // never fails
	rand.Read(s[:])
	return t, s
}

// NewSpanID returns the ID of a span with a parent.
func (TraceIDs) NewSpanID(context.Context, trace.TraceID) (s trace.SpanID) {
	rand.Read(s[:])
	return s
}

// runIDs are the IDs of the span of a run. In a context that the span is begun
// with, they are the value under the key runIDs{}; no hook gets that context.
type runIDs struct {
	trace trace.TraceID
	span  trace.SpanID
}

func idsOf(pipeline, run string) (ids runIDs) {
	sum := sha256.Sum256([]byte(pipeline + "/" + run)) // no name has a slash
	n := copy(ids.trace[:], sum[:])
	copy(ids.span[:], sum[n:])
	return ids
}
