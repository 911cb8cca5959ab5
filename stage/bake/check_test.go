package bake_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/stagetest"
)

type noAddress struct{ stage.Source }

func (noAddress) Check() error { return errors.New("no address") }

func TestCheckFindsEachMistake(t *testing.T) {
	metric := func(change func(*bake.Metric)) bake.Watch {
		m := bake.Metric{Name: "error rate", Source: &source{}, Want: bake.AtMost(0.01)}
		change(&m)
		return bake.Watch{For: time.Hour, Metrics: []bake.Metric{m}}
	}
	watch := func(change func(*bake.Watch)) bake.Watch {
		w := metric(func(*bake.Metric) {})
		change(&w)
		return w
	}
	bound := func(b bake.Bound) bake.Watch { return metric(func(m *bake.Metric) { m.Want = b }) }
	tests := []struct {
		name  string
		watch bake.Watch
		want  string // "" means no mistake
	}{
		{"none", watch(func(*bake.Watch) {}), ""},
		{"no time", watch(func(w *bake.Watch) { w.For = 0 }), "bake: for 0s; want a time such as an hour"},
		{"less than no time", watch(func(w *bake.Watch) { w.For = -1 }), "bake: for -1ns"},
		{"samples at no interval", watch(func(w *bake.Watch) { w.Every = -1 }), "bake: a sample every -1ns; want 0 to 1h0m0s"},
		{"samples after the end", watch(func(w *bake.Watch) { w.Every = 2 * time.Hour }), "bake: a sample every 2h0m0s; want 0 to 1h0m0s"},
		{"too many samples", watch(func(w *bake.Watch) { w.Every = time.Millisecond }), "is 3600000; want at most 1000000"},
		{"no metrics", watch(func(w *bake.Watch) { w.Metrics = nil }), "bake: no metrics, so any release would be good"},
		{"misses below 0", watch(func(w *bake.Watch) { w.Tolerate = -1 }), "bake: -1 misses tolerated"},
		{"errors below 0", watch(func(w *bake.Watch) { w.MaxErrors = -1 }), "bake: -1 inconclusive samples in a row"},
		{"more samples than scheduled", watch(func(w *bake.Watch) { w.MinSamples = 61 }), "bake: 61 samples needed of 60 on the schedule"},
		{"an unknown way out", watch(func(w *bake.Watch) { w.Inconclusive = 2 }), "bake: Inconclusive is 2; want Ask or Fail"},
		{"a metric twice", watch(func(w *bake.Watch) { w.Metrics = append(w.Metrics, w.Metrics[0]) }), `bake: metric "error rate" twice`},
		{"no name", metric(func(m *bake.Metric) { m.Name = "" }), `bake: metric "": no name; want one for people, such as "error rate"`},
		{"no source", metric(func(m *bake.Metric) { m.Source = nil }), `bake: metric "error rate": no Source`},
		{"a source with a mistake", metric(func(m *bake.Metric) { m.Source = noAddress{} }), `bake: metric "error rate": no address`},
		{"a time below 0", metric(func(m *bake.Metric) { m.Over = -1 }), `measured over -1ns`},
		{"a count below 0", metric(func(m *bake.Metric) { m.MinCount = -1 }), `at least -1 measurements`},
		{"no bound", bound(bake.Bound{}), "no bound; want one such as bake.AtMost(0.01)"},
		{"no bound of a baseline", bound(bake.Bound{}.TimesBaseline(0)), "no bound"},
		{"a bound that is NaN", bound(bake.AtMost(math.NaN())), "which nothing keeps"},
		{"a bound with nothing inside", bound(bake.Between(2, 1)), "bound of 2 to 1, which nothing keeps"},
		{"a bound that all keep", bound(bake.AtMost(math.Inf(1))), "want a finite one"},
		{"a bound that none keep", bound(bake.AtMost(math.Inf(-1))), "want a finite one"},
		{"a multiple below 0", bound(bake.AtMost(-1).TimesBaseline(0)), "want a multiple of 0 or more"},
		{"slack below 0", bound(bake.AtMost(1).TimesBaseline(-1)), "slack of -1; want 0 or more"},
		{"slack that is NaN", bound(bake.AtMost(1).TimesBaseline(math.NaN())), "slack of NaN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := stage.Check(tt.watch)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Check = %v; want %q", err, tt.want)
			}
			if _, errRun := tt.watch.Run(t.Context(), stage.Input{}); (errRun == nil) != (err == nil) {
				t.Errorf("Run = %v; want it to refuse what Check does, for nothing with a mistake may pass", errRun)
			}
		})
	}
}

func TestABoundSaysItsLimits(t *testing.T) {
	for _, tt := range []struct {
		bound    bake.Bound
		min, max float64
		slack    float64
		baseline bool
	}{
		{bake.AtMost(0.01), math.Inf(-1), 0.01, 0, false},
		{bake.AtLeast(3), 3, math.Inf(1), 0, false},
		{bake.Between(1, 2), 1, 2, 0, false},
		{bake.AtMost(1.2).TimesBaseline(0.5), math.Inf(-1), 1.2, 0.5, true},
	} {
		min, max := tt.bound.Limits()
		slack, baseline := tt.bound.Baseline()
		if min != tt.min || max != tt.max || slack != tt.slack || baseline != tt.baseline {
			t.Errorf("%v has the limits %g and %g, and %g, %t; want %g and %g, and %g, %t",
				tt.bound, min, max, slack, baseline, tt.min, tt.max, tt.slack, tt.baseline)
		}
	}
}

func TestDescribeSaysAllThatDecides(t *testing.T) {
	var platform stagetest.Platform
	w := bake.Watch{For: time.Hour, Every: time.Minute, Tolerate: 2, Metrics: []bake.Metric{
		{Name: "error rate", Source: platform.Source("errors"), Want: bake.AtMost(0.01), MinCount: 100},
		{Name: "p99", Source: platform.Source("p99"), Want: bake.AtMost(1.2).TimesBaseline(0.05), Over: 5 * time.Minute},
		{Name: "orders", Source: platform.Source("orders"), Want: bake.Between(0.5, 2).TimesBaseline(0), Past: true},
		{Name: "up", Source: platform.Source("up"), Want: bake.AtLeast(1)},
	}}
	want := `bake for 1h0m0s, every 1m0s, 2 misses tolerated, ask after 4 inconclusive in a row or less than 30 conclusive: ` +
		`error rate at most 0.01 by "errors" of a platform in memory from 100 measurements; ` +
		`p99 at most 1.2 × baseline, give or take 0.05 by "p99" of a platform in memory over 5m0s; ` +
		`orders 0.5 to 2 × baseline by "orders" of a platform in memory, also of the past; ` +
		`up at least 1 by "up" of a platform in memory`
	if got := stage.Describe(w); got != want {
		t.Errorf("Describe = %s; want %s", got, want)
	}
}

func TestWatchKeepsThePromisesOfARunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{Count: 1}, nil })
		stagetest.Run(t, func(testing.TB) stagetest.RunCase {
			return stagetest.RunCase{
				Runner: bake.Watch{For: 48 * time.Hour, Every: time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: good, Want: bake.AtMost(0)}}},
				Input:  stage.Input{Run: "run-1", Key: "run-1/bake", Artifacts: v2, Previous: v1},
			}
		})
	})
}

// FuzzState checks that no recorded state makes a bake panic, or hang, or pass
// without a good look at the present.
func FuzzState(f *testing.F) {
	for _, s := range []string{
		`{}`, `null`, `{"Began":"2026-01-01T00:00:00Z","Last":"2026-01-01T00:10:00Z","Clear":10}`,
		`{"Began":"9999-01-01T00:00:00Z"}`, `{"Last":"0001-01-01T00:00:00Z","Misses":-9}`, `{"Clear":1e3,"Lost":"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		bad := stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{Value: 1, Count: 1}, nil })
		w := bake.Watch{For: time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: bad, Want: bake.AtMost(0), Past: true}}}
		out, err := w.Run(t.Context(), stage.Input{State: state})
		if err == nil && out.Again <= 0 && out.Ask == "" {
			t.Errorf("state %s: %+v; want no pass, for the error rate is bad", state, out)
		}
		if out.Again > time.Hour {
			t.Errorf("state %s: again in %v; want a sample each minute", state, out.Again)
		}
	})
}
