package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

func TestCancel(t *testing.T) { // R6
	for _, tt := range []struct {
		name  string
		after time.Duration
		want  map[string]pipeline.Status
	}{
		{"while a stage is called", 30 * time.Second, map[string]pipeline.Status{
			"build": pipeline.Canceled, "release": pipeline.Pending, "deploy": pipeline.Pending, "back": pipeline.Pending, "clean-up": pipeline.Succeeded}},
		{"while a gate waits", 90 * time.Second, map[string]pipeline.Status{
			"build": pipeline.Succeeded, "release": pipeline.Canceled, "deploy": pipeline.Pending, "back": pipeline.Pending, "clean-up": pipeline.Succeeded}},
		{"in what has a way out", 11 * time.Minute, map[string]pipeline.Status{
			"build": pipeline.Succeeded, "release": pipeline.Succeeded, "deploy": pipeline.Canceled, "back": pipeline.Succeeded, "clean-up": pipeline.Succeeded}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := executor(pipeline.Finally{
					Of: pipeline.Sequence{
						work("build", time.Minute),
						asks("release"),
						pipeline.OnFailure{Of: deploy("deploy", time.Hour, production), Do: deploy("back", time.Minute, production)},
					},
					Do: work("clean-up", time.Minute),
				})
				serve(t, x)
				id := start(t, x, "")
				canceled := time.Now().Add(tt.after)
				pass(min(tt.after, 10*time.Minute))
				if tt.after > 10*time.Minute {
					vote(t, x, id, "release", "ann")
					pass(time.Until(canceled))
				}
				if err := x.Cancel(t.Context(), id, "bob", "wrong release"); err != nil {
					t.Fatal(err)
				}
				if err := x.Cancel(t.Context(), id, "bob", "really"); err != nil {
					t.Errorf("a second Cancel = %v; want nil", err)
				}
				pass(5 * time.Minute)
				wantRun(t, x, id, pipeline.Canceled)
				for name, want := range tt.want {
					wantStep(t, x, id, name, want)
				}
				if got, want := run(t, x, id).Reason, "canceled by bob: "; !strings.HasPrefix(got, want) {
					t.Errorf("the run ended %q; want %q", got, want)
				}
				if env := environment(t, x); env.Holder.Run != "" {
					t.Errorf("inside is %q; want nobody", env.Holder.Run)
				}
				for what, err := range map[string]error{
					"Cancel": x.Cancel(t.Context(), id, "bob", ""),
					"Retry":  x.Retry(t.Context(), id, "build", "bob", ""),
				} {
					if !errors.Is(err, pipeline.ErrRefused) {
						t.Errorf("%s of a run that was canceled = %v; want ErrRefused", what, err)
					}
				}
			})
		})
	}
}

func TestCancelBeforeAnybodyServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		x := executor(counts("build", &calls))
		id := start(t, x, "")
		if err := x.Cancel(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		wantRun(t, x, id, pipeline.Canceled)
		if calls != 0 {
			t.Errorf("the stage was called %d times; want never", calls)
		}
	})
}

func TestWhatWasDoneThoughCanceledCounts(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Stage{Name: "build", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
			<-ctx.Done()
			time.Sleep(5 * time.Second) // within the grace
			return stage.Output{Summary: "done all the same"}, nil
		})})
		serve(t, x)
		id := start(t, x, "")
		pass(time.Second)
		if err := x.Cancel(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantStep(t, x, id, "build", pipeline.Succeeded)
	})
}

func TestWhoMayNotCancel(t *testing.T) {
	x := executor(work("build", 0))
	id := start(t, x, "")
	for _, tt := range []struct {
		name            string
		run, by, reason string
		want            error
	}{
		{"nobody", id, "", "", pipeline.ErrRefused},
		{"with a novel", id, "ann", strings.Repeat("a", 1<<20), pipeline.ErrRefused},
		{"no such run", "nope", "ann", "", pipeline.ErrNoRun},
	} {
		if err := x.Cancel(t.Context(), tt.run, tt.by, tt.reason); !errors.Is(err, tt.want) {
			t.Errorf("%s: Cancel = %.200v; want %v", tt.name, err, tt.want)
		}
	}
}

func TestFailFastStopsTheOthers(t *testing.T) { // R4
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Graph{FailFast: true, Nodes: []pipeline.Node{
			{Step: pipeline.Stage{Name: "bad", Run: returns(stage.Output{}, stage.Failf("no"))}},
			{Step: work("long", time.Hour)},
			{Step: work("after", 0), After: []string{"bad"}},
		}}, work("next", 0))
		serve(t, x)
		id := start(t, x, "")
		pass(time.Second)
		wantRun(t, x, id, pipeline.Failed)
		wantStep(t, x, id, "long", pipeline.Canceled)
		wantStep(t, x, id, "after", pipeline.Pending)
		wantStep(t, x, id, "next", pipeline.Pending)
		if got := run(t, x, id).Reason; !strings.Contains(got, "bad: no") {
			t.Errorf("the run failed for %q; want what failed", got)
		}
	})
}

func TestCancelThroughAnExecutorThatConflicts(t *testing.T) { // J1
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		desk := over(store, pipeline.Parallel{work("a", time.Hour), work("b", time.Hour)})
		for range 2 {
			serve(t, over(store, pipeline.Parallel{work("a", time.Hour), work("b", time.Hour)}))
		}
		for _, key := range []string{"a", "b", "c", "d"} {
			start(t, desk, key)
			go desk.Cancel(t.Context(), key, "ann", "at once")
		}
		pass(time.Minute)
		for _, key := range []string{"a", "b", "c", "d"} {
			wantRun(t, desk, key, pipeline.Canceled)
		}
	})
}
