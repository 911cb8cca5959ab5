package pipelinetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// A tale makes lines of events. A call of a stage that ends at once is not told,
// only how it ended; neither are polls, claims and other chores.
type tale struct {
	Timeline
	cast *cast
	cue  int            // of the script that came last
	last map[Stage]call // of each stage
}

// A call is the last one of a stage.
type call struct {
	line    int // that tells of it
	at      time.Time
	attempt int
	open    bool // it has not ended
}

func (t *tale) begin(at time.Time, c *cast) {
	t.Begin, t.cast, t.last = at, c, map[Stage]call{}
}

func (t *tale) add(l Line) {
	l.Cue = t.cue
	t.Lines = append(t.Lines, l)
}

// tell adds the line of an event, if it has one.
func (t *tale) tell(e entry) {
	if e.line != nil {
		t.add(*e.line)
		return
	}
	if strings.Contains(e.run, "/") { // of an environment: its runs tell the same
		return
	}
	ev := &e.event
	l := Line{At: ev.Time, Run: e.run, Kind: t.cast.of(ev.Step).kind, Step: ev.Step, Text: text(ev), Event: ev.Kind}
	at := Stage{e.run, ev.Step}
	switch ev.Kind {
	case journal.Called:
		if !t.call(at, &l, ev.Data.(*journal.Call).Attempt) {
			return
		}
	case journal.Done, journal.Failed, journal.Erred, journal.Held:
		t.end(at, ev.Time)
	}
	if l.Text != "" {
		t.add(l)
	}
}

// call notes a call, and reports whether it is to be told: it is not if the
// stage has asked to be called again.
func (t *tale) call(at Stage, l *Line, attempt int) bool {
	if c := t.last[at]; c.open && c.attempt == attempt {
		return false
	}
	l.Text = "running"
	if attempt > 1 {
		l.Text = fmt.Sprintf("running, attempt %d", attempt)
	}
	t.last[at] = call{line: len(t.Lines), at: l.At, attempt: attempt, open: true}
	return true
}

// end notes that a call has ended, and unsays it if it took no time.
func (t *tale) end(at Stage, now time.Time) {
	c := t.last[at]
	if c.open && c.at.Equal(now) {
		t.Lines[c.line].Text = ""
	}
	c.open = false
	t.last[at] = c
}

// told returns the lines that were not unsaid.
func (t *tale) told() Timeline {
	out := Timeline{Begin: t.Begin}
	for _, l := range t.Lines {
		if l.Text != "" {
			out.Lines = append(out.Lines, l)
		}
	}
	return out
}

// text returns what an event says, or "" if people need not be told.
func text(e *journal.Event) string {
	switch d := e.Data.(type) {
	case *journal.Beginning:
		return started(d)
	case *journal.Result:
		if d.Observed {
			return because("found done", d.Summary)
		}
		return because("succeeded", d.Summary)
	case *journal.Fault:
		if d.Retry.IsZero() {
			return because("errored", d.Text)
		}
		return because("errored, again in "+span(d.Retry.Sub(e.Time)), d.Text)
	case *journal.Wait:
		return because("waiting for "+d.For, d.Text)
	case *gate.Vote:
		if d.Approve {
			return because(d.By+" approves", d.Comment)
		}
		return because(d.By+" objects", d.Comment)
	case *journal.Pass:
		return because(string(e.Kind), d.Text) // passed, or permitted
	case *journal.Rejection:
		if d.Expired {
			return because("expired", d.Text)
		}
		return because("rejected", d.Text)
	case *journal.Choice:
		return because(map[bool]string{true: "taken", false: "not taken"}[d.Take], d.Text)
	case *journal.List:
		return because("items", strings.Join(d.Items, ", "))
	case *journal.Entry:
		return "enters " + d.Environment
	case *journal.Exit:
		if d.Queued {
			return "gives up its place before " + d.Environment
		}
		return "leaves " + d.Environment
	case *journal.Successor:
		return "superseded by " + d.Run
	case *journal.Adoption:
		return because("adopted by "+e.By, d.Text)
	case *journal.End:
		if d.Status == "succeeded" || d.Status == "failed" {
			return because("the run has "+d.Status, d.Text)
		}
		return because("the run was "+d.Status, d.Text)
	case *journal.Reason:
		return because(reasoned(e), d.Text)
	}
	if e.Kind == journal.Done {
		return "succeeded"
	}
	return ""
}

// reasoned returns what an event that says only why is about.
func reasoned(e *journal.Event) string {
	switch e.Kind {
	case journal.Held:
		return "waiting for hold"
	case journal.Withdrawn:
		return "pass withdrawn"
	case journal.Stopped:
		return "canceled by " + e.By
	case journal.Retried, journal.Overridden, journal.Drained:
		return string(e.Kind) + " by " + e.By
	}
	return string(e.Kind)
}

func started(d *journal.Beginning) string {
	text := "started"
	if d.Actor != "" {
		text += " by " + d.Actor
	}
	if d.Cause != "" && d.Cause != "change" {
		text += ", a " + d.Cause + " run"
	}
	return d.Pipeline + " " + text
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
