package pipelinetest_test

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// play plays a story where there is no test, as in an Example.
func play(s pipelinetest.Story) (got *pipelinetest.Result) {
	passes("Story", func(t *testing.T) { got = pipelinetest.Run(t, s) })
	return got
}

// toys is the pipeline of a toy shop.
func toys() pipeline.Pipeline {
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{
		window.Inside(window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}),
	}}
	image := []string{"image"}
	return pipeline.Pipeline{Name: "toys", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: must, Produces: image},
		pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Group: "release-managers"}, Subject: image},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.Stage{Name: "deploy", Run: rollout.Full{Via: cluster}, Environment: production, Consumes: image},
				pipeline.Stage{Name: "bake", Run: watch(time.Hour, time.Minute), Environment: production, Consumes: image},
			},
			Do: pipeline.Stage{Name: "back", Run: rollout.Back{Via: cluster}, Environment: production, Consumes: image},
		},
	}}
}

// friday is a Friday 15:00 in Berlin.
func friday() time.Time {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	return time.Date(2026, time.March, 6, 15, 0, 0, 0, berlin)
}

var bySeven = pipeline.Trigger{Key: "r7", Actor: "ci", Authors: []string{"bob"}}

// A release on a Friday afternoon: one approver is quick, the other one is not,
// and the weekend comes in between.
func Example() {
	ann := pipelinetest.Person{Name: "ann", Groups: []string{"release-managers"}}
	ben := pipelinetest.Person{Name: "ben", Groups: []string{"release-managers"}}

	got := play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 12 * time.Minute}},
		Metrics:   map[string]float64{"error rate": 0.001},
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			ann.Approves("r7", "release").After(10 * time.Minute),
			ben.Approves("r7", "release").At("Fri 17:30"),
		},
	})
	fmt.Print(got.Timeline)
	// Output:
	// Friday 6 March 2026, Europe/Berlin
	// Fri 15:00:00  +0s      r7                  toys started by ci
	// Fri 15:00:00  +0s      r7  stage  build    running
	// Fri 15:12:00  +12m     r7  stage  build    succeeded
	// Fri 15:12:00  +12m     r7  gate   release  waiting for approval: 0 of 2 approvals from release-managers
	// Fri 15:22:00  +22m     r7  gate   release  ann approves
	// Fri 15:22:00  +22m     r7  gate   release  waiting for approval: 1 of 2 approvals from release-managers
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
}

// An alarm after 59 minutes of an hour under watch.
func ExampleMeasure() {
	got := play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Metrics:   map[string]float64{"error rate": 0.001},
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			ann.Approves("r7", "release"),
			ben.Approves("r7", "release"),
			pipelinetest.Measure("r7", "error rate", 0.2).WhenReached("r7", "bake").After(59 * time.Minute),
		},
	})
	fmt.Println(got.Run("r7").Reason)
	fmt.Println(got.Platform.Serving("production"))
	// Output:
	// bake: error rate is 0.2; want at most 0.01 (1 miss, 0 tolerated, after 59m0s of 1h0m0s)
	// []
}

// The executor is down over lunch. Nobody notices.
func ExampleCrash() {
	got := play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 12 * time.Minute}},
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			pipelinetest.Crash(time.Hour).WhenReached("r7", "build").After(5 * time.Minute),
		},
	})
	fmt.Print(got.Timeline)
	// Output:
	// Friday 6 March 2026, Europe/Berlin
	// Fri 15:00:00  +0s      r7                  toys started by ci
	// Fri 15:00:00  +0s      r7  stage  build    running
	// Fri 15:05:00  +5m                          the executor dies for 1h
	// Fri 16:05:00  +1h 5m                       another executor goes on
	// Fri 16:05:00  +1h 5m   r7  stage  build    running, attempt 2
	// Fri 16:17:00  +1h 17m  r7  stage  build    succeeded
	// Fri 16:17:00  +1h 17m  r7  gate   release  waiting for approval: 0 of 2 approvals from release-managers
}

// A stage that fails is retried by a person.
func ExampleStage() {
	build := pipelinetest.Stage{Run: "r7", Name: "build"}
	got := play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			build.Fails("2 of 40 tests failed"),
			ann.Retries("r7", "build", "the clock was wrong").After(time.Hour),
		},
	})
	fmt.Print(got.Timeline)
	// Output:
	// Friday 6 March 2026, Europe/Berlin
	// Fri 15:00:00  +0s  r7                  toys started by ci
	// Fri 15:00:00  +0s  r7  stage  build    failed: 2 of 40 tests failed
	// Fri 15:00:00  +0s  r7                  the run has failed: build: 2 of 40 tests failed
	// Fri 16:00:00  +1h  r7  stage  build    retried by ann: the clock was wrong
	// Fri 16:00:00  +1h  r7  stage  build    succeeded
	// Fri 16:00:00  +1h  r7  gate   release  waiting for approval: 0 of 2 approvals from release-managers
}

// What a stage gives to those after it can be said, where it matters.
func ExampleStub() {
	p := pipeline.Pipeline{Name: "notes", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "open-ticket", Run: must, Gives: []string{"ticket"}},
		pipeline.Stage{Name: "announce", Run: must, Takes: []string{"ticket"}},
	}}
	got := play(pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{p},
		Stubs:     map[string]pipelinetest.Stub{"open-ticket": {Takes: time.Second, Gives: map[string]any{"ticket": 4711}}},
		Script:    []pipelinetest.Action{pipelinetest.Start("notes", pipeline.Trigger{Key: "r1"})},
	})
	fmt.Printf("%v, ticket %s\n", got.Run("r1").Status, got.Run("r1").Values["ticket"])
	// Output:
	// succeeded, ticket 4711
}

// What a release engineer asks of a story.
func ExampleResult_Run() {
	test := func(t *testing.T) {
		got := pipelinetest.Run(t, pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{toys()},
			Begin:     friday(),
			Script: []pipelinetest.Action{
				pipelinetest.Start("toys", bySeven),
				ann.Approves("r7", "release"),
			},
		})
		r7 := got.Run("r7")
		r7.Want(pipeline.Waiting)
		r7.Waiting("release", "approval", "1 of 2 approvals")
		r7.Before("build", "release")
		r7.Never("deploy")
		got.Tells("r7 stage build succeeded", "r7 gate release ann approves")
	}
	fmt.Println(passes("TestOneApprovalIsNotEnough", test))
	// Output: true
}

// Wherever the executor dies, a release that was approved ends well, and is
// deployed once.
func ExampleCrashAnywhere() {
	story := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{toys()},
		Begin:     friday(),
		Stubs:     map[string]pipelinetest.Stub{"bake": {Takes: time.Hour, Run: stage.Func(nothing)}},
		Script: []pipelinetest.Action{
			pipelinetest.Start("toys", bySeven),
			ann.Approves("r7", "release"),
			ben.Approves("r7", "release"),
		},
	}
	test := func(t *testing.T) {
		pipelinetest.CrashAnywhere(t, story, func(t *testing.T, got *pipelinetest.Result) {
			got.Run("r7").Want(pipeline.Succeeded)
			if n := got.Platform.Effects(); n != 1 {
				t.Errorf("deployed %d times; want once", n)
			}
		})
	}
	fmt.Println(passes("TestReleasesOutliveTheExecutor", test))
	// Output: true
}

// passes runs a test as the command go test does, but once and without a word,
// however this program was called: with -v an Example would have what is said of
// the test in its output, with -count or -cpu several times over, and with -skip
// nothing would be run.
func passes(name string, test func(*testing.T)) bool {
	for name, value := range map[string]string{"test.v": "false", "test.skip": ""} {
		f := flag.Lookup(name).Value
		defer f.Set(f.String())
		f.Set(value)
	}
	var once sync.Once
	run := testing.InternalTest{Name: name, F: func(t *testing.T) { once.Do(func() { test(t) }) }}
	return testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{run})
}
