package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Tests of the executor run in bubbles of testing/synctest, where hours pass
// in no time, a goroutine left behind is a deadlock, and so is a hook that
// nobody ends.

var production = stage.Environment{Name: "production", Tier: stage.Production}

// work is a stage that takes its time and listens to its context.
func work(name string, d time.Duration) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
		select {
		case <-time.After(d):
			return stage.Output{}, nil
		case <-ctx.Done():
			return stage.Output{}, context.Cause(ctx)
		}
	})}
}

// deploy is the same, in an environment.
func deploy(name string, d time.Duration, env stage.Environment) pipeline.Stage {
	s := work(name, d)
	s.Environment = env
	return s
}

// asks is a gate that one person has to pass.
func asks(name string) pipeline.Gate {
	return pipeline.Gate{Name: name, Require: approval.Quorum{Anyone: true}}
}

// counts is a stage that counts its calls.
func counts(name string, calls *int) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
		*calls++
		return stage.Output{}, nil
	})}
}

func image(content string) artifact.Artifact {
	return artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte(content))}
}

func shop(steps ...pipeline.Step) pipeline.Pipeline {
	return pipeline.Pipeline{Name: "shop", Steps: steps}
}

// executor returns one that has a pipeline "shop" of the given steps.
func executor(steps ...pipeline.Step) *pipeline.Executor {
	return over(new(journal.Memory), steps...)
}

// over returns one that shares a store.
func over(store journal.Store, steps ...pipeline.Step) *pipeline.Executor {
	return &pipeline.Executor{Pipelines: []pipeline.Pipeline{shop(steps...)}, Store: store, Log: slog.New(slog.DiscardHandler)}
}

// serve has x serve until stop is called or the test ends.
func serve(t *testing.T, x *pipeline.Executor) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- x.Serve(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve = %v; want nil", err)
		}
	}
	t.Cleanup(stop)
	synctest.Wait()
	return stop
}

// start begins a run of "shop".
func start(t *testing.T, x *pipeline.Executor, key string) string {
	t.Helper()
	id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// pass lets time pass, and what follows from that happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// vote has somebody approve what a gate asks now.
func vote(t *testing.T, x *pipeline.Executor, id, name, by string) {
	t.Helper()
	if err := x.Vote(t.Context(), id, name, ballot(t, x, id, name, by)); err != nil {
		t.Fatal(err)
	}
}

// ballot is an approval of what a gate asks now.
func ballot(t *testing.T, x *pipeline.Executor, id, name, by string) gate.Vote {
	t.Helper()
	req, err := x.Ask(t.Context(), id, name)
	if err != nil {
		t.Fatal(err)
	}
	return gate.Vote{By: by, Approve: true, Subject: req.Subject}
}

// run returns a run as it is once nothing more happens by itself now.
func run(t *testing.T, x *pipeline.Executor, id string) pipeline.Run {
	t.Helper()
	synctest.Wait()
	r, err := x.Run(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func step(t *testing.T, x *pipeline.Executor, id, name string) pipeline.StepState {
	t.Helper()
	s, ok := run(t, x, id).Step(name)
	if !ok {
		t.Fatalf("run %s has no step %q", id, name)
	}
	return s
}

func wantRun(t *testing.T, x *pipeline.Executor, id string, want pipeline.Status) {
	t.Helper()
	if r := run(t, x, id); r.Status != want {
		t.Errorf("run %s is %v (%s); want %v", id, r.Status, r.Reason, want)
	}
}

func wantStep(t *testing.T, x *pipeline.Executor, id, name string, want pipeline.Status) {
	t.Helper()
	if s := step(t, x, id, name); s.Status != want {
		t.Errorf("step %s is %v (%s); want %v", name, s.Status, s.Reason, want)
	}
}

// story returns the journal of a run, an event a line.
func story(t *testing.T, x *pipeline.Executor, id string) []string {
	t.Helper()
	synctest.Wait()
	events, err := x.Store.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range events {
		line := string(e.Kind)
		if e.Step != "" {
			line += " " + e.Step
		}
		lines = append(lines, line)
	}
	return lines
}

func wantStory(t *testing.T, x *pipeline.Executor, id string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, story(t, x, id)); diff != "" {
		t.Errorf("journal of %s (-want +got):\n%s", id, diff)
	}
}

func TestARunOfStagesAndAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		build := pipeline.Stage{Name: "build", Produces: []string{"image"}, Gives: []string{"url"}, Run: stage.Func(
			func(context.Context, stage.Input) (stage.Output, error) {
				return stage.Output{
					Artifacts: []artifact.Artifact{image("v1")},
					Values:    map[string]any{"url": "https://ci/1"},
					Summary:   "412 tests passed",
				}, nil
			})}
		ask := asks("release")
		ask.Subject, ask.Environment = []string{"image"}, production
		deploy := pipeline.Stage{Name: "deploy", Consumes: []string{"image"}, Takes: []string{"url"}, Environment: production, Run: stage.Func(
			func(_ context.Context, in stage.Input) (stage.Output, error) {
				url, err := stage.Value[string](in, "url")
				return stage.Output{Live: in.Artifacts, Traffic: 100, Summary: fmt.Sprintf("token %d, %s, %s", in.Token, in.Key, url)}, err
			})}
		x := executor(build, ask, deploy)
		serve(t, x)
		id := start(t, x, "one")
		pass(time.Hour)

		wantRun(t, x, id, pipeline.Waiting)
		if got, want := step(t, x, id, "build").Reason, "412 tests passed"; got != want {
			t.Errorf("build says %q; want %q", got, want)
		}
		if got := step(t, x, id, "release"); got.For != "approval" || got.Reason != "0 of 1 approvals from anyone" {
			t.Errorf("the gate waits for %q: %q; want an approval", got.For, got.Reason)
		}
		vote(t, x, id, "release", "ann")
		pass(time.Hour)

		wantRun(t, x, id, pipeline.Succeeded)
		if got, want := step(t, x, id, "deploy").Reason, "token 1, one/deploy, https://ci/1"; got != want {
			t.Errorf("deploy says %q; want %q", got, want)
		}
		wantStory(t, x, id,
			"began", "claimed", "called build", "done build", "waiting release", "released",
			"voted release", "claimed", "passed release", "took deploy", "called deploy", "done deploy", "left", "ended")

		env, err := x.Environment(t.Context(), "production")
		if err != nil || env.Holder.Run != "" || len(env.History) != 1 || !env.History[0].Succeeded || env.Live["image"] != image("v1") {
			t.Errorf("Environment = %+v, %v; want one good deployment of the image, and nobody inside", env, err)
		}
		wantReplay(t, x, id)
	})
}

// wantReplay compares a run with what its journal alone says (J7).
func wantReplay(t *testing.T, x *pipeline.Executor, id string) {
	t.Helper()
	synctest.Wait()
	events, err := x.Store.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pipeline.Replay(id, events)
	if err != nil {
		t.Fatal(err)
	}
	want := run(t, x, id)
	if got.Status != want.Status || got.Reason != want.Reason || !got.Ended.Equal(want.Ended) || !maps.Equal(got.Artifacts, want.Artifacts) {
		t.Errorf("Replay = %v (%s); want %v (%s), as the executor sees it", got.Status, got.Reason, want.Status, want.Reason)
	}
}
