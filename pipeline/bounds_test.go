package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// Each input is taken up to its bound, and refused one byte beyond.
func TestEachInputHasABound(t *testing.T) { // I21, R10
	text := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		name  string
		bound int
		give  func(x *pipeline.Executor, n int) error
		says  string
	}{
		{"run ID", 128, func(x *pipeline.Executor, n int) error {
			_, err := x.Start(context.Background(), "shop", pipeline.Trigger{Key: text(n)})
			return err
		}, "want 1 to 128"},
		{"trigger", 256<<10 - 9, func(x *pipeline.Executor, n int) error { // a param takes 8 bytes besides
			_, err := x.Start(context.Background(), "shop", pipeline.Trigger{Params: map[string]string{"p": text(n)}})
			return err
		}, "want at most 262144"},
		{"reason", 4 << 10, func(x *pipeline.Executor, n int) error { return x.Cancel(context.Background(), "one", "ann", text(n)) }, "want at most 4096"},
		{"user ID", 4 << 10, func(x *pipeline.Executor, n int) error { return x.Cancel(context.Background(), "one", text(n), "") }, "want at most 4096"},
		{"override", 1000, func(x *pipeline.Executor, n int) error {
			return x.Override(context.Background(), "one", "ann", "fire", strings.Split(text(n), "")...)
		}, "want at most 1000"},
		{"vote", 16<<10 - 3, func(x *pipeline.Executor, n int) error {
			req, err := x.Ask(context.Background(), "one", "release")
			if err != nil {
				return err
			}
			return x.Vote(context.Background(), "one", "release", gate.Vote{By: "ann", Comment: text(n), Subject: req.Subject})
		}, "more than 16384 bytes"},
		{"lease", int(time.Hour), func(_ *pipeline.Executor, n int) error {
			x := executor(asks("release"))
			x.Lease = time.Duration(n)
			_, err := x.Start(context.Background(), "shop", pipeline.Trigger{})
			return err
		}, "want at most 1h"},
		{"name of a step", 128, func(_ *pipeline.Executor, n int) error { return shop(asks(text(n))).Validate() }, "128"},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := executor(asks("release"))
			serve(t, x)
			start(t, x, "one")
			synctest.Wait()
			if err := tt.give(x, tt.bound+1); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s of %d: %.200v; want %q", tt.name, tt.bound+1, err, tt.says)
			}
			if err := tt.give(x, tt.bound); err != nil && strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s of %d: %.200v; want it taken", tt.name, tt.bound, err)
			}
		})
	}
}

// So is what a hook returns, and what it is given.
func TestEachOutputHasABound(t *testing.T) { // I21, R10
	const most = 64 << 10
	quoted := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("a", n-2) + `"`) }
	for _, tt := range []struct {
		name string
		give func(ctx context.Context, in stage.Input, n int) (stage.Output, error)
	}{
		{"state", func(_ context.Context, in stage.Input, n int) (stage.Output, error) {
			if in.State != nil {
				return stage.Output{Values: map[string]any{"url": 1}}, nil
			}
			return stage.Output{Again: time.Second, State: quoted(n)}, nil
		}},
		{"value", func(_ context.Context, _ stage.Input, n int) (stage.Output, error) {
			return stage.Output{Values: map[string]any{"url": quoted(n)}}, nil
		}},
		{"secret", func(ctx context.Context, in stage.Input, n int) (stage.Output, error) {
			if s, err := in.Secret(ctx, "token"); err != nil || len(s) != n {
				return stage.Output{}, err
			}
			return stage.Output{Values: map[string]any{"url": 1}}, nil
		}},
	} {
		for n, want := range map[int]pipeline.Status{most: pipeline.Succeeded, most + 1: pipeline.Failed} {
			synctest.Test(t, func(t *testing.T) {
				x := executor(pipeline.Stage{Name: "build", Gives: []string{"url"}, Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
					return tt.give(ctx, in, n)
				})})
				x.Secrets = func(context.Context, string) (string, error) { return strings.Repeat("s", n), nil }
				serve(t, x)
				id := start(t, x, "")
				pass(time.Minute)
				wantRun(t, x, id, want)
			})
		}
	}
}

func TestAQueryWithoutALimit(t *testing.T) { // I21
	x := executor(asks("release"))
	start(t, x, "one")
	if runs, err := x.Runs(t.Context(), pipeline.Query{Limit: math.MaxInt}); err != nil || len(runs) != 1 {
		t.Errorf("Runs = %v, %v; want the run there is", runs, err)
	}
}

// One person cannot fill the journal of a run with votes, and the others go on (I21).
func TestVotesOfOnePersonHaveABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Anyone: true}})
		serve(t, x)
		id := start(t, x, "r0")
		pass(time.Minute)
		for range 100 {
			vote(t, x, id, "release", "ann")
		}
		if err := x.Vote(t.Context(), id, "release", ballot(t, x, id, "release", "ann")); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("the 101st vote of ann = %v; want ErrRefused", err)
		}
		vote(t, x, id, "release", "ben")
		pass(time.Minute)
		wantRun(t, x, id, pipeline.Succeeded)
	})
}
