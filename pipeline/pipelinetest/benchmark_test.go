package pipelinetest_test

import (
	"strconv"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A bubble needs a *testing.T, so each of these is measured in a test of its
// own, as the command go test runs it.
func benchmark(b *testing.B, story pipelinetest.Story) {
	b.ReportAllocs()
	ok := passes("Story", func(t *testing.T) {
		for b.Loop() {
			pipelinetest.Run(t, story)
		}
	})
	if !ok {
		b.Error("a story went wrong")
	}
}

func BenchmarkFiveDays(b *testing.B) { benchmark(b, fiveDays()) }

// BenchmarkStory is of the story that teams tell most: few steps, a vote, an end.
func BenchmarkStory(b *testing.B) {
	benchmark(b, pipelinetest.Story{Pipelines: []pipeline.Pipeline{shop()}, Begin: monday, Script: []pipelinetest.Action{
		r1, ann.Approves("r1", "release"), ben.Approves("r1", "release"), ann.Cancels("r1", "enough").WhenReached("r1", "canary"),
	}})
}

// BenchmarkRuns is of many runs at one time, which a story puts in order.
func BenchmarkRuns(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := pipelinetest.Story{Pipelines: []pipeline.Pipeline{wide()}}
			for i := range n {
				s.Script = append(s.Script, pipelinetest.Start("wide", pipeline.Trigger{Key: "r" + strconv.Itoa(i)}))
			}
			benchmark(b, s)
		})
	}
}
