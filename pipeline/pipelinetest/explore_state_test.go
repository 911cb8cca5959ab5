package pipelinetest_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A rule sees which runs were started, and how far they are.
func TestAStateTellsOfItsRuns(t *testing.T) {
	ended := map[pipeline.Status]bool{}
	together := false
	told := pipelinetest.Rule{Name: "runs are told of", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		runs := s.Runs()
		together = together || slices.Equal(runs, []string{"r1", "r2"})
		if e.Run != "" && !slices.Contains(runs, e.Run) {
			return fmt.Errorf("%s of %s, and the runs are %q", e.Kind, e.Run, runs)
		}
		for _, run := range []string{"r1", "r2", "r3"} {
			st, of := s.Status(run), s.Pipeline(run)
			if slices.Contains(runs, run) != (of == "toy") {
				return fmt.Errorf("%s is of pipeline %q, and the runs are %q", run, of, runs)
			}
			if !slices.Contains(runs, run) && st != pipeline.Pending {
				return fmt.Errorf("%s was not started and is %v", run, st)
			}
			if st.Done() {
				ended[st] = true
			}
		}
		return nil
	}}
	got, err := pipelinetest.Exploration{Pipeline: careful(), Runs: 2, Rules: []pipelinetest.Rule{told}}.Search()
	if err != nil || got.Fault != nil {
		t.Fatalf("Search = %+v, %v; want that the rule holds", got.Fault, err)
	}
	if !together || !ended[pipeline.Succeeded] || !ended[pipeline.Failed] {
		t.Errorf("both runs were seen: %v, ends %v; want both, and runs that succeeded and that failed", together, ended)
	}
}
