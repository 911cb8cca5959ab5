package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A Forecast says when a run is where at the earliest: if every stage succeeds
// and takes as long as assumed, and everybody who is asked approves. It is made
// by the machine that takes runs forward in earnest, over time that does not
// pass.
type Forecast struct {
	At     time.Time // when it was made; its zone is that of String
	Run    Run       // as it would go; votes, artifacts and values that are to come are made up
	Delays []Delay   // what holds it up, in the order in which it does
	Visits []Visit   // of environments, in the order of the tree
	Why    string    // why its end is not seen; empty if it is
}

// A Delay is a time for which a step does not go on.
type Delay struct {
	Run         string // that waits: the one the forecast is of, or one that it waits for in turn
	Step        string
	Environment string    // that the step is for; may be empty
	For         string    // approval, window, check, environment, hold or retry
	Reason      string    // one clause for people, as it was when the delay began
	Since       time.Time // when the step began to wait for that
	Until       time.Time // zero if the end is not seen
	Who         []string  // people and groups who are asked
	Votes       int       // approvals that are to come from them
}

// A Visit is what a run does in an environment.
type Visit struct {
	Environment string
	Tier        stage.Tier
	Begin       time.Time // when the first stage there is called, but for those that only watch; zero if that is not seen
	End         time.Time // when the last stage there has ended, bakes included; zero if that is not seen
}

// Assume is what a [Forecast] takes for granted. With the zero Assume every
// stage takes no time, unless its Runner says how long it lasts (see
// [stage.Lasts]), and people approve as soon as they are asked: that is when at
// the earliest, whatever happens.
//
// Steps in a [ForEach] are looked up by their names with the item and then
// without. A name that nothing has is ignored: [History] may be that of an older
// definition. A time below zero is an error.
type Assume struct {
	At      time.Time                // from when on; zero means now. Nothing else happens before
	Ahead   time.Duration            // how far to look: at what happens before that; 0 means a year of 365 days
	Takes   map[string]time.Duration // how long a stage takes, and how long people take to vote on a gate, by name of step; see [History]
	Default time.Duration            // how long a stage takes that is not listed and does not say
	Approve time.Duration            // how long people take to vote on a gate that is not listed, from when they are asked
	Gives   map[string]any           // values that stages give, by name of value; one that is not listed is made up, and is a text

	Gates map[string]gate.Gate     // asked instead: by name of gate, or of an environment, for all of whose Gates it stands
	If    map[string]bool          // whether a [When] is taken, by name; the If of one that is not listed is asked
	Items map[string][]string      // of a [ForEach], by name; the Items of one that is not listed are asked for
	With  []string                 // IDs of other runs that are on their way; those that are in its way already are foreseen in any case
	Stays map[string]time.Duration // how long a run of which nothing is known stays in an environment, by name of that; of one that is not listed it is not known when it leaves
}

// Forecast says when the run that t would start is where at the earliest, if
// nobody else is in the environments.
//
// No hook is called: a stage succeeds after the time that a says it takes, or
// after its Timeout has failed. Gates and conditions are really asked, at times
// to come. One that waits for a check is asked at most 100 times; then it is taken
// to wait for ever. An error is one of the definition, the trigger, a or ctx: what
// cannot be foreseen is no error but the Why of the Forecast.
//
// How many stages are called at a time ([Executor.Limit]) is not counted. The same
// questions with the same answers have the same forecast.
func (p Pipeline) Forecast(ctx context.Context, t Trigger, a Assume) (Forecast, error) {
	if err := p.Validate(); err != nil {
		return Forecast{}, err
	}
	digest := p.Digest()
	d := &definition{Pipeline: p, digest: digest, prog: p.compile(digest)}
	known := func(string, artifact.Digest) *definition { return d }
	return d.forecastStart(ctx, records{new(journal.Memory), known}, t, a)
}

// ForecastStart says when the run that [Executor.Start] would start is where at
// the earliest, with the environments as they are. If there is a run with the ID
// t.Key already, the forecast is of that. See [Pipeline.Forecast].
func (x *Executor) ForecastStart(ctx context.Context, pipeline string, t Trigger, a Assume) (Forecast, error) {
	if err := x.init(); err != nil {
		return Forecast{}, err
	}
	d, err := x.named(pipeline)
	if err != nil {
		return Forecast{}, err
	}
	return d.forecastStart(ctx, x.records(), t, a)
}

// Forecast says when a run is where at the earliest, with what is recorded of it
// and of the environments that it comes to. Runs that are inside those, or stand
// in line before them, are foreseen too, by the same assumptions. Nothing is
// written. See [Pipeline.Forecast].
//
// A run goes on under the definition that its journal names. One that is parked,
// or of which x does not have the definition, stays where it is. If there is no
// such run, errors.Is(err, [ErrNoRun]).
func (x *Executor) Forecast(ctx context.Context, run string, a Assume) (Forecast, error) {
	if err := x.init(); err != nil {
		return Forecast{}, err
	}
	if err := checkID(run); err != nil {
		return Forecast{}, err
	}
	return x.records().forecast(ctx, run, nil, a)
}

func (x *Executor) records() records {
	return records{x.Store, func(name string, digest artifact.Digest) *definition {
		if d := x.known[digest]; d != nil && d.Name == name {
			return d
		}
		return nil
	}}
}

func (d *definition) forecastStart(ctx context.Context, records records, t Trigger, a Assume) (Forecast, error) {
	id := t.Key
	if id == "" {
		id = "forecast"
	}
	if err := checkID(id); err != nil {
		return Forecast{}, err
	}
	if err := d.checkTrigger(&t); err != nil {
		return Forecast{}, err
	}
	a.At = a.begin()
	began := d.began(t, a.At.UTC(), 0)
	return records.forecast(ctx, id, &began, a)
}

func (a *Assume) begin() time.Time {
	if a.At.IsZero() {
		return time.Now().Round(0)
	}
	return a.At.Round(0)
}

// check refuses times below zero, with which a forecast would look back.
func (a *Assume) check() error {
	type assumed struct {
		name string
		d    time.Duration
	}
	times := []assumed{{"Ahead", a.Ahead}, {"Default", a.Default}, {"Approve", a.Approve}}
	for _, step := range slices.Sorted(maps.Keys(a.Takes)) {
		times = append(times, assumed{fmt.Sprintf("Takes[%q]", step), a.Takes[step]})
	}
	for _, env := range slices.Sorted(maps.Keys(a.Stays)) {
		times = append(times, assumed{fmt.Sprintf("Stays[%q]", env), a.Stays[env]})
	}
	for _, t := range times {
		if t.d < 0 {
			return fmt.Errorf("pipeline: Assume.%s is %v; want a time, 0 or more", t.name, t.d)
		}
	}
	return nil
}

// of looks up what a map by names of steps has of one.
func of[T any](m map[string]T, step string) (v T, ok bool) {
	if v, ok = m[step]; ok {
		return v, true
	}
	v, ok = m[taskOf(step)]
	return v, ok
}

// lasts returns how long the work of s takes, if it says.
func lasts(s *Stage) (d time.Duration) {
	_ = guarded(func() error { d = stage.Lasts(s.Run); return nil })
	return d
}

// takes returns how long stage n takes over all of its calls.
func (a *Assume) takes(n *machine.Node) time.Duration {
	lasts := lasts(n.Step.(*Stage))
	if d, ok := of(a.Takes, n.Name); ok {
		return max(d, lasts)
	}
	if lasts > 0 {
		return lasts
	}
	return a.Default
}

// patience returns how long people take to vote on step.
func (a *Assume) patience(n *machine.Node) time.Duration {
	if d, ok := of(a.Takes, n.Name); ok && n.Kind == machine.Gate {
		return d
	}
	return a.Approve
}

// require returns the gate that is asked about n.
func (a *Assume) require(n *machine.Node) gate.Gate {
	name := n.Name
	if n.Kind == machine.Stage {
		name = n.Environment
	}
	if g, ok := of(a.Gates, name); ok {
		return g
	}
	return require(n)
}
