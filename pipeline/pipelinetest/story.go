package pipelinetest

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// A Story is what happens to some pipelines. It is not changed by playing it,
// apart from its Platform.
type Story struct {
	Pipelines []pipeline.Pipeline
	Begin     time.Time     // at or after the year 2000; its zone is that of the timeline; zero means Monday 3 January 2000 09:00 UTC
	Lasts     time.Duration // ends the story while runs wait; 0 means two weeks
	Script    []Action      // in the order in which they are told; what is due at one time is done in this order
	InOrder   bool          // no Action comes before the one above it in Script, and At counts from when that came

	Stubs    map[string]Stub      // by name of stage; without "[item]" for a stage in a ForEach, unless it is about one item
	Real     []string             // names of stages of which the hook itself is called
	Gates    map[string]gate.Gate // asked instead: by name of gate, or of an environment, for all of whose Gates it stands
	Metrics  map[string]float64   // what bakes measure, by name of metric; one that is not listed is looked up in Platform, one that no bake watches is ignored
	Platform *stagetest.Platform  // where rollouts go to; nil means a new one

	Coverage *Coverage // notes what the story sees; nil means that nobody does

	// Executor has the limits, groups, grace, secrets and the like of the
	// executor. Its Pipelines, Former, Store and Lease are not looked at. A nil
	// Log is one in which an error fails the test, and a nil TracerProvider or
	// MeterProvider discards.
	Executor *pipeline.Executor
}

// A Stub stands in for the hook of a stage. The zero Stub succeeds at once and
// makes up the artifacts and the values that the stage has to give.
type Stub struct {
	Takes time.Duration  // how long each call takes
	Gives map[string]any // values to give, by name; a value that is not listed is made up, and is a text
	Run   stage.Runner   // does the work, after Takes, instead of making it up; nil means that nothing does
}

const twoWeeks = 14 * 24 * time.Hour

// dawn is when virtual time begins (package testing/synctest).
var dawn = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)

// Run plays a story in virtual time and returns what happened. It reports to t
// what in the script did not come to pass: an action that was refused, or that
// waited for something that never came.
//
// Run must not be called in a bubble of [testing/synctest], for it makes one.
//
// T is a [*testing.T], or what [Mutate] gives to its Check.
func Run(t testing.TB, s Story) *Result {
	t.Helper()
	return run(bubbled(t), t, s, 0)
}

// run plays s and reports to tb.
func run(t *testing.T, tb testing.TB, s Story, crash int) *Result {
	t.Helper()
	tb.Helper()
	r, err := play(t, s, crash)
	if r == nil {
		tb.Fatalf("pipelinetest: %v", err)
	}
	r.t = tb
	if s.Coverage != nil {
		s.Coverage.Add(r)
	}
	if err != nil {
		r.errorf("pipelinetest: %v", err)
	}
	return r
}

// play plays s. The executor crashes at its crash-th write; 0 means that it does
// not. It returns no Result if there are mistakes in s.
func play(t *testing.T, s Story, crash int) (r *Result, err error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s.Begin = s.begin()
	s.Lasts = cmp.Or(s.Lasts, twoWeeks)
	if s.Platform == nil {
		s.Platform = new(stagetest.Platform)
	}
	synctest.Test(t, func(*testing.T) {
		time.Sleep(time.Until(s.Begin))
		r, err = newBench(s, crash).play()
	})
	return r, err
}

func (s *Story) begin() time.Time {
	if s.Begin.IsZero() {
		return dawn.AddDate(0, 0, 2).Add(9 * time.Hour)
	}
	return s.Begin
}

// check reports all mistakes in s.
func (s *Story) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, p := range s.Pipelines {
		if err := p.Validate(); err != nil {
			errs = append(errs, err)
		}
	}
	known := vocabularyOf(s.Pipelines)
	for _, name := range sorted(s.Stubs) {
		if err := known.stage(name); err != nil {
			refuse("Stubs: %w", err)
		}
	}
	for _, name := range s.Real {
		if err := known.stage(name); err != nil {
			refuse("Real: %w", err)
		}
	}
	for _, name := range sorted(s.Gates) {
		if err := known.guard(name); err != nil {
			refuse("Gates: %w", err)
		}
	}
	if len(s.Pipelines) == 0 {
		refuse("a Story without Pipelines")
	}
	if s.begin().Before(dawn) {
		refuse("Begin is %v; want a time after %v, when virtual time begins", s.Begin, dawn)
	}
	if s.Lasts < 0 {
		refuse("Lasts is %v; want a time, or 0 for two weeks", s.Lasts)
	}
	for i := range s.Script {
		a := &s.Script[i]
		_, _, err := a.fixed(s.begin())
		if err = errors.Join(err, known.action(a)); err != nil {
			refuse("%s, %v: %w", a.where(i+1), a, err)
		}
	}
	return errors.Join(errs...)
}
