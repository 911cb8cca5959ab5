package releasetests

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// Stories that are to be read by people who do not read Go are files of text.
func TestScenarios(t *testing.T) {
	pipelinetest.Scenarios(t, "testdata/scenarios/*.txt", *update, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(nowhere)},
		Coverage:  &seen,
	})
}
