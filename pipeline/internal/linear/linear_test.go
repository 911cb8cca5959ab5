package linear

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/penstock/penstock/internal/leaktest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

var (
	histories = flag.Int("histories", 0, "histories that TestHistoriesAreLinearizable records; 0 means 50, or 20 with -short")
	long      = flag.Bool("long", false, "50,000 histories, if -histories does not say otherwise")
	seed      = flag.Uint64("seed", 1, "of what the first history has clients do; each later one has the next")
)

func amount() int {
	switch {
	case *histories > 0:
		return *histories
	case *long:
		return 50_000
	case testing.Short():
		return 20
	}
	return 50
}

// TestHistoriesAreLinearizable has clients ask two to four executors at once, which
// share a store in memory, or have a handle each of one in a file. Clients give
// up, executors are shut down, and appends fail. What clients do comes from a
// seed, how it overlaps does not
// (I1, I6, I7, J1, J4).
func TestHistoriesAreLinearizable(t *testing.T) {
	n, begun := amount(), time.Now()
	var next, checked atomic.Int64
	var sum tally
	var lanes sync.WaitGroup
	for lane := range 8 { // those in files wait for the disk
		lanes.Go(func() {
			t.Run(fmt.Sprint("lane ", lane), func(t *testing.T) {
				for k := next.Add(1) - 1; k < int64(n) && !t.Failed(); k = next.Add(1) - 1 {
					s := play(t, *seed+uint64(k))
					for object, ops := range s.h.ops {
						if err := check(object, ops); err != nil {
							t.Errorf("seed %d: %v", *seed+uint64(k), err)
						}
					}
					sum.add(s)
					checked.Add(1)
				}
			})
		})
	}
	lanes.Wait()
	t.Logf("%d histories from seed %d in %v: %s", checked.Load(), *seed, time.Since(begun).Round(time.Millisecond), &sum)
	if got := checked.Load(); got < int64(n) && !t.Failed() {
		t.Errorf("%d histories were checked; want %d", got, n)
	}
}

// play records a history. Every eighth is of a store in a file, and takes place
// in real time: to wait for a lock of the file takes time, which stands still in
// a bubble as long as another goroutine waits for a mutex.
func play(t *testing.T, seed uint64) (s *site) {
	rng := rand.New(rand.NewPCG(seed, 0))
	if seed%8 == 0 {
		s = newSite(t, inFile(t), rng)
		s.act = restless(seed)
		s.busy(rng, 0)
		s.finish()
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		s = newSite(t, inMemory(), rng)
		s.act = restless(seed)
		s.busy(rng, time.Duration(rng.IntN(3))*time.Millisecond)
		s.finish()
	})
	return s
}

// busy has clients do what comes to their minds, with a pause now and then.
func (s *site) busy(rng *rand.Rand, pause time.Duration) {
	defer s.open(2+rng.IntN(3), rng.IntN(2))()
	var clients sync.WaitGroup
	for number := range 4 + rng.IntN(4) {
		c := newClient(s, 1+number, rand.New(rand.NewPCG(rng.Uint64(), 0)))
		clients.Go(func() {
			c.start("shop", shops[number%len(shops)])
			for range 10 {
				c.do()
				if pause > 0 {
					time.Sleep(pause)
				}
			}
		})
	}
	clients.Wait()
}

// finish has an executor take all runs to their ends, and has a last look. What
// callers gave up on is done, or never will be.
func (s *site) finish() {
	defer s.open(1, 0)()
	c := newClient(s, 1, rand.New(rand.NewPCG(0, 0)))
	for _, run := range slices.Sorted(maps.Keys(s.began)) {
		shop := strings.HasPrefix(run, "shop")
		if shop {
			c.override(run, 0)
			c.override(run, 1)
		}
		if s.await(run) {
			s.ended[run] = s.h.now()
		}
		if shop {
			c.read(run)
		}
	}
	c.enter()
	s.settle()
}

// await waits until a run has ended. It reports whether there is one.
func (s *site) await(run string) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Minute); ; <-tick.C {
		r, err := s.seats[0].executor().Run(context.Background(), run)
		switch {
		case err == nil && r.Status.Done():
			return true
		case toldBy(err) == noRun:
			return false
		case time.Now().After(deadline):
			s.t.Errorf("run %s is %v, %v after ten minutes; want it to end (I23)", run, r.Status, err)
			return false
		}
	}
}

// check returns an error if no order explains what was seen of an object. It
// shows how far one goes in a file.
func check(object string, ops []porcupine.Operation) error {
	model := modelOf(object)
	const patience = 5 * time.Minute
	switch result, info := porcupine.CheckOperationsVerbose(model, ops, patience); result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%s: whether an order explains %d operations was not found out in %v", object, len(ops), patience)
	default:
		file := filepath.Join(os.TempDir(), fmt.Sprintf("linear-%s-%d.html", object, time.Now().UnixNano()))
		if err := porcupine.VisualizePath(model, info, file); err != nil {
			file = err.Error()
		}
		return fmt.Errorf("%s: no order explains %d operations; see %s", object, len(ops), file)
	}
}

func modelOf(object string) porcupine.Model {
	if object == production.Name {
		return lockModel()
	}
	return gatesModel()
}

// A tally is what was done in all.
type tally struct {
	mu                          sync.Mutex
	ops, lives, visits, ballots int
	told                        map[told]int
}

func (a *tally) add(s *site) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		a.told = map[told]int{}
	}
	for _, ops := range s.h.ops {
		a.ops += len(ops)
		for _, op := range ops {
			if _, votes := op.Input.(voting); votes {
				a.ballots++
			}
			if out, ok := op.Output.(answer); ok {
				a.told[out.told]++
			}
		}
	}
	a.lives += s.lives
	a.visits += len(s.visits)
}

func (a *tally) String() string {
	return fmt.Sprintf("%d operations, %d of them votes; %d executors; %d visits to an environment; %v", a.ops, a.ballots, a.lives, a.visits, a.told)
}
