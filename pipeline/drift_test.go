package pipeline_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// edited returns a run that waits at a gate of an old definition, and an
// executor that has a new one, with a scan inserted before staging.
func edited(t *testing.T, change func(x *pipeline.Executor, old pipeline.Pipeline)) (x *pipeline.Executor, id string, calls *[5]int) {
	t.Helper()
	calls = new([5]int)
	build, staging, live := counts("build", &calls[0]), counts("staging", &calls[2]), counts("live", &calls[4])
	scan := counts("scan", &calls[1])
	store := new(journal.Memory)
	before := over(store, build, staging, asks("release"), live)
	stop := serve(t, before)
	id = start(t, before, "one")
	wantStep(t, before, id, "release", pipeline.Waiting)
	vote := ballot(t, before, id, "release", "ann")
	stop()
	pass(time.Hour)

	x = over(store, build, scan, staging, asks("release"), live)
	change(x, before.Pipelines[0])
	serve(t, x)
	pass(time.Minute)
	if err := x.Vote(t.Context(), id, "release", vote); x.OnDrift == pipeline.Adopt && !errors.Is(err, pipeline.ErrRefused) {
		t.Errorf("a vote on what the old definition asked = %v; want ErrRefused (G4)", err)
	}
	synctest.Wait()
	return x, id, calls
}

func TestARunOfAnotherDefinitionIsParked(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		x, id, calls := edited(t, func(x *pipeline.Executor, _ pipeline.Pipeline) {})
		r := run(t, x, id)
		if r.Status != pipeline.Waiting || r.For != "drift" || !strings.Contains(r.Reason, "adopt the new one, drain under the old one, or cancel") {
			t.Errorf("the run is %v for %q: %s; want it to wait for drift", r.Status, r.For, r.Reason)
		}
		waits, err := x.Explain(t.Context(), id, "ann")
		if err != nil || len(waits) != 1 || waits[0].For != "drift" || waits[0].Can != "adopt, drain or cancel" {
			t.Errorf("Explain = %v, %v; want that the run as a whole waits for drift", waits, err)
		}
		if err := x.Drain(t.Context(), id, "ann", ""); !errors.Is(err, pipeline.ErrRefused) || !strings.Contains(err.Error(), "put it in Former") {
			t.Errorf("Drain = %v; want ErrRefused, for the old definition is gone", err)
		}
		if err := x.Adopt(t.Context(), id, "ann", "scan first"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if *calls != [5]int{1, 1, 1, 0, 0} {
			t.Errorf("calls are %v; want what was done to stay done, and the scan to run", *calls)
		}
		vote(t, x, id, "release", "ann")
		wantRun(t, x, id, pipeline.Succeeded)
		if *calls != [5]int{1, 1, 1, 0, 1} {
			t.Errorf("calls are %v; want one each", *calls)
		}
		if err := x.Adopt(t.Context(), id, "ann", ""); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Adopt of a run that has ended = %v; want ErrRefused", err)
		}
		wantReplay(t, x, id)
	})
}

func TestDriftPolicies(t *testing.T) { // R2
	for _, tt := range []struct {
		name   string
		change func(x *pipeline.Executor, old pipeline.Pipeline)
		calls  [5]int
	}{
		{"adopt", func(x *pipeline.Executor, _ pipeline.Pipeline) { x.OnDrift = pipeline.Adopt }, [5]int{1, 1, 1, 0, 1}},
		{"drain", func(x *pipeline.Executor, old pipeline.Pipeline) {
			x.OnDrift, x.Former = pipeline.Drain, []pipeline.Pipeline{old}
		}, [5]int{1, 0, 1, 0, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, id, calls := edited(t, tt.change)
				if s := step(t, x, id, "release"); s.Status == pipeline.Waiting {
					vote(t, x, id, "release", "bob")
				}
				wantRun(t, x, id, pipeline.Succeeded)
				if *calls != tt.calls {
					t.Errorf("calls are %v; want %v", *calls, tt.calls)
				}
			})
		})
	}
}

func TestDrainByAPerson(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		x, id, calls := edited(t, func(x *pipeline.Executor, old pipeline.Pipeline) { x.Former = []pipeline.Pipeline{old} })
		if r := run(t, x, id); r.For != "drift" {
			t.Errorf("the run waits for %q; want drift: it is for a person to say", r.For)
		}
		if err := x.Drain(t.Context(), id, "ann", "was tested as it was"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := run(t, x, id); r.For != "" {
			t.Errorf("the run waits for %q; want it to go on", r.For)
		}
		if s := step(t, x, id, "release"); s.Status == pipeline.Waiting {
			vote(t, x, id, "release", "bob")
		}
		wantRun(t, x, id, pipeline.Succeeded)
		if *calls != [5]int{1, 0, 1, 0, 1} {
			t.Errorf("calls are %v; want those of the old definition", *calls)
		}
	})
}

func TestAParkedRunSaysWhatChanged(t *testing.T) { // R2
	for _, tt := range []struct {
		name  string
		steps pipeline.Sequence // of the new definition, before those of the old one
		want  string
	}{
		{"a little", pipeline.Sequence{work("scan", 0)}, "or cancel: stage scan is new"},
		{"more than fits", slices.Repeat(pipeline.Sequence{nil}, 300), "; and "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(journal.Memory)
				old := over(store, asks("release"), work("deploy", 0))
				for i, s := range tt.steps {
					if s == nil { // next to each other, but in an environment each
						tt.steps[i] = deploy(fmt.Sprint("scan-", i), 0, stage.Environment{Name: fmt.Sprint("lab-", i)})
					}
				}
				stop := serve(t, old)
				id := start(t, old, "one")
				wantStep(t, old, id, "release", pipeline.Waiting)
				stop()
				pass(time.Hour)
				x := over(store, append(slices.Clone(tt.steps), old.Pipelines[0].Steps...)...)
				x.Former, x.Compare = old.Pipelines, pipeline.Diff
				serve(t, x)
				pass(time.Minute)
				r := run(t, x, id)
				if r.For != "drift" || !strings.Contains(r.Reason, tt.want) || len(r.Reason) > 2<<10 {
					t.Errorf("the run waits for %q with a reason of %d bytes: %s; want drift, at most 2 KiB, and %q in it", r.For, len(r.Reason), r.Reason, tt.want)
				}
			})
		})
	}
}

func TestCancelOfARunOfAnotherDefinition(t *testing.T) { // R2, R6
	for name, change := range map[string]func(x *pipeline.Executor, old pipeline.Pipeline){
		"that is gone":       func(*pipeline.Executor, pipeline.Pipeline) {},
		"that is kept":       func(x *pipeline.Executor, old pipeline.Pipeline) { x.Former = []pipeline.Pipeline{old} },
		"that nothing is of": func(x *pipeline.Executor, old pipeline.Pipeline) { x.Pipelines[0].Name = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x, id, calls := edited(t, change)
				if err := x.Cancel(t.Context(), id, "ann", "too old"); err != nil {
					t.Fatal(err)
				}
				pass(time.Minute) // a lease, in which another executor could act on it
				wantRun(t, x, id, pipeline.Canceled)
				if *calls != [5]int{1, 0, 1, 0, 0} {
					t.Errorf("calls are %v; want none more", *calls)
				}
			})
		})
	}
}

func TestADriftingRunGivesWayInAnEnvironment(t *testing.T) { // R2, E1
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		before := over(store, deploy("deploy", time.Hour, production))
		stop := serve(t, before)
		start(t, before, "inside")
		pass(time.Minute)
		start(t, before, "waits")
		pass(time.Minute)
		stop()

		x := over(store, deploy("deploy", time.Hour, production), work("report", 0))
		serve(t, x)
		start(t, x, "new")
		pass(time.Minute)
		for _, id := range []string{"inside", "waits"} {
			if r := run(t, x, id); r.For != "drift" {
				t.Errorf("run %s waits for %q; want drift", id, r.For)
			}
		}
		if env := environment(t, x); env.Holder.Run != "inside" || len(env.Queue) != 1 || env.Queue[0].Run != "new" {
			t.Errorf("inside is %q, and %v wait; want the one inside to stay, and the other to give way", env.Holder.Run, env.Queue)
		}
		if err := x.Cancel(t.Context(), "inside", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantStep(t, x, "new", "deploy", pipeline.Running)
		if err := x.Adopt(t.Context(), "waits", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Hour)
		wantRun(t, x, "new", pipeline.Succeeded)
		wantRun(t, x, "waits", pipeline.Succeeded)
	})
}

func TestEditingAHookIsNoDrift(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		before, after := over(store, asks("release"), work("deploy", time.Hour)), over(store, asks("release"), work("deploy", time.Minute))
		stop := serve(t, before)
		id := start(t, before, "")
		synctest.Wait()
		stop()
		serve(t, after)
		vote(t, after, id, "release", "ann")
		pass(time.Minute)
		wantRun(t, after, id, pipeline.Succeeded)
	})
}
