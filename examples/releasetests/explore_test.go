package releasetests

import (
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// exploration is all that can happen to two releases of p: the second begins at
// any point of the first, and the executor dies at any point.
func exploration(p pipeline.Pipeline) pipelinetest.Exploration {
	return pipelinetest.Exploration{Pipeline: p, Runs: 2, Crashes: 1}
}

func TestTheRulesHoldWhateverHappensToTwoReleases(t *testing.T) {
	explore(t, exploration(Delivery(nowhere)))
}

func TestTheRulesHoldWhereverAFreezeBeginsAndEnds(t *testing.T) {
	x := exploration(Delivery(nowhere))
	x.Freezes = true
	explore(t, x)
}

// explore wants no rule of x to be broken, and no state left out.
func explore(t *testing.T, x pipelinetest.Exploration) {
	t.Helper()
	began := time.Now()
	got := pipelinetest.Explore(t, x)
	t.Logf("%v, in %v", got, time.Since(began).Round(time.Millisecond))
	if !got.Complete {
		t.Error("not all states were looked at")
	}
}

// A rule that is broken comes with the shortest story in which it is, and with
// that story as a script, which the real executor plays.
func TestAWayAroundTheGateIsTaken(t *testing.T) {
	p := hotfix(Delivery(nowhere))
	got, err := exploration(p).Search()
	if err != nil || got.Fault == nil {
		t.Fatalf("explored %v, %v; want a rule broken", got, err)
	}
	if want := "patch-production is called with image before any gate has let it through"; got.Fault.Reason != want {
		t.Errorf("broken: %s: %s; want %s", got.Fault.Rule, got.Fault.Reason, want)
	}
	told := pipelinetest.Confirm(t, exploration(p), got.Fault)
	told.Run("r1").Never("release")
	told.Tells("r1 stage patch-production enters production", "r1 stage patch-production running")
}

// BenchmarkExploration lets people also cancel at any point and have any step done
// anew.
func BenchmarkExploration(b *testing.B) {
	x := exploration(Delivery(nowhere))
	x.Cancels, x.Retries, x.States = true, 1, 10_000_000
	states := 0
	for b.Loop() {
		got := pipelinetest.Explore(b, x)
		states += got.States
	}
	b.ReportMetric(float64(states)/float64(b.N), "states")
	b.ReportMetric(float64(states)/b.Elapsed().Seconds(), "states/s")
}
