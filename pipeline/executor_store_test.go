package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

// A badStore is a Memory of which some calls fail.
type badStore struct {
	*journal.Memory
	append func(batches []journal.Batch) error
	events func(name string) error
	list   func() error
}

func (s *badStore) Append(ctx context.Context, batches ...journal.Batch) error {
	if s.append != nil {
		if err := s.append(batches); err != nil {
			return err
		}
	}
	return s.Memory.Append(ctx, batches...)
}

func (s *badStore) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if s.events != nil {
		if err := s.events(name); err != nil {
			return nil, err
		}
	}
	return s.Memory.Events(ctx, name, from)
}

func (s *badStore) List(ctx context.Context, q journal.Query) ([]string, error) {
	if s.list != nil {
		if err := s.list(); err != nil {
			return nil, err
		}
	}
	return s.Memory.List(ctx, q)
}

func TestServeReturnsTheErrorOfItsStore(t *testing.T) {
	full := errors.New("no space left on device")
	for _, err := range []error{full, journal.ErrClosed} {
		for name, fail := range map[string]func(s *badStore, on *atomic.Bool){
			"when it appends": func(s *badStore, on *atomic.Bool) {
				s.append = func([]journal.Batch) error { return when(on, err) }
			},
			"when it reads": func(s *badStore, on *atomic.Bool) { s.events = func(string) error { return when(on, err) } },
			"when it lists": func(s *badStore, on *atomic.Bool) { s.list = func() error { return when(on, err) } },
		} {
			t.Run(name+" "+err.Error(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := &badStore{Memory: new(journal.Memory)}
					var on atomic.Bool
					fail(store, &on)
					x := over(store, work("build", time.Minute), work("test", time.Minute), work("long", time.Hour))
					start(t, x, "one")
					on.Store(name == "when it lists")
					done := make(chan error, 1)
					go func() { done <- x.Serve(t.Context()) }()
					pass(30 * time.Second)
					on.Store(true)
					if name == "when it reads" {
						x.Start(t.Context(), "shop", pipeline.Trigger{Key: "two"}) // has it read
					}
					pass(time.Minute)
					select {
					case got := <-done:
						if !errors.Is(got, err) {
							t.Errorf("Serve = %v; want %v", got, err)
						}
					default:
						t.Fatal("Serve goes on; want it to return, for nothing can be acknowledged")
					}
					on.Store(false)
					serve(t, x)
					pass(3 * time.Hour)
					wantRun(t, x, "one", pipeline.Succeeded) // nothing is lost
				})
			})
		}
	}
}

func when(on *atomic.Bool, err error) error {
	if on.Load() {
		return err
	}
	return nil
}

// An append of which the outcome is not known is not tried again on behalf of
// whoever asked for it: it may be recorded.
func TestWhatMayBeRecordedIsNotRecordedTwice(t *testing.T) { // I1
	synctest.Test(t, func(t *testing.T) {
		store := &badStore{Memory: new(journal.Memory)}
		x := over(store, work("build", time.Hour))
		done := make(chan error, 1)
		go func() { done <- x.Serve(t.Context()) }()
		id := start(t, x, "one")
		pass(time.Second)
		eio := errors.New("input/output error")
		store.append = func(batches []journal.Batch) error {
			store.append = nil
			return errors.Join(store.Memory.Append(t.Context(), batches...), eio)
		}
		if err := x.Cancel(t.Context(), id, "ann", "no"); !errors.Is(err, eio) {
			t.Errorf("Cancel = %v; want the error of the store, for whether it is recorded is not known", err)
		}
		<-done
		n := 0
		events, _ := store.Events(t.Context(), id, 0)
		for _, e := range events {
			if e.Kind == journal.Stopped {
				n++
			}
		}
		if n != 1 {
			t.Errorf("the cancel is recorded %d times; want once", n)
		}
	})
}

func TestACallThatTheStoreRefusesIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &badStore{Memory: new(journal.Memory)}
		x := over(store, asks("release"))
		id := start(t, x, "one")
		synctest.Wait()
		full := errors.New("no space left on device")
		store.append = func([]journal.Batch) error { return full }
		_, err := x.Start(t.Context(), "shop", pipeline.Trigger{})
		for what, err := range map[string]error{
			"Start":  err,
			"Vote":   x.Vote(t.Context(), id, "release", ballot(t, x, id, "release", "ann")),
			"Cancel": x.Cancel(t.Context(), id, "ann", ""),
		} {
			if !errors.Is(err, full) || errors.Is(err, pipeline.ErrRefused) {
				t.Errorf("%s = %v; want the error of the store: it could not be done, and nobody said no", what, err)
			}
		}
	})
}

func TestAnExecutorGoesOnThroughConflicts(t *testing.T) { // J1
	synctest.Test(t, func(t *testing.T) {
		store, n := &badStore{Memory: new(journal.Memory)}, new(atomic.Int64)
		var calls [3]int
		x := over(store, counts("build", &calls[0]), asks("release"), counts("test", &calls[1]), counts("deploy", &calls[2]))
		start(t, x, "one")
		store.append = func(batches []journal.Batch) error {
			if n.Add(1)%10 != 0 { // nine of ten
				return fmt.Errorf("%q: %w", batches[0].Journal, journal.ErrConflict)
			}
			return nil
		}
		serve(t, x)
		pass(time.Minute)
		vote(t, x, "one", "release", "ann")
		wantRun(t, x, "one", pipeline.Succeeded)
		if calls != [3]int{1, 1, 1} {
			t.Errorf("calls are %v; want one each", calls)
		}
	})
}

func TestAStoreOfNothingButConflictsIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &badStore{Memory: new(journal.Memory)}
		x := over(store, work("build", 0))
		start(t, x, "one")
		store.append = func([]journal.Batch) error { return journal.ErrConflict }
		if err := x.Cancel(t.Context(), "one", "ann", ""); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("Cancel = %v; want ErrConflict", err)
		}
		if err := x.Serve(t.Context()); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("Serve = %v; want ErrConflict", err)
		}
	})
}

func TestOneBadJournalLeavesOtherRunsAlone(t *testing.T) { // J5, J6
	for _, bad := range []error{journal.ErrCorrupt, journal.ErrUnknown} {
		t.Run(bad.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &badStore{Memory: new(journal.Memory)}
				x := over(store, work("build", time.Minute), deploy("deploy", time.Minute, production))
				start(t, x, "bad")
				store.events = func(name string) error {
					if name == "bad" {
						return fmt.Errorf("journal %q, event 7: %w", name, bad)
					}
					return nil
				}
				serve(t, x)
				start(t, x, "good")
				pass(time.Hour)
				wantRun(t, x, "good", pipeline.Succeeded)
				if _, err := x.Run(t.Context(), "bad"); !errors.Is(err, bad) {
					t.Errorf("Run = %v; want %v", err, bad)
				}
				runs, err := x.Runs(t.Context(), pipeline.Query{})
				if len(runs) != 1 || runs[0].ID != "good" || !errors.Is(err, bad) {
					t.Errorf("Runs = %d runs, %v; want the good one, and %v", len(runs), err, bad)
				}
				if err := x.Cancel(t.Context(), "bad", "ann", ""); !errors.Is(err, bad) {
					t.Errorf("Cancel = %v; want %v", err, bad)
				}
			})
		})
	}
}

func TestWhatAStoreCannotTakeFromOneRunLeavesOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &badStore{Memory: new(journal.Memory)}
		store.append = func(batches []journal.Batch) error {
			if b := batches[0]; b.Journal == "bad" && b.Length > 2 {
				return fmt.Errorf("event %d has no JSON form: %w", b.Length, journal.ErrInput)
			}
			return nil
		}
		x := over(store, work("build", time.Minute), deploy("deploy", time.Minute, production))
		serve(t, x)
		start(t, x, "bad")
		start(t, x, "good")
		pass(time.Hour)
		wantRun(t, x, "good", pipeline.Succeeded)
	})
}

func TestAJournalThatIsNoRunLeavesOtherRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Minute), deploy("deploy", time.Minute, production))
		now := time.Now()
		for name, events := range map[string][]journal.Event{
			"no-beginning":   {{Time: now, Kind: journal.Claimed, By: "x", Epoch: 1}},
			"not-in-order":   {{Time: now, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: x.Pipelines[0].Digest()}}, {Time: now, Kind: journal.Done, Step: "deploy"}},
			"no-such-step":   {{Time: now, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: x.Pipelines[0].Digest()}}, {Time: now, Kind: journal.Voted, Step: "nope", By: "ann"}},
			"fenced":         {{Time: now, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: x.Pipelines[0].Digest()}}, {Time: now, Kind: journal.Called, Step: "build", Epoch: 9, Data: &journal.Call{Attempt: 1}}},
			"env/elsewhere":  {{Time: now, Kind: journal.Given, By: "nobody"}},
			"with a name of": {{Time: now, Kind: journal.Quit, By: "x"}},
		} {
			if err := x.Store.Append(t.Context(), journal.Batch{Journal: name, Events: events}); err != nil {
				t.Fatal(err)
			}
		}
		serve(t, x)
		id := start(t, x, "good")
		pass(time.Hour)
		wantRun(t, x, id, pipeline.Succeeded)
	})
}

// Wherever one append fails, before or after it was done, the next Serve ends
// the run as it would have ended.
func TestARunOutlivesEachAppendThatFails(t *testing.T) {
	for n := 1; ; n++ {
		crashed := true
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				memory := new(journal.Memory)
				steps := []pipeline.Step{work("build", time.Second), deploy("deploy", time.Second, production), work("report", 0)}
				start(t, over(memory, steps...), "one")
				first := &journaltest.Faulty{Store: memory, At: n, After: after}
				x := over(first, steps...)
				done := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { done <- x.Serve(ctx) }()
				pass(time.Minute)
				cancel()
				if err := <-done; first.Crashed() != errors.Is(err, journaltest.ErrCrash) {
					t.Errorf("append %d: Serve = %v; want the crash if there was one", n, err)
				}
				crashed = first.Crashed()
				next := over(memory, steps...)
				serve(t, next)
				pass(time.Minute)
				wantRun(t, next, "one", pipeline.Succeeded)
			})
		}
		if !crashed {
			return
		}
	}
}

func TestAClockThatWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Minute))
		ahead := time.Now().Add(24 * time.Hour)
		x.Store.(journal.Leaser).Renew(t.Context(), "killed-1", ahead)
		if err := x.Store.Append(t.Context(), journal.Batch{Journal: "one", Events: []journal.Event{
			{Time: ahead, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: x.Pipelines[0].Digest()}},
			{Time: ahead, Kind: journal.Claimed, By: "killed-1", Epoch: 1},
			{Time: ahead, Kind: journal.Called, Step: "build", Epoch: 1, Data: &journal.Call{Attempt: 1}},
		}}); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		pass(2 * time.Minute)
		wantRun(t, x, "one", pipeline.Succeeded)
	})
}

// A program with a clock that is ahead has something recorded while a stage is called,
// and the run waits for a time too. The stage is not called again for that.
func TestAClockThatIsAheadCallsNothingTwice(t *testing.T) { // I3, I20
	synctest.Test(t, func(t *testing.T) {
		c := new(calls)
		later := asks("later")
		later.Expires = 24 * time.Hour
		x := executor(pipeline.Parallel{pipeline.Stage{Name: "build", Run: c}, asks("release"), later})
		serve(t, x)
		id := start(t, x, "one")
		pass(time.Minute)
		there, err := x.Store.Events(t.Context(), id, 0)
		if err != nil {
			t.Fatal(err)
		}
		ahead := journal.Event{Time: time.Now().Add(time.Hour), Kind: journal.Overridden, Step: "release", By: "ann", Data: &journal.Reason{Text: "urgent"}}
		if err := x.Store.Append(t.Context(), journal.Batch{Journal: id, Length: len(there), Events: []journal.Event{ahead}}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		vote(t, x, id, "later", "bob")
		wantRun(t, x, id, pipeline.Succeeded)
		if len(c.keys) != 1 {
			t.Errorf("%d calls, %d at once; want one\n%q", len(c.keys), c.most, story(t, x, id))
		}
	})
}

// What a run waits for is not waited for anew whenever somebody looks at it, though
// the clock was set back since it was recorded.
func TestAWaitOfAClockThatWasAheadEnds(t *testing.T) { // I20, I23
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Minute))
		ahead := time.Now().Add(24 * time.Hour)
		if err := x.Store.Append(t.Context(), journal.Batch{Journal: "one", Events: []journal.Event{
			{Time: ahead, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: x.Pipelines[0].Digest()}},
			{Time: ahead, Kind: journal.Claimed, By: "killed-1", Epoch: 1},
			{Time: ahead, Kind: journal.Called, Step: "build", Epoch: 1, Data: &journal.Call{Attempt: 1}},
			{Time: ahead, Kind: journal.Again, Step: "build", Epoch: 1, Data: &journal.Pause{Until: ahead.Add(20 * time.Minute)}},
			{Time: ahead, Kind: journal.Released, By: "killed-1", Epoch: 1},
		}}); err != nil {
			t.Fatal(err)
		}
		serve(t, x)
		pass(30 * time.Minute)
		wantRun(t, x, "one", pipeline.Succeeded)
	})
}
