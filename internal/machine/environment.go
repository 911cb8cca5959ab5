package machine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// An Environment is the fold of the journal of an environment: who holds it,
// who waits for it, what is live there and what was.
type Environment struct {
	Name    string
	Length  int // of the journal
	Holder  Visitor
	Token   int64     // of the newest holder
	Queue   []Visitor // by arrival
	Live    artifact.Set
	Release Visitor      // the run of which Live is the release; see E6
	History []Deployment // oldest first; see remember

	found Visitor // Release when Holder came
}

// A Visitor is a run in an environment or before it. A zero Run is nobody.
type Visitor struct {
	Run     string
	Started time.Time // when the run was
	Since   time.Time // when it came
}

// Journal returns the name of the journal of the named environment.
func Journal(environment string) string { return "env/" + environment }

// Clone returns a copy that can be given events of its own.
func (e *Environment) Clone() *Environment {
	c := *e
	c.Queue, c.History = slices.Clone(e.Queue), slices.Clone(e.History)
	return &c
}

// Apply takes the next event of the journal. After an error the Environment is
// of no more use.
func (e *Environment) Apply(ev *journal.Event) error {
	if err := e.apply(ev); err != nil {
		return fmt.Errorf("environment %s: event %d, %s by %q: %w", e.Name, e.Length, ev.Kind, ev.By, err)
	}
	e.Length++
	return nil
}

func (e *Environment) apply(ev *journal.Event) error {
	if ev.By == "" {
		return errors.New("by no run")
	}
	switch ev.Kind {
	case journal.Queued:
		d, err := data[journal.Arrival](ev)
		if err != nil || e.waits(ev.By) >= 0 {
			return err
		}
		e.Queue = append(e.Queue, Visitor{Run: ev.By, Started: d.Started, Since: ev.Time})
	case journal.Quit:
		if k := e.waits(ev.By); k >= 0 {
			e.Queue = slices.Delete(e.Queue, k, k+1)
		}
	case journal.Taken:
		d, err := data[journal.Hold](ev)
		if err != nil {
			return err
		}
		if e.Holder.Run != "" || d.Token <= e.Token {
			return ErrOrder
		}
		if k := e.waits(ev.By); k >= 0 {
			e.Queue = slices.Delete(e.Queue, k, k+1)
		}
		e.Holder, e.Token, e.found = Visitor{Run: ev.By, Started: d.Started, Since: ev.Time}, d.Token, e.Release
	case journal.Given:
		d, err := data[journal.Departure](ev)
		if err != nil {
			return err
		}
		if e.Holder.Run != ev.By {
			return ErrOrder
		}
		e.Holder = Visitor{}
		if last := e.last(); last != nil && last.Run == ev.By && last.Left.IsZero() {
			last.Left, last.Succeeded = ev.Time, d.Succeeded
		}
	case journal.Changed:
		d, err := data[journal.Live](ev)
		if err != nil {
			return err
		}
		return e.changed(ev, d)
	case journal.Restored:
		d, err := data[journal.Restoration](ev)
		if err != nil {
			return err
		}
		e.Token = max(e.Token, d.Fence)
	default:
		return fmt.Errorf("not an event of an environment: %w", journal.ErrUnknown)
	}
	return nil
}

// changed notes what is live. Where runs may overlap there is no holder, and
// what a run did there is good when it is done.
func (e *Environment) changed(ev *journal.Event, d *journal.Live) error {
	shared := e.Holder.Run == ""
	if !shared && e.Holder.Run != ev.By {
		return ErrOrder
	}
	last := e.last()
	if last == nil || last.Run != ev.By || !shared && !last.Left.IsZero() {
		e.remember(Deployment{Run: ev.By, Began: ev.Time})
		last = e.last()
	}
	last.Artifacts, last.Traffic = d.Artifacts, d.Traffic
	if shared {
		last.Left, last.Succeeded = ev.Time, true
	}
	switch {
	case d.Traffic == 100:
		e.Live, e.Release = d.Artifacts, e.Holder
		if d.Back {
			e.Release = e.found
		}
	case d.Traffic == 0 && (len(d.Artifacts) == 0 || maps.Equal(d.Artifacts, e.Live)): // all was withdrawn
		e.Live, e.Release = nil, Visitor{}
	}
	return nil
}

func (e *Environment) waits(run string) int {
	return slices.IndexFunc(e.Queue, func(v Visitor) bool { return v.Run == run })
}

// later reports whether a was started after b.
func later(a, b Visitor) bool {
	if !a.Started.Equal(b.Started) {
		return a.Started.After(b.Started)
	}
	return a.Run > b.Run
}

// before returns who keeps v out, or a zero Visitor, and whether v gives way to
// it for good (E1, E2).
func (e *Environment) before(v Visitor, newest bool) (other Visitor, yields bool) {
	if newest {
		for _, w := range append(e.Queue[:len(e.Queue):len(e.Queue)], e.Holder) {
			if w.Run != "" && w.Run != v.Run && later(w, v) && later(w, other) {
				other = w
			}
		}
		if other.Run != "" {
			return other, true
		}
		return e.Holder, false
	}
	if e.Holder.Run == "" && len(e.Queue) > 0 && e.Queue[0].Run != v.Run {
		return e.Queue[0], false
	}
	return e.Holder, false
}

// Next returns the runs to be woken when e has changed: those that may enter,
// or have to give way.
func (e *Environment) Next() []string {
	if len(e.Queue) == 0 {
		return nil
	}
	first, newest := e.Queue[0], e.Queue[0]
	for _, w := range e.Queue {
		if later(w, newest) {
			newest = w
		}
	}
	if first == newest {
		return []string{first.Run}
	}
	return []string{first.Run, newest.Run}
}

// Entering returns what to record when stage i is about to enter e: that it
// has, or that it waits, or that a newer run takes its place. There may be
// nothing new: then it is looked at again when it was inside already.
func (m *Machine) Entering(i int32, e *Environment, now time.Time) (run, env []journal.Event) {
	n := m.node(i)
	other, yields := m.rival(n, e)
	inside := m.env(e.Name)
	switch {
	case inside != nil && inside.held && !yields: // by a way out
		m.states[i].fresh = true
		m.push(i)
		return nil, nil
	case yields:
		return []journal.Event{{Time: now, Kind: journal.Superseded, Epoch: m.Epoch, Data: &journal.Successor{Run: other.Run}}}, nil
	case other.Run == "":
		t := e.Token + 1
		return []journal.Event{m.event(journal.Took, i, now, &journal.Entry{Environment: e.Name, Token: t, Previous: m.found(e)})},
			[]journal.Event{{Time: now, Kind: journal.Taken, By: m.Run, Data: &journal.Hold{Token: t, Started: m.Begun}}}
	}
	why := "run " + other.Run + " is there"
	if other != e.Holder {
		why = "run " + other.Run + " is next"
	}
	wait := journal.Wait{For: "environment", Text: why}
	queues := e.waits(m.Run) < 0
	if ev, news := m.Stays(i, wait, now); news {
		run = append(run, ev)
	} else if queues { // no event of e without one of the run, which fences it (J4)
		run = append(run, m.event(journal.Waiting, i, now, &wait))
	}
	if queues {
		env = append(env, journal.Event{Time: now, Kind: journal.Queued, By: m.Run, Data: &journal.Arrival{Started: m.Begun}})
	}
	return run, env
}

// Barred reports whether stage i, which waits for e, would go on doing so. That the
// gates of e let it begin is then not worth recording.
func (m *Machine) Barred(i int32, e *Environment) bool {
	other, yields := m.rival(m.node(i), e)
	return e.waits(m.Run) >= 0 && other.Run != "" && !yields
}

// rival returns who keeps stage n out of e, or a zero Visitor, and whether the run
// gives way to it for good: to a newer one that waits only as long as it is not
// inside (E1, E2, E6).
func (m *Machine) rival(n *Node, e *Environment) (other Visitor, yields bool) {
	me := Visitor{Run: m.Run, Started: m.Begun}
	if !n.Urgent && m.outdated(me, e) {
		return e.Release, true
	}
	return e.before(me, n.Newest && !n.Urgent && e.Holder.Run != m.Run)
}

// outdated reports whether run me would replace a newer release in e: one of the
// same artifacts that a run which was started later has brought there. To go
// back has to be the cause of a run (E6).
func (m *Machine) outdated(me Visitor, e *Environment) bool {
	if e.Release.Run == "" || !later(e.Release, me) || m.Beginning.Cause == "rollback" || m.Beginning.Cause == "promotion" {
		return false
	}
	for name := range e.Live {
		if _, ok := m.Artifacts[name]; !ok {
			return false
		}
	}
	return true
}

// found returns what e held before the run: what is live there, unless that is
// of this run, which comes back (R7).
func (m *Machine) found(e *Environment) artifact.Set {
	if last, env := e.last(), m.env(e.Name); last != nil && last.Run == m.Run && env != nil {
		return env.previous
	}
	return e.Live
}

// Leaving returns what to record when the run has no more use for e.
func (m *Machine) Leaving(e *Environment, now time.Time) (run, env []journal.Event) {
	run = []journal.Event{{Time: now, Kind: journal.Left, Epoch: m.Epoch, Data: &journal.Exit{Environment: e.Name, Queued: e.Holder.Run != m.Run}}}
	switch {
	case e.Holder.Run == m.Run:
		env = append(env, journal.Event{Time: now, Kind: journal.Given, By: m.Run, Data: &journal.Departure{Succeeded: !m.Unhealthy(e.Name)}})
	case e.waits(m.Run) >= 0:
		env = append(env, journal.Event{Time: now, Kind: journal.Quit, By: m.Run})
	}
	return run, env
}

// Without returns what to record in the journal of e for a run that nobody
// takes forward: it does not wait any longer, and if it ends it does not hold e.
func (e *Environment) Without(m *Machine, now time.Time, run []journal.Event) []journal.Event {
	if e.waits(m.Run) >= 0 {
		return []journal.Event{{Time: now, Kind: journal.Quit, By: m.Run}}
	}
	if e.Holder.Run == m.Run && run[len(run)-1].Kind == journal.Ended {
		return []journal.Event{{Time: now, Kind: journal.Given, By: m.Run, Data: &journal.Departure{}}}
	}
	return nil
}

// Deployed returns what to record of what the hook of stage i made live.
func (m *Machine) Deployed(i int32, out stage.Output, now time.Time) journal.Event {
	return journal.Event{Time: now, Kind: journal.Changed, Step: m.node(i).Name, By: m.Run, Data: &journal.Live{
		Artifacts: out.Live, Traffic: out.Traffic, Back: m.node(i).Urgent,
	}}
}
