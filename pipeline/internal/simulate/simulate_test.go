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
	runs = flag.Int("runs", 0, "simulations in which something goes wrong; 0 means 20000, or 2000 with -short")
	seed = flag.Uint64("seed", 1, "of the first simulation; each later one has the next")
	long = flag.Bool("long", false, "ten million simulations, if -runs does not say otherwise")
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
		return 10_000_000
	case testing.Short():
		return 2_000
	}
	return 20_000
}

// TestSimulate plays simulations until something went wrong in enough, and holds
// that nothing is lost, done twice, or done by the wrong one, and that everything
// comes to an end once nothing goes wrong any more. One seed in a thousand is played
// twice, and goes the same way
// (I1–I7, I11, I12, I17, I20, I23, I24, J4, J7).
func TestSimulate(t *testing.T) {
	if *show {
		w := play(draw(*seed), new(catalog), true)
		t.Logf("\n%s%v", w.lines, w.failure)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // what is kept is little, what is made is much
	n := int64(amount())
	var next atomic.Uint64
	var played atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	var sum count
	all := new(catalog)
	begun := time.Now()
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			mine := count{}
			for played.Load() < n && !t.Failed() {
				s := draw(*seed + next.Add(1) - 1)
				w := play(s, all, false)
				if s.Seed%1000 == 0 {
					same(t, w, play(s, all, false))
				}
				if w.failure != nil {
					report(t, w, all)
				}
				if w.count.harmed() > 0 {
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
	t.Logf("%d simulations with faults, of %d from seed %d, in %v, %.0f/s: %s", played.Load(), next.Load(), *seed, took.Round(time.Millisecond), float64(next.Load())/took.Seconds(), sum)
	if kind := sum.never(); n >= 1000 && kind != "" && !t.Failed() {
		t.Errorf("%q never went wrong; want some of each kind", kind)
	}
	if n >= 1000 && !t.Failed() && (sum.fenced == 0 || sum.zombies == 0 || sum.acked == 0 || sum.parked == 0) {
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
		same(t, play(s, new(catalog), false), play(s, new(catalog), true))
	}
}

// same holds that a scenario went the same way twice.
func same(t *testing.T, a, b *world) {
	if a.hash != b.hash || a.count != b.count {
		t.Errorf("seed %d: played twice it has the hashes %x and %x and the numbers %v and %v; want the same", a.s.Seed, a.hash, b.hash, a.count, b.count)
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
