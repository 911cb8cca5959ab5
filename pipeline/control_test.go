package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// flaky fails as often as told and then succeeds.
func flaky(name string, times int, err error) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		if times--; times >= 0 {
			return stage.Output{}, err
		}
		return stage.Output{Summary: in.Key}, nil
	})}
}

func TestRetryTakesARunThatHasFailedForward(t *testing.T) { // R7
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		x := executor(counts("build", &calls), flaky("test", 1, stage.Failf("3 tests failed")), asks("release"), work("deploy", 0))
		serve(t, x)
		id := start(t, x, "one")
		wantRun(t, x, id, pipeline.Failed)
		if err := x.Retry(t.Context(), id, "build", "ann", ""); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Retry of what has succeeded = %v; want ErrRefused", err)
		}
		if err := x.Retry(t.Context(), id, "deploy", "ann", ""); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Retry of what was not reached = %v; want ErrRefused", err)
		}
		if err := x.Retry(t.Context(), id, "test", "", ""); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Retry by nobody = %v; want ErrRefused", err)
		}
		if err := x.Retry(t.Context(), id, "test", "ann", "flaky"); err != nil {
			t.Fatal(err)
		}
		if got := step(t, x, id, "test"); got.Status != pipeline.Succeeded || got.Round != 2 || got.Reason != "one/test/2" {
			t.Errorf("the stage is %v in round %d with key %s; want it done in round 2, under a key of its own", got.Status, got.Round, got.Reason)
		}
		vote(t, x, id, "release", "ann")
		wantRun(t, x, id, pipeline.Succeeded)
		if calls != 1 {
			t.Errorf("what had succeeded was called %d times; want once", calls)
		}
		wantReplay(t, x, id)
	})
}

func TestRetryPolicy(t *testing.T) { // R7
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		began := time.Now()
		s := pipeline.Stage{Name: "upload", Retry: pipeline.Retry{Times: 3, Wait: 10 * time.Second, Most: 15 * time.Second}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			at = append(at, time.Since(began))
			if in.Key != "one/upload" || in.Attempt != len(at) {
				t.Errorf("key %q and attempt %d; want the same key, and attempt %d", in.Key, in.Attempt, len(at))
			}
			return stage.Output{}, errors.New("connection refused")
		})}
		x := executor(s)
		serve(t, x)
		id := start(t, x, "one")
		pass(5 * time.Second)
		if got := step(t, x, id, "upload"); got.Status != pipeline.Errored || got.For != "retry" || got.Recheck.IsZero() {
			t.Errorf("the stage is %v for %q until %v; want it errored, for a retry", got.Status, got.For, got.Recheck)
		}
		pass(time.Hour)
		wantStep(t, x, id, "upload", pipeline.Errored)
		wantRun(t, x, id, pipeline.Failed)
		if len(at) != 4 {
			t.Fatalf("called at %v; want 4 times", at)
		}
		for i, wait := range []time.Duration{10 * time.Second, 15 * time.Second, 15 * time.Second} {
			if got := at[i+1] - at[i]; got < wait*8/10 || got > wait*12/10 {
				t.Errorf("waited %v before call %d; want %v ±20 %%", got, i+2, wait)
			}
		}
	})
}

func TestAFailureIsNotRetried(t *testing.T) { // R7
	synctest.Test(t, func(t *testing.T) {
		s := flaky("test", 1, stage.Failf("no"))
		s.Retry.Times = 5
		x := executor(s)
		serve(t, x)
		id := start(t, x, "")
		pass(time.Hour)
		wantRun(t, x, id, pipeline.Failed)
	})
}

func TestAStageThatAsksToBeCalledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Stage{Name: "bake", Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			if n := len(in.State); n < 5 {
				return stage.Output{Again: time.Hour, Summary: "baking", State: []byte("12345"[:n+1])}, nil
			}
			return stage.Output{Summary: string(in.State)}, nil
		})})
		stop := serve(t, x)
		id := start(t, x, "")
		pass(150 * time.Minute)
		if got := step(t, x, id, "bake"); got.Status != pipeline.Waiting || got.For != "time" || got.Attempt != 1 {
			t.Errorf("the stage is %v for %q, attempt %d; want it to wait for a time in attempt 1", got.Status, got.For, got.Attempt)
		}
		stop()
		pass(time.Hour)
		serve(t, x)
		pass(3 * time.Hour)
		if got := step(t, x, id, "bake"); got.Status != pipeline.Succeeded || got.Reason != "12345" {
			t.Errorf("the stage is %v with state %s; want it done with the state of five calls", got.Status, got.Reason)
		}
	})
}

func TestAStageThatAsksAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := stage.Output{Ask: "no data: is it healthy?"}
		x := executor(pipeline.Stage{Name: "watch", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return answer, nil })}, asks("more"))
		serve(t, x)
		a, b := start(t, x, "a"), start(t, x, "b")
		for _, id := range []string{a, b} {
			if got := step(t, x, id, "watch"); got.Status != pipeline.Waiting || got.For != "hold" || got.Reason != "no data: is it healthy?" {
				t.Errorf("the stage is %v for %q: %s; want it to wait for a person", got.Status, got.For, got.Reason)
			}
		}
		if err := x.Override(t.Context(), a, "ann", "looked myself", "watch"); err != nil {
			t.Fatal(err)
		}
		answer = stage.Output{}
		if err := x.Retry(t.Context(), b, "watch", "ann", "there is data"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{a, b} {
			wantStep(t, x, id, "watch", pipeline.Succeeded)
			wantStep(t, x, id, "more", pipeline.Waiting)
		}
	})
}

func TestOverride(t *testing.T) { // G8
	synctest.Test(t, func(t *testing.T) {
		guarded := production
		guarded.Gates = []gate.Gate{approval.Quorum{Group: "sre"}}
		x := executor(asks("release"), asks("later"), work("build", time.Minute), deploy("deploy", 0, guarded))
		serve(t, x)
		id := start(t, x, "")
		synctest.Wait()
		for _, tt := range []struct {
			name, by, reason string
			steps            []string
		}{
			{"without a reason", "ann", "", []string{"release"}},
			{"of nothing", "ann", "fire", nil},
			{"by nobody", "", "fire", []string{"release"}},
			{"of a step that is none", "ann", "fire", []string{"release", "relaese"}},
			{"of a stage that nothing holds up", "ann", "fire", []string{"build"}},
		} {
			if err := x.Override(t.Context(), id, tt.by, tt.reason, tt.steps...); !errors.Is(err, pipeline.ErrRefused) {
				t.Errorf("an override %s = %v; want ErrRefused", tt.name, err)
			}
		}
		if got := run(t, x, id).Overrides; len(got) != 0 {
			t.Errorf("overrides are %v; want none, for each was refused as a whole", got)
		}
		if err := x.Override(t.Context(), id, "ann", "fire", "release", "later", "deploy"); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		wantRun(t, x, id, pipeline.Succeeded)
		r := run(t, x, id)
		var named []string
		for _, o := range r.Overrides {
			named = append(named, o.Step+" by "+o.By+": "+o.Reason)
		}
		if want := []string{"release by ann: fire", "later by ann: fire", "deploy by ann: fire"}; !slices.Equal(named, want) {
			t.Errorf("overrides are %q; want %q, visible for ever", named, want)
		}
		if s, _ := r.Step("later"); s.Overridden != "ann" {
			t.Errorf("the gate says it was overridden by %q; want ann", s.Overridden)
		}
		if err := x.Override(t.Context(), id, "ann", "fire", "release"); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("an override of a run that has ended = %v; want ErrRefused", err)
		}
	})
}

func TestExplain(t *testing.T) { // G7
	synctest.Test(t, func(t *testing.T) {
		x := executor(pipeline.Parallel{
			pipeline.Gate{Name: "release", Require: approval.Quorum{Group: "rm", From: []string{"cy"}, Need: 2}},
			pipeline.Gate{Name: "window", Require: gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
				d := gate.Waitf("opens at noon").Until(req.Now.Truncate(24 * time.Hour).Add(36 * time.Hour))
				d.For = gate.ForWindow
				return d, nil
			})},
			pipeline.Gate{Name: "vetoed", OnReject: pipeline.Hold, Require: gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Rejectf("vulnerable"), nil })},
			deploy("deploy", time.Hour, production),
			work("test", time.Hour),
		})
		serve(t, x)
		start(t, x, "inside")
		pass(time.Second)
		id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Key: "one", Actor: "sam", Authors: []string{"ana"}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		waits := func(person string, groups ...string) map[string]pipeline.Wait {
			all := map[string]pipeline.Wait{}
			list, err := x.Explain(t.Context(), id, person, groups...)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range list {
				all[w.Step] = w
			}
			return all
		}
		all := waits("")
		if len(all) != 4 {
			t.Errorf("Explain names %v; want the four steps that wait, and not the one that works", all)
		}
		for name, want := range map[string]string{
			"release": "release waits for approval: 0 of 2 approvals from rm or cy (rm, cy)",
			"window":  "window waits for window: opens at noon; looked at again 2000-01-02T12:00:00Z",
			"vetoed":  "vetoed waits for hold: vulnerable",
			"deploy":  "deploy waits for environment: run inside is there (inside)",
		} {
			if w := all[name]; w.String() != want || w.Since.IsZero() || w.Cannot != nil || w.Can != "" {
				t.Errorf("Explain says %q, since %v, can %q, cannot %v\nwant %q", w, w.Since, w.Can, w.Cannot, want)
			}
		}
		for _, tt := range []struct {
			person string
			groups []string
			can    string
			cannot string
		}{
			{"bo", []string{"rm"}, "vote", ""},
			{"cy", nil, "vote", ""},
			{"di", []string{"dev"}, "", `"di" may not vote here`},
			{"ana", []string{"rm"}, "", `"ana" wrote a change`},
			{"sam", []string{"rm"}, "", `"sam" started this run`},
		} {
			w := waits(tt.person, tt.groups...)["release"]
			if w.Can != tt.can || (w.Cannot == nil) != (tt.cannot == "") || w.Cannot != nil && !strings.Contains(w.Cannot.Error(), tt.cannot) {
				t.Errorf("%s can %q, cannot %v; want %q, %q", tt.person, w.Can, w.Cannot, tt.can, tt.cannot)
			}
		}
		if w := waits("bo", "rm")["vetoed"]; w.Can != "retry, override or cancel" {
			t.Errorf("bo can %q with what is held; want retry, override or cancel", w.Can)
		}
		if err := x.Cancel(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if list, err := x.Explain(t.Context(), id, ""); len(list) != 0 || err != nil {
			t.Errorf("Explain of a run that has ended = %v, %v; want nothing", list, err)
		}
		if _, err := x.Explain(t.Context(), "nope", ""); !errors.Is(err, pipeline.ErrNoRun) {
			t.Errorf("Explain = %v; want ErrNoRun", err)
		}
	})
}
