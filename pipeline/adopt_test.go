package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A run is adopted while it waits for an environment, by a program that does not
// serve. The new definition knows nothing of that environment.
func TestAnAdoptedRunStandsInNobodysWay(t *testing.T) { // R2, E2, I2
	synctest.Test(t, func(t *testing.T) {
		var calls [3]int
		prod := stage.Environment{Name: "prod"}
		in := func(s pipeline.Stage) pipeline.Stage { s.Environment = prod; return s }
		store := new(journal.Memory)
		before := over(store, in(counts("deploy", &calls[0])), asks("release"), in(counts("verify", &calls[1])))
		stop := serve(t, before)
		start(t, before, "one")
		pass(time.Minute)
		two := start(t, before, "two")
		wantStep(t, before, two, "deploy", pipeline.Waiting)
		pass(time.Hour)
		stop()

		after := over(store, counts("other", &calls[2]))
		if err := after.Adopt(t.Context(), two, "ann", "nothing to deploy"); err != nil {
			t.Fatal(err)
		}
		env, err := after.Environment(t.Context(), "prod")
		if err != nil || len(env.Queue) > 0 {
			t.Errorf("%v wait for prod, %v; want nobody, or no run would ever enter again", env.Queue, err)
		}
	})
}

// An environment of which the journal is damaged keeps nobody from adopting, and a
// Store that cannot be read does.
func TestAdoptWithADamagedEnvironment(t *testing.T) { // R2, J5
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		before := over(store, asks("release"))
		stop := serve(t, before)
		start(t, before, "one")
		start(t, before, "two")
		pass(time.Minute)
		stop()
		odd := journal.Event{Time: time.Now(), Kind: journal.Given, By: "nobody", Data: &journal.Departure{}}
		if err := store.Append(t.Context(), journal.Batch{Journal: "env/attic", Events: []journal.Event{odd}}); err != nil {
			t.Fatal(err)
		}
		down := errors.New("disk on fire")
		after := over(&badJournal{Memory: store, name: "env/attic", err: down}, work("build", time.Hour))
		if err := after.Adopt(t.Context(), "one", "ann", "no release"); !errors.Is(err, down) {
			t.Errorf("Adopt = %v; want the error of the Store", err)
		}
		for id, bad := range map[string]journal.Store{"one": store, "two": &badJournal{Memory: store, name: "env/attic", err: journal.ErrCorrupt}} {
			after := over(bad, work("build", time.Hour))
			if err := after.Adopt(t.Context(), id, "ann", "no release"); err != nil {
				t.Errorf("Adopt of run %s = %v; want nil, for it has nothing to do with the attic", id, err)
			}
		}
	})
}

// An executor that cannot read an environment does not adopt: nobody would ever take
// the run out of the line there. One that finds it damaged does, for nobody can enter.
func TestAnExecutorAdoptsOnlyWhatItCanTakeOutOfEveryLine(t *testing.T) { // R2, E2, I2
	down := errors.New("disk on fire")
	for _, bad := range []error{down, journal.ErrCorrupt} {
		t.Run(bad.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := new(journal.Memory)
				before := over(store, deploy("deploy", time.Hour, production))
				stop := serve(t, before)
				start(t, before, "inside")
				pass(time.Minute)
				start(t, before, "waits")
				pass(time.Minute)
				stop()

				after := over(&badJournal{Memory: store, name: "env/production", err: bad}, work("report", 0))
				after.OnDrift = pipeline.Adopt
				served := make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				go func() { served <- after.Serve(ctx) }()
				pass(time.Minute)
				cancel()
				if err := <-served; errors.Is(err, down) != (bad == down) {
					t.Errorf("Serve = %v over a store that says %v of an environment", err, bad)
				}
				adopted := strings.Contains(strings.Join(story(t, before, "waits"), "\n"), "adopted")
				if adopted != (bad != down) {
					t.Errorf("adopted: %v, though the store says %v of the environment that the run waits for", adopted, bad)
				}
			})
		})
	}
}

// A run is parked by an executor that takes its owner for dead, and adopted, while a
// stage is called. The call is told to end, and made anew under the same key when it
// has ended, or was given up. Another executor leaves the run to its owner meanwhile.
func TestARunIsAdoptedWhileAStageIsCalled(t *testing.T) { // R2, R6, I3, J3, J4
	parked := journal.Event{Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "the definition has changed"}}
	for name, adopt := range map[string]func(t *testing.T, x *pipeline.Executor, id string){
		"by its owner": func(t *testing.T, x *pipeline.Executor, id string) {
			record(t, x, id, parked)
			if err := x.Adopt(t.Context(), id, "ann", "it is not dead"); err != nil {
				t.Fatal(err)
			}
		},
		"by another executor": func(t *testing.T, x *pipeline.Executor, id string) {
			digest := x.Pipelines[0].Digest()
			record(t, x, id, parked, journal.Event{Kind: journal.Adopted, By: "ann", Data: &journal.Adoption{Definition: digest}})
		},
	} {
		for _, tt := range []struct {
			slow time.Duration // that the call takes to end
			most int           // calls at once
		}{{0, 1}, {time.Second, 1}, {9 * time.Second, 1}, {time.Minute, 2}} {
			t.Run(fmt.Sprintf("%s, and the call takes %v to end", name, tt.slow), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const grace = 10 * time.Second
					c := &calls{slow: tt.slow}
					x := over(new(journal.Memory), pipeline.Stage{Name: "build", Run: c})
					y := over(x.Store, x.Pipelines[0].Steps...)
					x.Grace, x.Lease, y.Lease = grace, 3*time.Second, 3*time.Second
					serve(t, x)
					id := start(t, x, "one")
					pass(time.Minute)
					serve(t, y)
					adopted := time.Now()
					adopt(t, x, id)
					pass(2 * time.Hour)
					wantRun(t, x, id, pipeline.Succeeded)
					if len(c.keys) != 2 || c.keys[0] != c.keys[1] || c.most != tt.most {
						t.Fatalf("calls under %q, %d at once; want two under one key, %d at once\n%s", c.keys, c.most, tt.most, strings.Join(story(t, x, id), "\n"))
					}
					if waited, want := c.last.Sub(adopted), min(tt.slow, grace); waited < want || waited > want+time.Second {
						t.Errorf("the second call began %v after the run was adopted; want about %v", waited, want)
					}
				})
			})
		}
	}
}

// calls is a stage of an hour that ends slow after it is told to. It counts its calls.
type calls struct {
	slow time.Duration

	mu        sync.Mutex
	now, most int
	keys      []string
	last      time.Time // began the last one
}

func (c *calls) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	c.mu.Lock()
	c.keys, c.last, c.now = append(c.keys, in.Key), time.Now(), c.now+1
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.now--
	}()
	select {
	case <-ctx.Done():
		time.Sleep(c.slow)
		return stage.Output{}, context.Cause(ctx)
	case <-time.After(time.Hour):
		return stage.Output{}, nil
	}
}

// What another executor claimed and let go of at once is not called again either
// before the call of the first has ended.
func TestARunThatComesBackWaitsForTheCallsOfBefore(t *testing.T) { // I3, J4
	synctest.Test(t, func(t *testing.T) {
		c := &calls{slow: 9 * time.Second}
		x := executor(pipeline.Stage{Name: "build", Run: c}) // its lease is looked at every 5 s
		serve(t, x)
		id := start(t, x, "one")
		pass(time.Minute)
		record(t, x, id, journal.Event{Kind: journal.Claimed, By: "ghost", Epoch: 2})
		pass(2 * time.Hour)
		wantRun(t, x, id, pipeline.Succeeded)
		if len(c.keys) != 2 || c.most != 1 {
			t.Errorf("%d calls, %d at once; want two, one after the other", len(c.keys), c.most)
		}
	})
}

// What is done anew after the time for it was up is not called beside the call that
// was told to end then.
func TestWhatIsDoneAnewWaitsForTheCallOfBefore(t *testing.T) { // I3, R5, R7
	for _, tt := range []struct{ slow, want time.Duration }{
		{0, 0},
		{9 * time.Second, 9 * time.Second},
		{30 * time.Second, 10 * time.Second}, // it is given up then
	} {
		t.Run(fmt.Sprintf("and that takes %v to end", tt.slow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &calls{slow: tt.slow}
				x := executor(pipeline.Finally{Of: work("build", 0), Do: pipeline.Stage{Name: "report", Run: c}, Within: time.Minute})
				x.Grace = 10 * time.Second
				serve(t, x)
				id := start(t, x, "one")
				pass(time.Minute)
				wantRun(t, x, id, pipeline.Failed)
				if err := x.Retry(t.Context(), id, "report", "ann", "it was nearly done"); err != nil {
					t.Fatal(err)
				}
				retried := time.Now()
				pass(time.Hour)
				wantRun(t, x, id, pipeline.Failed)
				if len(c.keys) != 2 || c.keys[0] == c.keys[1] {
					t.Fatalf("calls under %q; want two, under two keys", c.keys)
				}
				if waited := c.last.Sub(retried); waited != tt.want {
					t.Errorf("the second call began %v after it was asked for; want %v", waited, tt.want)
				}
			})
		})
	}
}

// Serve waits for calls of a run that was let go of like for any other, and does not
// go on with the run.
func TestShutdownWhileCallsOfAnAdoptedRunEnd(t *testing.T) { // R2, R6
	for _, tt := range []struct{ slow, want time.Duration }{
		{4 * time.Second, 3 * time.Second},
		{time.Hour, 9 * time.Second}, // it was told a second ago, and has a grace of ten
	} {
		t.Run(fmt.Sprintf("and they take %v", tt.slow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &calls{slow: tt.slow}
				x := executor(pipeline.Stage{Name: "build", Run: c})
				stop := serve(t, x)
				id := start(t, x, "one")
				pass(time.Minute)
				record(t, x, id, journal.Event{Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "the definition has changed"}})
				if err := x.Adopt(t.Context(), id, "ann", ""); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				begun := time.Now()
				stop()
				took := time.Since(begun)
				pass(tt.slow) // nothing of the test outlives it
				if took != tt.want || len(c.keys) != 1 {
					t.Errorf("Serve took %v to end, and there were %d calls; want %v, and one", took, len(c.keys), tt.want)
				}
			})
		})
	}
}

// An executor that takes its own run up again, which takes a while, has its lease run
// on: another leaves the run alone.
func TestALeaseRunsOnWhileARunIsTakenUpAgain(t *testing.T) { // R2, J4
	synctest.Test(t, func(t *testing.T) {
		c := new(calls)
		store := new(journal.Memory)
		x := over(&slowJournal{Memory: store, takes: 2 * time.Second}, pipeline.Stage{Name: "build", Run: c})
		y := over(store, x.Pipelines[0].Steps...)
		x.Lease, y.Lease = 3*time.Second, 3*time.Second
		serve(t, x)
		id := start(t, x, "one")
		pass(time.Minute)
		serve(t, y)
		record(t, y, id, journal.Event{Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "the definition has changed"}})
		if err := x.Adopt(t.Context(), id, "ann", ""); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		wantRun(t, y, id, pipeline.Succeeded)
		if len(c.keys) != 2 || c.most != 1 {
			t.Errorf("%d calls, %d at once; want two, one after the other\n%s", len(c.keys), c.most, strings.Join(story(t, y, id), "\n"))
		}
	})
}

// A hook that was given up while a cancel is being recorded is not given up once more.
func TestAHookIsGivenUpOnce(t *testing.T) { // R6, R9
	for canceled := time.Minute; canceled < time.Minute+20*time.Second; canceled += time.Second / 2 {
		synctest.Test(t, func(t *testing.T) {
			c := &calls{slow: time.Hour}
			x := over(&slowAppends{new(journal.Memory), 2 * time.Second}, pipeline.Stage{Name: "build", Run: c, Timeout: time.Minute})
			x.Grace = 10 * time.Second
			serve(t, x)
			id := start(t, x, "one")
			pass(canceled)
			if err := x.Cancel(t.Context(), id, "ann", "it hangs"); err != nil && !errors.Is(err, pipeline.ErrRefused) {
				t.Fatal(err)
			}
			pass(2 * time.Hour)
			if r, err := x.Run(t.Context(), id); err != nil || !r.Status.Done() {
				t.Errorf("canceled after %v, the run is %v, %v; want it ended", canceled, r.Status, err)
			}
		})
	}
}

// slowAppends takes its time to record something.
type slowAppends struct {
	*journal.Memory
	takes time.Duration
}

func (s *slowAppends) Append(ctx context.Context, b ...journal.Batch) error {
	time.Sleep(s.takes)
	return s.Memory.Append(ctx, b...)
}

// A slowJournal takes its time to read a whole journal.
type slowJournal struct {
	*journal.Memory
	takes time.Duration
}

func (s *slowJournal) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if from == 0 {
		time.Sleep(s.takes)
	}
	return s.Memory.Events(ctx, name, from)
}

// A run that drains is adopted while a stage of it waits for a place. When there is
// one, nothing is done with a step of the new definition that has the same number.
func TestARunIsAdoptedWhileAStageWaitsForAPlace(t *testing.T) { // R2
	synctest.Test(t, func(t *testing.T) {
		var calls int
		store := new(journal.Memory)
		before := over(store, pipeline.Sequence{work("build", 0), asks("release"), counts("deploy", &calls)})
		stop := serve(t, before)
		id := start(t, before, "one")
		wantStep(t, before, id, "release", pipeline.Waiting)
		stop()

		x := over(store, work("report", time.Hour))
		x.Former, x.OnDrift, x.Limit = before.Pipelines, pipeline.Drain, 1
		serve(t, x)
		start(t, x, "two")
		pass(time.Minute)
		vote(t, x, id, "release", "ann")
		if s := step(t, x, id, "deploy"); s.For != "capacity" {
			t.Fatalf("deploy is %v for %q; want it to wait for a place", s.Status, s.For)
		}
		record(t, x, id, journal.Event{Kind: journal.Adopted, By: "ann", Data: &journal.Adoption{Definition: x.Pipelines[0].Digest()}})
		pass(3 * time.Hour)
		wantRun(t, x, "two", pipeline.Succeeded)
		wantRun(t, x, id, pipeline.Succeeded)
		if calls != 0 {
			t.Errorf("%d calls of what the new definition does not have; want none", calls)
		}
	})
}

// record appends events to the journal of a run behind the back of its owner.
func record(t *testing.T, x *pipeline.Executor, id string, events ...journal.Event) {
	t.Helper()
	there, err := x.Store.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		events[i].Time = time.Now()
	}
	if err := x.Store.Append(t.Context(), journal.Batch{Journal: id, Length: len(there), Events: events}); err != nil {
		t.Fatal(err)
	}
}
