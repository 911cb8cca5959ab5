package kubernetes

import (
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/gatetest"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

func TestAnAlphaWaitsForThaw(t *testing.T) {
	s := cut(t, new(github), "v1.37.0-alpha.0")
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("before-code-freeze", "window", "Code Freeze")
	if gate, _ := r1.Step("before-code-freeze"); !gate.Ended.Equal(at(t, "2026-11-26 00:00")) {
		t.Errorf("an alpha went on at %v; want Thaw", gate.Ended)
	}
}

func TestACandidateWaitsForTestFreeze(t *testing.T) {
	s := cut(t, new(github), "v1.36.0-rc.0")
	s.Begin = at(t, "2026-11-10 09:00")
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("in-test-freeze", "window", "outside Test Freeze")
	if gate, _ := r1.Step("in-test-freeze"); !gate.Ended.Equal(at(t, "2026-11-11 17:00")) {
		t.Errorf("a candidate went on at %v; want Test Freeze", gate.Ended)
	}
}

func TestThereAreNoCandidatesAfterThaw(t *testing.T) {
	s := story(t, new(github), cuts("r1", "v1.36.0-rc.3"))
	s.Begin = at(t, "2026-12-01 09:00")
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("signal", "nomock-stage")
}

// What is approved on a holiday is not merged before that is over (E3).
func TestNothingIsPublishedOnHolidays(t *testing.T) {
	s := cut(t, new(github), "v1.35.2")
	s.Begin = at(t, "2026-11-25 21:50") // approved ten minutes after midnight
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("merge", "window", "Thanksgiving")
	if merged, _ := r1.Step("merge"); !merged.Started.Equal(at(t, "2026-11-30 00:00")) {
		t.Errorf("merged at %v; want when Thanksgiving is over", merged.Started)
	}
}

// An image job that is under way when a holiday begins is watched to its end; the
// release then waits.
func TestAHolidayThatBeginsDuringTheImageJobHoldsUpTheRelease(t *testing.T) {
	s := cut(t, new(github), "v1.35.2")
	s.Begin = at(t, "2026-11-25 21:00") // merged at 23:20
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("nomock-release", "window", "Thanksgiving")
	merged, _ := r1.Step("merge")
	job, _ := r1.Step("image-job")
	if d := job.Ended.Sub(merged.Ended); d != time.Hour {
		t.Errorf("the job was over after %v; want an hour", d)
	}
	if release, _ := r1.Step("nomock-release"); !release.Started.Equal(at(t, "2026-11-30 00:00")) {
		t.Errorf("released at %v; want when Thanksgiving is over", release.Started)
	}
}

func TestAPreReleaseWaitsForAGreenSignal(t *testing.T) {
	s := cut(t, new(github), "v1.36.0-rc.0")
	noon := at(t, "2026-11-17 12:00")
	s.Pipelines = []pipeline.Pipeline{Delivery(world(new(github), tests{s.Begin, noon}), autumn)}
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("signal", "check", "gce-cos-master-default fails")
	if mock, _ := r1.Step("mock-stage"); !mock.Started.Equal(noon) {
		t.Errorf("the mock began at %v; want %v, when all was green", mock.Started, noon)
	}
}

func TestAPatchDoesNotWaitForTheSignal(t *testing.T) {
	s := cut(t, new(github), "v1.35.2")
	s.Pipelines = []pipeline.Pipeline{Delivery(world(new(github), tests{s.Begin, s.Begin.AddDate(1, 0, 0)}), autumn)}
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Succeeded)
}

// The signal was green when the second run asked, and then the first one held the
// mock until the next day (G9).
func TestTheSignalOfYesterdayDoesNotCount(t *testing.T) {
	s := story(t, new(github),
		cuts("r1", "v1.36.0-rc.0"),
		cuts("r2", "v1.36.0-rc.1").After(time.Minute),
	)
	s.Begin = at(t, "2026-11-17 15:30") // half an hour before the day is over in UTC
	s.Pipelines = []pipeline.Pipeline{Delivery(world(new(github), tests{at(t, "2026-11-17 16:00"), at(t, "2026-11-17 20:00")}), autumn)}
	s.Lasts = 24 * time.Hour
	got := pipelinetest.Run(t, s)
	r2 := got.Run("r2")
	r2.Waiting("mock-stage", "environment", "run r1 is there")
	got.Tells("r2 gate signal passed", "r2 gate signal waiting for check: gce-cos-master-default fails", "r2 gate signal passed", "r2 stage mock-stage running")
	if mock, _ := r2.Step("mock-stage"); !mock.Started.Equal(at(t, "2026-11-17 20:00")) {
		t.Errorf("the mock of r2 began at %v; want when all is green again", mock.Started)
	}
}

func TestAReleaseIsCutOnceWhereverTheExecutorDies(t *testing.T) {
	s := cut(t, new(github), "v1.36.0-rc.0")
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Succeeded)
		got.Run("r1").After("nomock-release", "image-job")
		got.Run("r1").After("announce", "nomock-release")
	})
}

func TestAGreenSignalIsForOneDay(t *testing.T) {
	now := at(t, "2026-11-17 15:59") // a minute before the day is over in UTC
	red := green{tests{until: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if got := gatetest.Run(t, red, gate.Request{Now: now})[0]; got.Verdict != gate.Waiting {
		t.Errorf("a job fails: %v (%s); want it to wait", got.Verdict, got.Reason)
	}
	if got := gatetest.Run(t, green{tests{}}, gate.Request{Now: now})[0]; got.Verdict != gate.Passed || !got.Recheck.Equal(now.Add(time.Minute)) {
		t.Errorf("all is green: %v until %v; want it passed for a minute", got.Verdict, got.Recheck)
	}
}
