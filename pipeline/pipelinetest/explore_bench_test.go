package pipelinetest_test

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// BenchmarkExplore measures how many states a second are found that were not
// seen before, on one core.
func BenchmarkExplore(b *testing.B) {
	for _, bench := range []struct {
		name string
		x    pipelinetest.Exploration
	}{
		{"shop", pipelinetest.Exploration{Pipeline: shop(), Crashes: 1, Cancels: true}},
		{"shop-two-runs", pipelinetest.Exploration{Pipeline: shop(), Runs: 2, Crashes: 1}},
		{"layers", pipelinetest.Exploration{Pipeline: layered(40), States: 100_000}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			states, transitions := 0, 0
			for b.Loop() {
				got, err := bench.x.Search()
				if err != nil || got.Fault != nil {
					b.Fatal(got, err)
				}
				states, transitions = got.States, got.Transitions
			}
			b.ReportMetric(float64(states*b.N)/b.Elapsed().Seconds(), "states/s")
			b.ReportMetric(float64(transitions*b.N)/b.Elapsed().Seconds(), "transitions/s")
			b.ReportMetric(float64(states), "states")
		})
	}
}

// layered is a graph of n stages in layers of five, each of which comes after
// three of the layer before.
func layered(n int) pipeline.Pipeline {
	var g pipeline.Graph
	for i := range n {
		node := pipeline.Node{Step: work(fmt.Sprint("s", i))}
		for k := 0; i >= 5 && k < 3; k++ {
			node.After = append(node.After, fmt.Sprint("s", i/5*5-5+(i+k)%5))
		}
		g.Nodes = append(g.Nodes, node)
	}
	return named(g)
}
