package kubernetes

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// Whatever is taken from the pipeline, it is not proved any more, or an
// exploration finds what can go wrong.
func TestEveryMutantIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of explorations take minutes under the race detector; without -short they take seconds")
	}
	t.Log(pipelinetest.Mutate(t, pipelinetest.Mutation{
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
		Accepted: map[string]string{
			"when candidate comes before when alpha":      "a version is one or the other, so either is asked for first",
			"when candidate does not wait for when alpha": "a version is one or the other, so only one of them is taken",
		},
	}))
}
