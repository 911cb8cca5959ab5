package pipelinetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// TestReplayTellsTheSame has the executor of production go the ways that were
// explored. What it does is what the explorer says.
func TestReplayTellsTheSame(t *testing.T) {
	never := func(context.Context, pipeline.Facts) (bool, error) { return false, errors.New("asked") }
	none := func(context.Context, pipeline.Facts) ([]string, error) { return nil, errors.New("asked") }
	all := named(
		pipeline.Stage{Name: "build", Run: must, Produces: []string{"image"}, Retry: pipeline.Retry{Times: 1}},
		pipeline.Gate{Name: "release", Require: manager.Require, Subject: []string{"image"}, Expires: time.Hour, OnExpire: pipeline.Skip},
		pipeline.When{Name: "hot", If: never, Do: work("warn")},
		pipeline.ForEach{Name: "regions", Items: none, Max: 1, Body: func(string) pipeline.Step { return work("deploy") }},
	)
	for _, test := range []struct {
		name  string
		x     pipelinetest.Exploration
		every int // way
	}{
		{"a careful delivery", pipelinetest.Exploration{Pipeline: careful()}, 1},
		{"a person cancels and retries", pipelinetest.Exploration{Pipeline: careful(), Cancels: true, Retries: 1}, 7},
		{"the executor dies", pipelinetest.Exploration{Pipeline: careful(), Crashes: 1}, 3},
		{"two runs", pipelinetest.Exploration{Pipeline: careful(), Runs: 2}, 13},
		{"all kinds of step", pipelinetest.Exploration{Pipeline: all}, 5},
		{"stages that can say whether they were done", pipelinetest.Exploration{Pipeline: named(pipeline.Parallel{
			pipeline.Stage{Name: "a", Run: observer{must}}, pipeline.Stage{Name: "b", Run: observer{must}, Unknown: pipeline.AskPerson},
		}), Crashes: 2, Cancels: true}, 19},
		{"environments in opposite order", pipelinetest.Exploration{Pipeline: crossing(), Runs: 2}, 997},
		{"a newer release", pipelinetest.Exploration{Pipeline: newest(), Runs: 3}, 499},
		{"a gate that stays shut", pipelinetest.Exploration{Pipeline: named(pipeline.Gate{Name: "g", Require: manager.Require, OnReject: pipeline.Hold}, work("a")), Runs: 2, Retries: 2}, 3},
		{"gates of an environment that are asked after each wait for it", pipelinetest.Exploration{Pipeline: named(pipeline.Stage{Name: "a", Run: must, Environment: guarded}, work("b")), Runs: 3, Cancels: true}, 397},
		{"stages time out", pipelinetest.Exploration{Pipeline: named(pipeline.Parallel{slow(work("a")), slow(work("b"))}), Cancels: true}, 3},
		{"a person overrides", pipelinetest.Exploration{Pipeline: frozen(), Overrides: 2}, 7},
		{"a person overrides what a person has canceled", pipelinetest.Exploration{Pipeline: careful(), Overrides: 1, Cancels: true, Retries: 1}, 31},
		{"passes of gates lapse", pipelinetest.Exploration{Pipeline: named(earlyManager, lateManager, pipeline.Parallel{work("a"), work("b")}), Lapses: true, Cancels: true}, 3},
		{"passes of gates lapse while their stage queues", pipelinetest.Exploration{Pipeline: named(earlyManager, pipeline.Stage{Name: "a", Run: must, Environment: guarded}), Runs: 2, Lapses: true}, 61},
		{"a freeze comes and goes", pipelinetest.Exploration{Pipeline: frozen(), Freezes: true}, 5},
		{"another pipeline", pipelinetest.Exploration{Pipeline: careful(), Others: []pipeline.Pipeline{other(makesImage, in(productionPlace, "deploy"), work("tell"))}}, 17},
		{"an image that is there before the run", pipelinetest.Exploration{Pipeline: pipeline.Pipeline{Name: "promotion", Given: []string{"image"}, Steps: pipeline.Sequence{in(productionPlace, "deploy")}}, Runs: 2}, 3},
		{"a shop", pipelinetest.Exploration{Pipeline: shop(), Crashes: 1, Cancels: true}, 29},
		{"releases of which an older one comes late", pipelinetest.Exploration{Pipeline: brief(), Runs: 3, Crashes: 1}, 499},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, way := range test.x.Ways(test.every) {
				got := pipelinetest.Run(t, pipelinetest.Replay(test.x.Pipeline, way.Script, test.x.Others...))
				if diff := cmp.Diff(pipelinetest.PlainLines(way.Timeline), pipelinetest.PlainLines(got.Timeline)); diff != "" {
					t.Fatalf("told again, the story goes otherwise (-explored +told):\n%s\n%s%v", diff, way.Script, got.Timeline)
				}
			}
		})
	}
}

// slow has a stage time out.
func slow(s pipeline.Stage) pipeline.Stage {
	s.Timeout, s.Retry.Times = time.Hour, 1
	return s
}

// brief is a delivery that is a rollout, and its way back.
func brief() pipeline.Pipeline {
	image := []string{"image"}
	return named(makesImage, manager, pipeline.OnFailure{
		Of: pipeline.Stage{Name: "deploy", Run: rollout.Full{Via: cluster}, Environment: productionPlace, Consumes: image},
		Do: pipeline.Stage{Name: "back", Run: rollout.Back{Via: cluster}, Environment: productionPlace, Consumes: image},
	})
}

// newest is a delivery in which a newer release takes the place of one that waits.
func newest() pipeline.Pipeline {
	place := stage.Environment{Name: "production", Tier: stage.Production, Queue: stage.Newest}
	return named(makesImage, manager, pipeline.OnFailure{Of: in(place, "deploy"), Do: in(place, "back")})
}

func TestACounterexampleIsConfirmed(t *testing.T) {
	x := pipelinetest.Exploration{Pipeline: named(makesImage, in(productionPlace, "deploy"))}
	got, err := x.Search()
	if err != nil || got.Fault == nil {
		t.Fatalf("explored %v, %v; want a fault", got, err)
	}
	pipelinetest.Confirm(t, x, got.Fault).Tells("r1 stage build succeeded", "r1 stage deploy enters production")
	told := *got.Fault
	told.Timeline.Lines = append(slices.Clone(told.Timeline.Lines), pipelinetest.Line{At: told.Timeline.Begin, Run: "r1", Text: "wins"})
	rec := new(reporter)
	pipelinetest.ConfirmFor(t, rec, x, &told)
	if want := `the counterexample says "09:00:00 r1 wins", and the executor does not do so`; !strings.Contains(rec.String(), want) {
		t.Errorf("Confirm reports %q; want %q in it", rec, want)
	}
}

func TestReplayRefuses(t *testing.T) {
	got := tell(t, pipelinetest.Replay(careful(), "r1 starts\nr1 build dances"))
	if want := `r1 build dances`; !strings.Contains(got, want) || !strings.Contains(got, "want a line such as") {
		t.Errorf("a line that says nothing: %q; want %q in it", got, want)
	}
}

type observer struct{ stage.Runner }

func (observer) Observe(context.Context, stage.Input) (stage.Observation, error) {
	return stage.Observation{}, errors.New("a hook of the pipeline was asked")
}
