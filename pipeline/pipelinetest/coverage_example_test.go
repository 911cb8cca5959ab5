package pipelinetest_test

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// One story in which all goes well leaves much unseen.
func ExampleCoverage() {
	seen := pipelinetest.Coverage{Accepted: map[string]string{
		"toys: stage back: never seen failing": "then a person is asked, and no test can tell what they do",
	}}
	play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Metrics:   map[string]float64{"error rate": 0.001},
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			ann.Approves("r7", "release").After(10 * time.Minute),
			ben.Approves("r7", "release").After(time.Hour),
		},
		Coverage: &seen,
	})
	fmt.Println(seen.Report(toys())) // in a TestMain: os.Exit(seen.Main(m, toys()))
	// Output:
	// 14 points: 6 seen, 1 accepted, 7 gaps
	// toys: stage build: never seen failing
	// toys: way out back: never seen taken
	// toys: environment production, inside Mon-Fri 09:00-17:00 Europe/Berlin: never seen shut
	// toys: environment production: never seen with a run that waits to enter
	// toys: stage deploy: never seen failing
	// toys: stage bake: never seen failing
	// toys: stage back: never seen succeeding
}
