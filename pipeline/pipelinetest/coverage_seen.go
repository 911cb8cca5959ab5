package pipelinetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// An answer is what a unit of a pipeline said once: whether it is open.
type answer struct {
	pipeline string
	unit     unit
	open     bool
}

// answered notes what a gate, and each window that it needs, says.
func (b *bench) answered(ctx context.Context, k *lock, req gate.Request, d gate.Decision, err error) {
	for i, part := range unitsOf(k.Gate) {
		if i > 0 {
			d, err = part.Decide(ctx, req)
		}
		if err == nil {
			b.mu.Lock()
			b.answers[answer{req.Pipeline, unit{base(req.Gate), k.place, i}, d.Verdict == gate.Passed}] = true
			b.mu.Unlock()
		}
	}
}

// A witness is what is known of a run at a moment of its story.
type witness struct {
	id      string
	program *machine.Program
	events  []journal.Event
	queued  string // what the points of the environment are of that it waited for last
}

// seen returns the points that a story has seen.
func (s *sights) seen(r *Result) map[Point]bool {
	got := map[Point]bool{}
	see := func(of, what string) {
		if p := (Point{s.name, of, what}); s.has[p] {
			got[p] = true
		}
	}
	for a := range r.answers {
		if a.pipeline == s.name {
			see(s.units[a.unit], map[bool]string{true: seenOpen, false: seenShut}[a.open])
		}
	}
	runs := map[string]*witness{}
	for _, e := range r.entries {
		if e.line != nil || strings.Contains(e.run, "/") {
			continue
		}
		if d, ok := e.event.Data.(*journal.Beginning); ok && d.Pipeline == s.name {
			runs[e.run] = &witness{id: e.run, program: s.program}
		}
		if w := runs[e.run]; w != nil {
			s.watch(w, &e.event, see)
			w.events = append(w.events, e.event)
		}
	}
	for _, w := range runs {
		s.failures(w, see)
	}
	return got
}

// watch sees what an event of a run shows.
func (s *sights) watch(w *witness, e *journal.Event, see func(of, what string)) {
	name := base(e.Step)
	switch d := e.Data.(type) {
	case *journal.Wait:
		if d.For == "environment" {
			w.queued = "environment " + s.stages[name].Environment.Name
			see(w.queued, seenQueue)
		}
		see("gate "+name, seenWaiting)
	case *journal.Rejection:
		see("gate "+name, map[bool]string{true: seenExpiring, false: seenRejecting}[d.Expired])
	case *journal.Fault:
		if !d.Retry.IsZero() {
			see("stage "+name, seenAgain)
		}
	case *journal.Choice:
		see("when "+name, map[bool]string{true: seenTaken, false: seenNotTaken}[d.Take])
	case *journal.List:
		see("for-each "+name, map[bool]string{true: seenNoItems, false: seenItems}[len(d.Items) == 0])
	}
	switch e.Kind {
	case journal.Passed:
		see("gate "+name, seenPassing)
	case journal.Done:
		see("stage "+name, seenSucceeding)
	case journal.Superseded:
		see(w.queued, seenOvertaken)
	case journal.Retried:
		s.failures(w, see)
	case journal.Called, journal.Waiting, journal.Chosen, journal.Listed:
		s.follow(w, e.Step, see)
	}
}

// follow sees which ways a step that was reached is on.
func (s *sights) follow(w *witness, step string, see func(of, what string)) {
	for i := range s.ways {
		y := &s.ways[i]
		items := firstItems(step, y.items)
		switch {
		case !y.takes[base(step)]:
		case !y.final:
			see(y.of, seenTaken)
		case w.failed(y, items):
			see(y.of, seenAfterFailure)
		default:
			see(y.of, seenAfterSuccess)
		}
	}
}

// failed reports whether something in the Of of y did not go well.
func (w *witness) failed(y *way, items string) bool {
	return w.has(func(v machine.View) bool {
		return y.tries[base(v.Node.Name)] && firstItems(v.Node.Name, y.items) == items && v.Status.Done() && !v.Status.OK()
	})
}

// failures sees which stages have failed, or could not be done, as the run is.
func (s *sights) failures(w *witness, see func(of, what string)) {
	w.has(func(v machine.View) bool {
		if v.Status == machine.Failed || v.Status == machine.Errored && v.For == "" {
			see("stage "+base(v.Node.Name), seenFailing)
		}
		return false
	})
}

// has reports whether f holds for a step of the run as it is.
func (w *witness) has(f func(machine.View) bool) bool {
	m, err := machine.Fold(w.id, w.events, func(string, artifact.Digest) *machine.Program { return w.program })
	if err != nil {
		panic(fmt.Sprintf("pipelinetest: the journal of run %s: %v", w.id, err)) // it was written by the executor, under this definition
	}
	for v := range m.Views() {
		if f(v) {
			return true
		}
	}
	return false
}

// firstItems returns the first n items that a step is for, such as "[eu]".
func firstItems(step string, n int) string {
	items := strings.SplitAfterN(step[len(base(step)):], "]", n+1)
	return strings.Join(items[:min(n, len(items))], "")
}
