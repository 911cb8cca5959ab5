package pipelinetest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// A future is a random pipeline, and what stages and people do: as a story plays
// it, and as a forecast assumes it.
type future struct {
	t        *rapid.T
	runs     int
	left     int // leaves to draw
	names    int
	items    []string // of the ForEach that is drawn
	asked    []string // steps that people may be asked about
	places   []stage.Environment
	pipeline pipeline.Pipeline
	assume   pipeline.Assume
	stubs    map[string]pipelinetest.Stub
}

var voters = []string{"ann", "ben", "cat"}

func drawFuture(t *rapid.T) *future {
	f := &future{t: t, runs: rapid.IntRange(1, 2).Draw(t, "runs"), left: 7, stubs: map[string]pipelinetest.Stub{}}
	f.assume.Takes = map[string]time.Duration{}
	f.assume.Approve = time.Duration(rapid.SampledFrom([]int{0, 0, 40, 300, 2000}).Draw(t, "patience")) * time.Minute
	production := stage.Environment{Name: "production", Tier: stage.Production, Queue: stage.Queue(rapid.IntRange(0, 1).Draw(t, "queue"))}
	for range rapid.IntRange(0, 2).Draw(t, "gates of production") {
		production.Gates = append(production.Gates, f.gate())
	}
	f.places = []stage.Environment{{}, {}, {Name: "staging"}, {Name: "lab", Shared: true}, production, production}
	f.pipeline = pipeline.Pipeline{Name: "random", Steps: pipeline.Sequence{f.step(0)}}
	for f.left > 0 {
		f.pipeline.Steps = append(f.pipeline.Steps, f.step(0))
	}
	return f
}

func (f *future) name() string {
	f.names++
	return fmt.Sprint("s", f.names)
}

// asks notes that people may be asked about a step.
func (f *future) asks(name string) {
	if f.items == nil {
		f.asked = append(f.asked, name)
	}
	for _, item := range f.items {
		f.asked = append(f.asked, name+"["+item+"]")
	}
}

func (f *future) step(depth int) pipeline.Step {
	kind := rapid.IntRange(0, 12).Draw(f.t, "kind")
	if depth > 3 || f.left < 2 || kind == 9 && f.items != nil {
		kind %= 5
	}
	switch kind {
	case 0, 1, 2:
		return f.stage()
	case 3, 4:
		f.left--
		g := pipeline.Gate{Name: f.name(), Require: f.gate()}
		f.asks(g.Name)
		if rapid.IntRange(0, 3).Draw(f.t, "expires") == 0 {
			g.Expires = time.Duration(rapid.IntRange(1, 3000).Draw(f.t, "minutes")) * time.Minute
		}
		g.OnExpire = pipeline.Otherwise(rapid.IntRange(0, 1).Draw(f.t, "on expire"))
		return g
	case 5:
		return pipeline.Sequence(f.steps(depth))
	case 6:
		return pipeline.Parallel(f.steps(depth))
	case 7:
		g := pipeline.Graph{Max: rapid.IntRange(0, 2).Draw(f.t, "max"), FailFast: rapid.Bool().Draw(f.t, "fail fast")}
		for k, s := range f.steps(depth) {
			n := pipeline.Node{Name: fmt.Sprint("n", k), Step: s}
			for before := range k {
				if rapid.Bool().Draw(f.t, "after") {
					n.After = append(n.After, fmt.Sprint("n", before))
				}
			}
			g.Nodes = append(g.Nodes, n)
		}
		return g
	case 8:
		take := rapid.Bool().Draw(f.t, "take")
		return pipeline.When{Name: f.name(), Do: f.step(depth + 1), If: func(context.Context, pipeline.Facts) (bool, error) { return take, nil }}
	case 9:
		items := []string{"eu", "us", "ap"}[:rapid.IntRange(0, 3).Draw(f.t, "items")]
		f.items = items
		name, body := f.name(), f.step(depth+1)
		f.items = nil
		return pipeline.ForEach{
			Name: name, Max: rapid.IntRange(0, 2).Draw(f.t, "max"),
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return items, nil },
			Body:  func(string) pipeline.Step { return body },
		}
	case 10:
		within := time.Hour
		if f.runs > 1 {
			within = 1000 * time.Hour // when the time of two is up at once, either may be first
		}
		return pipeline.Finally{Of: f.step(depth + 1), Do: f.step(depth + 1), Within: within}
	}
	return pipeline.OnFailure{Of: pipeline.Sequence{f.stage(), f.step(depth + 1)}, Do: f.step(depth + 1)}
}

func (f *future) steps(depth int) (steps []pipeline.Step) {
	for range rapid.IntRange(1, 3).Draw(f.t, "steps") {
		steps = append(steps, f.step(depth+1))
	}
	return steps
}

func (f *future) stage() pipeline.Stage {
	f.left--
	s := pipeline.Stage{Name: f.name(), Run: must, Environment: rapid.SampledFrom(f.places).Draw(f.t, "environment")}
	if len(s.Environment.Gates) > 0 {
		f.asks(s.Name)
	}
	if rapid.IntRange(0, 3).Draw(f.t, "bakes") == 0 {
		s.Run = watch(time.Duration(rapid.IntRange(1, 6).Draw(f.t, "hours"))*time.Hour, 25*time.Minute)
		return s
	}
	takes := time.Duration(rapid.IntRange(0, 200).Draw(f.t, "minutes")) * time.Minute
	f.stubs[s.Name], f.assume.Takes[s.Name] = pipelinetest.Stub{Takes: takes}, takes
	if rapid.IntRange(0, 7).Draw(f.t, "fails") == 0 {
		s.Timeout = time.Hour
		s.Retry = pipeline.Retry{Times: rapid.IntRange(0, 2).Draw(f.t, "retries"), Wait: time.Minute}
	}
	return s
}

// gate returns a window, or people who all have to approve.
func (f *future) gate() gate.Gate {
	clock := func(what string) window.Clock {
		return window.Clock(fmt.Sprintf("%02d:%02d", rapid.IntRange(0, 23).Draw(f.t, what), rapid.IntRange(0, 59).Draw(f.t, what)))
	}
	switch rapid.IntRange(0, 3).Draw(f.t, "gate") {
	case 0:
		k := rapid.IntRange(1, 3).Draw(f.t, "approvals")
		return approval.Quorum{Need: k, From: voters[:k]}
	case 1:
		from := rapid.IntRange(2, 6).Draw(f.t, "from")
		return window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: window.Date(fmt.Sprintf("2026-03-%02d", from)), To: window.Date(fmt.Sprintf("2026-03-%02d", from+rapid.IntRange(1, 2).Draw(f.t, "days"))), Why: "freeze"}}})
	case 2:
		return window.Fits{For: time.Duration(rapid.IntRange(1, 90).Draw(f.t, "fits")) * time.Minute, In: window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "08:00", To: "18:00"}}
	}
	return window.Inside(window.Weekly{Zone: "Europe/Berlin", Days: rapid.SampledFrom([]window.Days{window.Weekdays, window.EveryDay, window.Tue | window.Thu}).Draw(f.t, "days"), From: clock("from"), To: clock("to")})
}

// story has the runs, and people who vote on all that they are asked.
func (f *future) story() pipelinetest.Story {
	s := pipelinetest.Story{Pipelines: []pipeline.Pipeline{f.pipeline}, Begin: monday, Stubs: f.stubs, Metrics: map[string]float64{"error rate": 0}}
	starter := rapid.SampledFrom([]string{"", "", "dan", "ann"}).Draw(f.t, "starter")
	for k := range f.runs {
		run := fmt.Sprint("r", k+1)
		start := pipelinetest.Start("random", pipeline.Trigger{Key: run, Actor: starter})
		s.Script = append(s.Script, start.After(time.Duration(k*rapid.IntRange(1, 400).Draw(f.t, "later"))*time.Minute))
		for _, name := range f.asked {
			for _, who := range voters {
				s.Script = append(s.Script, pipelinetest.Person{Name: who}.Approves(run, name).After(f.assume.Approve))
			}
		}
	}
	return s
}

// until returns a store with what was recorded up to t.
func until(t *rapid.T, store journal.Store, at time.Time) journal.Store {
	ctx := context.Background()
	names, err := store.List(ctx, journal.Query{})
	if err != nil {
		t.Fatal(err)
	}
	early := new(journal.Memory)
	for _, name := range names {
		events, err := store.Events(ctx, name, 0)
		if err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(events, func(e journal.Event) bool { return e.Time.After(at) })
		if n < 0 {
			n = len(events)
		}
		if n > 0 {
			if err := early.Append(ctx, journal.Batch{Journal: name, Events: events[:n]}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return early
}

// course is what a forecast has to agree on with what happened.
type course struct {
	Step                    string
	Status                  pipeline.Status
	Attempt                 int
	Reached, Started, Ended time.Time
}

func courseOf(r pipeline.Run) []course {
	status := r.Status
	if !status.Done() {
		status = pipeline.Waiting // an executor may not let go of it, as something is about to happen
	}
	all := []course{{"", status, 0, r.Began, time.Time{}, r.Ended}}
	for _, s := range r.Steps {
		all = append(all, course{s.Name, s.Status, s.Attempt, s.Reached, s.Started, s.Ended})
	}
	return all
}

// TestAForecastIsWhatHappens plays random pipelines, and compares how they went
// with what was foreseen when they began, and at times in between.
func TestAForecastIsWhatHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFuture(rt)
		if f.pipeline.Validate() != nil {
			rt.Skip("not valid")
		}
		got, store := pipelinetest.RunRecorded(t, new(recorder), f.story())
		f.assume.With = slices.Sorted(maps.Keys(got.Runs))
		over := monday.Add(14 * 24 * time.Hour)
		ahead := func(at time.Time) time.Duration { return over.Sub(at) + 1 } // a story goes on until all is done that is due at its end
		compare := func(r pipeline.Run, foreseen pipeline.Forecast, err error) {
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(courseOf(foreseen.Run), courseOf(r)); diff != "" {
				rt.Fatalf("the forecast of %s at %v is not what happened (-forecast +story):\n%s\n%v\n%v\n%v", r.ID, f.assume.At, diff, foreseen, f.pipeline, got.Timeline)
			}
		}
		if r := got.Runs["r1"]; len(got.Runs) == 1 && !again(r) {
			f.assume.At, f.assume.Ahead = r.Began, ahead(r.Began)
			foreseen, err := f.pipeline.Forecast(context.Background(), r.Trigger, f.assume)
			compare(r, foreseen, err)
		}
		for _, id := range f.assume.With {
			r := got.Runs[id]
			end := r.Ended
			if end.IsZero() {
				end = over
			}
			for k := range 3 {
				at := r.Began.Add(end.Sub(r.Began) / 3 * time.Duration(k))
				if slices.ContainsFunc(f.assume.With, func(other string) bool { return got.Runs[other].Began.After(at) }) {
					continue // nobody foresees that another run is started
				}
				f.assume.At, f.assume.Ahead = at, ahead(at)
				x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{f.pipeline}, Store: until(rt, store, at)}
				foreseen, err := x.Forecast(context.Background(), id, f.assume)
				compare(r, foreseen, err)
			}
		}
	})
}

// TestItemsActInOneOrder has gates of three items answer at one time: when they are
// first asked, two of them at a time, and when what they said lapses.
func TestItemsActInOneOrder(t *testing.T) {
	inside := func(from, to window.Clock) gate.Gate {
		return window.Inside(window.Weekly{Zone: "UTC", Days: window.EveryDay, From: from, To: to})
	}
	open := pipeline.Gate{Name: "open", Require: inside("03:00", "22:00"), Expires: time.Hour}
	late := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{inside("04:00", "05:00")}}
	p := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.ForEach{
			Name: "regions", Max: 2,
			Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu", "us", "ap"}, nil },
			Body:  func(string) pipeline.Step { return open },
		},
		pipeline.Stage{Name: "deploy", Run: must, Environment: late},
	}}
	got := pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{p}, Begin: monday,
		Script: []pipelinetest.Action{pipelinetest.Start("shop", pipeline.Trigger{Key: "r1"}).After(0)},
	})
	r := got.Runs["r1"]
	foreseen, err := p.Forecast(t.Context(), r.Trigger, pipeline.Assume{At: monday})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(courseOf(foreseen.Run), courseOf(r)); diff != "" {
		t.Errorf("the forecast is not what happened (-forecast +story):\n%s\n%v", diff, got.Timeline)
	}
}

// again reports whether a stage was called again, after a time that differs from
// run to run (R7).
func again(r pipeline.Run) bool {
	return slices.ContainsFunc(r.Steps, func(s pipeline.StepState) bool { return s.Attempt > 1 })
}
