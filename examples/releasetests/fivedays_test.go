package releasetests

import (
	"flag"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

// fiveDays are a Thursday to a Tuesday. The first release trips an alarm in
// minute 59 of its bake on Friday afternoon. Two minutes later comes a newer one,
// which waits for a slow approver, the weekend and stocktaking, and goes out.
func fiveDays(t testing.TB) pipelinetest.Story {
	return story(t,
		change("r1"),
		bob.Approves("r1", "release").Refused("wrote a change"),
		ann.Approves("r1", "release").After(2*time.Hour),
		ben.Approves("r1", "release").At("Fri 15:20"),
		pipelinetest.Measure("r1", "error rate", 0.2).WhenReached("r1", "bake").After(59*time.Minute),

		change("r2").WhenReached("r1", "bake").After(61*time.Minute),
		ann.Approves("r2", "release").At("Fri 18:40"),
		ben.Approves("r2", "release").At("Mon 10:15"),
	)
}

func TestFiveDays(t *testing.T) {
	began := time.Now()
	got := pipelinetest.Run(t, fiveDays(t))
	t.Logf("five days took %v", time.Since(began).Round(time.Millisecond))
	got.Golden("testdata/five-days.txt", *update)

	got.Run("r1").Want(pipeline.Failed)
	r2 := got.Run("r2")
	r2.Want(pipeline.Succeeded)
	if live := got.Environments["production"].Live["image"]; live != r2.Artifacts["image"] {
		t.Errorf("live in production is %v; want %v, of r2", live, r2.Artifacts["image"])
	}
}
