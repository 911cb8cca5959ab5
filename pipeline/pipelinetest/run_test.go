package pipelinetest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// waits is a story that ends while r1 waits for ben.
func waits() pipelinetest.Story {
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{shop(), wide()},
		Begin:     monday,
		Stubs:     map[string]pipelinetest.Stub{"build": {Takes: 10 * time.Minute}},
		Script: []pipelinetest.Action{
			r1, ann.Approves("r1", "release"),
			bob.Starts("wide", pipeline.Trigger{Key: "w"}).After(time.Hour),
		},
	}
}

func TestWhatHolds(t *testing.T) {
	got := pipelinetest.Run(t, waits())
	r1, w := got.Run("r1"), got.Run("w")
	r1.Want(pipeline.Waiting)
	r1.Reached("build", "release")
	r1.Never("canary", "back")
	r1.Before("build", "release")
	r1.After("release", "build")
	r1.Waiting("release", "approval", "1 of 2")
	w.Want(pipeline.Succeeded)
	w.Reached("deploy[eu]", "verify[us]", "by-hand")
	w.Never("ask", "deploy[moon]")
	got.Tells("r1 stage build succeeded", "r1  gate release   ann approves", "w wide started by bob")
	got.Is(got.Timeline.String())
	if w := got.Waits["r1"]; len(w) != 1 || w[0].Step != "release" || !slices.Equal(w[0].Who, []string{"release-managers"}) {
		t.Errorf("r1 waits for %+v; want it to wait at release for release-managers (G7)", w)
	}
	if w, open := got.Waits["w"]; open {
		t.Errorf("w waits for %+v; want nothing, for it has ended", w)
	}
}

func TestWhatDoesNotHoldIsReported(t *testing.T) {
	file := filepath.Join(t.TempDir(), "story.txt")
	if err := os.WriteFile(file, []byte("Monday 2 March 2026, UTC\nMon 09:00:00  +0s  r1  build  succeeded\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ask  func(*pipelinetest.Result)
		want []string
	}{
		{"another status", func(r *pipelinetest.Result) { r.Run("r1").Want(pipeline.Failed) }, []string{"r1 is waiting; want failed"}},
		{"a run that is none", func(r *pipelinetest.Result) { r.Run("r2") }, []string{`there is no run "r2"; there is ["r1" "w"]`}},
		{"a step not reached", func(r *pipelinetest.Result) { r.Run("r1").Reached("build", "canary") }, []string{"r1 never reached canary"}},
		{"a step reached", func(r *pipelinetest.Result) { r.Run("r1").Never("canary", "release") }, []string{"r1 reached release at Mon 09:10:00; want it never to"}},
		{"a step that is none is not one never reached", func(r *pipelinetest.Result) { r.Run("r1").Never("carany") }, []string{`r1 has no step "carany"; it has ["build" "stage"`}},
		{"the other order", func(r *pipelinetest.Result) { r.Run("r1").Before("release", "build") }, []string{"r1: release was not over before build began"}},
		{"the other order, said the other way", func(r *pipelinetest.Result) { r.Run("r1").After("build", "release") }, []string{"r1: release was not over before build began"}},
		{"nothing before it", func(r *pipelinetest.Result) { r.Run("r1").Before("canary", "build") }, []string{"r1 never reached canary; want it before build"}},
		{"nothing after it", func(r *pipelinetest.Result) { r.Run("r1").Before("build", "canary") }, []string{"r1 never reached canary; want it after build"}},
		{"waiting for another thing", func(r *pipelinetest.Result) { r.Run("r1").Waiting("release", "window", "") }, []string{
			`r1 release never was waiting for window with ""; it was ["waiting for approval: 0 of 2 approvals from release-managers" "waiting`,
		}},
		{"waiting for another reason", func(r *pipelinetest.Result) { r.Run("r1").Waiting("release", "approval", "2 of 2") }, []string{`with "2 of 2"`}},
		{"lines in another order", func(r *pipelinetest.Result) { r.Tells("ann approves", "build succeeded") }, []string{`the timeline has no line with "build succeeded" after "ann approves"`}},
		{"a line that is not there", func(r *pipelinetest.Result) { r.Tells("rockets start") }, []string{`the timeline has no line with "rockets start"` + "\n\nMonday 2 March 2026, UTC\nMon 09:00:00  +0s"}},
		{"another story", func(r *pipelinetest.Result) { r.Golden(file, false) }, []string{
			"the story goes otherwise (-want +got)", "r1  build  succeeded", "shop started",
		}},
		{"a story that was not written", func(r *pipelinetest.Result) { r.Golden(file+"x", false) }, []string{"story.txtx"}},
		{"a story that cannot be written", func(r *pipelinetest.Result) { r.Golden(filepath.Join(file, "x"), true) }, []string{"writing the story"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := new(recorder)
			tt.ask(pipelinetest.Run(t, waits()).For(rec))
			for _, want := range tt.want {
				if !strings.Contains(rec.String(), want) {
					t.Errorf("reported is\n%s\nwant %s", rec, want)
				}
			}
		})
	}
}

func TestTheTimelineIsToldOnce(t *testing.T) {
	rec := new(recorder)
	r1 := pipelinetest.Run(t, waits()).For(rec).Run("r1")
	r1.Want(pipeline.Failed)
	r1.Want(pipeline.Failed)
	if n := strings.Count(rec.String(), "Monday 2 March 2026"); n != 1 {
		t.Errorf("two mistakes tell the timeline %d times; want it once, beside the first:\n%s", n, rec)
	}
}

func TestGoldenWritesTheStory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "testdata", "story.txt")
	got := pipelinetest.Run(t, waits())
	got.Golden(file, true)
	got.Golden(file, false)
}
