package pipeline_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// What is taken over, from whom and when (J4).

func add(t *testing.T, store journal.Store, name string, events ...journal.Event) {
	t.Helper()
	have, err := store.Events(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		events[i].Time = time.Now().UTC()
	}
	if err := store.Append(t.Context(), journal.Batch{Journal: name, Length: len(have), Events: events}); err != nil {
		t.Fatal(err)
	}
}

type late struct {
	*journal.Memory
	hold atomic.Bool
}

func (s *late) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	names, next, err := s.Memory.Changes(ctx, mark)
	for err == nil && s.hold.Load() {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, mark, ctx.Err()
		}
	}
	return names, next, err
}

func TestARunLeavesAnEnvironmentThatAnotherExecutorEntered(t *testing.T) { // E1, J4
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		slow := &late{Memory: store}
		bake := pipeline.Stage{Name: "bake", Environment: production, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			if in.Run == "first" {
				return stage.Output{}, nil
			}
			return stage.Output{Again: time.Hour}, nil
		})}
		a, b := over(slow, bake), over(store, bake)
		serve(t, a)
		serve(t, b)
		start(t, a, "first")
		pass(time.Minute) // a knows the environment as first left it
		slow.hold.Store(true)
		start(t, b, "second")
		pass(100 * time.Millisecond)
		if env := environment(t, b); env.Holder.Run != "second" {
			t.Fatalf("inside is %q; want second", env.Holder.Run)
		}
		if err := a.Cancel(t.Context(), "second", "ann", ""); err != nil {
			t.Fatal(err)
		}
		wantRun(t, a, "second", pipeline.Canceled)
		if env := environment(t, a); env.Holder.Run != "" {
			t.Errorf("inside is %q, which has ended; want nobody", env.Holder.Run)
		}
		slow.hold.Store(false)
	})
}

func TestARunThatWaitsIsOwnedByNobodyAfterARestart(t *testing.T) { // J4, R3
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		x := over(store, asks("release"))
		start(t, x, "one")
		wait := journal.Event{Kind: journal.Waiting, Step: "release", Epoch: 1, Data: &journal.Wait{For: "approval", Text: "0 of 1 approvals from anyone", Subject: ballot(t, x, "one", "release", "ann").Subject}}
		add(t, store, "one", journal.Event{Kind: journal.Claimed, By: "ghost", Epoch: 1}, wait) // it died then
		serve(t, x)
		pass(time.Minute)
		if r := run(t, x, "one"); r.Status != pipeline.Waiting || r.Owner != "" {
			t.Errorf("the run is %v and owned by %q; want it waiting, and owned by nobody\n%q", r.Status, r.Owner, story(t, x, "one"))
		}
		events, _ := store.Events(t.Context(), "one", 0)
		if last := events[len(events)-1]; last.Kind != journal.Released || last.Epoch != 2 {
			t.Errorf("it ends with %s under epoch %d; want it released under a claim of the one who does, not of the dead", last.Kind, last.Epoch)
		}
	})
}

func TestAHookOfARunThatSomebodyElseClaimedMeanwhileIsStopped(t *testing.T) { // J4
	synctest.Test(t, func(t *testing.T) {
		var calls, stopped atomic.Int64
		x := executor(pipeline.Stage{Name: "long", Run: stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
			calls.Add(1)
			select {
			case <-ctx.Done():
				stopped.Add(1)
				return stage.Output{}, ctx.Err()
			case <-time.After(time.Hour):
				return stage.Output{}, nil
			}
		})})
		serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		add(t, x.Store, "one", journal.Event{Kind: journal.Claimed, By: "ghost", Epoch: 2}) // it dies at once
		pass(time.Minute)
		if calls.Load() != 2 || stopped.Load() != 1 {
			t.Errorf("%d calls, of which %d were stopped; want 2 and 1, for the first is of no more use", calls.Load(), stopped.Load())
		}
		pass(time.Hour)
		wantRun(t, x, "one", pipeline.Succeeded)
	})
}

type sick struct {
	*journal.Memory
	name atomic.Value
}

func (s *sick) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if bad := s.name.Load(); bad == name {
		return nil, journal.ErrCorrupt
	}
	return s.Memory.Events(ctx, name, from)
}

func TestARunGoesOnOnceItsJournalCanBeReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &sick{Memory: new(journal.Memory)}
		x := over(store, work("build", time.Hour), asks("release"))
		serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		store.name.Store("one")
		add(t, store.Memory, "one", journal.Event{Kind: journal.Overridden, Step: "release", By: "ann", Data: &journal.Reason{Text: "x"}})
		pass(time.Minute)
		store.name.Store("")
		if err := x.Cancel(t.Context(), "one", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		wantRun(t, x, "one", pipeline.Canceled)
	})
}

func TestACanceledRunOfWhichNothingIsLeftGivesItsEnvironmentBack(t *testing.T) { // R2, E1
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		x := over(store, deploy("deploy", time.Hour, production))
		stop := serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		stop()
		y := over(store, work("build", 0))
		serve(t, y)
		wantRun(t, y, "one", pipeline.Waiting)
		if err := y.Cancel(t.Context(), "one", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantRun(t, y, "one", pipeline.Canceled)
		if env := environment(t, y); env.Holder.Run != "" {
			t.Errorf("inside is %q, which has ended; want nobody", env.Holder.Run)
		}
	})
}

// The clock was set back by a day since the last event (F6).
func TestACanceledRunOfAClockThatWasAheadIsBuried(t *testing.T) { // R2, I20
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", 0))
		ahead := time.Now().Add(24 * time.Hour)
		gone := artifact.DigestBytes([]byte("gone"))
		if err := x.Store.Append(t.Context(), journal.Batch{Journal: "one", Events: []journal.Event{
			{Time: ahead, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: gone}},
			{Time: ahead, Kind: journal.Stopped, By: "ann"},
		}}); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		pass(time.Minute)
		wantRun(t, x, "one", pipeline.Canceled)
	})
}

// The clock was set back since the run began, so it seems to have begun after Serve.
func TestARunOfAClockThatWasAheadIsParkedForDrift(t *testing.T) { // R2, I2, I20
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", 0))
		gone := artifact.DigestBytes([]byte("gone"))
		if err := x.Store.Append(t.Context(), journal.Batch{Journal: "one", Events: []journal.Event{
			{Time: time.Now().Add(24 * time.Hour), Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: gone}},
		}}); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		pass(time.Minute)
		if r := run(t, x, "one"); r.For != "drift" {
			t.Errorf("the run is %v for %q; want it to wait for drift", r.Status, r.For)
		}
	})
}

type outage struct {
	approval.Quorum
	down *atomic.Bool
}

func (o outage) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	if o.down.Load() {
		return gate.Decision{}, errors.New("502")
	}
	return o.Quorum.Decide(ctx, req)
}

func TestAdoptARunThatIsLive(t *testing.T) { // R2, J7
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var down atomic.Bool
		down.Store(true)
		g := pipeline.Gate{Name: "release", Require: outage{approval.Quorum{Anyone: true}, &down}}
		a := over(store, g, work("build", 0))
		serve(t, a)
		start(t, a, "one")
		pass(time.Minute)
		b := over(store, g, work("build", 0), work("more", 0))
		stop := serve(t, b)
		pass(time.Minute)
		stop()
		if r := run(t, a, "one"); r.For != "drift" {
			t.Fatalf("the run waits for %q; want drift", r.For)
		}
		if err := a.Adopt(t.Context(), "one", "ann", "the old one is right"); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		req, err := a.Ask(t.Context(), "one", "release")
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Vote(t.Context(), "one", "release", gate.Vote{By: "ann", Approve: true, Subject: req.Subject}); err != nil {
			t.Errorf("Vote = %v; want nil, for it is what Ask says", err)
		}
		down.Store(false)
		pass(time.Hour)
		wantRun(t, a, "one", pipeline.Succeeded)
	})
}

func TestARunThatWasForeignIsLookedAtWhenItIsNot(t *testing.T) { // J4
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		steps := pipeline.Sequence{work("build", time.Minute), asks("first"), asks("second")}
		a, b := over(store, steps...), over(store, steps...)
		a.Lease, b.Lease = time.Hour, time.Hour
		stop := serve(t, a)
		start(t, a, "one")
		pass(time.Second)
		serve(t, b)
		pass(time.Minute + time.Second) // a has released it, and b has not looked
		stop()
		vote(t, b, "one", "first", "ann") // now b does
		pass(time.Second)
		c := over(store, steps...)
		vote(t, c, "one", "second", "ann") // by a process that does not serve
		pass(time.Second)
		wantRun(t, b, "one", pipeline.Succeeded)
	})
}

func TestACanceledRunTakesItsWaysOutWhereItsDefinitionIs(t *testing.T) { // R2, R5
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		var cleaned int
		steps := pipeline.Finally{Of: asks("release"), Do: counts("clean", &cleaned)}
		old, young := over(store, steps), over(store, steps, work("more", 0))
		serve(t, old)
		start(t, old, "one")
		pass(time.Minute)
		serve(t, young)
		pass(time.Minute)
		if err := young.Cancel(t.Context(), "one", "ann", ""); err != nil {
			t.Fatal(err)
		}
		wantRun(t, young, "one", pipeline.Canceled)
		if cleaned != 1 {
			t.Errorf("what is done finally was done %d times; want once\n%q", cleaned, story(t, young, "one"))
		}
	})
}

func TestTwoExecutorsThatAdoptDoNotFight(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		x := over(store, asks("release"), work("build", 0))
		stop := serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		stop()
		a, b := over(store, asks("release"), work("build", 0), work("more", 0)), over(store, asks("release"), work("build", 0), work("most", 0))
		a.OnDrift, b.OnDrift = pipeline.Adopt, pipeline.Adopt
		serve(t, a)
		pass(time.Minute)
		serve(t, b)
		pass(time.Minute)
		if n := len(story(t, b, "one")); n > 12 {
			t.Errorf("the journal has %d events after a minute; want a few: the last to begin has it", n)
		}
		vote(t, b, "one", "release", "ann")
		pass(time.Minute)
		wantRun(t, b, "one", pipeline.Succeeded)
		wantStep(t, b, "one", "most", pipeline.Succeeded)
	})
}

func TestWhatAPersonAdoptedIsNotParkedAgainByAnOlderExecutor(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		x := over(store, asks("release"), work("build", 0))
		stop := serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		stop()
		a, b := over(store, asks("release"), work("build", 0), work("more", 0)), over(store, asks("release"), work("build", 0), work("most", 0))
		serve(t, a)
		serve(t, b)
		pass(time.Minute)
		if err := b.Adopt(t.Context(), "one", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if r := run(t, b, "one"); r.For != "" {
			t.Errorf("the run waits for %q; want nothing as a whole, for it was adopted\n%q", r.For, story(t, b, "one"))
		}
		vote(t, b, "one", "release", "ann")
		pass(time.Minute)
		wantStep(t, b, "one", "most", pipeline.Succeeded)
	})
}

func TestARunOfTheOverlapCanBeAdoptedOnceTheOldExecutorIsGone(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		old, young := over(store, asks("release"), work("build", 0)), over(store, asks("release"), work("build", 0), work("more", 0))
		stop := serve(t, old)
		serve(t, young)
		pass(time.Minute)
		start(t, old, "one")
		pass(time.Minute)
		stop()
		pass(24 * time.Hour)
		if err := young.Adopt(t.Context(), "one", "ann", ""); err != nil {
			t.Fatalf("Adopt = %v; want nil", err)
		}
		pass(time.Minute)
		vote(t, young, "one", "release", "ann")
		pass(time.Minute)
		wantStep(t, young, "one", "more", pipeline.Succeeded)
	})
}

// Executors that look at a run which waits write nothing, or each would have the
// others look for ever.
func TestExecutorsDoNotKeepEachOtherBusyWithARunThatWaits(t *testing.T) { // J4, I21
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		guarded := stage.Environment{Name: "production", Gates: []gate.Gate{gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("fine"), nil
		})}}
		a, b := over(store, deploy("deploy", time.Hour, guarded)), over(store, deploy("deploy", time.Hour, guarded))
		serve(t, a)
		serve(t, b)
		start(t, a, "one")
		pass(time.Minute)
		start(t, a, "two")
		pass(30 * time.Minute)
		events, _ := store.Events(t.Context(), "two", 0)
		if len(events) > 6 {
			t.Errorf("%d events say that the run waits; want a few", len(events))
		}
		pass(3 * time.Hour)
		wantRun(t, a, "two", pipeline.Succeeded)
	})
}
