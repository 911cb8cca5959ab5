package killtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// A setting is how a plot is played.
type setting struct {
	name  string
	reads bool // operations that read count too
	away  bool // people work in a process of their own, which does not die
}

var settings = []setting{
	{"people in the process that dies", false, false},
	{"people in another process, reads count too", true, true},
}

// A story is what came of a play.
type story struct {
	crashes int // that took place
	first   int // operations of the store in the first life
	runs    map[string]outcome
	calls   map[string]map[string]int
	envs    map[string]pipeline.Environment
	err     error // what is wrong in itself
}

// A play is one performance of a plot in a bubble, through crashes.
type play struct {
	plot
	setting
	store  *journal.Memory
	ledger *memory
	people people

	mu    sync.Mutex
	desk  *pipeline.Executor
	again map[string]map[string]int // calls that a crash excuses, by run and stage
}

// patience is how long a story may take. It takes some minutes.
const patience = 4 * time.Hour

func tell(t *testing.T, of plot, s setting, crashes ...crash) (out story) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &play{plot: of, setting: s, store: new(journal.Memory), ledger: new(memory), again: map[string]map[string]int{}}
		for _, run := range p.runs {
			p.again[run] = map[string]int{}
		}
		p.people = people{acked: map[string]string{}, when: of.when, objects: of.objects, desk: func() *pipeline.Executor {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.desk
		}}
		p.before()
		if s.away {
			p.seat(p.executor("desk", p.store, nil))
		}
		out = p.perform(crashes)
	})
	return out
}

func (p *play) executor(name string, store journal.Store, dead <-chan struct{}) *pipeline.Executor {
	at := &platform{ledger: p.ledger, store: p.store, process: name, executor: name, pace: time.Second, dead: dead}
	x := &pipeline.Executor{Pipelines: p.pipelines(at), Store: store, Name: name, Log: slog.New(slog.DiscardHandler)}
	if p.former != nil {
		x.Former = p.former(at)
	}
	return x
}

// before has what people do first done under the former definitions, if there
// are any.
func (p *play) before() {
	if p.former == nil {
		return
	}
	x := p.executor("former", p.store, nil)
	x.Pipelines, x.Former = x.Former, nil
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p.deeds[0].do(ctx, x)
	x.Serve(ctx)
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
		if life == 0 {
			out.first = store.Count()
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

// act has people look at the runs and do what is due, until all have ended and
// nothing is.
func (p *play) act(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(7 * time.Second) {
		runs := p.people.look(ctx, p.runs...)
		x := p.people.desk()
		if x == nil {
			continue
		}
		over := true
		for _, d := range p.deeds {
			if d.due(runs) {
				d.do(ctx, x)
				over = false
			}
		}
		for _, run := range p.runs {
			over = over && runs[run].Status.Done()
		}
		if over {
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
		if p.racy {
			e.Token, e.Release, e.History = 0, pipeline.Visitor{}, nil
		}
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
