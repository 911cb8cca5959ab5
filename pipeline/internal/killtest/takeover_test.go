package killtest

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// An executor leaves a run alone that another takes forward. When it has taken
// the run over it listens again: what others append is acted on at once (J4).
func TestWhoTookARunOverListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		first := true
		work := stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
			if first {
				first = false
				<-ctx.Done() // until its executor ends
			}
			return stage.Output{}, ctx.Err()
		})
		executor := func(name string) *pipeline.Executor {
			return &pipeline.Executor{
				Store: store, Name: name, Log: slog.New(slog.DiscardHandler),
				Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{
					pipeline.Stage{Name: "work", Run: work},
					pipeline.Gate{Name: "one", Require: approval.Quorum{Anyone: true}},
					pipeline.Gate{Name: "two", Require: approval.Quorum{Anyone: true}},
				}}},
			}
		}
		serve := func(x *pipeline.Executor) (end func()) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- x.Serve(ctx) }()
			time.Sleep(time.Second)
			return func() {
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Serve = %v; want nil", err)
				}
			}
		}

		before, after, desk := executor("before"), executor("after"), executor("desk")
		if _, err := before.Start(t.Context(), "shop", pipeline.Trigger{Key: "run"}); err != nil {
			t.Fatal(err)
		}
		endBefore := serve(before)
		endAfter := serve(after) // and finds the run in other hands
		defer endAfter()
		endBefore()
		if err := after.Override(t.Context(), "run", "ann", "so that it looks", "one"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		req, err := desk.Ask(t.Context(), "run", "two")
		if err != nil {
			t.Fatal(err)
		}
		if err := desk.Vote(t.Context(), "run", "two", gate.Vote{By: "bob", Approve: true, Subject: req.Subject}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(250 * time.Millisecond)
		r, err := desk.Run(t.Context(), "run")
		if err != nil || r.Status != pipeline.Succeeded {
			t.Errorf("250 ms after the vote the run is %v, %v; want %v", r.Status, err, pipeline.Succeeded)
		}
	})
}
