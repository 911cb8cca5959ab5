package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var (
	rita = pipelinetest.Person{Name: "rita", Groups: []string{Approvers, Reviewers}}
	adam = pipelinetest.Person{Name: "adam", Groups: []string{Approvers}}
	mona = pipelinetest.Person{Name: "mona", Groups: []string{Approvers, Reviewers}} // starts the runs
)

const zone = "America/Los_Angeles"

// autumn is the end of a cycle in 2026.
var autumn = Calendar{
	CodeFreeze: window.Dates{Zone: zone, Spans: []window.Span{{From: "2026-11-05 17:00", To: "2026-11-26"}}, Why: "Code Freeze"},
	TestFreeze: window.Dates{Zone: zone, Spans: []window.Span{{From: "2026-11-11 17:00", To: "2026-11-26"}}, Why: "Test Freeze"},
	Closed:     window.Dates{Zone: zone, Spans: []window.Span{{From: "2026-11-26", To: "2026-11-30", Why: "Thanksgiving"}, {From: "2026-12-18", To: "2027-01-04", Why: "the end of the year"}}},
}

// github is a Forge and its Jobs in memory. An image job takes an hour.
type github struct {
	mu     sync.Mutex
	keys   []string // of pull requests; the first one is number 1
	images []artifact.Artifact
	merged map[string]time.Time // by commit
	fails  map[string]int       // how often an image job does, by commit
	hangs  map[string]bool
}

func (g *github) Open(_ context.Context, key string, images artifact.Artifact) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.keys, key)
	if i < 0 {
		i = len(g.keys)
		g.keys, g.images = append(g.keys, key), append(g.images, images)
	}
	return i + 1, nil
}

func (g *github) Merge(_ context.Context, number int) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	commit := fmt.Sprintf("c%d", number)
	if g.merged == nil {
		g.merged = map[string]time.Time{}
	}
	if _, ok := g.merged[commit]; !ok {
		g.merged[commit] = time.Now()
	}
	return commit, nil
}

func (g *github) State(_ context.Context, commit string) (JobState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	merged, ok := g.merged[commit]
	switch {
	case !ok || g.hangs[commit] || time.Since(merged) < time.Hour:
		return JobPending, nil
	case g.fails[commit] > 0:
		g.fails[commit]--
		return JobFailed, nil
	}
	return JobSucceeded, nil
}

// tests is Signal in memory: a job that fails until some time.
type tests struct{ fail, until time.Time }

func (s tests) Failing(context.Context, string) ([]string, error) {
	if now := time.Now(); now.Before(s.fail) || !now.Before(s.until) {
		return nil, nil
	}
	return []string{"gce-cos-master-default"}, nil
}

func world(g *github, s tests) World {
	nowhere := stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, errNowhere })
	return World{
		MockStage: nowhere, MockRelease: nowhere,
		Stage: nowhere, Verify: nowhere, Release: nowhere, Announce: nowhere,
		Signal: s, Forge: g, Jobs: g,
	}
}

var errNowhere = errors.New("there is no cloud in a test")

// at returns a time in Los Angeles.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	where, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", clock, where)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// story is a day on which something is cut, in Test Freeze.
func story(t *testing.T, g *github, script ...pipelinetest.Action) pipelinetest.Story {
	build := pipelinetest.Stub{Takes: 90 * time.Minute}
	publish := pipelinetest.Stub{Takes: 15 * time.Minute}
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(world(g, tests{}), autumn)},
		Begin:     at(t, "2026-11-17 09:00"),
		Real:      []string{"version", "promotion", "merge", "image-job"},
		Stubs: map[string]pipelinetest.Stub{
			"mock-stage": build, "mock-release": publish,
			"nomock-stage": build, "verify": {Takes: 30 * time.Minute}, "nomock-release": publish,
		},
		Script: script,
	}
}

func cuts(key, version string) pipelinetest.Action {
	return mona.Starts("release", pipeline.Trigger{Key: key, Cause: pipeline.Manual, Params: map[string]string{Version: version}})
}

// promotes is what two people say to a promotion when they are asked.
func promotes(run string) []pipelinetest.Action {
	return []pipelinetest.Action{
		rita.Approves(run, "approve-promotion").After(10 * time.Minute),
		adam.Approves(run, "approve-promotion").After(20 * time.Minute),
	}
}

// cut is a story of one version that two people promote.
func cut(t *testing.T, g *github, version string, script ...pipelinetest.Action) pipelinetest.Story {
	return story(t, g, append(append(script, cuts("r1", version)), promotes("r1")...)...)
}
