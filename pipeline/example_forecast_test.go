package pipeline_test

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // for machines without zone files

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// foreseenShop has people, a freeze and a bake on its way.
func foreseenShop() pipeline.Pipeline {
	freeze := window.Dates{Zone: "Europe/Berlin", Spans: []window.Span{{From: "2026-12-21", To: "2027-01-04 06:00", Why: "freeze year-end"}}}
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Outside(freeze)}}
	good := stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{Count: 1}, nil })
	return pipeline.Pipeline{Name: "shop", Given: []string{"image"}, Steps: pipeline.Sequence{
		pipeline.Stage{Name: "canary", Run: anyWork, Environment: production, Consumes: []string{"image"}},
		pipeline.Stage{Name: "bake", Run: bake.Watch{For: 2 * time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: good, Want: bake.AtMost(0.01)}}}, Environment: production, Consumes: []string{"image"}},
		pipeline.Gate{Name: "go", Require: approval.Quorum{From: []string{"ann", "ben", "cat"}}, Subject: []string{"image"}},
		pipeline.Stage{Name: "release", Run: anyWork, Environment: production, Consumes: []string{"image"}},
	}}
}

// If it is started now, when is it in production?
func ExamplePipeline_Forecast() {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	f, err := foreseenShop().Forecast(context.Background(), pipeline.Trigger{
		Actor:     "ann",
		Artifacts: artifact.Set{"image": {Name: "image", Digest: artifact.DigestBytes([]byte("shop 1.2"))}},
	}, pipeline.Assume{
		At:    time.Date(2026, time.December, 31, 15, 0, 0, 0, berlin),
		Takes: map[string]time.Duration{"canary": time.Minute, "release": 5 * time.Minute, "go": 25 * time.Hour},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f)
	for _, d := range f.Delays {
		fmt.Println(d.Step, "waits for", d.For, d.Who, "until", d.Until.In(berlin).Format(time.DateTime))
	}
	// Output:
	// blocked by freeze year-end until Mon 06:00 Europe/Berlin; earliest production Mon 06:00; then 1 more approval of {ben, cat} by Tue 09:01; done Tue 09:06
	// canary waits for window [] until 2027-01-04 06:00:00
	// go waits for approval [ben cat] until 2027-01-05 09:01:00
}

// When is it in production, with what has happened by now?
func ExampleExecutor_Forecast() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	x := pipeline.Executor{Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Gate{Name: "go", Require: approval.Quorum{Need: 2, Group: "release-managers"}},
		pipeline.Stage{Name: "release", Run: anyWork, Environment: stage.Environment{Name: "production", Tier: stage.Production}},
	}}}}
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()
	id, _ := x.Start(ctx, "shop", pipeline.Trigger{})
	for r := range x.Watch(ctx, id) {
		if r.Status == pipeline.Waiting {
			break
		}
	}
	req, _ := x.Ask(ctx, id, "go")
	_ = x.Vote(ctx, id, "go", gate.Vote{By: "ann", Groups: []string{"release-managers"}, Approve: true, Subject: req.Subject})

	f, err := x.Forecast(ctx, id, pipeline.Assume{Takes: map[string]time.Duration{"release": 5 * time.Minute}})
	fmt.Println(f.Delays[0].Votes, f.Delays[0].Who, err)
	fmt.Println(f.Visits[0].End.Sub(f.Visits[0].Begin))
	stop()
	<-served
	// Output:
	// 1 [release-managers] <nil>
	// 5m0s
}

// How long it took before is how long it will take.
func ExampleHistory() {
	nine := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	took := func(minutes int) pipeline.Run {
		return pipeline.Run{Steps: []pipeline.StepState{{
			Name: "build", Kind: "stage", Status: pipeline.Succeeded, Attempt: 1, Round: 1,
			Reached: nine, Started: nine, Ended: nine.Add(time.Duration(minutes) * time.Minute),
		}}}
	}
	runs := []pipeline.Run{took(7), took(5), took(50)} // as of Executor.Runs
	fmt.Println(pipeline.History(runs))
	// Output:
	// map[build:7m0s]
}
