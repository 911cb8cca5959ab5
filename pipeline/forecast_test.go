package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// thursday is when the forecasts here are made: Thursday 12 March 2026, 15:00.
var thursday = time.Date(2026, time.March, 12, 15, 0, 0, 0, time.UTC)

var (
	live    = stage.Environment{Name: "production", Tier: stage.Production}
	office  = window.Inside(window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"})
	pastDay = window.Inside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-01-05"}}, Why: "the one day"})
)

// untouched is a hook that no forecast may call.
type untouched struct{ t *testing.T }

func (u untouched) Run(context.Context, stage.Input) (stage.Output, error) {
	u.t.Error("the hook of a stage was called")
	return stage.Output{}, nil
}

func (u untouched) Observe(context.Context, stage.Input) (stage.Observation, error) {
	u.t.Error("the hook of a stage was asked what it had done")
	return stage.Observation{}, nil
}

// stages returns a pipeline of steps in which no hook may be called.
func stages(t *testing.T, steps ...pipeline.Step) pipeline.Pipeline {
	for i, s := range steps {
		if s, ok := s.(pipeline.Stage); ok && s.Run == nil {
			s.Run = untouched{t}
			steps[i] = s
		}
	}
	return pipeline.Pipeline{Name: "shop", Steps: steps}
}

func guardedBy(gates ...gate.Gate) stage.Environment {
	e := live
	e.Gates = gates
	return e
}

func release(e stage.Environment) pipeline.Stage {
	return pipeline.Stage{Name: "release", Environment: e}
}

func require(g gate.Gate) pipeline.Gate { return pipeline.Gate{Name: "go", Require: g} }

func TestForecastSaysWhenAndWhatHoldsItUp(t *testing.T) {
	two := approval.Quorum{Need: 2, Group: "managers"}
	named := approval.Quorum{From: []string{"ann", "ben"}}
	build := pipeline.Stage{Name: "build"}
	shut := errors.New("no route to host")
	cannot := gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Decision{}, shut })
	eu, us := stage.Environment{Name: "eu", Tier: stage.Production}, stage.Environment{Name: "us", Tier: stage.Production}
	for _, tt := range []struct {
		name   string
		steps  []pipeline.Step
		assume pipeline.Assume
		want   string
	}{
		{"nothing to wait for", []pipeline.Step{build}, pipeline.Assume{},
			"earliest end Thu 15:00 UTC"},
		{"a stage that takes its time, up to the minute", []pipeline.Step{build, release(live)}, pipeline.Assume{Default: 90 * time.Second},
			"earliest production Thu 15:02 UTC; done Thu 15:03"},
		{"a window", []pipeline.Step{build, release(guardedBy(office))}, pipeline.Assume{Takes: map[string]time.Duration{"build": 3 * time.Hour}},
			"blocked by outside office hours until Fri 09:00 UTC; earliest production Fri 09:00; done Fri 09:00"},
		{"a group", []pipeline.Step{require(two), release(live)}, pipeline.Assume{},
			"2 more approvals of managers; earliest production Thu 15:00 UTC; done Thu 15:00"},
		{"people, but for the one who started it (G5)", []pipeline.Step{require(named), release(live)}, pipeline.Assume{Approve: time.Hour},
			"1 more approval of ben by Thu 16:00 UTC; earliest production Thu 16:00; done Thu 16:00"},
		{"people who take longer for one gate", []pipeline.Step{require(two), release(live)}, pipeline.Assume{Approve: time.Hour, Takes: map[string]time.Duration{"go": 20 * 24 * time.Hour}},
			"2 more approvals of managers by Wed 1 Apr 15:00 UTC; earliest production Wed 1 Apr 15:00; done Wed 1 Apr 15:00"},
		{"anybody", []pipeline.Step{require(approval.Quorum{Need: 2, Anyone: true}), release(live)}, pipeline.Assume{},
			"2 more approvals of anyone; earliest production Thu 15:00 UTC; done Thu 15:00"},
		{"the one who started it alone (G5)", []pipeline.Step{require(approval.Quorum{From: []string{"ann"}}), release(live)}, pipeline.Assume{},
			"when production is not seen: go waits for approval: 0 of 1 approvals from ann, and nobody left who may give one"},
		{"people who are too slow (G2)", []pipeline.Step{pipeline.Gate{Name: "go", Require: two, Expires: time.Hour}, release(live)}, pipeline.Assume{Approve: 2 * time.Hour},
			"blocked by 0 of 2 approvals from managers until Thu 16:00 UTC; never production: failed: go: not passed within 1h0m0s: 0 of 2 approvals from managers"},
		{"people who all vote when the gate is about to expire (G2)", []pipeline.Step{pipeline.Gate{Name: "go", Require: two, Expires: time.Hour}, release(live)}, pipeline.Assume{Approve: time.Hour},
			"2 more approvals of managers by Thu 16:00 UTC; earliest production Thu 16:00; done Thu 16:00"},
		{"people who are asked in an environment, and a window (E3)", []pipeline.Step{release(guardedBy(two, office))}, pipeline.Assume{Approve: 3 * time.Hour},
			"2 more approvals of managers by Thu 18:00 UTC; then blocked by outside office hours until Fri 09:00; earliest production Fri 09:00; done Fri 09:00"},
		{"approvals that grow old before the window opens", []pipeline.Step{release(guardedBy(approval.Quorum{Group: "managers", MaxAge: 10 * time.Hour}, office))}, pipeline.Assume{At: thursday.Add(3 * time.Hour)},
			"1 more approval of managers; then blocked by outside office hours until Fri 09:00 UTC; then 1 more approval of managers; earliest production Fri 09:00; done Fri 09:00"},
		{"a window that never opens again", []pipeline.Step{require(pastDay), release(live)}, pipeline.Assume{},
			"never production: failed: go: outside the one day, and the window never opens again"},
		{"a window of an environment that never opens again", []pipeline.Step{release(guardedBy(pastDay))}, pipeline.Assume{},
			"when production is not seen: release does not pass: outside the one day, and the window never opens again"},
		{"a gate that cannot be answered (G1)", []pipeline.Step{require(cannot), release(live)}, pipeline.Assume{},
			"when production is not seen: go waits for check: could not be answered: no route to host"},
		{"a gate that is taken to pass", []pipeline.Step{require(cannot), release(live)}, pipeline.Assume{Gates: map[string]gate.Gate{"go": office}},
			"earliest production Thu 15:00 UTC; done Thu 15:00"},
		{"gates of an environment that are taken to wait", []pipeline.Step{release(guardedBy(cannot, cannot))}, pipeline.Assume{Gates: map[string]gate.Gate{"production": named}},
			"1 more approval of ben; earliest production Thu 15:00 UTC; done Thu 15:00"},
		{"what is too far ahead", []pipeline.Step{release(guardedBy(office))}, pipeline.Assume{At: thursday.Add(3 * time.Hour), Ahead: 15 * time.Hour},
			"when production is not seen: release waits for window: outside office hours, until Fri 13 Mar 2026 09:00 UTC"},
		{"work that has not ended by then", []pipeline.Step{release(live)}, pipeline.Assume{Default: 2 * time.Hour, Ahead: time.Hour},
			"earliest production Thu 15:00 UTC; no end is seen: it has not ended by Thu, 12 Mar 2026 16:00:00 UTC"},
		{"a stage that takes longer than it may", []pipeline.Step{build, release(live)}, pipeline.Assume{Takes: map[string]time.Duration{"build": 2 * time.Hour}},
			"earliest production Thu 17:00 UTC; done Thu 17:00"},
		{"a stage that takes as long as its Timeout", []pipeline.Step{pipeline.Stage{Name: "build", Timeout: time.Hour}, release(live)}, pipeline.Assume{Takes: map[string]time.Duration{"build": time.Hour}},
			"never production: failed: build: timed out after 1h0m0s; it takes 1h0m0s"},
		{"two environments as close to users", []pipeline.Step{pipeline.Stage{Name: "a", Environment: eu}, pipeline.Stage{Name: "b", Environment: us}}, pipeline.Assume{Default: time.Hour},
			"earliest eu Thu 15:00 UTC; earliest us Thu 16:00; done Thu 17:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.assume.At.IsZero() {
				tt.assume.At = thursday
			}
			f, err := stages(t, tt.steps...).Forecast(t.Context(), pipeline.Trigger{Actor: "ann"}, tt.assume)
			if got := f.String(); err != nil || got != tt.want {
				t.Errorf("Forecast = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestForecastAsksAboutACheckNoMoreThanAHundredTimes(t *testing.T) {
	asked := 0
	busy := gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		asked++
		return gate.Waitf("incident 7 is open, asked %d times", asked).Until(req.Now.Add(time.Minute)), nil
	})
	g := require(busy)
	g.Expires, g.OnExpire = 48*time.Hour, pipeline.Skip
	f, err := stages(t, g, pipeline.Stage{Name: "after"}).Forecast(t.Context(), pipeline.Trigger{}, pipeline.Assume{At: thursday})
	if err != nil || f.Run.Status != pipeline.Skipped || !f.Run.Ended.Equal(thursday.Add(48*time.Hour)) {
		t.Errorf("Forecast = %v, %v; want it skipped when the gate has expired (G2)", f, err)
	}
	if asked < 100 || asked > 101 {
		t.Errorf("asked %d times; want 100, and once more at most when it expires", asked)
	}
}

func TestForecastRefusesTimesBelowZero(t *testing.T) {
	for want, assume := range map[string]pipeline.Assume{
		"pipeline: Assume.Ahead is -1h0m0s; want a time, 0 or more":               {Ahead: -time.Hour},
		"pipeline: Assume.Default is -1s; want a time, 0 or more":                 {Default: -time.Second},
		"pipeline: Assume.Approve is -1ns; want a time, 0 or more":                {Approve: -1},
		`pipeline: Assume.Takes["deploy"] is -1m0s; want a time, 0 or more`:       {Takes: map[string]time.Duration{"deploy": -time.Minute}},
		`pipeline: Assume.Takes["b"] is -2ns; want a time, 0 or more`:             {Takes: map[string]time.Duration{"d": -4, "c": -3, "a": 1, "b": -2, "e": -5}},
		`pipeline: Assume.Stays["production"] is -1h0m0s; want a time, 0 or more`: {Stays: map[string]time.Duration{"production": -time.Hour}},
	} {
		f, err := stages(t, release(live)).Forecast(t.Context(), pipeline.Trigger{}, assume)
		if err == nil || err.Error() != want {
			t.Errorf("Forecast = %v, %v; want %s", f, err, want)
		}
	}
}

func TestForecastEndsThoughApprovalsAlwaysGrowOld(t *testing.T) {
	quick := approval.Quorum{Group: "managers", MaxAge: time.Minute}
	f, err := stages(t, release(guardedBy(quick, pastDay))).Forecast(t.Context(), pipeline.Trigger{}, pipeline.Assume{At: thursday})
	if err != nil || f.Why == "" || !f.Visits[0].Begin.IsZero() {
		t.Errorf("Forecast = %v, %v; want no end seen", f, err)
	}
}

func TestForecastAsksConditionsUnlessItIsTold(t *testing.T) {
	never := errors.New("not known yet")
	p := stages(t,
		pipeline.When{Name: "hotfix", Do: pipeline.Stage{Name: "patch", Run: untouched{t}}, If: func(context.Context, pipeline.Facts) (bool, error) { return false, never }},
		pipeline.ForEach{
			Name: "regions", Items: func(_ context.Context, f pipeline.Facts) ([]string, error) {
				return strings.Fields(f.Trigger.Params["to"]), nil
			},
			Body: func(r string) pipeline.Step {
				return pipeline.Stage{Name: "deploy", Run: untouched{t}, Environment: stage.Environment{Name: "in-" + r, Tier: stage.Production}}
			},
		})
	trigger := pipeline.Trigger{Params: map[string]string{"to": "eu us"}}
	at := pipeline.Assume{At: thursday, Takes: map[string]time.Duration{"deploy": time.Hour, "deploy[us]": 2 * time.Hour}}
	f, err := p.Forecast(t.Context(), trigger, at)
	if want := "no end is seen: hotfix waits for check: could not be answered: not known yet"; err != nil || f.String() != want {
		t.Errorf("Forecast = %q, %v; want %q", f, err, want)
	}
	at.If = map[string]bool{"hotfix": false}
	f, err = p.Forecast(t.Context(), trigger, at)
	if want := "earliest in-eu Thu 15:00 UTC; earliest in-us Thu 15:00; done Thu 17:00"; err != nil || f.String() != want {
		t.Errorf("Forecast = %q, %v; want %q", f, err, want)
	}
	at.Items = map[string][]string{"regions": {"ap"}}
	f, err = p.Forecast(t.Context(), trigger, at)
	if want := "earliest in-ap Thu 15:00 UTC; done Thu 16:00"; err != nil || f.String() != want {
		t.Errorf("Forecast = %q, %v; want %q", f, err, want)
	}
}

func TestForecastRefusesWhatCannotBeStarted(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	good := stages(t, pipeline.Stage{Name: "build"})
	for _, tt := range []struct {
		name string
		f    func() (pipeline.Forecast, error)
		want string
	}{
		{"a definition with a mistake", func() (pipeline.Forecast, error) {
			return stages(t, pipeline.Stage{Name: "Go Live"}).Forecast(t.Context(), pipeline.Trigger{}, pipeline.Assume{})
		}, "Go Live"},
		{"a key that names no run", func() (pipeline.Forecast, error) {
			return good.Forecast(t.Context(), pipeline.Trigger{Key: "a/b"}, pipeline.Assume{})
		}, "a/b"},
		{"an artifact that is missing", func() (pipeline.Forecast, error) {
			p := good
			p.Given = []string{"image"}
			return p.Forecast(t.Context(), pipeline.Trigger{}, pipeline.Assume{})
		}, `without artifact "image"`},
		{"a context that is done", func() (pipeline.Forecast, error) {
			return good.Forecast(ended, pipeline.Trigger{}, pipeline.Assume{})
		}, "context canceled"},
		{"a run that is not there", func() (pipeline.Forecast, error) {
			return new(pipeline.Executor).Forecast(t.Context(), "r1", pipeline.Assume{})
		}, pipeline.ErrNoRun.Error()},
		{"a pipeline that is not there", func() (pipeline.Forecast, error) {
			return new(pipeline.Executor).ForecastStart(t.Context(), "shop", pipeline.Trigger{}, pipeline.Assume{})
		}, `no pipeline "shop"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.f(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Forecast = %v; want an error with %q", err, tt.want)
			}
		})
	}
}

// TestForecastIsTheSameEachTime also guards against maps that are ranged over.
func TestForecastIsTheSameEachTime(t *testing.T) {
	var all pipeline.Parallel
	for k := range 20 {
		e := stage.Environment{Name: fmt.Sprint("env-", k%5), Gates: []gate.Gate{approval.Quorum{Group: "managers"}}}
		all = append(all, pipeline.Stage{Name: fmt.Sprint("s-", k), Environment: e, Run: untouched{t}})
	}
	first := ""
	for k := range 10 {
		f, err := stages(t, all).Forecast(t.Context(), pipeline.Trigger{}, pipeline.Assume{At: thursday, Default: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			first = fmt.Sprintf("%+v", f)
		}
		if diff := cmp.Diff(first, fmt.Sprintf("%+v", f)); diff != "" {
			t.Fatalf("another forecast (-first +again):\n%s", diff)
		}
	}
}

func TestHistoryIsTheMedianOfWhatWentWell(t *testing.T) {
	took := func(kind, name string, minutes int, change ...func(*pipeline.StepState)) pipeline.Run {
		end := thursday.Add(time.Duration(minutes) * time.Minute)
		s := pipeline.StepState{Name: name, Kind: kind, Status: pipeline.Succeeded, Attempt: 1, Round: 1, Reached: thursday, Started: thursday, Ended: end}
		if kind == "gate" {
			s.Votes = []gate.Vote{{At: thursday}, {At: end}}
			s.Ended = end.Add(time.Hour) // the window after the vote
		}
		for _, f := range change {
			f(&s)
		}
		return pipeline.Run{Steps: []pipeline.StepState{s}}
	}
	got := pipeline.History([]pipeline.Run{
		took("stage", "deploy[eu]", 3), took("stage", "deploy[us]", 1), took("stage", "deploy[ap]", 60),
		took("gate", "go", 30),
		took("gate", "window", 30, func(s *pipeline.StepState) { s.Votes = nil }),
		took("gate", "go", 50, func(s *pipeline.StepState) { s.Overridden = "ann" }),
		took("stage", "flaky", 9, func(s *pipeline.StepState) { s.Attempt = 2 }),
		took("stage", "broken", 9, func(s *pipeline.StepState) { s.Status = pipeline.Failed }),
		took("stage", "retried", 9, func(s *pipeline.StepState) { s.Round = 2 }),
		took("stage", "back", -1), took("gate", "ahead", -1), // by a clock that was set meanwhile
	})
	if diff := cmp.Diff(map[string]time.Duration{"deploy": 3 * time.Minute, "go": 30 * time.Minute}, got); diff != "" {
		t.Errorf("History (-want +got):\n%s", diff)
	}
}

func TestForecastMakesUpWhatStagesGiveUnlessItIsTold(t *testing.T) {
	p := stages(t,
		pipeline.Stage{Name: "build", Produces: []string{"image"}, Gives: []string{"risk", "notes"}},
		pipeline.When{Name: "risky", Do: pipeline.Stage{Name: "review", Run: untouched{t}}, If: func(_ context.Context, f pipeline.Facts) (bool, error) {
			return string(f.Values["risk"]) == `"high"`, nil
		}},
		pipeline.Stage{Name: "release", Consumes: []string{"image"}, Takes: []string{"notes"}})
	f, err := p.Forecast(t.Context(), pipeline.Trigger{Key: "r1"}, pipeline.Assume{At: thursday, Gives: map[string]any{"risk": "high"}})
	if s, _ := f.Run.Step("review"); err != nil || f.Run.Status != pipeline.Succeeded || s.Status != pipeline.Succeeded {
		t.Errorf("Forecast = %v, %v, with review %v; want it taken", f, err, s.Status)
	}
	if got := string(f.Run.Values["notes"]); got != `"notes of r1"` || f.Run.Artifacts["image"].Digest.IsZero() {
		t.Errorf("notes are %s, image is %v; want both made up", got, f.Run.Artifacts["image"])
	}
}
