package pipelinetest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// diamonds are n times two stages at once that can only succeed, one after the
// other.
func diamonds(n int) pipelinetest.Exploration {
	x := pipelinetest.Exploration{Outcomes: map[string][]pipelinetest.Outcome{}, Rules: []pipelinetest.Rule{}}
	var steps []pipeline.Step
	for i := range n {
		a, b := fmt.Sprint("a", i), fmt.Sprint("b", i)
		steps = append(steps, pipeline.Parallel{work(a), work(b)})
		for _, name := range []string{a, b} {
			x.Outcomes[name] = []pipelinetest.Outcome{pipelinetest.Succeeds}
		}
	}
	x.Pipeline = named(steps...)
	return x
}

func TestExploreCountsPaths(t *testing.T) {
	gate := pipeline.Gate{Name: "g", Require: manager.Require}
	all := func(n int) pipeline.Pipeline {
		var side pipeline.Parallel
		for i := range n {
			side = append(side, work(fmt.Sprint("s", i)))
		}
		return named(side)
	}
	for _, test := range []struct {
		name string
		x    pipelinetest.Exploration
		want float64
		text string
	}{
		{"a stage has three ends", pipelinetest.Exploration{Pipeline: named(work("a"))}, 3, "3 paths, complete"},
		{"only one of its ends is tried", pipelinetest.Exploration{Pipeline: named(work("a")), Outcomes: map[string][]pipelinetest.Outcome{"a": {pipelinetest.Fails}}}, 1, "1 path, complete"},
		{"two ways to one state are two paths", pipelinetest.Exploration{Pipeline: all(2)}, 2 * 3 * 3, "18 paths, complete"},
		{"n stages end in n! orders", pipelinetest.Exploration{Pipeline: all(6)}, 720 * 729, "524880 paths, complete"},
		{"more than a float64 can tell apart", diamonds(60), 1 << 60, "about 1.15e+18 paths, complete"},
		{"more than a float64 can hold", diamonds(1100), math.MaxFloat64, "about 1.8e+308 paths, complete"},
		{"a retry has an end", pipelinetest.Exploration{Pipeline: named(work("a")), Retries: 1}, 1 + 2*3, "7 paths, complete"},
		{"a pass that lapses has none", pipelinetest.Exploration{Pipeline: named(gate, pipeline.Gate{Name: "h", Require: gate.Require}, work("a")), Lapses: true}, math.Inf(1), "paths without number, complete"},
		{"the bound was reached", pipelinetest.Exploration{Pipeline: all(6), States: 100}, 0, "not complete: the bound was reached"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pipelinetest.Explore(t, test.x)
			if got.Paths != test.want {
				t.Errorf("%v paths; want %v", got.Paths, test.want)
			}
			if s := got.String(); len(s) < len(test.text) || s[len(s)-len(test.text):] != test.text {
				t.Errorf("explored %q; want %q at the end", s, test.text)
			}
		})
	}
}
