package pipelinetest_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

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
		{"shop-two-runs-forget", pipelinetest.Exploration{Pipeline: shop(), Runs: 2, Crashes: 1, Forget: true}},
		{"layers-40", pipelinetest.Exploration{Pipeline: layered(40), States: 100_000}},
		{"layers-1000", pipelinetest.Exploration{Pipeline: layered(1000), States: 20_000}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var got pipelinetest.Explored
			heap := peak(func() {
				for b.Loop() {
					var err error
					if got, err = bench.x.Search(); err != nil || got.Fault != nil {
						b.Fatal(got, err)
					}
				}
			})
			b.Log(got)
			b.ReportMetric(float64(got.States*b.N)/b.Elapsed().Seconds(), "states/s")
			b.ReportMetric(float64(got.Transitions*b.N)/b.Elapsed().Seconds(), "transitions/s")
			b.ReportMetric(float64(got.States), "states")
			b.ReportMetric(heap/1e6, "peak-MB")
		})
	}
}

// peak returns how many bytes of the heap were in use at most while f ran, as
// seen every few milliseconds.
func peak(f func()) (most float64) {
	runtime.GC()
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
			metrics.Read(heap)
			most = max(most, float64(heap[0].Value.Uint64()))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	f()
	close(done)
	<-stopped
	return most
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
