package bake_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/stagetest"
)

var (
	v1 = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}}
	v2 = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}}
)

// A play is a bake that is driven as an executor drives it, in virtual time.
type play struct {
	watch bake.Watch
	in    stage.Input
	calls int
}

// until calls Run until the bake has ended, or the next call is due after t.
func (p *play) until(t *testing.T, end time.Time) (stage.Output, error) {
	t.Helper()
	for {
		p.calls++
		out, err := p.watch.Run(t.Context(), p.in)
		if err != nil || out.Again <= 0 {
			return out, err
		}
		p.in.State = out.State
		if !end.IsZero() && time.Now().Add(out.Again).After(end) {
			return out, nil
		}
		time.Sleep(out.Again)
	}
}

// A script answers the n-th question for the release under watch, from 1.
type script func(n int) (stage.Sample, error)

// source plays a script and remembers the questions.
type source struct {
	script  script
	queries []stage.Query
}

func (s *source) Sample(_ context.Context, q stage.Query) (stage.Sample, error) {
	s.queries = append(s.queries, q)
	return s.script(len(s.queries))
}

// letters makes a script of one letter for each sample; the last goes on.
func letters(text string) script {
	return func(n int) (stage.Sample, error) {
		switch text[min(n, len(text))-1] {
		case '.':
			return stage.Sample{Value: 0, Count: 100}, nil
		case '!':
			return stage.Sample{Value: 1, Count: 100}, nil
		case '0':
			return stage.Sample{}, nil
		case 'f':
			return stage.Sample{Value: 0, Count: 9}, nil
		case 'n':
			return stage.Sample{Value: math.NaN(), Count: 100}, nil
		case '+':
			return stage.Sample{Value: math.Inf(1), Count: 100}, nil
		case '-':
			return stage.Sample{Value: math.Inf(-1), Count: 100}, nil
		}
		return stage.Sample{Count: 100}, errors.New("connection refused")
	}
}

func TestWatchDecides(t *testing.T) {
	const (
		good = "baked for 10m0s"
		bad  = "error rate is 1; want at most 0.5"
		ask  = "samples in a row are inconclusive"
	)
	tests := []struct {
		name    string
		samples string // . good ! bad; inconclusive: 0 no data, f too few, n NaN, + and - infinite, e error
		change  func(*bake.Watch)
		want    string
		at      int // minute of the verdict
	}{
		{"all samples good", ".", nil, good, 10},
		{"a miss, none tolerated", ".........!", nil, bad, 10},
		{"the first sample a miss", "!", nil, bad, 1},
		{"as many misses as tolerated", "!.!.", tolerate(2), good, 10},
		{"one miss more than tolerated (D3)", "!.!.!", tolerate(2), bad, 5},
		{"the last sample a miss that is tolerated", ".........!", tolerate(1), good, 10},
		{"no data, in a row", ".0", nil, ask, 5},
		{"too few measurements, in a row", "f", nil, ask, 4},
		{"NaN, in a row", "n", nil, ask, 4},
		{"+Inf, in a row", "+", nil, ask, 4},
		{"-Inf, in a row, though it is below the bound", "-", nil, ask, 4},
		{"errors, in a row", "e", nil, ask, 4},
		{"different ones in a row", ".n0e+", nil, ask, 5},
		{"as many in a row as allowed, then a good one", "eee.nn....", nil, good, 10},
		{"one less in a row allowed", "eee.", func(w *bake.Watch) { w.MaxErrors = 3 }, ask, 3},
		{"inconclusive in a row, when that fails", "e", func(w *bake.Watch) { w.Inconclusive = bake.Fail }, "not known to be good: 4 samples", 4},
		{"a miss among the inconclusive", "ee!e", nil, bad, 3},
		{"the last sample inconclusive, the next one good", ".........e.", nil, good, 11},
		{"the last samples inconclusive", ".........e", nil, ask, 13},
		{"the last sample inconclusive, the next one a miss", ".........e!", nil, bad, 11},
		{"more than half inconclusive, never in a row", "ee.ee.ee..", nil, "4 of 10 samples are conclusive; want at least 5", 10},
		{"just enough conclusive", "ee.ee.e...", nil, good, 10},
		{"not enough conclusive for a strict one", "...e......", func(w *bake.Watch) { w.MinSamples = 10 }, "9 of 10 samples", 10},
		{"not enough conclusive, when that fails", "ee.ee.ee..", func(w *bake.Watch) { w.Inconclusive = bake.Fail }, "not known to be good: 4 of 10", 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{script: letters(tt.samples)}
				w := bake.Watch{For: 10 * time.Minute, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5), MinCount: 10}}}
				if tt.change != nil {
					tt.change(&w)
				}
				began := time.Now()
				out, err := (&play{watch: w}).until(t, time.Time{})
				text := out.Summary + out.Ask
				if err != nil {
					text = err.Error()
				}
				if !strings.Contains(text, tt.want) {
					t.Errorf("verdict %q; want %q", text, tt.want)
				}
				if no := (*stage.Failure)(nil); err != nil && !errors.As(err, &no) {
					t.Errorf("error %v is no verdict; want a Failure, which is not retried", err)
				}
				if got, want := time.Since(began), time.Duration(tt.at)*time.Minute; got != want {
					t.Errorf("verdict after %v; want %v", got, want)
				}
			})
		})
	}
}

func tolerate(n int) func(*bake.Watch) { return func(w *bake.Watch) { w.Tolerate = n } }

func TestWatchSamplesOnASchedule(t *testing.T) {
	tests := []struct {
		name       string
		long       time.Duration
		every      time.Duration
		wantEnds   []time.Duration
		wantWindow time.Duration // of the last
	}{
		{"a minute by default", 3 * time.Minute, 0, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, time.Minute},
		{"all of a short bake by default", 20 * time.Second, 0, []time.Duration{20 * time.Second}, 20 * time.Second},
		{"one at the very end, though it is early", 50 * time.Second, 20 * time.Second, []time.Duration{20 * time.Second, 40 * time.Second, 50 * time.Second}, 10 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &source{script: letters(".")}
				p := &play{
					watch: bake.Watch{For: tt.long, Every: tt.every, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5)}}},
					in:    stage.Input{Artifacts: v2, Previous: v1},
				}
				if _, err := p.until(t, time.Time{}); err != nil {
					t.Fatal(err)
				}
				var ends []time.Duration
				last := began
				for _, q := range s.queries {
					ends = append(ends, q.To.Sub(began))
					if !q.From.Equal(last) || q.Artifacts.Digest() != v2.Digest() {
						t.Errorf("query from %v of %v; want from %v, where the one before ended, of what is under watch", q.From.Sub(began), q.Artifacts, last.Sub(began))
					}
					last = q.To
				}
				if !slices.Equal(ends, tt.wantEnds) {
					t.Errorf("samples up to %v; want %v", ends, tt.wantEnds)
				}
				if q := s.queries[len(s.queries)-1]; q.To.Sub(q.From) != tt.wantWindow {
					t.Errorf("last sample is of %v; want %v", q.To.Sub(q.From), tt.wantWindow)
				}
			})
		})
	}
}

// TestWatchLastsAsLongAsItSays guards what forecasts are made of.
func TestWatchLastsAsLongAsItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &play{watch: bake.Watch{For: 100 * time.Minute, Every: 30 * time.Minute, Metrics: []bake.Metric{{Name: "error rate", Source: &source{script: letters(".")}, Want: bake.AtMost(0.5)}}}}
		began := time.Now()
		if _, err := p.until(t, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(began), stage.Lasts(p.watch); got != want {
			t.Errorf("a good bake ended after %v; want %v, as Lasts says", got, want)
		}
	})
}

func TestWatchAfterDowntime(t *testing.T) {
	tests := []struct {
		name    string
		past    bool
		dead    time.Duration // from minute 30 of a bake of two hours
		samples string        // from minute 31 on
		want    string
		at      time.Duration
		asked   int // queries in all
	}{
		{"a short restart, two samples missed", false, 3 * time.Minute, ".", "baked for 2h0m0s", 2 * time.Hour, 118},
		{"an hour, of which nobody knows", false, time.Hour, ".", "59 samples in a row are inconclusive, after 1h29m0s of 2h0m0s: error rate was not watched", 90*time.Minute + 30*time.Second, 31},
		{"an hour, and it is bad now", false, time.Hour, "!", "error rate is 1; want at most 0.5 (1 miss, 0 tolerated, after 1h30m0s", 90*time.Minute + 30*time.Second, 31},
		{"an hour, known later", true, time.Hour, ".", "baked for 2h0m0s", 2 * time.Hour, 120},
		{"an hour with an outburst, known later", true, time.Hour, "..!.", "after 33m0s of 2h0m0s", 90*time.Minute + 30*time.Second, 33},
		{"an hour, not known later either", true, time.Hour, "e", "error rate cannot be measured", 90*time.Minute + 30*time.Second, 90},
		{"past its end, of which nobody knows", false, 24 * time.Hour, ".", "90 samples in a row are inconclusive", 24*time.Hour + 30*time.Minute + 30*time.Second, 31},
		{"past its end, known later, and good now", true, 24 * time.Hour, ".", "baked for 2h0m0s", 24*time.Hour + 30*time.Minute + 30*time.Second, 121},
		{"past its end, known later, and bad now", true, 24 * time.Hour, strings.Repeat(".", 90) + "!", "error rate is 1", 24*time.Hour + 30*time.Minute + 30*time.Second, 121},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &source{script: letters(strings.Repeat(".", 30) + tt.samples)}
				p := &play{watch: bake.Watch{For: 2 * time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5), Past: tt.past}}}}
				p.until(t, began.Add(30*time.Minute))
				time.Sleep(tt.dead + 30*time.Second)
				out, err := p.until(t, time.Time{})
				text := out.Summary + out.Ask
				if err != nil {
					text = err.Error()
				}
				if !strings.Contains(text, tt.want) {
					t.Errorf("verdict %q; want %q", text, tt.want)
				}
				if got := time.Since(began).Truncate(time.Second); got != tt.at {
					t.Errorf("verdict after %v; want %v (D5)", got, tt.at)
				}
				if got := len(s.queries); got != tt.asked {
					t.Errorf("the source was asked %d times; want %d", got, tt.asked)
				}
			})
		})
	}
}

func TestWatchCatchesUpInBoundedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{script: letters(".")}
		p := &play{watch: bake.Watch{For: 24 * time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5), Past: true}}}}
		p.until(t, time.Now())
		time.Sleep(12*time.Hour + time.Second)
		before := len(s.queries)
		out, err := p.watch.Run(t.Context(), p.in)
		if got := len(s.queries) - before; err != nil || got != 60 || out.Again <= 0 || out.Again > time.Second {
			t.Errorf("Run after half a day asked %d times, then %+v, %v; want 60 times, and the rest at once (R10)", got, out, err)
		}
		p.in.State = out.State
		if _, err := p.until(t, time.Time{}); err != nil || len(s.queries) != 24*60 {
			t.Errorf("in all %d samples, %v; want each of a day", len(s.queries), err)
		}
	})
}

func TestWatchFollowsAClockThatWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24 * time.Hour)
		s := &source{script: letters(".")}
		p := &play{watch: bake.Watch{For: time.Hour, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5)}}}}
		p.until(t, time.Now().Add(30*time.Minute))
		// What a process wrote whose clock was an hour ahead of this one.
		now := time.Now()
		p.in.State = []byte(strings.NewReplacer(
			now.Add(-30*time.Minute).UTC().Format(time.RFC3339Nano), now.Add(30*time.Minute).UTC().Format(time.RFC3339Nano),
			now.UTC().Format(time.RFC3339Nano), now.Add(time.Hour).UTC().Format(time.RFC3339Nano),
		).Replace(string(p.in.State)))
		out, err := p.until(t, time.Time{})
		if err != nil || out.Summary != "baked for 1h0m0s, 0 misses, 0 tolerated" {
			t.Errorf("verdict %+v, %v; want it baked", out, err)
		}
		if got := time.Since(now); got != 30*time.Minute || len(s.queries) != 60 {
			t.Errorf("baked for %v more, with %d samples in all; want 30m0s, and never an hour without a look (I20)", got, len(s.queries))
		}
	})
}

func TestWatchDoesNotCountWhatItHadNoTimeFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := &source{script: func(int) (stage.Sample, error) {
			stop()
			return stage.Sample{}, ctx.Err()
		}}
		p := &play{watch: bake.Watch{For: time.Hour, MaxErrors: 1, Metrics: []bake.Metric{{Name: "error rate", Source: s, Want: bake.AtMost(0.5)}}}}
		p.until(t, time.Now())
		time.Sleep(time.Minute)
		out, err := p.watch.Run(ctx, p.in)
		if no := (*stage.Failure)(nil); !errors.Is(err, context.Canceled) || errors.As(err, &no) || out.Ask != "" {
			t.Errorf("Run when the process shuts down = %+v, %v; want a plain error, and no verdict (R6)", out, err)
		}
	})
}

func TestWatchDoesNotLetAHungSourceHideABadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := stage.SourceFunc(func(ctx context.Context, _ stage.Query) (stage.Sample, error) {
			<-ctx.Done()
			return stage.Sample{}, ctx.Err()
		})
		p := &play{watch: bake.Watch{For: time.Hour, Metrics: []bake.Metric{
			{Name: "latency", Source: hung, Want: bake.AtMost(0.5)},
			{Name: "error rate", Source: &source{script: letters("!")}, Want: bake.AtMost(0.5)},
		}}}
		_, err := p.until(t, time.Time{})
		if no := (*stage.Failure)(nil); !errors.As(err, &no) {
			t.Errorf("verdict %v; want a Failure, for the error rate is bad", err)
		}
	})
}

func TestWatchComparesWithTheBaseline(t *testing.T) {
	of := func(v float64) stage.Sample { return stage.Sample{Value: v, Count: 100} }
	tests := []struct {
		name        string
		want        bake.Bound
		canary      stage.Sample
		baseline    stage.Sample
		first       bool
		good, known bool
	}{
		{"at the limit", bake.AtMost(1.5).TimesBaseline(0), of(15), of(10), false, true, true},
		{"above the limit", bake.AtMost(1.5).TimesBaseline(0), of(15.5), of(10), false, false, true},
		{"above the limit, within the slack", bake.AtMost(1.5).TimesBaseline(1), of(15.5), of(10), false, true, true},
		{"both without errors", bake.AtMost(1.5).TimesBaseline(0), of(0), of(0), false, true, true},
		{"one error beside none", bake.AtMost(1.5).TimesBaseline(0), of(0.001), of(0), false, false, true},
		{"one error beside none, within the slack", bake.AtMost(1.5).TimesBaseline(0.01), of(0.001), of(0), false, true, true},
		{"fewer orders than half", bake.AtLeast(0.5).TimesBaseline(0), of(4), of(10), false, false, true},
		{"orders beside none", bake.AtLeast(0.5).TimesBaseline(0), of(4), of(0), false, true, true},
		{"between", bake.Between(0.5, 1.5).TimesBaseline(0), of(10), of(10), false, true, true},
		{"a baseline without data", bake.AtMost(1.5).TimesBaseline(0), of(0), stage.Sample{}, false, false, false},
		{"a baseline that is NaN", bake.AtMost(1.5).TimesBaseline(0), of(0), of(math.NaN()), false, false, false},
		{"a baseline below 0", bake.AtMost(1.5).TimesBaseline(0), of(0), of(-1), false, false, false},
		{"a value below 0", bake.AtMost(1.5).TimesBaseline(0), of(-1), of(1), false, false, false},
		{"the first deployment ever (D2)", bake.AtMost(1.5).TimesBaseline(0), of(7), stage.Sample{}, true, true, true},
		{"the first deployment ever, without data (D3)", bake.AtMost(1.5).TimesBaseline(0), stage.Sample{}, stage.Sample{}, true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var platform stagetest.Platform
				platform.Report("p99", "production", v1, tt.baseline)
				platform.Report("p99", "production", v2, tt.canary)
				p := &play{
					watch: bake.Watch{For: time.Minute, MaxErrors: 1, Metrics: []bake.Metric{{Name: "p99", Source: platform.Source("p99"), Want: tt.want}}},
					in:    stage.Input{Environment: stage.Environment{Name: "production"}, Artifacts: v2, Previous: v1},
				}
				if tt.first {
					p.in.Previous = nil
				}
				out, err := p.until(t, time.Time{})
				if good, known := err == nil && out.Ask == "", out.Ask == ""; good != tt.good || known != tt.known {
					t.Errorf("verdict %+v, %v: good %v, known %v; want %v, %v", out, err, good, known, tt.good, tt.known)
				}
			})
		})
	}
}
