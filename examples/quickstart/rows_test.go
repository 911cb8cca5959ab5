package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/examples/quickstart/screen"
	"github.com/penstock/penstock/pipeline"
)

func TestRows(t *testing.T) {
	began := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	run := pipeline.Run{Steps: []pipeline.StepState{
		{Name: "build", Kind: "stage", Status: pipeline.Succeeded, Reason: "v2, 6.1 MB", Started: began, Ended: began.Add(1200 * time.Millisecond)},
		{Name: "test", Kind: "stage", Status: pipeline.Failed, Reason: "go test: exit status 1\n--- FAIL", Started: began, Ended: began.Add(time.Second)},
		{Name: "release", Kind: "gate", Status: pipeline.Waiting, For: "approval", Reason: "0 of 1 approvals"},
		{Name: "bake", Kind: "stage", Status: pipeline.Waiting, For: "time", Reason: "baked for 1s of 3s", Started: began},
		{Name: "next", Kind: "stage", Status: pipeline.Waiting},
		{Name: "replace", Kind: "when", Status: pipeline.Pending},
		{Name: "canary", Kind: "stage", Status: pipeline.Running, Started: began},
		{Name: "go-back", Kind: "stage", Status: pipeline.Skipped},
	}}
	serves := platform.Environment{Processes: []platform.Process{
		{Version: "v1", Percent: 90, Stats: platform.Stats{Window: time.Second, Requests: 200, Failed: 1, P99: 2 * time.Millisecond}},
		{Version: "v2", Percent: 10},
	}}
	want := []screen.Row{
		{Name: "build", Mark: screen.Good, Word: "succeeded", Text: "v2, 6.1 MB", Moving: "1.2s"},
		{Name: "test", Mark: screen.Bad, Word: "failed", Text: "go test: exit status 1", Moving: "1.0s"},
		{Name: "release", Mark: screen.Waiting, Word: "waiting for approval", Text: "0 of 1 approvals"},
		{Name: "bake", Mark: screen.Running, Word: "running", Moving: "3.0s  baked for 1s of 3s"},
		{Name: "next", Word: "waiting"},
		{Name: "canary", Mark: screen.Running, Word: "running", Moving: "3.0s"},
		{Name: "go-back", Mark: screen.Skipped, Word: "skipped"},
		{Name: "production", Mark: screen.Running, Word: "serving", Text: "v1 90% v2 10%", Moving: "v1: 200/s 0.5% failed p99 2ms"},
	}
	if d := cmp.Diff(want, rows(run, serves, began.Add(3*time.Second))); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if got := traffic(platform.Environment{}).Text; got != "nothing is live" {
		t.Errorf("an empty production shows %q; want that nothing is live", got)
	}
}
