package pipelinetest_test

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

var (
	ann = pipelinetest.Person{Name: "ann", Groups: []string{"release-managers"}}
	ben = pipelinetest.Person{Name: "ben", Groups: []string{"release-managers"}}
	bob = pipelinetest.Person{Name: "bob", Groups: []string{"release-managers"}} // writes the changes
)

// monday is a Monday 09:00 in the week before a freeze.
var monday = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)

// must is a hook that no test may call.
var must = stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
	return stage.Output{}, errors.New("a hook of the pipeline was called")
})

func nothing(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }

// cluster is a platform that no test may reach.
var cluster = stage.DeployFunc(func(context.Context, stage.Deployment) error {
	return errors.New("a platform was reached")
})

var prometheus = stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) {
	return stage.Sample{}, errors.New("a source of metrics was asked")
})

func watch(d, every time.Duration) bake.Watch {
	return bake.Watch{For: d, Every: every, Metrics: []bake.Metric{
		{Name: "error rate", Source: prometheus, Want: bake.AtMost(0.01)},
	}}
}

// shop is a pipeline as a team would have it: nothing in it knows of tests.
func shop() pipeline.Pipeline {
	staging := stage.Environment{Name: "staging", Tier: stage.Staging}
	production := stage.Environment{Name: "production", Tier: stage.Production, Queue: stage.Newest, Gates: []gate.Gate{
		window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-03-05", To: "2026-03-06", Why: "stocktaking"}}}),
		window.Inside(window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}),
	}}
	image := []string{"image"}
	return pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: must, Produces: image, Gives: []string{"notes"}},
		pipeline.Stage{Name: "stage", Run: rollout.Full{Via: cluster}, Environment: staging, Consumes: image},
		pipeline.Stage{Name: "smoke", Run: must, Environment: staging, Consumes: image, Retry: pipeline.Retry{Times: 2}, Timeout: 10 * time.Minute},
		pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Group: "release-managers"}, Subject: image, Takes: []string{"notes"}},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.Stage{Name: "canary", Run: rollout.Canary{Via: cluster, Traffic: 5}, Environment: production, Consumes: image},
				pipeline.Stage{Name: "bake", Run: watch(time.Hour, time.Minute), Environment: production, Consumes: image},
				pipeline.Stage{Name: "full", Run: rollout.Full{Via: cluster}, Environment: production, Consumes: image},
				pipeline.Stage{Name: "watch", Run: watch(24*time.Hour, 10*time.Minute), Environment: production, Consumes: image},
			},
			Do: pipeline.Stage{Name: "back", Run: rollout.Back{Via: cluster}, Environment: production, Consumes: image},
		},
	}}
}

// wide is a pipeline of all kinds of step, in which much happens at once.
func wide() pipeline.Pipeline {
	regions := func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu", "us", "ap"}, nil }
	byHand := func(_ context.Context, f pipeline.Facts) (bool, error) {
		return f.Trigger.Cause == pipeline.Manual, nil
	}
	return pipeline.Pipeline{Name: "wide", Steps: pipeline.Sequence{
		pipeline.Parallel{
			pipeline.Stage{Name: "lint", Run: must, Retry: pipeline.Retry{Times: 3}},
			pipeline.Stage{Name: "test", Run: must},
			pipeline.Stage{Name: "scan", Run: must},
		},
		pipeline.When{Name: "by-hand", If: byHand, Do: pipeline.Stage{Name: "ask", Run: must}},
		pipeline.Finally{
			Of: pipeline.ForEach{Name: "regions", Items: regions, Body: func(region string) pipeline.Step {
				return pipeline.Graph{Nodes: []pipeline.Node{
					{Step: pipeline.Stage{Name: "deploy", Run: must, Environment: stage.Environment{Name: region}}},
					{Step: pipeline.Stage{Name: "verify", Run: must}, After: []string{"deploy"}},
				}}
			}},
			Do: pipeline.Stage{Name: "tidy", Run: must},
		},
	}}
}
