package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// What comes in an order that is rare.

func TestAHookThatIsCalledJustBeforeItsRunIsSupersededIsStopped(t *testing.T) { // E2, R6
	synctest.Test(t, func(t *testing.T) {
		newest := production
		newest.Queue = stage.Newest
		x := executor(asks("release"), pipeline.Parallel{work("report", time.Hour), deploy("deploy", 2*time.Hour, newest)})
		serve(t, x)
		start(t, x, "old")
		pass(time.Second)
		start(t, x, "new")
		vote(t, x, "new", "release", "ann")
		pass(time.Second)
		vote(t, x, "old", "release", "ann")
		pass(time.Minute)
		wantRun(t, x, "old", pipeline.Superseded)
		wantStep(t, x, "new", "deploy", pipeline.Running)
	})
}

type beat struct {
	*journal.Memory
	n atomic.Int64
}

func (b *beat) Renew(ctx context.Context, owner string, until time.Time) error {
	b.n.Add(1)
	return b.Memory.Renew(ctx, owner, until)
}

func TestAnExecutorOfWhichAllRunsWaitDoesNothing(t *testing.T) { // J4
	synctest.Test(t, func(t *testing.T) {
		store := &beat{Memory: new(journal.Memory)}
		errs := pipeline.Gate{Name: "errs", Require: gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Decision{}, errors.New("502")
		})}
		x := over(store, errs, asks("release"))
		serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		if err := x.Override(t.Context(), "one", "ann", "it is down", "errs"); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Minute)
		before := store.n.Load()
		pass(24 * time.Hour)
		if n := store.n.Load() - before; n > 0 {
			t.Errorf("the lease was renewed %d times in a day; want never", n)
		}
	})
}

type sluggish struct{ *journal.Memory }

func (s sluggish) Append(ctx context.Context, batches ...journal.Batch) error {
	for _, b := range batches {
		if slices.ContainsFunc(b.Events, func(e journal.Event) bool { return e.Kind == journal.Overridden }) {
			time.Sleep(5 * time.Second)
		}
	}
	return s.Memory.Append(ctx, batches...)
}

func TestWhatReturnsInTimeIsRecordedAlsoIfAPersonIsBeingServed(t *testing.T) { // R6
	synctest.Test(t, func(t *testing.T) {
		store := sluggish{new(journal.Memory)}
		s := pipeline.Stage{Name: "build", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
			<-ctx.Done()
			return stage.Output{}, nil // what it began is done
		})}
		x := over(store, pipeline.Parallel{s, asks("release")})
		stop := serve(t, x)
		start(t, x, "one")
		pass(time.Minute)
		go x.Override(context.WithoutCancel(t.Context()), "one", "ann", "why not", "release")
		pass(time.Second)
		stop()
		pass(time.Minute)
		wantStep(t, x, "one", "build", pipeline.Succeeded)
	})
}

func TestALateReturnGivesNoPlaceBackThatIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls, active, most atomic.Int64
		enter := func() func() {
			most.Store(max(most.Load(), active.Add(1)))
			return func() { active.Add(-1) }
		}
		clean := pipeline.Stage{Name: "clean", Run: stage.Func(func(ctx context.Context, _ stage.Input) (stage.Output, error) {
			if calls.Add(1) == 1 {
				time.Sleep(time.Hour + 5*time.Second) // it does not listen
				return stage.Output{}, nil
			}
			defer enter()()
			time.Sleep(10 * time.Minute)
			return stage.Output{}, nil
		})}
		other := pipeline.Stage{Name: "other", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			defer enter()()
			return stage.Output{}, nil
		})}
		x := executor(pipeline.Finally{Of: work("build", 0), Do: clean})
		x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "quick", Steps: pipeline.Sequence{other}})
		x.Limit = 1
		serve(t, x)
		start(t, x, "one")
		pass(time.Hour + time.Second)
		wantRun(t, x, "one", pipeline.Failed)
		if err := x.Retry(t.Context(), "one", "clean", "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if _, err := x.Start(t.Context(), "quick", pipeline.Trigger{}); err != nil {
			t.Fatal(err)
		}
		pass(time.Hour)
		wantRun(t, x, "one", pipeline.Succeeded)
		if most.Load() != 1 {
			t.Errorf("%d at a time; want 1", most.Load())
		}
	})
}

// A deaf store tells nobody what others append.
type deaf struct{ *journal.Memory }

func (deaf) Changes(ctx context.Context, _ int64) ([]string, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func TestARefusalIsOfWhatIsInTheStore(t *testing.T) { // I1, J1
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		held := pipeline.Gate{Name: "release", OnReject: pipeline.Hold, Require: approval.Quorum{From: []string{"ann", "ben"}, Veto: true}}
		steps := pipeline.Parallel{work("build", time.Hour), held} // the run is live for an hour
		x, desk := over(deaf{store}, steps), over(store, steps)
		serve(t, x)
		start(t, x, "one")
		no := ballot(t, x, "one", "release", "ann")
		no.Approve = false
		if err := x.Vote(t.Context(), "one", "release", no); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := desk.Retry(t.Context(), "one", "release", "ann", ""); err != nil {
			t.Fatal(err)
		}
		vote(t, x, "one", "release", "ben") // x was not told that the gate is not held any more
		pass(2 * time.Hour)
		wantRun(t, x, "one", pipeline.Succeeded)
	})
}

// A past store reads a journal once as it was a moment ago.
type past struct {
	*journal.Memory
	length atomic.Int64
}

func (p *past) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	events, err := p.Memory.Events(ctx, name, from)
	if n := int(p.length.Swap(0)); n > 0 {
		events = events[:n]
	}
	return events, err
}

func TestAVoteCountsNotOnASubjectThatComesWhileItIsCast(t *testing.T) { // G4, G5
	synctest.Test(t, func(t *testing.T) {
		store := &past{Memory: new(journal.Memory)}
		held := pipeline.Gate{Name: "release", OnReject: pipeline.Hold, Require: approval.Quorum{From: []string{"ann", "ben"}, Veto: true}}
		x := over(store, held, work("build", 0))
		stop := serve(t, x)
		start(t, x, "one")
		no := ballot(t, x, "one", "release", "ann")
		no.Approve = false
		if err := x.Vote(t.Context(), "one", "release", no); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := len(story(t, x, "one")) - 2
		if err := x.Retry(t.Context(), "one", "release", "ann", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		v := ballot(t, x, "one", "release", "eve")
		store.length.Store(int64(before - 1))
		if err := x.Vote(t.Context(), "one", "release", v); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Vote = %v; want it refused, for eve may not vote", err)
		}
		for _, v := range step(t, x, "one", "release").Votes {
			t.Errorf("recorded a vote by %q", v.By)
		}
	})
}
