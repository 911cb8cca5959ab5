//go:build unix

package killtest

import (
	"context"
	"errors"
	"fmt"
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

// Two executors, a program to vote with and one that looks on share a file, each
// in a process of its own, and are killed at random moments; and so do four more
// with another file. What they said was acknowledged is known here.
func TestKill9(t *testing.T) {
	calm := tell(t, plots[0], settings[0])
	if why := plots[0].calm(calm); why != "" {
		t.Fatal(why)
	}
	chance, want := theSeed(t), less(*kills)
	for lane := range 2 {
		t.Run(fmt.Sprintf("lane %d", lane+1), func(t *testing.T) {
			t.Parallel()
			killAll(t, calm, max(3, (want+1)/2), chance+uint64(lane)) // of each kind of program one
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
	parts := []part{{Role: "executor", Name: "first"}, {Role: "executor", Name: "second"}, {Role: "approver"}, {Role: "viewer"}}
	var killed atomic.Int64
	var tolls [4]toll
	var slots sync.WaitGroup
	var errs [4]error
	approvers, viewers := max(1, want/5), max(1, want/10)
	serving := upTo(want - approvers - viewers)
	more := []func() bool{serving, serving, upTo(approvers), upTo(viewers)}
	begun := time.Now()
	for k, p := range parts {
		p.Dir, p.Lease = dir, 10*time.Minute // nobody loses it by being slow, and who dies loses it at once
		slots.Go(func() {
			errs[k] = c.haunt(p, rand.New(rand.NewPCG(chance, uint64(k))), more[k], func() { killed.Add(1) }, &tolls[k])
		})
	}
	ended := make(chan struct{})
	go func() {
		slots.Wait()
		close(ended)
	}()
	c.work(t.Context(), func() bool { return killed.Load() >= int64(want) }, ended)
	slots.Wait()
	if err := errors.Join(append(errs[:], c.store.Close())...); err != nil {
		t.Fatal(err)
	}
	hidden, lates := c.judge(t, calm)
	served := tolls[0].plus(tolls[1])
	all := served.plus(tolls[2]).plus(tolls[3])
	t.Logf("%d kills in %v: of executors %d, %d of them in a hook, and %d shutdowns; of a program to vote with %d, %d of them right after a vote; of one that looks on %d",
		all.killed, time.Since(begun).Round(time.Second), served.killed, served.noted, served.ended, tolls[2].killed, tolls[2].noted, tolls[3].killed)
	t.Logf("%d runs and %d votes were acknowledged, and all are there; the outcome of %d calls was hidden", len(c.runs), len(c.told.votes), hidden)
	if lates > 0 {
		t.Errorf("%d calls came after another executor had taken the run; want none, for nobody was paused", lates)
	}
	if all.killed < want {
		t.Errorf("%d kills; want %d", all.killed, want)
	}
	if hidden < served.noted {
		t.Errorf("%d kills in a hook hid the outcome of %d calls; want one at each, or the campaign does not see what it does", served.noted, hidden)
	}
}

// upTo says so many times that there is one more, to whoever asks.
func upTo(n int) func() bool {
	var asked atomic.Int64
	return func() bool { return asked.Add(1) <= int64(n) }
}

// A toll is how the lives of processes ended.
type toll struct {
	killed int
	noted  int // of those killed, where they had said something of note
	ended  int // in peace, before all was done
}

func (t toll) plus(o toll) toll {
	return toll{t.killed + o.killed, t.noted + o.noted, t.ended + o.ended}
}

// A crowd is people in the process of the test.
type crowd struct {
	dir   string
	store *sqlite.Store
	x     *pipeline.Executor
	runs  []string
	told  register
	over  chan struct{} // closed when all that the runs wanted is done
}

func newCrowd(ctx context.Context, dir string) (*crowd, error) {
	store, err := sqlite.Open(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return nil, err
	}
	return &crowd{
		dir: dir, store: store, x: desk(dir, "crowd", store),
		told: register{votes: map[string]string{}}, over: make(chan struct{}),
	}, nil
}

// haunt has a part played, ends it and begins again, as long as more says so.
// Each fourth life, and the first, ends where something of note was just said,
// so that the outcome of a call is hidden, and a vote only just acknowledged,
// however slow the machine is and whatever chance has drawn. Then one is killed
// at a random moment, one that has opened the store for certain, and one more is
// shut down in peace. The last life is left alone until all is done.
func (c *crowd) haunt(p part, rnd *rand.Rand, more func() bool, killed func(), ends *toll) error {
	for life := 0; ; life++ {
		p.Doomed = life%4 == 0
		last := life%4 != 3 && !more()
		if last {
			p.Doomed = false
		}
		child, err := launch(p, c.told.hear)
		if err != nil {
			return err
		}
		if last {
			<-c.over
			return child.end()
		}
		switch life % 4 {
		case 0:
			select {
			case <-child.noted:
			case <-c.over: // the runs do not go on
				return errors.Join(errors.New("there is nothing to do and not enough was killed"), child.end())
			}
			ends.noted++
		case 2, 3:
			<-child.opened
			fallthrough
		default:
			time.Sleep(time.Duration(rnd.Int64N(int64(150 * time.Millisecond))))
		}
		if life%4 == 3 {
			ends.ended++
			err = child.end()
		} else {
			ends.killed++
			err = child.kill()
			killed()
		}
		if err != nil {
			return err
		}
	}
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
			r, err := c.x.Run(ctx, id)
			if err == nil && r.Status == pipeline.Failed {
				c.x.Retry(ctx, id, "deploy", "bob", "it is put right")
			}
			if err != nil || r.Status != pipeline.Succeeded {
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
// disturbed. It returns of how many calls the outcome was hidden, and how many
// came late.
func (c *crowd) judge(t *testing.T, calm story) (hidden, lates int) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(c.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ledger := files{c.dir}
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
		m, err2 := late(ledger, id)
		if err := errors.Join(err, err2, blame(ledger, id), counted(store, id, c.told.votes), rising(store, id)); err != nil {
			t.Error(err)
		}
		hidden, lates = hidden+n, lates+m
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
	return hidden, lates
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
