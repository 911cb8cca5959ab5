//go:build linux

package killtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
	"github.com/penstock/penstock/stage"
)

// A sample is what a process uses while nothing is under way.
type sample struct {
	runs       int // that have ended
	resident   int // bytes
	heap       int // bytes
	files      int // that are open
	goroutines int
}

func (s sample) String() string {
	return fmt.Sprintf("%d runs: %.1f MB resident, %.2f MB of heap, %d files, %d goroutines",
		s.runs, float64(s.resident)/1e6, float64(s.heap)/1e6, s.files, s.goroutines)
}

// leaks reports whether s has files or goroutines that a process with nothing
// under way has not, as it was before. SQLite closes those of a connection when
// nobody holds a lock.
func (s sample) leaks(before sample) bool {
	return s.files > before.files+16 || s.goroutines > before.goroutines+4
}

// An executor that is busy for long leaves no file and no goroutine behind, and
// keeps nothing of a run that has ended (I21).
func TestSoak(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	x := &pipeline.Executor{Pipelines: soaking(), Store: store, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- x.Serve(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve = %v", err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	p := &people{desk: func() *pipeline.Executor { return x }, acked: map[string]string{}}
	var samples []sample
	begun, runs := time.Now(), 0
	for len(samples) < 12 || time.Since(begun) < *soak {
		for until := time.Now().Add(*soak / 120); ; {
			runs += busy(t, x, p, runs)
			if time.Now().After(until) {
				break
			}
		}
		clear(p.acked)
		samples = append(samples, take(t, runs))
		if n := len(samples); n&(n-1) == 0 {
			t.Logf("%v: %v", time.Since(begun).Round(time.Second), samples[n-1])
		}
	}
	settled := samples[len(samples)/2:]
	first, last := settled[0], settled[len(settled)-1]
	until(t, "no more files and goroutines are left than by half of the runs", func() bool {
		return !take(t, runs).leaks(first)
	})
	more := float64(last.runs - first.runs)
	t.Logf("%v: %v", time.Since(begun).Round(time.Second), last)
	for _, g := range []struct {
		what    string
		of      func(sample) int
		once    float64 // as a pool or a cache fills
		eachRun float64 // as what is measured goes up and down
	}{
		{"bytes of heap", func(s sample) int { return s.heap }, 256e3, 100},
		{"resident bytes", func(s sample) int { return s.resident }, 8e6, 500},
	} {
		grown, most := slope(settled, g.of)*more, g.once+g.eachRun*more
		t.Logf("in %.0f runs: %+.0f %s", more, grown, g.what)
		if more < 500 {
			continue // so few do not tell a leak from an allocator that warms up
		}
		if grown > most {
			t.Errorf("%+.0f %s in %.0f runs; want %+.0f at the most", grown, g.what, more, most)
		}
	}
}

// busy has some runs done, and returns how many.
func busy(t *testing.T, x *pipeline.Executor, p *people, from int) int {
	t.Helper()
	const n = 8
	var ids []string
	for k := range n {
		id, err := x.Start(t.Context(), "soak", pipeline.Trigger{Key: fmt.Sprintf("run-%d", from+k), Cause: pipeline.Promotion, Actor: "zoe", Artifacts: images("one")})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	until(t, "the runs have ended", func() bool {
		runs := p.look(t.Context(), ids...)
		return !slices.ContainsFunc(ids, func(id string) bool { return runs[id].Status != pipeline.Succeeded })
	})
	return n
}

func soaking() []pipeline.Pipeline {
	work := stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })
	poll := stage.Poll(func(_ context.Context, _ stage.Input, looks *int) (stage.Output, error) {
		if *looks++; *looks < 3 {
			return stage.Output{Again: time.Millisecond}, nil
		}
		return stage.Output{}, nil
	})
	deploy := stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		return stage.Output{Live: in.Artifacts, Traffic: 100}, nil
	})
	production := stage.Environment{Name: "production", Tier: stage.Production}
	return []pipeline.Pipeline{{Name: "soak", Given: []string{"image"}, Steps: pipeline.Sequence{
		pipeline.Parallel{pipeline.Stage{Name: "unit", Run: work}, pipeline.Stage{Name: "scan", Run: poll}},
		pipeline.Gate{Name: "release", Require: approval.Quorum{From: []string{"ann"}}},
		pipeline.Stage{Name: "deploy", Run: deploy, Environment: production, Consumes: []string{"image"}},
	}}}
}

// take takes a sample.
func take(t *testing.T, runs int) sample {
	t.Helper()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return sample{runs, pages * os.Getpagesize(), int(m.HeapAlloc), len(files), runtime.NumGoroutine()}
}

// slope returns how fast a quantity grows with each run: the median of the slopes
// between all pairs of samples (Theil 1950, Sen 1968).
func slope(samples []sample, of func(sample) int) float64 {
	var s []float64
	for k, b := range samples {
		for _, a := range samples[:k] {
			s = append(s, float64(of(b)-of(a))/float64(b.runs-a.runs))
		}
	}
	slices.Sort(s)
	return s[len(s)/2]
}
