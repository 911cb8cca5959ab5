package killtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

var (
	long = flag.Bool("long", false, "crash twice at all pairs of operations, not at some that chance picks")
	seed = flag.Uint64("seed", 0, "of what chance picks; 0 means a new one")
)

// A crash is the end of one life of an executor.
type crash struct {
	At    int  // operation of the store, from 1
	After bool // it was done, but the executor was not told
	Once  bool // only that operation fails and the process lives, as if a connection broke
}

func (c crash) String() string {
	s := "before"
	if c.After {
		s = "after"
	}
	if c.Once {
		s += " only"
	}
	return fmt.Sprintf("%s operation %d", s, c.At)
}

// A setting is how a story is played.
type setting struct {
	name  string
	reads bool // operations that read count too
	away  bool // people work in a process of their own, which does not die
	least int  // operations that a story has; it differs by a few, as what comes at one time is put together
}

var settings = []setting{
	{"people in the process that dies", false, false, 58},
	{"people in another process, reads count too", true, true, 135},
}

// A story is what came of a play.
type story struct {
	crashes int // that took place
	ops     int // of the store in the last life
	first   int // and in the first
	runs    map[string]outcome
	calls   map[string]map[string]int
	envs    map[string]pipeline.Environment
	err     error // what is wrong in itself
}

// A play is one run of each of the pipelines in a bubble, through crashes.
type play struct {
	setting
	store  *journal.Memory
	ledger *memory
	people people
	runs   []string

	mu    sync.Mutex
	desk  *pipeline.Executor
	again map[string]map[string]int // calls that a crash excuses, by run and stage
}

// patience is how long the story may take. It takes some minutes.
const patience = 4 * time.Hour

func tell(t *testing.T, s setting, crashes ...crash) (out story) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &play{
			setting: s, store: new(journal.Memory), ledger: new(memory), runs: []string{"one", "fix"},
			again: map[string]map[string]int{"one": {}, "fix": {}},
		}
		p.people.acked = map[string]string{}
		p.people.desk = func() *pipeline.Executor {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.desk
		}
		if s.away {
			p.desk = p.executor("desk", p.store, nil)
		}
		out = p.perform(crashes)
	})
	return out
}

func (p *play) executor(name string, store journal.Store, dead <-chan struct{}) *pipeline.Executor {
	return &pipeline.Executor{
		Pipelines: pipelines(&platform{ledger: p.ledger, store: p.store, process: name, pace: time.Second, dead: dead}),
		Store:     store, Name: name, Log: slog.New(slog.DiscardHandler),
	}
}

// perform plays life after life until people have all that they want.
func (p *play) perform(crashes []crash) (out story) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var acting sync.WaitGroup
	acting.Go(func() {
		defer cancel()
		p.act(ctx)
	})
	var errs []error
	for life := 0; ctx.Err() == nil; life++ {
		dead := make(chan struct{})
		store := &journaltest.Faulty{Store: p.store, Reads: p.reads}
		if life < len(crashes) {
			c := crashes[life]
			store.At, store.After, store.Once = c.At, c.After, c.Once
			if !c.Once {
				store.Then = func() { close(dead) }
			}
		}
		x := p.executor(fmt.Sprint("life-", life+1), store, dead)
		if !p.away {
			p.seat(x)
		}
		if err := x.Serve(ctx); err != nil && !errors.Is(err, journaltest.ErrCrash) {
			errs = append(errs, fmt.Errorf("Serve in life %d = %w; want the error of the store", life+1, err))
		} else if err == nil && ctx.Err() == nil {
			errs = append(errs, fmt.Errorf("Serve in life %d = nil before it was to end", life+1))
		}
		if out.ops = store.Count(); life == 0 {
			out.first = out.ops
		}
		if store.Crashed() {
			out.crashes++
		}
		errs = append(errs, p.excuse())
	}
	acting.Wait()
	out.err = errors.Join(append(errs, p.judge(&out))...)
	return out
}

func (p *play) seat(x *pipeline.Executor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.desk = x
}

// act has people start the runs and take them to their end. While the first is
// in production the second comes, and it goes in before the first is there again.
func (p *play) act(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(7 * time.Second) {
		one, fix := p.people.look(ctx, "one"), p.people.look(ctx, "fix")
		deploy, _ := one.Step("deploy")
		switch x := p.people.desk(); {
		case x == nil:
		case one.ID == "":
			x.Start(ctx, "delivery", pipeline.Trigger{Key: "one", Cause: pipeline.Promotion, Actor: "zoe"})
		case !deploy.Started.IsZero() && fix.ID == "":
			x.Start(ctx, "hotfix", pipeline.Trigger{Key: "fix", Actor: "zoe", Artifacts: artifact.Set{"image": image("image", "fix")}})
		case one.Status == pipeline.Failed && fix.Status.Done():
			p.people.again(ctx, "one")
		case one.Status == pipeline.Succeeded && fix.Status.Done():
			return
		}
	}
}

// excuse notes what may be called again, for a crash hid its outcome.
func (p *play) excuse() error {
	for _, run := range p.runs {
		stages, err := open(p.store, run)
		if err != nil {
			return err
		}
		for _, s := range stages {
			p.again[run][s]++
		}
	}
	return nil
}

// judge says how it all ended.
func (p *play) judge(out *story) error {
	var errs []error
	out.runs, out.calls, out.envs = map[string]outcome{}, map[string]map[string]int{}, map[string]pipeline.Environment{}
	x := p.executor("judge", p.store, nil)
	for _, id := range p.runs {
		r, err := x.Run(context.Background(), id)
		o, err2 := outcomeOf(r, p.ledger)
		n, err3 := calls(p.ledger, id)
		for s := range n {
			n[s] -= p.again[id][s]
		}
		out.runs[id], out.calls[id] = o, n
		errs = append(errs, err, err2, err3, blame(p.ledger, id), counted(p.store, id, p.people.acked), rising(p.store, id))
		if !r.Status.Done() {
			errs = append(errs, fmt.Errorf("run %s is %s %s %s after %v: %+v", id, r.Status, r.For, r.Reason, patience, r.Steps))
		}
	}
	for _, name := range []string{"staging", "production"} {
		e, err := x.Environment(context.Background(), name)
		for k := range e.History {
			e.History[k].Began, e.History[k].Left = time.Time{}, time.Time{}
		}
		e.Release = pipeline.Visitor{Run: e.Release.Run}
		out.envs[name] = e
		errs = append(errs, err, rising(p.store, "env/"+name))
	}
	return errors.Join(errs...)
}

// differs returns how a story ended otherwise than it would have without a
// crash, or "".
func (s *story) differs(from story) string {
	var out string
	if s.err != nil {
		out = s.err.Error() + "\n"
	}
	for run, n := range s.calls {
		for stage, calls := range n {
			if want := from.calls[run][stage]; calls > want {
				out += fmt.Sprintf("stage %s of run %s was called %d times beside those that a crash excuses; want at most %d (I3)\n", stage, run, calls, want)
			}
		}
	}
	digests := cmpopts.EquateComparable(artifact.Digest{})
	return out + cmp.Diff(from.runs, s.runs, digests) + cmp.Diff(from.envs, s.envs, digests)
}

// kinds are the crashes at one operation.
func kinds(at int) []crash {
	return []crash{{At: at}, {At: at, After: true}, {At: at, Once: true}, {At: at, After: true, Once: true}}
}

func TestKillAnywhere(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			calm := tell(t, s)
			if calm.err != nil || calm.runs["one"].Status != pipeline.Succeeded {
				t.Fatalf("without a crash it ends with %v, %v", calm.runs["one"].Status, calm.err)
			}
			check := func(crashes ...crash) story {
				got := tell(t, s, crashes...)
				if diff := got.differs(calm); diff != "" {
					t.Errorf("a crash %v: it does not end as without (-want +got):\n%s", crashes, diff)
				}
				return got
			}
			single := singles(check)
			t.Logf("%d crashes: four at each of about %d operations", single, calm.first)
			if want := 4 * s.least; single < want {
				t.Errorf("%d crashes took place; want %d or more", single, want)
			}
			if !*long {
				t.Logf("%d pairs of crashes, picked by chance", somePairs(t, calm.first, check))
				return
			}
			double := pairs(check)
			t.Logf("%d pairs of crashes, all there are", double)
			if want := 2 * s.least * s.least; double < want {
				t.Errorf("%d pairs of crashes took place; want %d or more", double, want)
			}
		})
	}
}

// singles crashes once at each operation, in each way, and returns how many
// crashes took place.
func singles(check func(...crash) story) (n int) {
	for at := 1; ; at++ {
		before := n
		for _, c := range kinds(at) {
			n += check(c).crashes
		}
		if n == before {
			return n
		}
	}
}

// pairs crashes at each operation and then at each of the recovery from that.
func pairs(check func(...crash) story) (n int) {
	for at := 1; ; at++ {
		reached := false
		for _, c := range kinds(at)[:2] {
			for again := 1; ; again++ {
				before := n
				for _, d := range kinds(again)[:2] {
					got := check(c, d)
					reached = reached || got.crashes > 0
					n += got.crashes / 2
				}
				if n == before {
					break
				}
			}
		}
		if !reached {
			return n
		}
	}
}

// somePairs crashes twice where chance says.
func somePairs(t *testing.T, ops int, check func(...crash) story) (n int) {
	want := 400
	if testing.Short() {
		want = 100
	}
	rnd := rand.New(rand.NewPCG(theSeed(t), 0))
	for n < want {
		all := slices.Concat(kinds(1+rnd.IntN(ops)), kinds(1+rnd.IntN(ops)))
		n += check(all[rnd.IntN(4)], all[4+rnd.IntN(4)]).crashes / 2
	}
	return n
}

// theSeed returns what chance begins from, and logs it.
func theSeed(t *testing.T) uint64 {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("chance has -seed %d", *seed)
	return *seed
}
