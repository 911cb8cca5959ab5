package pipelinetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// An Action is a line of a script: who does what when. Make one with [Start],
// [Crash], [Measure], or a method of [Person] or [Stage]; then say when.
//
// Without At, After and their like an Action comes as soon as it makes sense: a
// vote when its gate is reached, a retry when the run has ended or the step waits
// for a person, anything else about a run when that begins, and all the rest
// when the story does.
type Action struct {
	place   string // in the file of a scenario; empty in Go
	text    string
	why     string // that is given
	do      func(*bench) error
	from    moment
	after   time.Duration
	clock   string
	refused bool
	reason  string // part of why it is refused
	stage   string // to which something happens; empty if nothing does
	metric  string // that is something from then on; empty if none is
}

// A moment is when something happens that others wait for.
type moment struct {
	what      happening
	run, step string
	round     int
}

type happening int

const (
	begins    happening = iota // the story, or the run, if there is one
	reached                    // the step is
	ended                      // the step has, or the run, if there is no step
	retriable                  // the run has ended, or the step waits for a person
	previous                   // the action above it in the script came
)

func (m moment) String() string {
	switch {
	case m.what == begins && m.run == "":
		return storyBegins.say()
	case m.what == begins:
		return runBegins.say(m.run)
	case m.what == reached && m.round > 1:
		return roundReached.say(m.run, m.step, m.round)
	case m.what == reached:
		return stepReached.say(m.run, m.step)
	case m.what == ended && m.step != "":
		return stepEnded.say(m.run, m.step)
	case m.what == retriable:
		return runRetriable.say(m.run, m.step)
	}
	return runEnded.say(m.run)
}

// concerns reports whether m may be, now that e was recorded.
func (m moment) concerns(e entry) bool {
	if m.what == previous || e.run != m.run {
		return false
	}
	switch m.what {
	case begins:
		return e.event.Kind == journal.Began
	case reached:
		return e.event.Step == m.step && e.event.Kind != journal.Retried // it is when the gate is asked anew
	}
	return e.event.Step == m.step || e.event.Kind == journal.Ended
}

// is reports whether m is, in the run as it is.
func (m moment) is(r pipeline.Run) bool {
	s, _ := r.Step(m.step)
	switch m.what {
	case begins:
		return true
	case reached:
		return !s.Reached.IsZero() && s.Round >= m.round
	case retriable:
		return r.Status.Done() || s.For == "hold"
	case ended:
		return m.step == "" && r.Status.Done() || s.Status.Done()
	}
	return false
}

// where returns where a stands, if it is the n-th of the script.
func (a *Action) where(n int) string {
	if a.place != "" {
		return a.place
	}
	return fmt.Sprintf("line %d of the script", n)
}

// String returns what is done, and when, as a line of the script of a scenario:
// see [Scenarios].
func (a Action) String() string {
	text := a.text + ", " + a.when()
	if a.why != "" {
		text += ": " + freeText(a.why)
	}
	if a.refused {
		text += refusal
	}
	if a.reason != "" {
		text += ": " + freeText(a.reason)
	}
	return text
}

func (a Action) when() string {
	switch {
	case a.clock != "" && a.after > 0:
		return whenAfter.say(a.after, verbatim(a.clock))
	case a.clock != "":
		return whenAt.say(verbatim(a.clock))
	case a.from.what == previous:
		return whenLater.say(a.after)
	case a.after > 0:
		return whenAfter.say(a.after, a.from)
	}
	return whenIt.say(a.from)
}

// At lets a come at a time on the clock on the wall, in the zone of the story:
// "14:20", "Tue 14:20" or "2026-03-12 14:20". Without a date it is the first
// such time since the story began or, in a Story that is InOrder, since the
// action above it came.
func (a Action) At(clock string) Action { a.clock = clock; return a }

// Later lets a come a time after the action above it in the script came.
func (a Action) Later(d time.Duration) Action {
	a.from, a.after = moment{what: previous, run: a.from.run}, d
	return a
}

// After lets a come later by d than it would.
func (a Action) After(d time.Duration) Action { a.after = d; return a }

// WhenReached lets a come when a step of a run is reached.
func (a Action) WhenReached(run, step string) Action {
	a.from = moment{what: reached, run: run, step: step, round: 1}
	return a
}

// WhenEnded lets a come when a step of a run has ended; an empty step means the
// run itself.
func (a Action) WhenEnded(run, step string) Action {
	a.from = moment{what: ended, run: run, step: step}
	return a
}

// Round lets a come when the step that it waits for is reached for the n-th
// time: 2 after a retry.
func (a Action) Round(n int) Action { a.from.round = n; return a }

// Refused says that a is to be refused, for a reason with the given text in it.
// An Action that is refused otherwise is a mistake in the story.
func (a Action) Refused(because string) Action {
	a.refused, a.reason = true, because
	return a
}

// fixed returns when a is due, if that is known from the start.
func (a *Action) fixed(begin time.Time) (due time.Time, ok bool, err error) {
	switch {
	case a.do == nil:
		return due, false, errors.New("an Action that does nothing; make one with Start or a method of Person")
	case a.after < 0:
		return due, false, fmt.Errorf("after %v; want 0 or more", a.after)
	case a.from.round != 0 && a.from.what != reached:
		return due, false, errors.New("Round of an Action that waits for no step to be reached")
	case a.clock != "":
		due, err = onWall(a.clock, begin)
		return due.Add(a.after), true, err
	}
	return begin.Add(a.after), a.from == moment{}, nil
}

// judge returns what is wrong with how a went.
func (a *Action) judge(err error) error {
	switch {
	case a.refused && err == nil:
		return fmt.Errorf("%v: done; want it refused", a)
	case a.refused && !strings.Contains(err.Error(), a.reason):
		return fmt.Errorf("%v: %w; want a reason with %q", a, err, a.reason)
	case a.refused || err == nil:
		return nil
	}
	return fmt.Errorf("%v: %w", a, err)
}

// onWall returns the first instant since begin at which the clock on the wall
// shows the given time.
func onWall(clock string, begin time.Time) (time.Time, error) {
	if t, err := time.ParseInLocation("2006-01-02 15:04", clock, begin.Location()); err == nil {
		if t.Before(begin) {
			return t, fmt.Errorf("at %s, which is before the story begins", clock)
		}
		return t, nil
	}
	day, hours, named := strings.Cut(clock, " ")
	if !named {
		hours = day
	}
	at, err := time.Parse("15:04", hours)
	y, m, d := begin.Date()
	for i := range 9 {
		t := time.Date(y, m, d+i, at.Hour(), at.Minute(), 0, 0, begin.Location())
		if err == nil && !t.Before(begin) && (!named || t.Format("Mon") == day) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("at %q; want a form such as %q, %q or %q", clock, "14:20", "Tue 14:20", "2026-03-12 14:20")
}
