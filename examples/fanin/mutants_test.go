package fanin

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// Whatever is taken from the pipeline, it is not proved any more, or an
// exploration finds what can go wrong.
func TestEveryMutantIsFound(t *testing.T) {
	t.Log(pipelinetest.Mutate(t, pipelinetest.Mutation{
		Pipeline: plan(stage.Oldest),
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
			"environment bench: the newest enters first, not the oldest": "which of them is asked for when the pipeline is made",
		},
	}))
}
