//go:build unix

package killtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// Two processes serve one file and are killed at random moments, and so are two
// more that serve another. People in a process of their own start runs, vote,
// and have done anew what failed. They know what was acknowledged to them.
func TestKill9(t *testing.T) {
	calm := tell(t, plots[0], settings[0])
	if why := plots[0].calm(calm); why != "" {
		t.Fatal(why)
	}
	chance, want := theSeed(t), less(*kills)
	for lane := range 2 {
		t.Run(fmt.Sprintf("lane %d", lane+1), func(t *testing.T) {
			t.Parallel()
			killAll(t, calm, (want+1)/2, chance+uint64(lane))
		})
	}
}

// killAll kills processes want times.
func killAll(t *testing.T, calm story, want int, chance uint64) {
	dir := t.TempDir()
	c, err := newCrowd(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var turns atomic.Int64
	var killed toll
	var slots sync.WaitGroup
	errs := make([]error, 2)
	begun := time.Now()
	for k := range errs {
		slots.Go(func() {
			rnd := rand.New(rand.NewPCG(chance, uint64(k)))
			more := func() bool { return turns.Add(1) <= int64(want) }
			errs[k] = c.haunt(dir, fmt.Sprint("slot-", k), rnd, more, &killed)
		})
	}
	ended := make(chan struct{})
	go func() {
		slots.Wait()
		close(ended)
	}()
	c.work(t.Context(), func() bool { return killed.all.Load() >= int64(want) }, ended)
	slots.Wait()
	if err := errors.Join(append(errs, c.store.Close())...); err != nil {
		t.Fatal(err)
	}
	hidden := c.judge(t, dir, calm)
	all, inHook := int(killed.all.Load()), int(killed.inHook.Load())
	t.Logf("%d kills, %d of them in a hook, in %v: %d runs and %d votes were acknowledged, and all are there; the outcome of %d calls was hidden",
		all, inHook, time.Since(begun).Round(time.Second), len(c.runs), len(c.people.acked), hidden)
	if all < want || inHook == 0 {
		t.Errorf("%d kills, %d of them in a hook; want %d and some", all, inHook, want)
	}
	if hidden < inHook {
		t.Errorf("%d kills in a hook hid the outcome of %d calls; want one at each, or the campaign does not see what it does", inHook, hidden)
	}
}

// A toll is how many processes were killed.
type toll struct{ all, inHook atomic.Int64 }

// A crowd is people in the process of the test.
type crowd struct {
	store  *sqlite.Store
	x      *pipeline.Executor
	people people
	runs   []string
	over   chan struct{} // closed when all that the runs wanted is done
}

func newCrowd(ctx context.Context, dir string) (*crowd, error) {
	store, err := sqlite.Open(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return nil, err
	}
	p := &platform{ledger: files{dir}, store: store, pace: pace}
	c := &crowd{store: store, over: make(chan struct{})}
	c.x = &pipeline.Executor{Pipelines: append(pipelines(p), holding(p)), Store: store, Name: "crowd", Log: slog.New(slog.DiscardHandler)}
	c.people = people{desk: func() *pipeline.Executor { return c.x }, acked: map[string]string{}}
	return c, nil
}

// haunt lets a process serve, kills it and begins again, as long as more says
// so. Each fourth one, and the first, dies in a hook, so that the outcome of a
// call is hidden however slow the machine is and whatever chance has drawn. The
// others die at a random moment, and half of them have at least begun to serve.
// The last one is left alone until all is done.
func (c *crowd) haunt(dir, name string, rnd *rand.Rand, more func() bool, killed *toll) error {
	for life := 0; more(); life++ {
		inHook := life%4 == 0
		var doom []string
		if inHook {
			doom = append(doom, inDoom+"=1")
		}
		p, err := launch(dir, name, time.Minute, doom...)
		if err != nil {
			return err
		}
		switch {
		case inHook:
			p.calls()
		case life%2 == 1:
			p.serves()
			fallthrough
		default:
			time.Sleep(time.Duration(rnd.Int64N(int64(150 * time.Millisecond))))
		}
		if err := p.kill(); err != nil {
			return err
		}
		killed.all.Add(1)
		if inHook {
			killed.inHook.Add(1)
		}
	}
	p, err := launch(dir, name, time.Minute)
	if err != nil {
		return err
	}
	<-c.over
	return p.end()
}

// work keeps some runs going until enough says so, and takes all to their end.
// It gives up when nobody serves any more, or after an hour.
func (c *crowd) work(ctx context.Context, enough func() bool, ended <-chan struct{}) {
	defer close(c.over)
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	var open []string
	for {
		for len(open) < 4 && !enough() {
			id := fmt.Sprintf("run-%d", len(c.runs)+1)
			if _, err := c.x.Start(ctx, "delivery", pipeline.Trigger{Key: id, Cause: pipeline.Promotion, Actor: "zoe"}); err != nil {
				return
			}
			c.runs, open = append(c.runs, id), append(open, id)
		}
		still := open[:0]
		for _, id := range open {
			r := c.people.look(ctx, id)[id]
			if r.Status == pipeline.Failed {
				c.x.Retry(ctx, id, "deploy", "bob", "it is put right")
			}
			if r.Status != pipeline.Succeeded {
				still = append(still, id)
			}
		}
		if open = still; len(open) == 0 && enough() {
			return
		}
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// judge opens the file anew and holds each run against one that was not
// disturbed. It returns of how many calls a kill hid the outcome.
func (c *crowd) judge(t *testing.T, dir string, calm story) (hidden int) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ledger := files{dir}
	x := &pipeline.Executor{Pipelines: c.x.Pipelines, Store: store}
	for _, id := range c.runs {
		r, err := x.Run(t.Context(), id)
		if err != nil {
			t.Errorf("run %s cannot be read: %v", id, err)
			continue
		}
		got, err := outcomeOf(r, ledger)
		if diff := cmp.Diff(calm.runs["one"], got, cmpopts.EquateComparable(artifact.Digest{})); diff != "" || err != nil {
			t.Errorf("run %s (%s %s): %v; it does not end as undisturbed (-want +got):\n%s", id, r.For, r.Reason, err, diff)
		}
		n, err := meant(store, ledger, id)
		if err := errors.Join(err, blame(ledger, id), counted(store, id, c.people.acked), rising(store, id)); err != nil {
			t.Error(err)
		}
		hidden += n
	}
	for _, name := range []string{"staging", "production"} {
		e, err := x.Environment(t.Context(), name)
		if err := errors.Join(err, rising(store, "env/"+name)); err != nil {
			t.Error(err)
			continue
		}
		if e.Holder.Run != "" || len(e.Queue) > 0 {
			t.Errorf("%s is held by %q, and %d runs wait for it; want nobody, for all runs have ended", name, e.Holder.Run, len(e.Queue))
		}
		if last := e.History[len(e.History)-1]; e.Live["image"] != image("image", last.Run) {
			t.Errorf("%s has %v live; want that of the last run there, %s", name, e.Live, last.Run)
		}
	}
	return hidden
}

// meant reports whether each call of a hook that took place was intended (I4).
// It returns of how many of them nobody heard the outcome, so that they were
// called again, or a person was asked (I5).
func meant(store journal.Store, ledger ledger, run string) (hidden int, err error) {
	events, err := store.Events(context.Background(), run, 0)
	errs := []error{err}
	intents, last := map[string]int{}, map[string]journal.Kind{}
	for _, e := range events {
		if c, ok := e.Data.(*journal.Call); ok {
			intents[c.Key]++
		}
		if last[e.Step] == journal.Called && (e.Kind == journal.Called || e.Kind == journal.Held) {
			hidden++
		}
		last[e.Step] = e.Kind
	}
	lines, err := ledger.read(run)
	errs = append(errs, err)
	for _, l := range lines {
		if l.What != "call" {
			continue
		}
		if intents[l.Key]--; intents[l.Key] < 0 {
			errs = append(errs, fmt.Errorf("the hook under key %s was called more often than was recorded before (I4)", l.Key))
		}
	}
	return hidden, errors.Join(errs...)
}
