package main

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// Whatever is taken from the pipeline, it is not proved any more, or an
// exploration finds what can go wrong.
func TestEveryMutantIsFound(t *testing.T) {
	m := pipelinetest.Mutation{
		Pipeline: plan(),
		Check: func(t testing.TB, p pipeline.Pipeline) {
			if err := prove(p); err != nil {
				t.Error(err)
			}
		},
		Explore: func(p pipeline.Pipeline) pipelinetest.Exploration {
			x := exploration(p)
			x.States = 2000 // the shortest stories are found first
			return x
		},
	}
	if testing.Short() {
		m.Explore = nil // under the race detector it takes minutes
	}
	t.Log(pipelinetest.Mutate(t, m))
}
