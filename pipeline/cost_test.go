//go:build !race

// The race detector allocates.

package pipeline_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/penstock/penstock/pipeline"
)

// TestAStepCostsLessThanAnAllocation guards what BenchmarkSteps measures, in
// what does not depend on the machine. It is as little in a large run as in a
// small one.
func TestAStepCostsLessThanAnAllocation(t *testing.T) {
	for _, s := range []shape{chain(1000), chain(10_000), fan(1000), fan(10_000), layered(10, 100, 5)} {
		t.Run(s.name, func(t *testing.T) {
			over := make(chan struct{})
			p := s.pipeline()
			p.Steps = append(p.Steps, last(over))
			x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}}
			defer started(t, x)()
			var before, after runtime.MemStats
			got := math.Inf(1)
			for i := range 5 { // the first checks and compiles; the runtime keeps goroutines for use again
				runtime.ReadMemStats(&before)
				if _, err := x.Start(t.Context(), p.Name, pipeline.Trigger{Key: fmt.Sprint("run-", i)}); err != nil {
					t.Fatal(err)
				}
				<-over
				runtime.ReadMemStats(&after)
				got = min(got, float64(after.Mallocs-before.Mallocs)/float64(len(s.after)))
			}
			if got >= 1 {
				t.Errorf("a step of %s costs %.2f allocations; want less than 1, so not a goroutine each", s.name, got)
			}
		})
	}
}
