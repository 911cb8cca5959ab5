package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A sealed store takes nothing more.
type sealed struct {
	journal.Store
	t *testing.T
}

func (s sealed) Append(context.Context, ...journal.Batch) error {
	s.t.Error("a forecast wrote to the store")
	return errors.New("sealed")
}

// began returns the event that begins a run of p, before the forecasts are made.
func began(p pipeline.Pipeline, before time.Duration) journal.Event {
	return journal.Event{Time: thursday.Add(-before), Kind: journal.Began, Data: &journal.Beginning{Pipeline: p.Name, Definition: p.Digest()}}
}

func claimed(before time.Duration) journal.Event {
	return journal.Event{Time: thursday.Add(-before), Kind: journal.Claimed, By: "x", Epoch: 1}
}

// was returns an event that the executor x recorded about a step.
func was(before time.Duration, kind journal.Kind, name string, data any) journal.Event {
	return journal.Event{Time: thursday.Add(-before), Kind: kind, Step: name, Epoch: 1, Data: data}
}

// recorded returns an executor of p with the given journals, which it must not
// write to.
func recorded(t *testing.T, p pipeline.Pipeline, journals map[string][]journal.Event) *pipeline.Executor {
	store := new(journal.Memory)
	for name, events := range journals {
		if err := store.Append(t.Context(), journal.Batch{Journal: name, Events: events}); err != nil {
			t.Fatal(err)
		}
	}
	return &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Store: sealed{store, t}}
}

// asked returns the event that a gate waits for people.
func asked(before time.Duration, name, why string) journal.Event {
	return was(before, journal.Waiting, name, &journal.Wait{For: "approval", Text: why, Subject: artifact.DigestBytes([]byte(name))})
}

// inside is the journals of a run r0 that has been in production for an hour, of
// which release was called, and that of production.
func inside(p pipeline.Pipeline) map[string][]journal.Event {
	return map[string][]journal.Event{
		"r0": {began(p, time.Hour), claimed(time.Hour),
			was(time.Hour, journal.Took, "release", &journal.Entry{Environment: "production", Token: 1}),
			was(time.Hour, journal.Called, "release", &journal.Call{Attempt: 1, Key: "r0/release", Token: 1})},
		"env/production": {{Time: thursday.Add(-time.Hour), Kind: journal.Taken, By: "r0", Data: &journal.Hold{Token: 1, Started: thursday.Add(-time.Hour)}}},
	}
}

func TestForecastGoesOnFromWhatIsRecorded(t *testing.T) {
	build, two := pipeline.Stage{Name: "build"}, approval.Quorum{Need: 2, Group: "managers"}
	call := &journal.Call{Attempt: 1, Key: "r1/build"}
	hour, min := time.Hour, time.Minute
	for _, tt := range []struct {
		name   string
		p      pipeline.Pipeline
		events []journal.Event
		want   string
	}{
		{"work under way", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call)},
			"earliest end Thu 15:30 UTC"},
		{"work that takes longer than it did", stages(t, build), []journal.Event{claimed(2 * hour), was(2*hour, journal.Called, "build", call)},
			"earliest end Thu 15:00 UTC"},
		{"work that asked to be called again", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), was(20*min, journal.Again, "build", &journal.Pause{Until: thursday.Add(10 * min)})},
			"earliest end Thu 15:30 UTC"},
		{"work that is tried again (R7)", stages(t, pipeline.Stage{Name: "build", Retry: pipeline.Retry{Times: 1}}), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), was(20*min, journal.Erred, "build", &journal.Fault{Text: "no disk", Retry: thursday.Add(10 * min)})},
			"blocked by no disk until Thu 15:10 UTC; earliest end Thu 16:10"},
		{"work that somebody let go of, and that is done again (J3)", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), {Time: thursday, Kind: journal.Released, By: "x", Epoch: 1}},
			"earliest end Thu 16:00 UTC"},
		{"work of which a person has to say (J3)", stages(t, pipeline.Stage{Name: "build", Run: stage.Func(untouched{t}.Run), Unknown: pipeline.AskPerson}), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), {Time: thursday, Kind: journal.Released, By: "x", Epoch: 1}},
			"no end is seen: build waits for hold: a crash hid whether it was done; retry it or override it"},
		{"work that a person has done anew (R7)", stages(t, build), []journal.Event{claimed(2 * hour), was(2*hour, journal.Called, "build", call), was(hour, journal.Failed, "build", new(journal.Reason)), {Time: thursday, Kind: journal.Retried, Step: "build", By: "ann", Data: new(journal.Reason)}},
			"earliest end Thu 16:00 UTC"},
		{"what was recorded after the time it is asked for", stages(t, build), []journal.Event{{Time: thursday.Add(30 * min), Kind: journal.Claimed, By: "x", Epoch: 1}},
			"earliest end Thu 16:30 UTC"},
		{"a gate that waits for longer than people take", stages(t, require(two), build), []journal.Event{claimed(90 * min), asked(90*min, "go", "0 of 2")},
			"2 more approvals of managers; earliest end Thu 16:00 UTC"},
		{"a run that waits for drift (R2)", stages(t, build), []journal.Event{{Time: thursday, Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "it has changed"}}},
			"no end is seen: it waits for drift: it has changed"},
		{"a run that was canceled (R6)", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), {Time: thursday, Kind: journal.Stopped, By: "ann", Data: new(journal.Reason)}},
			"canceled Thu 15:00 UTC: canceled by ann"},
		{"a run that has ended", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), was(20*min, journal.Done, "build", nil), {Time: thursday.Add(-20 * min), Kind: journal.Ended, Epoch: 1, Data: &journal.End{Status: "succeeded"}}},
			"succeeded Thu 14:40 UTC"},
		{"a run that ended within the last minute", stages(t, build), []journal.Event{claimed(30 * min), was(30*min, journal.Called, "build", call), was(20*min, journal.Done, "build", nil), {Time: thursday.Add(-time.Second), Kind: journal.Ended, Epoch: 1, Data: &journal.End{Status: "succeeded"}}},
			"succeeded Thu 14:59 UTC"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := recorded(t, tt.p, map[string][]journal.Event{"r1": append([]journal.Event{began(tt.p, 2*hour)}, tt.events...)})
			f, err := x.Forecast(t.Context(), "r1", pipeline.Assume{At: thursday, Default: hour, Approve: hour})
			if got := f.String(); err != nil || got != tt.want {
				t.Errorf("Forecast = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestForecastCountsPatienceFromWhenPeopleWereAsked has a step wait for an approval
// for half an hour, of which people take one, though it was reached long before.
func TestForecastCountsPatienceFromWhenPeopleWereAsked(t *testing.T) {
	hour, min := time.Hour, time.Minute
	two := approval.Quorum{Need: 2, Group: "managers"}
	gates := pipeline.Parallel{require(office), pipeline.Gate{Name: "sign", Require: two}}
	barred := stages(t, gates, release(guardedBy(two)))
	alone := stages(t, release(guardedBy(two)))
	call := &journal.Call{Attempt: 1, Key: "r1/release", Token: 1}
	lapses := &journal.Pass{Lapses: thursday.Add(-100 * min)}
	for _, tt := range []struct {
		name   string
		p      pipeline.Pipeline
		events []journal.Event
	}{
		{"the pass of a gate before it was withdrawn, and given again (G9)", barred, []journal.Event{
			was(110*min, journal.Passed, "go", lapses), asked(110*min, "sign", "0 of 2"),
			was(100*min, journal.Withdrawn, "go", new(journal.Reason)), was(100*min, journal.Waiting, "go", &journal.Wait{For: "window"}),
			was(90*min, journal.Passed, "sign", new(journal.Pass)),
			was(30*min, journal.Passed, "go", new(journal.Pass)), asked(30*min, "release", "0 of 2")}},
		{"the gates of its environment let it pass once, and it stood in line since (E3)", alone, []journal.Event{
			asked(110*min, "release", "0 of 2"), was(100*min, journal.Permitted, "release", nil),
			was(100*min, journal.Waiting, "release", &journal.Wait{For: "environment"}),
			asked(30*min, "release", "0 of 2"),
			{Time: thursday.Add(-20 * min), Kind: journal.Voted, Step: "release", By: "ann", Data: &gate.Vote{By: "ann", Approve: true}},
			asked(20*min, "release", "1 of 2")}},
		{"its own pass was withdrawn (G9)", stages(t, require(two), release(live)), []journal.Event{
			asked(110*min, "go", "0 of 2"), was(110*min, journal.Passed, "go", lapses),
			was(100*min, journal.Withdrawn, "go", new(journal.Reason)), asked(30*min, "go", "0 of 2")}},
		{"a person had it done anew (R7)", alone, []journal.Event{
			asked(110*min, "release", "0 of 2"), was(100*min, journal.Failed, "release", new(journal.Reason)),
			was(90*min, journal.Retried, "release", new(journal.Reason)), asked(30*min, "release", "0 of 2")}},
		{"another definition was adopted while it waited to be tried again (R2)", alone, []journal.Event{
			was(110*min, journal.Permitted, "release", nil), was(110*min, journal.Took, "release", &journal.Entry{Environment: "production", Token: 1}),
			was(110*min, journal.Called, "release", call), was(110*min, journal.Erred, "release", &journal.Fault{Retry: thursday.Add(-100 * min)}),
			asked(100*min, "release", "0 of 2"), was(90*min, journal.Adopted, "", &journal.Adoption{Definition: alone.Digest()}),
			asked(30*min, "release", "0 of 2")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := recorded(t, tt.p, map[string][]journal.Event{"r1": append([]journal.Event{began(tt.p, 2*hour), claimed(2 * hour)}, tt.events...)})
			f, err := x.Forecast(t.Context(), "r1", pipeline.Assume{At: thursday, Approve: hour})
			if err != nil || len(f.Delays) != 1 {
				t.Fatalf("Forecast = %+v, %v; want one delay", f, err)
			}
			if d := f.Delays[0]; !d.Since.Equal(thursday.Add(-30*min)) || !d.Until.Equal(thursday.Add(30*min)) {
				t.Errorf("%s waits for %s from %v to %v; want from Thu 14:30 to 15:30", d.Step, d.For, d.Since, d.Until)
			}
		})
	}
}

func TestForecastOfARunThatStillWaitsIsOfOneThatNobodyHolds(t *testing.T) {
	p := stages(t, require(approval.Quorum{Group: "managers"}))
	x := recorded(t, p, map[string][]journal.Event{"r1": {began(p, time.Hour), claimed(time.Hour), asked(time.Hour, "go", "0 of 1")}})
	f, err := x.Forecast(t.Context(), "r1", pipeline.Assume{At: thursday, Ahead: time.Hour, Approve: 3 * time.Hour})
	if err != nil || f.Run.Status != pipeline.Waiting {
		t.Errorf("Forecast = a run that is %s, %v; want one that waits", f.Run.Status, err)
	}
}

func TestForecastOfARunThatAnotherIsInTheWayOf(t *testing.T) {
	p := stages(t, release(live))
	held := stages(t, release(live), require(approval.Quorum{From: []string{"ben"}}), pipeline.Stage{Name: "verify", Environment: live})
	newest := live
	newest.Queue = stage.Newest
	stuck := stages(t, release(live), require(approval.Quorum{From: []string{"ann"}}), pipeline.Stage{Name: "verify", Environment: live})
	stays := map[string]time.Duration{"production": 90 * time.Minute}
	for _, tt := range []struct {
		name   string
		p      pipeline.Pipeline
		change func(journals map[string][]journal.Event)
		assume pipeline.Assume
		want   string
	}{
		{"one that goes on by itself (E1)", p, nil, pipeline.Assume{Default: 2 * time.Hour},
			"blocked in production, for run r0 is there, until Thu 16:00 UTC; earliest production Thu 16:00; done Thu 18:00"},
		{"one that waits for a person", held, nil, pipeline.Assume{Default: 2 * time.Hour, Approve: time.Hour},
			"blocked in production, for run r0 is there, until Thu 19:00 UTC; then in run r0 1 more approval of ben by Thu 17:00; earliest production Thu 19:00; then 1 more approval of ben by Thu 22:00; done Fri 00:00"},
		{"one that waits for nobody who may", stuck, func(j map[string][]journal.Event) { j["r0"][0].Data.(*journal.Beginning).Actor = "ann" }, pipeline.Assume{},
			"when production is not seen: release waits for environment: run r0 is there, and go waits for approval: 0 of 1 approvals from ann, and nobody left who may give one"},
		{"one of another definition", p, func(j map[string][]journal.Event) { j["r0"][0] = began(held, time.Hour) }, pipeline.Assume{},
			"when production is not seen: release waits for environment: run r0 is there, and definition " + held.Digest().Short() + " is not here"},
		{"one of which nothing is recorded", p, func(j map[string][]journal.Event) { delete(j, "r0") }, pipeline.Assume{},
			"when production is not seen: release waits for environment: run r0 is there, and when it leaves is not known"},
		{"one of which nothing is recorded, and that is said to leave", p, func(j map[string][]journal.Event) { delete(j, "r0") }, pipeline.Assume{Stays: stays},
			"blocked in production, for run r0 is there, until Thu 15:30 UTC; earliest production Thu 15:30; done Thu 15:30"},
		{"two, one after the other, that are said to leave (E2)", p, func(j map[string][]journal.Event) {
			delete(j, "r0")
			j["env/production"] = append(j["env/production"], journal.Event{Time: thursday, Kind: journal.Queued, By: "r00", Data: &journal.Arrival{Started: thursday}})
		}, pipeline.Assume{Stays: stays},
			"blocked in production, for run r0 is there, until Thu 15:30 UTC; then blocked in production, for run r00 is there, until Thu 17:00; earliest production Thu 17:00; done Thu 17:00"},
		{"a newer one that waits to enter (E2)", stages(t, release(newest)), func(j map[string][]journal.Event) {
			j["env/production"] = append(j["env/production"], journal.Event{Time: thursday, Kind: journal.Queued, By: "r9", Data: &journal.Arrival{Started: thursday.Add(time.Hour)}})
		}, pipeline.Assume{Default: 2 * time.Hour},
			"never production: superseded: superseded by r9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			journals := inside(tt.p)
			if tt.change != nil {
				tt.change(journals)
			}
			tt.assume.At = thursday
			f, err := recorded(t, tt.p, journals).ForecastStart(t.Context(), "shop", pipeline.Trigger{Key: "r1", Actor: "ann"}, tt.assume)
			if got := f.String(); err != nil || got != tt.want {
				t.Errorf("ForecastStart = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// TestForecastOfAnEnvironmentThatIsKnownLate has an environment that an item of a
// ForEach names, and a run inside it.
func TestForecastOfAnEnvironmentThatIsKnownLate(t *testing.T) {
	p := stages(t, pipeline.ForEach{
		Name: "regions", Items: func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu"}, nil },
		Body: func(r string) pipeline.Step {
			return pipeline.Stage{Name: "deploy", Run: untouched{t}, Environment: stage.Environment{Name: r, Tier: stage.Production}}
		},
	})
	x := recorded(t, p, map[string][]journal.Event{
		"r0": {began(p, time.Hour), claimed(time.Hour),
			was(time.Hour, journal.Listed, "regions", &journal.List{Items: []string{"eu"}}),
			was(time.Hour, journal.Took, "deploy[eu]", &journal.Entry{Environment: "eu", Token: 1}),
			was(time.Hour, journal.Called, "deploy[eu]", &journal.Call{Attempt: 1, Key: "r0/deploy[eu]", Token: 1})},
		"env/eu": {{Time: thursday.Add(-time.Hour), Kind: journal.Taken, By: "r0", Data: &journal.Hold{Token: 1, Started: thursday.Add(-time.Hour)}}},
	})
	f, err := x.ForecastStart(t.Context(), "shop", pipeline.Trigger{}, pipeline.Assume{At: thursday, Default: 90 * time.Minute})
	if want := "blocked in eu, for run r0 is there, until Thu 15:30 UTC; earliest eu Thu 15:30; done Thu 17:00"; err != nil || f.String() != want {
		t.Errorf("ForecastStart = %q, %v; want %q", f, err, want)
	}
	if f, err := x.ForecastStart(t.Context(), "shop", pipeline.Trigger{Key: "r0"}, pipeline.Assume{At: thursday, Default: 90 * time.Minute}); err != nil || !f.Run.Ended.Equal(thursday.Add(30*time.Minute)) {
		t.Errorf("ForecastStart of a run that was started = %v, %v; want the forecast of that run (R1)", f, err)
	}
}

// A moving store has something appended as soon as a journal was read.
type moving struct {
	*journal.Memory
	after string
	then  []journal.Batch
}

func (s *moving) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	events, err := s.Memory.Events(ctx, name, from)
	if then := s.then; name == s.after && then != nil {
		s.then = nil
		err = errors.Join(err, s.Append(ctx, then...))
	}
	return events, err
}

// TestForecastIsOfOneMoment has a run enter production after its journal was read
// and before that of production is. No run waits for itself.
func TestForecastIsOfOneMoment(t *testing.T) {
	p := stages(t, release(live))
	journals := inside(p)
	store := &moving{Memory: new(journal.Memory), after: "r0", then: []journal.Batch{
		{Journal: "r0", Length: 2, Events: journals["r0"][2:]},
		{Journal: "env/production", Events: journals["env/production"]},
	}}
	if err := store.Append(t.Context(), journal.Batch{Journal: "r0", Events: journals["r0"][:2]}); err != nil {
		t.Fatal(err)
	}
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Store: store}
	f, err := x.Forecast(t.Context(), "r0", pipeline.Assume{At: thursday, Default: 2 * time.Hour})
	if want := "in production since Thu 14:00 UTC; done Thu 16:00"; err != nil || f.String() != want {
		t.Errorf("Forecast = %q, %v; want %q", f, err, want)
	}
}

// A busy store has something new whenever it is asked for that.
type busy struct{ *journal.Memory }

func (s busy) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if from > 0 {
		return make([]journal.Event, 1), nil
	}
	return s.Memory.Events(ctx, name, from)
}

func TestForecastOfAStoreThatNeverStandsStill(t *testing.T) {
	p := stages(t, release(live))
	store := busy{new(journal.Memory)}
	for name, events := range inside(p) {
		if err := store.Append(t.Context(), journal.Batch{Journal: name, Events: events}); err != nil {
			t.Fatal(err)
		}
	}
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Store: store}
	f, err := x.Forecast(t.Context(), "r0", pipeline.Assume{At: thursday, Default: 2 * time.Hour})
	if want := "in production since Thu 14:00 UTC; done Thu 16:00"; err != nil || f.String() != want {
		t.Errorf("Forecast = %q, %v; want %q", f, err, want)
	}
}
