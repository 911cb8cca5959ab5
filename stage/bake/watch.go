package bake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/stage"
)

// A Watch is a stage that succeeds if every metric keeps its bound for the
// whole of For. It fails with a [stage.Failure] at the first miss beyond
// Tolerate.
//
// It watches what the stage consumes. The baseline of a comparison is what the
// environment held before the run.
type Watch struct {
	For          time.Duration // bake time, on the wall clock
	Every        time.Duration // time between samples; 0 means a minute, or For if that is less
	Metrics      []Metric      // at least one
	Tolerate     int           // samples that may miss a bound; the next one fails
	MaxErrors    int           // inconclusive samples in a row that are too many; 0 means 4
	MinSamples   int           // conclusive samples needed in all; 0 means half of those on the schedule
	Inconclusive Inconclusive  // what to do about too many inconclusive samples, or too few others
}

// Inconclusive says what to do when it cannot be known whether a release is
// good. There is no way to say that it is.
type Inconclusive int

const (
	Ask  Inconclusive = iota // wait for a person
	Fail                     // fail, as if a metric had missed its bound
)

// String returns "ask" or "fail".
func (i Inconclusive) String() string {
	if i < Ask || i > Fail {
		return "unknown"
	}
	return [...]string{"ask", "fail"}[i]
}

// most is the most samples that a bake may have on its schedule.
const most = 1_000_000

// Watches reports that a bake changes nothing, so the gates of its environment
// do not hold it up: what went out before a window closed is watched (D5).
func (w Watch) Watches() bool { return true }

// Lasts returns For: a bake that ends well never ends before.
func (w Watch) Lasts() time.Duration { return w.For }

// Check reports all mistakes in w, and those that its sources find in
// themselves.
func (w Watch) Check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("bake: "+format, args...)) }
	if w.For <= 0 {
		refuse("for %v; want a time such as an hour", w.For)
	}
	if w.Every < 0 || w.Every > w.For && w.For > 0 {
		refuse("a sample every %v; want 0 to %v", w.Every, w.For)
	}
	if w.For > 0 && w.Every >= 0 && w.scheduled() > most {
		refuse("a sample every %v for %v is %d; want at most %d", w.every(), w.For, w.scheduled(), most)
	}
	if len(w.Metrics) == 0 {
		refuse("no metrics, so any release would be good")
	}
	if w.Tolerate < 0 {
		refuse("%d misses tolerated; want 0 or more", w.Tolerate)
	}
	if w.MaxErrors < 0 {
		refuse("%d inconclusive samples in a row are too many; want 0 or more", w.MaxErrors)
	}
	if w.MinSamples < 0 || w.For > 0 && w.MinSamples > w.scheduled() {
		refuse("%d samples needed of %d on the schedule", w.MinSamples, w.scheduled())
	}
	if w.Inconclusive.String() == "unknown" {
		refuse("Inconclusive is %d; want Ask or Fail", w.Inconclusive)
	}
	names := map[string]bool{}
	for _, m := range w.Metrics {
		if names[m.Name] {
			refuse("metric %q twice; want a name for each", m.Name)
		}
		names[m.Name] = true
		errs = append(errs, m.check())
	}
	return errors.Join(errs...)
}

// Describe says what w watches.
func (w Watch) Describe() string {
	metrics := make([]string, len(w.Metrics))
	for i, m := range w.Metrics {
		metrics[i] = m.String()
	}
	return fmt.Sprintf("bake for %v, every %v, %d misses tolerated, %v after %d inconclusive in a row or less than %d conclusive: %s",
		w.For, w.every(), w.Tolerate, w.Inconclusive, w.maxErrors(), w.minSamples(), strings.Join(metrics, "; "))
}

// Run implements [stage.Runner].
func (w Watch) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	if err := w.Check(); err != nil {
		return stage.Output{}, err
	}
	return stage.Poll(w.look).Run(ctx, in)
}

func (w Watch) every() time.Duration { return cmp.Or(w.Every, min(time.Minute, w.For)) }

// scheduled returns the number of samples on the schedule.
func (w Watch) scheduled() int {
	every := w.every()
	if every <= 0 {
		return 0
	}
	n := w.For / every
	if w.For%every != 0 {
		n++
	}
	return int(n)
}

func (w Watch) maxErrors() int  { return cmp.Or(w.MaxErrors, 4) }
func (w Watch) minSamples() int { return cmp.Or(w.MinSamples, (w.scheduled()+1)/2) }
