package pipelinetest_test

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// Whatever fails, whoever cancels, and wherever the executor dies: a delivery
// that has a way back takes it.
func ExampleExploration() {
	got, err := pipelinetest.Exploration{
		Pipeline: careful(),
		Runs:     2, // a newer release may come at any point
		Crashes:  1,
		Cancels:  true,
	}.Search()
	fmt.Println(got, err)
	// Output:
	// 6894 states, 13923 transitions, depth 16, 3805383 paths, complete <nil>
}

// Somebody moves the gate behind the deployment.
func ExampleCounterexample() {
	got, _ := pipelinetest.Exploration{Pipeline: named(
		makesImage,
		in(stagingPlace, "stage"),
		pipeline.OnFailure{
			Of: pipeline.Sequence{in(productionPlace, "deploy"), manager},
			Do: in(productionPlace, "back"),
		},
	)}.Search()
	fmt.Println(got.Fault)
	// Output:
	// broken: production runs only what a gate let through: deploy is called with image before any gate has let it through
	// Monday 3 January 2000, UTC
	// Mon 09:00:00  +0s  r1                 toy started by someone
	// Mon 09:00:00  +0s  r1  stage  build   running
	// Mon 09:00:01  +1s  r1  stage  build   succeeded
	// Mon 09:00:01  +1s  r1  stage  stage   enters staging
	// Mon 09:00:01  +1s  r1  stage  stage   running
	// Mon 09:00:02  +2s  r1  stage  stage   succeeded
	// Mon 09:00:02  +2s  r1  stage  deploy  enters production
	// Mon 09:00:02  +2s  r1  stage  deploy  running
	// Mon 09:00:02  +2s  r1                 leaves staging
	//
	// pipelinetest.Run(t, pipelinetest.Replay(p, `
	// r1 starts
	// r1 build succeeds
	// r1 stage succeeds
	// `))
}

// A rule of one's own: while one release is under way in production, no other
// begins in staging.
func ExampleRule() {
	calm := pipelinetest.Rule{
		Name: "staging is quiet while production changes",
		Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
			if who := s.Holder("production"); e.Kind == journal.Called && e.Step == "stage" && who != "" {
				return fmt.Errorf("%s begins there while %s is in production", e.Run, who)
			}
			return nil
		},
	}
	got, _ := pipelinetest.Exploration{Pipeline: careful(), Runs: 2, Rules: []pipelinetest.Rule{calm}}.Search()
	fmt.Println(got.Fault.Reason)
	fmt.Print(got.Fault.Script)
	// Output:
	// r2 begins there while r1 is in production
	// r1 starts
	// r1 build succeeds
	// r1 stage succeeds
	// r1 release passes
	// r2 starts
	// r2 build succeeds
}

// What an exploration finds is played by the executor that production has, in
// virtual time.
func ExampleConfirm() {
	test := func(t *testing.T) {
		x := pipelinetest.Exploration{Pipeline: named(makesImage, in(productionPlace, "deploy"), manager)}
		got, err := x.Search()
		if err != nil || got.Fault == nil {
			t.Fatalf("Search = %v, %v; want the gate missed", got, err)
		}
		told := pipelinetest.Confirm(t, x, got.Fault)
		last := told.Timeline.Lines[len(told.Timeline.Lines)-1]
		fmt.Println(last.Step, last.Text)
	}
	fmt.Println(passes("TestTheGateComesTooLate", test))
	// Output:
	// deploy running
	// true
}
