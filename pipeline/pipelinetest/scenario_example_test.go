package pipelinetest_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A story as a text file, which people write and a test keeps true. The flag is
// a flag.Bool("update", …) of the test.
func ExampleScenarios() {
	test := func(t *testing.T) {
		pipelinetest.Scenarios(t, "testdata/scenario/friday.txt", *update, pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{toys()},
		})
	}
	fmt.Println(passes("TestScenarios", test))
	text, err := os.ReadFile("testdata/scenario/friday.txt")
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// true
	// # What two people approve on a Friday evening goes out on Monday
	//
	// the story begins Friday 6 March 2026 15:00 Europe/Berlin
	// the pipeline is toys
	// ann and ben are in release-managers
	// build takes 12m
	// "error rate" is 0.001
	//
	// > ci starts toys as r7, changes by bob
	// Fri 15:00:00  +0s      r7                  toys started by ci
	// Fri 15:00:00  +0s      r7  stage  build    running
	// Fri 15:12:00  +12m     r7  stage  build    succeeded
	// Fri 15:12:00  +12m     r7  gate   release  waiting for approval: 0 of 2 approvals from release-managers
	// > ann approves r7 release, 10m after r7 release is reached
	// Fri 15:22:00  +22m     r7  gate   release  ann approves
	// Fri 15:22:00  +22m     r7  gate   release  waiting for approval: 1 of 2 approvals from release-managers
	// > ben approves r7 release, at 17:30
	// Fri 17:30:00  +2h 30m  r7  gate   release  ben approves
	// Fri 17:30:00  +2h 30m  r7  gate   release  passed: approved by ann and ben
	// Fri 17:30:00  +2h 30m  r7  stage  deploy   waiting for window: outside office hours, until Mon 9 Mar 2026 09:00 CET
	// Mon 09:00:00  +2d 18h  r7  stage  deploy   permitted: office hours, until Mon 9 Mar 2026 17:00 CET
	// Mon 09:00:00  +2d 18h  r7  stage  deploy   enters production
	// Mon 09:00:00  +2d 18h  r7  stage  deploy   succeeded: image@72bd3d1f5b81 to 100% of production
	// Mon 09:00:00  +2d 18h  r7  stage  bake     running
	// Mon 10:00:00  +2d 19h  r7  stage  bake     succeeded: baked for 1h0m0s, 0 misses, 0 tolerated
	// Mon 10:00:00  +2d 19h  r7                  leaves production
	// Mon 10:00:00  +2d 19h  r7                  the run has succeeded
	// <nil>
}

// A story that was told in a file, with an executor that dies at each of its
// events in turn.
func ExampleReadScenario() {
	test := func(t *testing.T) {
		story, err := pipelinetest.ReadScenario("testdata/scenario/friday.txt", pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{toys()},
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(story.Begin, "with", len(story.Script), "lines, such as")
		fmt.Println(story.Script[0])
		pipelinetest.CrashAnywhere(t, story, func(t *testing.T, got *pipelinetest.Result) {
			got.Run("r7").Want(pipeline.Succeeded)
		})
	}
	fmt.Println(passes("TestFridayOutlivesTheExecutor", test))
	// Output:
	// 2026-03-06 15:00:00 +0100 CET with 3 lines, such as
	// ci starts toys as r7, changes by bob, when the story begins
	// true
}
