package pipeline_test

import (
	"context"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A run is one trace, also if it goes on in another process: what each process
// exports here fits together.
func ExampleTraceIDs() {
	ctx := context.Background()
	store := new(journal.Memory)
	open := false
	exported := new(tracetest.InMemoryExporter)
	process := func() (x *pipeline.Executor, stop func()) {
		x = &pipeline.Executor{
			Store: store,
			Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{
				pipeline.Stage{Name: "build", Run: anyWork},
				pipeline.Gate{Name: "tickets", Require: gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
					if !open {
						return gate.Waitf("2 tickets are open"), nil
					}
					return gate.Passf("no ticket is open"), nil
				})},
				pipeline.Stage{Name: "deploy", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
					return stage.Output{}, stage.Failf("no space left")
				})},
			}}},
			TracerProvider: sdktrace.NewTracerProvider(
				sdktrace.WithSyncer(exported), // WithBatcher, in production
				sdktrace.WithIDGenerator(pipeline.TraceIDs{}),
			),
		}
		return x, serving(ctx, x)
	}

	x, stop := process()
	run, err := x.Start(ctx, "shop", pipeline.Trigger{})
	if err != nil {
		log.Fatal(err)
	}
	waiting(ctx, x, run)
	stop()

	open = true
	x, stop = process()
	for _, err := range x.Watch(ctx, run) { // until the run has ended
		if err != nil {
			log.Fatal(err)
		}
	}
	stop()

	printTree(exported.GetSpans(), trace.SpanID{}, "")
	// Output:
	// RUN shop: failure
	//   RUN build: success
	//   WAIT tickets: success
	//   RUN deploy: failure
}

// printTree prints the spans below parent.
func printTree(spans tracetest.SpanStubs, parent trace.SpanID, indent string) {
	for _, s := range spans {
		if s.Parent.SpanID() != parent {
			continue
		}
		attrs := attribute.NewSet(s.Attributes...)
		result, ok := attrs.Value("cicd.pipeline.task.run.result")
		if !ok {
			result, _ = attrs.Value("cicd.pipeline.result")
		}
		fmt.Printf("%s%s: %s\n", indent, s.Name, result.AsString())
		printTree(spans, s.SpanContext.SpanID(), indent+"  ")
	}
}
