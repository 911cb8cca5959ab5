package pipeline_test

import (
	"context"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// BenchmarkTelemetry measures a step that does nothing when nobody listens, when
// it is sampled out, and when all is told to an exporter that drops it.
func BenchmarkTelemetry(b *testing.B) {
	traced := func(s sdktrace.Sampler) func(*pipeline.Executor) {
		return func(x *pipeline.Executor) {
			x.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(s), sdktrace.WithIDGenerator(pipeline.TraceIDs{}))
		}
	}
	for _, bb := range []struct {
		name   string
		listen func(*pipeline.Executor)
	}{
		{"off", func(*pipeline.Executor) {}},
		{"sampled-out", traced(sdktrace.ParentBased(sdktrace.NeverSample()))},
		{"traced", traced(sdktrace.AlwaysSample())},
		{"measured", func(x *pipeline.Executor) {
			x.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			const steps = 1000
			over := make(chan struct{})
			p := chain(steps).pipeline()
			p.Steps = append(p.Steps, pipeline.Stage{Name: "over", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
				over <- struct{}{}
				return stage.Output{}, nil
			})})
			x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}}
			bb.listen(x)
			defer started(b, x)()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Start(b.Context(), "shape", pipeline.Trigger{}); err != nil {
					b.Fatal(err)
				}
				<-over
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*steps), "ns/step")
		})
	}
}
