//go:build unix

package pipeline_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/command"
)

// A program that a stage runs finds the span of the stage in TRACEPARENT.
func TestAProgramIsToldTheSpanOfItsStage(t *testing.T) {
	t.Setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") // of who started the test
	var b backend
	x := b.traces(executor(pipeline.Stage{Name: "build", Run: command.Shell(`echo "$TRACEPARENT"`)}))
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()
	id := start(t, x, "run-1")
	var end pipeline.Run
	for r, err := range x.Watch(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		end = r
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	told, _ := end.Step("build")
	got := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(t.Context(), propagation.MapCarrier{"traceparent": told.Reason}))
	for _, s := range b.GetSpans() {
		if s.Name == "RUN build" && got.Equal(s.SpanContext.WithRemote(true)) {
			return
		}
	}
	t.Errorf("the program was told %q, %v; want the span of its stage, of %v", told.Reason, told.Status, b.tree())
}

// Nobody who listens is no reason to hide who called.
func TestAProgramOfARunThatIsNotTracedIsToldTheSpanOfServe(t *testing.T) {
	outer := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}})
	seen := make(chan trace.SpanContext, 1)
	x := executor(pipeline.Stage{Name: "build", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
		seen <- trace.SpanContextFromContext(ctx)
		return stage.Output{}, nil
	})})
	ctx, stop := context.WithCancel(trace.ContextWithSpanContext(t.Context(), outer))
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()
	start(t, x, "run-1")
	if got := <-seen; !got.Equal(outer) {
		t.Errorf("the hook is in span %v; want %v, in which Serve was called", got, outer)
	}
	stop()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
