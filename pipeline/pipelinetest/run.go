package pipelinetest

import (
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// A RunResult is how one run of a story went.
type RunResult struct {
	pipeline.Run
	r  *Result
	id string
}

// Want wants the run to have ended with a status, or to be in it at the end of
// the story.
func (r *RunResult) Want(status pipeline.Status) {
	r.r.t.Helper()
	if r.Status != status {
		r.r.errorf("%s is %s; want %v", r.id, because(r.Status.String(), r.Reason), status)
	}
}

// Reached wants each of the named steps to have been reached.
func (r *RunResult) Reached(steps ...string) {
	r.r.t.Helper()
	for _, step := range steps {
		if r.exists(step) && r.first(step) < 0 {
			r.r.errorf("%s never reached %s", r.id, step)
		}
	}
}

// Never wants none of the named steps to have been reached.
func (r *RunResult) Never(steps ...string) {
	r.r.t.Helper()
	for _, step := range steps {
		if i := r.first(step); r.exists(step) && i >= 0 {
			l := &r.r.Timeline.Lines[i]
			r.r.errorf("%s reached %s at %s; want it never to", r.id, step, l.At.In(r.r.Timeline.Begin.Location()).Format("Mon 15:04:05"))
		}
	}
}

// Before wants the last that happened to the step before to stand in the
// timeline ahead of the first that happened to the step after.
func (r *RunResult) Before(before, after string) {
	r.r.t.Helper()
	if !r.exists(before) || !r.exists(after) {
		return
	}
	last, first := r.last(before), r.first(after)
	switch {
	case last < 0:
		r.r.errorf("%s never reached %s; want it before %s", r.id, before, after)
	case first < 0:
		r.r.errorf("%s never reached %s; want it after %s", r.id, after, before)
	case last > first:
		r.r.errorf("%s: %s was not over before %s began", r.id, before, after)
	}
}

// After wants the first that happened to the step after to stand in the
// timeline behind the last that happened to the step before.
func (r *RunResult) After(after, before string) {
	r.r.t.Helper()
	r.Before(before, after)
}

// Waiting wants a step to have waited, at some time, for a thing such as
// "approval" or "window", with a reason that has the given text in it. An empty
// step means the run as a whole.
func (r *RunResult) Waiting(step, what, reason string) {
	r.r.t.Helper()
	if !r.exists(step) {
		return
	}
	start := "waiting for " + what
	var others []string
	for _, l := range r.r.Timeline.Lines {
		if l.Run != r.id || l.Step != step || !strings.HasPrefix(l.Text, "waiting") {
			continue
		}
		if strings.HasPrefix(l.Text, start) && strings.Contains(l.Text[len(start):], reason) {
			return
		}
		others = append(others, l.Text)
	}
	r.r.errorf("%s %s never was %s with %q; it was %q", r.id, step, start, reason, others)
}

// exists reports whether there is a step with the given name, for otherwise a
// slip of the pen would pass for never.
func (r *RunResult) exists(step string) bool {
	r.r.t.Helper()
	_, known := r.Step(step)
	if known || step == "" || r.first(step) >= 0 {
		return true
	}
	var names []string
	for _, s := range r.Steps {
		names = append(names, s.Name)
	}
	if slices.ContainsFunc(names, func(n string) bool { return base(n) == base(step) }) && base(step) != step {
		return true // of an item that was not taken
	}
	r.r.errorf("%s has no step %q; it has %q", r.id, step, names)
	return false
}

// first returns the index of the first line of a step, or -1.
func (r *RunResult) first(step string) int {
	return slices.IndexFunc(r.r.Timeline.Lines, r.about(step))
}

// last returns the index of the last line of a step, or -1.
func (r *RunResult) last(step string) int {
	lines := r.r.Timeline.Lines
	for i := len(lines) - 1; i >= 0; i-- {
		if r.about(step)(lines[i]) {
			return i
		}
	}
	return -1
}

// about returns what tells the lines of a step that was reached, as against
// those of people who speak of it.
func (r *RunResult) about(step string) func(Line) bool {
	return func(l Line) bool {
		spoken := l.Event == journal.Overridden || l.Event == journal.Retried
		return l.Run == r.id && l.Step == step && !spoken
	}
}
