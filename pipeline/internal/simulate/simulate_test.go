package simulate

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/leaktest"
)

// Nothing outlives the tests (I21).
func TestMain(m *testing.M) { leaktest.Main(m) }

var (
	runs = flag.Int("runs", 0, "simulations; 0 means 20000, or 2000 with -short")
	seed = flag.Uint64("seed", 1, "of the first simulation; each later one has the next")
	long = flag.Bool("long", false, "a million simulations, if -runs does not say otherwise")
	show = flag.Bool("show", false, "print the trace of the simulation with -seed, and nothing else")
)

// trees is how many pipelines are drawn from.
const trees = 2048

// play runs one simulation. With tell it writes a trace.
func play(s scenario, all *catalog, tell bool) *world {
	w := newWorld(s, all)
	if tell {
		w.lines = new(strings.Builder)
	}
	w.play()
	return w
}

func amount() int {
	switch {
	case *runs > 0:
		return *runs
	case *long:
		return 1_000_000
	case testing.Short():
		return 2_000
	}
	return 20_000
}

// TestSimulate plays simulations, in each of which something goes wrong, and holds
// that nothing is lost, done twice, or done by the wrong one, and that everything
// comes to an end once nothing goes wrong any more
// (I1–I7, I11, I12, I17, I20, I23, I24, J4, J7).
func TestSimulate(t *testing.T) {
	if *show {
		w := play(draw(*seed), new(catalog), true)
		t.Logf("\n%s%v", w.lines, w.failure)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what is kept is little, what is made is much
	n := amount()
	var next, played atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	var sum count
	all := new(catalog)
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			mine := count{}
			for k := next.Add(1) - 1; k < int64(n) && !t.Failed(); k = next.Add(1) - 1 {
				w := play(draw(*seed+uint64(k)), all, false)
				if w.failure != nil {
					report(t, w, all)
				}
				if w.count.faults > 0 {
					played.Add(1)
				}
				mine.add(w.count)
			}
			mu.Lock()
			defer mu.Unlock()
			sum.add(mine)
		})
	}
	group.Wait()
	took := time.Since(begun)
	t.Logf("%d simulations with faults from seed %d in %v, %.0f/s: %s", played.Load(), *seed, took.Round(time.Millisecond), float64(n)/took.Seconds(), sum)
	if got := played.Load(); got < int64(n) && !t.Failed() {
		t.Errorf("%d simulations had a fault; want all %d", got, n)
	}
	if n >= 1000 && (sum.fenced == 0 || sum.zombies == 0 || sum.acked == 0 || sum.parked == 0) {
		t.Errorf("%s; want some of each, or nothing was tried", sum)
	}
}

// report makes a scenario that fails smaller, prints it to be kept in
// testdata/seeds, and prints its trace.
func report(t *testing.T, w *world, all *catalog) {
	small := shrink(w, all)
	small.s.Found = small.failure.Error()
	kept, _ := json.Marshal(small.s)
	t.Errorf("seed %d: %v\nto keep in testdata/seeds, once it is mended:\n%s\n%s", w.s.Seed, w.failure, kept, small.lines)
}

// TestOneSeedGivesOneTrace plays simulations twice, one of them with a trace.
func TestOneSeedGivesOneTrace(t *testing.T) { // I24
	for k := range uint64(100) {
		s := draw(*seed + k*1000)
		a, b := play(s, new(catalog), false), play(s, new(catalog), true)
		if a.hash != b.hash || a.count != b.count {
			t.Fatalf("seed %d: played twice it has the hashes %x and %x and the numbers %v and %v; want the same", s.Seed, a.hash, b.hash, a.count, b.count)
		}
	}
}

// TestKeptSeeds plays the scenarios that found something once.
func TestKeptSeeds(t *testing.T) {
	files, err := filepath.Glob("testdata/seeds/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is nothing in testdata/seeds: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s scenario
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			if w := play(s, new(catalog), true); w.failure != nil {
				t.Errorf("%v\n%s", w.failure, w.lines)
			}
		})
	}
}
