package bake

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/stage"
)

// A record is what a bake knows between samples.
type record struct {
	Began   time.Time
	Last    time.Time // up to when samples were taken, or found missing
	Clear   int       // conclusive samples
	Misses  int       // samples in which a metric missed its bound
	Unclear int       // inconclusive samples in a row, up to Last
	Lost    string    // why there were too many of them; never forgotten once there were
}

// A sample is one look at all metrics. It is good if both are empty.
type sample struct{ bad, unclear []string }

// atOnce is the most samples of the past that one call takes.
const atOnce = 60

// look takes the samples that are due, and says when the next one is.
func (w Watch) look(ctx context.Context, in stage.Input, r *record) (stage.Output, error) {
	now := time.Now().UTC()
	r.follow(now)
	asked := 0
	for to := w.next(r, r.Last); !to.After(now); to = w.next(r, r.Last) {
		from, late := r.Last, !w.next(r, to).After(now) // late if the one after is due too
		if late && w.over(r) {
			from, to, late = now.Add(-w.every()), now, false // after the bake only the present counts
		}
		if late && w.looksBack() {
			if asked++; asked > atOnce {
				return w.again(r, time.Nanosecond), nil
			}
		}
		s, err := w.sample(ctx, in, from, to, late)
		if err != nil {
			return stage.Output{}, err
		}
		if err := w.count(r, s, to); err != nil {
			return stage.Output{}, err
		}
	}
	switch need := w.minSamples(); {
	case r.Lost != "":
		return w.giveUp(r.Lost)
	case !w.over(r) || r.Unclear > 0:
		return w.again(r, w.next(r, r.Last).Sub(now)), nil
	case r.Clear < need:
		return w.giveUp(fmt.Sprintf("%d of %d samples are conclusive; want at least %d", r.Clear, w.scheduled(), need))
	}
	return stage.Output{Summary: fmt.Sprintf("baked for %v, %s", w.For, w.misses(r))}, nil
}

// follow starts the record, and moves it with a clock that was set back.
func (r *record) follow(now time.Time) {
	if r.Began.IsZero() {
		r.Began, r.Last = now, now
	}
	if back := r.Last.Sub(now); back > 0 {
		r.Began, r.Last = r.Began.Add(-back), now
	}
}

// baked returns how much of the bake was looked at, for people.
func (r *record) baked() time.Duration { return r.Last.Sub(r.Began).Truncate(time.Millisecond) }

// next returns when the sample after the one at t is due. One is due at the
// very end of the bake, and more follow if that is inconclusive.
func (w Watch) next(r *record, t time.Time) time.Time {
	next, end := t.Add(w.every()), r.Began.Add(w.For)
	if t.Before(end) && next.After(end) {
		return end
	}
	return next
}

// over reports whether all samples on the schedule were taken or missed.
func (w Watch) over(r *record) bool { return !r.Last.Before(r.Began.Add(w.For)) }

func (w Watch) looksBack() bool {
	for _, m := range w.Metrics {
		if m.Past {
			return true
		}
	}
	return false
}

// sample looks at every metric, so that one that cannot be measured does not
// hide one that is bad. The error is that ctx is done, which says nothing of
// the metrics.
func (w Watch) sample(ctx context.Context, in stage.Input, from, to time.Time, late bool) (sample, error) {
	var s sample
	for _, m := range w.Metrics {
		if late && !m.Past {
			s.unclear = append(s.unclear, m.Name+" was not watched")
			continue
		}
		bad, err := m.judge(ctx, in, from, to)
		if ctx.Err() != nil {
			return sample{}, fmt.Errorf("bake: sampling %s: %w", m.Name, context.Cause(ctx))
		}
		if err != nil {
			s.unclear = append(s.unclear, err.Error())
		}
		if bad != "" {
			s.bad = append(s.bad, bad)
		}
	}
	return s, nil
}

// count adds the sample at t to the record. It fails at the first miss that is
// not tolerated, also if other metrics are inconclusive.
func (w Watch) count(r *record, s sample, t time.Time) error {
	r.Last = t
	if len(s.bad) > 0 {
		r.Misses++
	}
	if r.Misses > w.Tolerate {
		return stage.Failf("%s (%s, after %v of %v)", strings.Join(s.bad, "; "), w.misses(r), r.baked(), w.For)
	}
	if len(s.unclear) == 0 {
		r.Clear++
		r.Unclear = 0
		return nil
	}
	if r.Unclear++; r.Unclear >= w.maxErrors() {
		r.Lost = fmt.Sprintf("%d samples in a row are inconclusive, after %v of %v: %s", r.Unclear, r.baked(), w.For, strings.Join(s.unclear, "; "))
	}
	return nil
}

func (w Watch) again(r *record, wait time.Duration) stage.Output {
	return stage.Output{Again: wait, Summary: fmt.Sprintf("baked for %v of %v, %s", r.baked(), w.For, w.misses(r))}
}

// giveUp ends a bake that cannot know whether the release is good.
func (w Watch) giveUp(why string) (stage.Output, error) {
	if w.Inconclusive == Fail {
		return stage.Output{}, stage.Failf("not known to be good: %s", why)
	}
	return stage.Output{Ask: why}, nil
}

func (w Watch) misses(r *record) string {
	if r.Misses == 1 {
		return fmt.Sprintf("1 miss, %d tolerated", w.Tolerate)
	}
	return fmt.Sprintf("%d misses, %d tolerated", r.Misses, w.Tolerate)
}
