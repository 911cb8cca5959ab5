package pipeline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// serve runs x in the bubble until the test ends.
func serve(t *testing.T, x *pipeline.Executor) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v; want nil", err)
		}
	})
}

func nothing(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }

func TestARunOfStagesAndAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yes := approval.Quorum{Anyone: true}
		prod := stage.Environment{Name: "production", Tier: stage.Production}
		p := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
			pipeline.Stage{Name: "build", Run: stage.Func(nothing)},
			pipeline.Gate{Name: "go", Require: yes},
			pipeline.Stage{Name: "deploy", Run: stage.Func(nothing), Environment: prod},
			pipeline.Parallel{
				pipeline.Stage{Name: "verify", Run: stage.Func(nothing), Environment: prod},
				pipeline.Stage{Name: "watch", Run: stage.Func(nothing), Environment: prod},
			},
		}}
		x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}}
		serve(t, x)
		id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Key: "one"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r, err := x.Run(t.Context(), id)
		t.Logf("%+v %v", r, err)
		req, err := x.Ask(t.Context(), id, "go")
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Vote(t.Context(), id, "go", gate.Vote{By: "ann", Approve: true, Subject: req.Subject}); err != nil {
			t.Log(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r, err = x.Run(t.Context(), id)
		t.Logf("%+v %v", r, err)
		e, err := x.Store.Events(t.Context(), id, 0)
		for _, e := range e {
			t.Logf("%s %s %s %s", e.Time, e.Kind, e.Step, e.By)
		}
		env, err := x.Environment(t.Context(), "production")
		t.Logf("%+v %v", env, err)
	})
}
