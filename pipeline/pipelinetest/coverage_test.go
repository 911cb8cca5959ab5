package pipelinetest_test

import (
	"context"
	"flag"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var (
	officeHours = window.Inside(window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "09:00", To: "17:00"})
	marketDay   = window.Outside(window.Weekly{Zone: "UTC", Days: window.Mon})
	ticket      = gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		if req.Params["ticket"] == "" {
			return gate.Rejectf("no ticket"), nil
		}
		return gate.Passf("ticket"), nil
	})
	quick = approval.Quorum{From: []string{"ann"}, Veto: true}
)

// seenIn returns the points of p that a story sees, and the others.
func seenIn(t *testing.T, p pipeline.Pipeline, script ...pipelinetest.Action) (seen, unseen []string) {
	t.Helper()
	var c pipelinetest.Coverage
	pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{p}, Begin: monday, Metrics: map[string]float64{"error rate": 0},
		Script: script, Coverage: &c,
	})
	for _, point := range c.Report(p).Points {
		if text := point.Of + ": " + point.What; point.Stories > 0 {
			seen = append(seen, text)
		} else {
			unseen = append(unseen, text)
		}
	}
	return seen, unseen
}

func TestWhatAStorySees(t *testing.T) {
	start := func(cause pipeline.Cause) pipelinetest.Action {
		return pipelinetest.Start("toy", pipeline.Trigger{Key: "r1", Cause: cause})
	}
	r1 := start("")
	a, b := pipelinetest.Stage{Run: "r1", Name: "a"}, pipelinetest.Stage{Run: "r1", Name: "b"}
	production := stage.Environment{Name: "production", Gates: []gate.Gate{gate.All(marketDay, ticket)}}
	live := pipeline.Stage{Name: "a", Run: must, Environment: production}
	newest := pipeline.Stage{Name: "a", Run: must, Environment: stage.Environment{Name: "uat", Queue: stage.Newest}}
	shared := pipeline.Stage{Name: "a", Run: must, Environment: stage.Environment{Name: "test", Shared: true}}
	byHand := func(_ context.Context, f pipeline.Facts) (bool, error) {
		return f.Trigger.Cause == pipeline.Manual, nil
	}
	each := func(body func(string) pipeline.Step) pipeline.ForEach {
		return pipeline.ForEach{Name: "regions", Body: body, Items: func(_ context.Context, f pipeline.Facts) ([]string, error) {
			if f.Trigger.Cause == pipeline.Manual {
				return []string{"eu", "us"}, nil
			}
			return nil, nil
		}}
	}
	tidy := pipeline.Finally{Of: work("a"), Do: pipeline.Sequence{work("c"), work("d")}}
	for _, tt := range []struct {
		name   string
		steps  pipeline.Sequence
		script []pipelinetest.Action
		seen   string // one a line
		unseen string
	}{
		{"no run", named(work("a")).Steps, nil, "", "stage a: succeeding\nstage a: failing"},
		{"a stage that succeeds", named(work("a")).Steps, []pipelinetest.Action{r1}, "stage a: succeeding", "stage a: failing"},
		{"a stage that fails", named(work("a")).Steps, []pipelinetest.Action{r1, a.Fails("no")}, "stage a: failing", "stage a: succeeding"},
		{"a stage that fails, and is retried (R7)", named(work("a")).Steps, []pipelinetest.Action{r1, a.Fails("no"), ann.Retries("r1", "a", "yes")}, "stage a: succeeding\nstage a: failing", ""},
		{"a stage that could not be done for a while (R7)", pipeline.Sequence{pipeline.Stage{Name: "a", Run: must, Retry: pipeline.Retry{Times: 1}}}, []pipelinetest.Action{r1, a.Errors(1, "no")}, "stage a: succeeding\nstage a: tried again", "stage a: failing"},
		{"a stage that could not be done", pipeline.Sequence{pipeline.Stage{Name: "a", Run: must, Retry: pipeline.Retry{Times: 1}}}, []pipelinetest.Action{r1, a.Errors(2, "no")}, "stage a: failing\nstage a: tried again", "stage a: succeeding"},
		{"a stage that is to be tried again has not failed yet", pipeline.Sequence{pipeline.Stage{Name: "a", Run: must, Retry: pipeline.Retry{Times: 1, Wait: 1000 * time.Hour, Most: 1000 * time.Hour}}}, []pipelinetest.Action{r1, a.Errors(1, "no")}, "stage a: tried again", "stage a: succeeding\nstage a: failing"},
		{"a stage that is canceled has not failed (R6)", named(work("a")).Steps, []pipelinetest.Action{r1, a.Hangs(), ann.Cancels("r1", "no").After(time.Hour)}, "", "stage a: succeeding\nstage a: failing"},

		{"a gate that waits", pipeline.Sequence{pipeline.Gate{Name: "g", Require: quick}}, []pipelinetest.Action{r1}, "gate g: waiting", "gate g: passing\ngate g: rejecting"},
		{"a gate that passes", pipeline.Sequence{pipeline.Gate{Name: "g", Require: quick}}, []pipelinetest.Action{r1, ann.Approves("r1", "g")}, "gate g: waiting\ngate g: passing", "gate g: rejecting"},
		{"a gate that rejects, and then waits for a person (G2)", pipeline.Sequence{pipeline.Gate{Name: "g", Require: ticket, OnReject: pipeline.Hold}}, []pipelinetest.Action{r1}, "gate g: rejecting", "gate g: waiting\ngate g: passing"},
		{"a gate that expires has not rejected (G2)", pipeline.Sequence{pipeline.Gate{Name: "g", Require: quick, Expires: time.Hour}}, []pipelinetest.Action{r1}, "gate g: waiting\ngate g: expiring", "gate g: passing\ngate g: rejecting"},
		{"a gate that is overridden has not passed (G8)", pipeline.Sequence{pipeline.Gate{Name: "g", Require: quick}}, []pipelinetest.Action{r1, ann.Overrides("r1", "fire", "g")}, "", "gate g: waiting\ngate g: passing\ngate g: rejecting"},
		{"a quorum without a veto and a window never reject", pipeline.Sequence{pipeline.Gate{Name: "g", Require: gate.All(&approval.Quorum{From: []string{"ann"}}, officeHours)}}, []pipelinetest.Action{r1},
			"gate g: waiting\ngate g, inside Mon-Fri 09:00-17:00 UTC: open", "gate g: passing\ngate g, inside Mon-Fri 09:00-17:00 UTC: shut"},
		{"a window that is shut", pipeline.Sequence{pipeline.Gate{Name: "g", Require: marketDay}}, []pipelinetest.Action{r1}, "gate g: waiting\ngate g: passing", ""},

		{"an environment whose gate is shut", pipeline.Sequence{live}, []pipelinetest.Action{r1},
			"environment production, all of (outside Mon 00:00-24:00 UTC; gate.Func): shut\nenvironment production, outside Mon 00:00-24:00 UTC: open\nenvironment production, outside Mon 00:00-24:00 UTC: shut",
			"environment production, all of (outside Mon 00:00-24:00 UTC; gate.Func): open\nenvironment production: with a run that waits to enter\nstage a: succeeding\nstage a: failing"},
		{"an environment that several runs may enter has no queue (E1)", pipeline.Sequence{shared}, []pipelinetest.Action{r1}, "stage a: succeeding", "stage a: failing"},
		{"a run that waits for another one (E1)", pipeline.Sequence{newest}, []pipelinetest.Action{r1, a.Hangs(), pipelinetest.Start("toy", pipeline.Trigger{Key: "r2"}), ann.Cancels("r1", "").After(time.Hour)},
			"environment uat: with a run that waits to enter\nstage a: succeeding", "environment uat: with a run that is superseded\nstage a: failing"},
		{"a run that is superseded (E2)", pipeline.Sequence{newest}, []pipelinetest.Action{
			r1, a.Hangs(), pipelinetest.Start("toy", pipeline.Trigger{Key: "r2"}), pipelinetest.Start("toy", pipeline.Trigger{Key: "r3"}), ann.Cancels("r1", "").After(time.Hour),
		}, "environment uat: with a run that waits to enter\nenvironment uat: with a run that is superseded\nstage a: succeeding", "stage a: failing"},
		{"gates of an environment that nobody asks", pipeline.Sequence{
			pipeline.Stage{Name: "w", Run: watch(time.Hour, time.Minute), Environment: stage.Environment{Name: "p", Shared: true, Gates: []gate.Gate{ticket}}},
			pipeline.OnFailure{Of: work("a"), Do: pipeline.Stage{Name: "b", Run: must, Environment: stage.Environment{Name: "p", Shared: true, Gates: []gate.Gate{ticket}}}},
		}, nil, "", "stage w: succeeding\nstage w: failing\nway out b: taken\nstage a: succeeding\nstage a: failing\nstage b: succeeding\nstage b: failing"},

		{"a condition that holds (R8)", pipeline.Sequence{pipeline.When{Name: "w", If: byHand, Do: work("a")}}, []pipelinetest.Action{start(pipeline.Manual)}, "when w: taken\nstage a: succeeding", "when w: not taken\nstage a: failing"},
		{"a condition that does not", pipeline.Sequence{pipeline.When{Name: "w", If: byHand, Do: work("a")}}, []pipelinetest.Action{r1}, "when w: not taken", "when w: taken\nstage a: succeeding\nstage a: failing"},
		{"no items (R8a)", pipeline.Sequence{each(func(string) pipeline.Step { return work("a") })}, []pipelinetest.Action{r1}, "for-each regions: without items", "for-each regions: with items\nstage a: succeeding\nstage a: failing"},
		{"items, each with a way to tidy up", pipeline.Sequence{each(func(string) pipeline.Step { return tidy })}, []pipelinetest.Action{
			start(pipeline.Manual), pipelinetest.Stage{Run: "r1", Name: "a[eu]"}.Fails("no"),
		}, "for-each regions: with items\nfinally c: after success\nfinally c: after failure\nstage a: succeeding\nstage a: failing\nstage c: succeeding\nstage d: succeeding", "for-each regions: without items\nstage c: failing\nstage d: failing"},

		{"a way out (R5)", pipeline.Sequence{pipeline.OnFailure{Of: work("a"), Do: work("b")}}, []pipelinetest.Action{r1, a.Fails("no"), b.Fails("no")}, "way out b: taken\nstage a: failing\nstage b: failing", "stage a: succeeding\nstage b: succeeding"},
		{"a way out that is overridden before is not taken", pipeline.Sequence{pipeline.OnFailure{Of: work("a"), Do: pipeline.Gate{Name: "g", Require: quick}}}, []pipelinetest.Action{r1, ann.Overrides("r1", "fire", "g")}, "stage a: succeeding", "way out g: taken\nstage a: failing\ngate g: waiting\ngate g: passing\ngate g: rejecting"},
		{"what is done finally, after success (R5)", pipeline.Sequence{tidy}, []pipelinetest.Action{r1}, "finally c: after success\nstage a: succeeding\nstage c: succeeding\nstage d: succeeding", "finally c: after failure\nstage a: failing\nstage c: failing\nstage d: failing"},
		{"after failure", pipeline.Sequence{tidy}, []pipelinetest.Action{r1, a.Fails("no")}, "finally c: after failure\nstage a: failing\nstage c: succeeding\nstage d: succeeding", "finally c: after success\nstage a: succeeding\nstage c: failing\nstage d: failing"},
		{"canceled before anything is begun (R6)", pipeline.Sequence{pipeline.Finally{Of: pipeline.Gate{Name: "g", Require: quick}, Do: work("c")}}, []pipelinetest.Action{r1, ann.Cancels("r1", "").After(time.Hour)},
			"finally c: after failure\ngate g: waiting\nstage c: succeeding", "finally c: after success\ngate g: passing\ngate g: rejecting\nstage c: failing"},
		{"canceled while it is done finally", pipeline.Sequence{tidy}, []pipelinetest.Action{r1, ann.Cancels("r1", "").WhenEnded("r1", "c")}, "finally c: after success\nstage a: succeeding\nstage c: succeeding\nstage d: succeeding", "finally c: after failure\nstage a: failing\nstage c: failing\nstage d: failing"},
		{"a gate that skips the rest is no failure (G2)", pipeline.Sequence{pipeline.Finally{Of: pipeline.Sequence{pipeline.Gate{Name: "g", Require: ticket, OnReject: pipeline.Skip}, work("a")}, Do: work("c")}}, []pipelinetest.Action{r1},
			"finally c: after success\ngate g: rejecting\nstage c: succeeding", "finally c: after failure\ngate g: waiting\ngate g: passing\nstage a: succeeding\nstage a: failing\nstage c: failing"},
		{"after failure, then retried to success", pipeline.Sequence{tidy}, []pipelinetest.Action{r1, a.Fails("no"), ann.Retries("r1", "a", "yes")},
			"finally c: after success\nfinally c: after failure\nstage a: succeeding\nstage a: failing\nstage c: succeeding\nstage d: succeeding", "stage c: failing\nstage d: failing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen, unseen := seenIn(t, pipeline.Pipeline{Name: "toy", Steps: tt.steps}, tt.script...)
			if diff := cmp.Diff(tt.seen, strings.Join(seen, "\n")); diff != "" {
				t.Errorf("seen is (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.unseen, strings.Join(unseen, "\n")); diff != "" {
				t.Errorf("not seen is (-want +got):\n%s", diff)
			}
		})
	}
}

// twice is a pipeline of two stages, of which a story fails the first.
func twice(t *testing.T, c *pipelinetest.Coverage) pipeline.Pipeline {
	t.Helper()
	p := named(work("a"), work("b"))
	pipelinetest.Run(t, pipelinetest.Story{Pipelines: []pipeline.Pipeline{p}, Coverage: c, Script: []pipelinetest.Action{
		pipelinetest.Start(p.Name, pipeline.Trigger{Key: "r1"}), pipelinetest.Stage{Run: "r1", Name: "a"}.Fails("no"),
	}})
	return p
}

func TestGapsCanBeAccepted(t *testing.T) {
	c := pipelinetest.Coverage{Accepted: map[string]string{
		"toy: stage b: never seen failing":    "it cannot",
		"toy: stage a: never seen failing":    "it cannot, they say",
		"toy: stage c: never seen succeeding": "a slip of the pen",
	}}
	p := twice(t, &c)
	got := c.Report(p)
	want := `4 points: 1 seen, 1 accepted, 2 gaps
toy: stage a: never seen succeeding
toy: stage b: never seen succeeding
toy: stage a: never seen failing: accepted, and was seen or cannot be; take it out of Accepted
toy: stage c: never seen succeeding: accepted, and was seen or cannot be; take it out of Accepted`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("String (-want +got):\n%s", diff)
	}
	if gaps := got.Gaps(); len(gaps) != 2 || got.Err() == nil {
		t.Errorf("Gaps = %v, Err = %v; want two, and an error", gaps, got.Err())
	}
}

func TestWhatStandsInForAGateIsNotSeen(t *testing.T) {
	both := gate.All(approval.Quorum{From: []string{"ann"}}, marketDay)
	p := named(
		pipeline.Gate{Name: "g", Require: both},
		pipeline.Stage{Name: "a", Run: must, Environment: stage.Environment{Name: "live", Gates: []gate.Gate{marketDay}}},
	)
	var c pipelinetest.Coverage
	pipelinetest.Run(t, pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{p}, Coverage: &c, Gates: map[string]gate.Gate{"g": gate.All(marketDay, officeHours), "live": officeHours},
		Begin: monday, Script: []pipelinetest.Action{pipelinetest.Start("toy", pipeline.Trigger{Key: "r1"})},
	})
	for _, point := range c.Report(p).Points {
		if strings.Contains(point.Of, ", ") && point.Stories > 0 {
			t.Errorf("seen is %s %s; want nothing of a gate that was not asked", point.Of, point.What)
		}
	}
}

func TestStoriesOfAnotherDefinitionDoNotCount(t *testing.T) {
	var c pipelinetest.Coverage
	p := twice(t, &c)
	p.Steps = append(p.Steps, work("c"))
	if got := c.Report(p); got.Stories != 0 || slices.ContainsFunc(got.Points, func(p pipelinetest.SeenPoint) bool { return p.Stories > 0 }) {
		t.Errorf("Report = %v; want nothing seen, for the story is of a pipeline without stage c", got)
	}
	if got := c.Report(p).String(); !strings.HasPrefix(got, "6 points: 0 seen, 0 accepted, 6 gaps, for no story was of these pipelines as they are defined\n") {
		t.Errorf("String = %s\nwant why nothing was seen", got)
	}
}

func TestNoResultHasSeenNothing(t *testing.T) {
	var c pipelinetest.Coverage
	c.Add(nil)
	if got := c.Report(named(work("a"))); got.Stories != 0 || len(got.Gaps()) != len(got.Points) {
		t.Errorf("Report = %v; want nothing seen", got)
	}
}

func TestAPipelineThatIsWrongHasNoPoints(t *testing.T) {
	var c pipelinetest.Coverage
	if got := c.Report(pipeline.Pipeline{Name: "toy"}); len(got.Points) > 0 || got.Err() != nil {
		t.Errorf("Report = %v; want no points", got)
	}
}

func TestStoriesAreAddedFromTestsThatRunAtOnce(t *testing.T) {
	var c pipelinetest.Coverage
	p := named(work("a"))
	got := pipelinetest.Run(t, pipelinetest.Story{Pipelines: []pipeline.Pipeline{p}, Script: []pipelinetest.Action{
		pipelinetest.Start("toy", pipeline.Trigger{Key: "r1"}),
	}})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { c.Add(got); c.Report(p) })
	}
	all.Wait()
	if report := c.Report(p); report.Stories != 8 || report.Points[0].Stories != 8 {
		t.Errorf("Report = %+v; want 8 stories, each of which saw stage a succeed", report)
	}
}

// tests is how the tests of a package went.
type tests int

func (code tests) Run() int { return int(code) }

// set sets a flag for the time of a test.
func set(t *testing.T, name, value string) {
	t.Helper()
	f := flag.Lookup(name)
	old := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

func TestMainReports(t *testing.T) {
	set(t, "test.run", "")
	set(t, "test.skip", "")
	set(t, "test.short", "false")
	accepted := map[string]string{
		"toy: stage a: never seen succeeding": "", "toy: stage b: never seen succeeding": "why not", "toy: stage b: never seen failing": "why not",
	}
	for _, tt := range []struct {
		name string
		code tests
		why  string // stage a need not succeed
		flag [2]string
		want int
		text string
	}{
		{"a gap", 0, "", [2]string{}, 1, "pipelinetest: 4 points: 1 seen, 2 accepted, 1 gaps\n\ttoy: stage a: never seen succeeding\n"},
		{"no gap", 0, "why not", [2]string{}, 0, "pipelinetest: 4 points: 1 seen, 3 accepted, 0 gaps\n"},
		{"a test that fails", 2, "", [2]string{}, 2, ""},
		{"only some tests", 0, "", [2]string{"test.run", "TestOne"}, 0, ""},
		{"all but some tests", 0, "", [2]string{"test.skip", "TestOne"}, 0, ""},
		{"short tests", 0, "", [2]string{"test.short", "true"}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			accepted["toy: stage a: never seen succeeding"] = tt.why
			c := pipelinetest.Coverage{Accepted: accepted}
			p := twice(t, &c)
			if name, value := tt.flag[0], tt.flag[1]; name != "" {
				set(t, name, value)
			}
			var text strings.Builder
			if got := c.MainTo(&text, tt.code, p); got != tt.want || text.String() != tt.text {
				t.Errorf("Main = %d, %s\nwant %d, %s", got, text.String(), tt.want, tt.text)
			}
		})
	}
}
