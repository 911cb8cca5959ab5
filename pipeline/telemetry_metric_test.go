package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/semconv/v1.43.0/cicdconv"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// measured returns what r reads, a line for each set of attributes: how often
// and in sum, or the sum alone.
func measured(t *testing.T, r sdkmetric.Reader) (lines []string) {
	t.Helper()
	synctest.Wait()
	for _, m := range collect(t, r) {
		say := func(set attribute.Set, value string) {
			lines = append(lines, fmt.Sprintf("%s{%s} %s", m.Name, set.Encoded(attribute.DefaultEncoder()), value))
		}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				say(p.Attributes, fmt.Sprint(p.Value))
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				say(p.Attributes, fmt.Sprintf("%d in %v", p.Count, time.Duration(p.Sum*float64(time.Second))))
			}
		default:
			t.Errorf("%s is a %T", m.Name, data)
		}
	}
	slices.Sort(lines)
	return lines
}

func collect(t *testing.T, r sdkmetric.Reader) (all []metricdata.Metrics) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		all = append(all, scope.Metrics...)
	}
	return all
}

func TestWhatIsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		flaky := pipeline.Stage{Name: "push", Retry: pipeline.Retry{Times: 1}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			if in.Attempt == 1 {
				return stage.Output{}, errors.New("registry: 503")
			}
			return stage.Output{}, nil
		})}
		x := executor(
			flaky,
			pipeline.ForEach{
				Name:  "regions",
				Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu", "us", "ap"}, nil },
				Body:  func(string) pipeline.Step { return work("copy", time.Minute) },
			},
			asks("approve"),
			work("deploy", time.Hour),
			fails("smoke", stage.Failf("no answer")),
		)
		x.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		stop := serve(t, x)
		id := start(t, x, "run-1")
		pass(2 * time.Hour)
		reached := step(t, x, id, "approve").Reached
		shut := time.Since(reached)
		began := run(t, x, id).Began
		active := "cicd.pipeline.run.active{cicd.pipeline.name=shop,cicd.pipeline.run.state=executing} "
		if got := measured(t, reader); !slices.Contains(got, active+"0") {
			t.Errorf("while the run waits for a person: %q; want it not active", got)
		}
		vote(t, x, id, "approve", "ann")
		pass(time.Minute)
		if got := measured(t, reader); !slices.Contains(got, active+"1") {
			t.Errorf("while a stage is called: %q; want the run active", got)
		}
		pass(2 * time.Hour)
		want := []string{
			active + "0",
			fmt.Sprintf("cicd.pipeline.run.duration{cicd.pipeline.name=shop,cicd.pipeline.result=failure,cicd.pipeline.run.state=executing,error.type=failure} 1 in %v", run(t, x, id).Ended.Sub(began)),
			"cicd.pipeline.run.errors{cicd.pipeline.name=shop,error.type=_OTHER} 1",
			"cicd.pipeline.run.errors{cicd.pipeline.name=shop,error.type=failure} 1",
			"penstock.stage.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=copy,cicd.pipeline.task.run.result=success} 3 in 3m0s",
			"penstock.stage.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=deploy,cicd.pipeline.task.run.result=success} 1 in 1h0m0s",
			"penstock.stage.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=push,cicd.pipeline.task.run.result=error,error.type=_OTHER} 1 in 0s",
			"penstock.stage.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=push,cicd.pipeline.task.run.result=success} 1 in 0s",
			"penstock.stage.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=smoke,cicd.pipeline.task.run.result=failure,error.type=failure} 1 in 0s",
			fmt.Sprintf("penstock.wait.duration{cicd.pipeline.name=shop,cicd.pipeline.task.name=approve,cicd.pipeline.task.run.result=success,penstock.step.kind=gate} 1 in %v", shut),
		}
		if diff := cmp.Diff(want, measured(t, reader)); diff != "" {
			t.Errorf("measured (-want +got):\n%s", diff)
		}
		stop()
		if got := strings.Join(measured(t, reader), "\n"); strings.Contains(got, "active") {
			t.Errorf("after Serve returned:\n%s\nwant no count of active runs", got)
		}
	})
}

// Executors that share a provider are counted together.
func TestActiveRunsOfTwoExecutorsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		for i := range 2 {
			x := over(new(journal.Memory), work("build", time.Hour))
			x.MeterProvider = provider
			serve(t, x)
			start(t, x, fmt.Sprintf("run-%d", i))
		}
		if got, want := measured(t, reader), []string{"cicd.pipeline.run.active{cicd.pipeline.name=shop,cicd.pipeline.run.state=executing} 2"}; !slices.Equal(got, want) {
			t.Errorf("measured %q; want %q", got, want)
		}
	})
}

func TestInstrumentsAreThoseOfTheConventions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		x := executor(fails("build", stage.Failf("no")), asks("approve"))
		x.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		serve(t, x)
		start(t, x, "run-1")
		synctest.Wait()
		got := map[string][2]string{}
		for _, m := range collect(t, reader) {
			if strings.HasPrefix(m.Name, "cicd.") {
				got[m.Name] = [2]string{m.Unit, m.Description}
			}
		}
		want := map[string][2]string{}
		for _, i := range []interface {
			Name() string
			Unit() string
			Description() string
		}{cicdconv.PipelineRunDuration{}, cicdconv.PipelineRunActive{}, cicdconv.PipelineRunErrors{}} {
			want[i.Name()] = [2]string{i.Unit(), i.Description()}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("instruments (-want +got):\n%s", diff)
		}
	})
}
