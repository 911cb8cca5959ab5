package machine

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// Errors of [Machine.Apply], wrapped.
var (
	ErrFenced = errors.New("written under a claim that is not the newest") // J4
	ErrOrder  = errors.New("cannot follow what was recorded before")
)

// Apply takes the next event of the journal. After an error the machine is of
// no more use.
func (m *Machine) Apply(e *journal.Event) error {
	if err := m.apply(e); err != nil {
		return fmt.Errorf("run %s: event %d, %s %q: %w", m.Run, m.Length, e.Kind, e.Step, err)
	}
	m.Length++
	if said(e.Kind) {
		m.said++
	}
	return nil
}

func (m *Machine) apply(e *journal.Event) error {
	if m.Begun.IsZero() != (e.Kind == journal.Began) {
		return ErrOrder
	}
	if m.Status.Done() && e.Kind != journal.Retried {
		return ErrOrder
	}
	m.turn(e.Time)
	m.turned = false
	if e.Kind == journal.Claimed {
		return m.claimed(e)
	}
	if fenced := e.Epoch != m.Epoch || m.Owner == ""; fenced && (e.Epoch != 0 || !anyone(e)) {
		return ErrFenced
	}
	if e.Step != "" {
		i, ok := m.lookup(e)
		if !ok {
			return errors.New("there is no such step in the definition")
		}
		return m.step(i, e)
	}
	switch e.Kind {
	case journal.Began:
		return m.began(e)
	case journal.Released:
		m.Owner = ""
		if m.For == "" {
			m.Status = Waiting
		}
	case journal.Waiting:
		d, err := data[journal.Wait](e)
		if err != nil {
			return err
		}
		m.Status, m.For, m.Reason = Waiting, d.For, d.Text
	case journal.Left:
		d, err := data[journal.Exit](e)
		if err != nil {
			return err
		}
		if env := m.env(d.Environment); env != nil {
			env.held, env.queued = false, false
		}
	case journal.Stopped:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.stopped = "canceled by " + e.By
		if d.Text != "" {
			m.stopped += ": " + d.Text
		}
		m.stop(e.Time)
	case journal.Superseded:
		d, err := data[journal.Successor](e)
		if err != nil {
			return err
		}
		m.successor = d.Run
		m.stop(e.Time)
	case journal.Adopted:
		d, err := data[journal.Adoption](e)
		if err != nil {
			return err
		}
		m.Definition, m.Since, m.Came, m.Drains, m.For, m.Reason = d.Definition, e.Time, m.Length+1, false, "", ""
		m.lose() // see resume
	case journal.Restored:
		d, err := data[journal.Restoration](e)
		if err != nil {
			return err
		}
		m.restored(d.Fence)
	case journal.Drained:
		m.Drains, m.For, m.Reason = true, "", ""
	case journal.Ended:
		d, err := data[journal.End](e)
		if err != nil {
			return err
		}
		st, ok := parseStatus(d.Status)
		if !ok || !st.Done() {
			return fmt.Errorf("status %q: %w", d.Status, journal.ErrUnknown)
		}
		m.Status, m.Reason, m.For, m.Over, m.Owner = st, d.Text, "", e.Time, ""
		m.Closed = m.Length + 1
		m.giveUp(e.Time)
	default:
		return fmt.Errorf("not an event of a run: %w", journal.ErrUnknown)
	}
	return nil
}

// anyone reports whether e needs no claim: whether people, and programs on their
// behalf, may write it.
func anyone(e *journal.Event) bool {
	switch e.Kind {
	case journal.Began, journal.Voted, journal.Stopped, journal.Retried, journal.Overridden, journal.Adopted, journal.Drained, journal.Restored:
		return true
	case journal.Waiting:
		return e.Step == "" // for drift
	}
	return false
}

// data returns what an event carries, or a new zero T if it carries nothing.
func data[T any](e *journal.Event) (*T, error) {
	if e.Data == nil {
		return new(T), nil
	}
	d, ok := e.Data.(*T)
	if !ok {
		return nil, fmt.Errorf("data is a %T: %w", e.Data, journal.ErrCorrupt)
	}
	return d, nil
}

func (m *Machine) began(e *journal.Event) error {
	d, err := data[journal.Beginning](e)
	if err != nil {
		return err
	}
	m.Begun, m.Since, m.Beginning, m.Definition = e.Time, e.Time, *d, d.Definition
	m.Artifacts = maps.Clone(d.Artifacts)
	if m.prog != nil {
		m.enter(0, e.Time)
	}
	return nil
}

// claimed gives the run to another owner. What the one before had called is
// unknown from here on (I5).
func (m *Machine) claimed(e *journal.Event) error {
	if e.Epoch <= m.Epoch || e.By == "" {
		return ErrFenced
	}
	m.Owner, m.Epoch = e.By, e.Epoch
	m.Status, m.For, m.Reason = Running, "", ""
	m.lose()
	return nil
}

// lose says that it is not known of the hooks that are called what they did.
func (m *Machine) lose() {
	for _, i := range m.inflight {
		m.states[i].phase, m.states[i].slot = unknown, 0
		m.push(i)
	}
	m.inflight = m.inflight[:0]
}

// restored takes the run from its owner and raises its numbers: what was handed
// out after the copy was made that was put back is not handed out again (I25).
func (m *Machine) restored(fence int64) {
	m.Owner, m.Epoch = "", max(m.Epoch, fence)
	if m.For == "" {
		m.Status = Waiting
	}
	for i := range m.envs {
		if m.envs[i].held {
			m.envs[i].token = max(m.envs[i].token, fence)
		}
	}
}

// stop cancels the run.
func (m *Machine) stop(t time.Time) {
	if m.prog == nil {
		return
	}
	m.cancel(0, t)
	m.giveUp(t)
}

// giveUp ends the gates of which the pass was withdrawn. What comes after them
// was reached before, so they did not end with what they are in. A cancel leaves
// those in a way out (R5).
func (m *Machine) giveUp(t time.Time) {
	for _, g := range m.lost {
		stays := m.node(g).Urgent && !m.Status.Done()
		if s := &m.states[g]; s.phase != ended && !stays {
			s.phase, s.status, s.end = ended, Canceled, t
		}
	}
}

// takeUp has the gates asked again that were given up when the run ended: what a
// person has done anew may lead to what comes after them.
func (m *Machine) takeUp() {
	for _, g := range m.lost {
		if s := &m.states[g]; s.phase == ended && s.status == Canceled {
			s.phase, s.status, s.end = ready, Pending, time.Time{}
			m.patience(g)
			m.push(g)
		}
	}
}

// step takes an event that is about node i.
func (m *Machine) step(i int32, e *journal.Event) error {
	s := &m.states[i]
	switch e.Kind {
	case journal.Retried:
		return m.retried(i, e)
	case journal.Overridden:
		return m.overrode(i, e)
	}
	if !m.fits(i, e.Kind) {
		return ErrOrder
	}
	switch e.Kind {
	case journal.Called:
		return m.called(i, e)
	case journal.Again:
		return m.again(i, e)
	case journal.Done:
		return m.done(i, e)
	case journal.Failed:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.fail(i, Failed, d.Text, d.Stack, e.Time)
	case journal.Erred:
		return m.erred(i, e)
	case journal.Held:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.land(i)
		if s.stop {
			m.fail(i, Canceled, d.Text, "", e.Time)
			return nil
		}
		s.phase, s.reason, s.polled = held, d.Text, false
		m.more(i).waits = "hold"
	case journal.Waiting:
		return m.waits(i, e)
	case journal.Voted:
		d, err := data[gate.Vote](e)
		if err != nil {
			return err
		}
		x := m.more(i)
		x.votes = append(x.votes, *d)
		if d.ID != "" {
			if m.votes == nil {
				m.votes = map[string]bool{}
			}
			m.votes[d.ID] = true
		}
		s.asked, s.stale = 0, false // the answer under way is of what was voted before
		m.push(i)
	case journal.Passed:
		return m.passed(i, e)
	case journal.Permitted:
		s.permit = true
		m.more(i).permitted = e.Time
		m.push(i)
	case journal.Rejected:
		return m.rejected(i, e)
	case journal.Withdrawn:
		return m.withdraw(i, e)
	case journal.Chosen:
		return m.chosen(i, e)
	case journal.Listed:
		return m.listed(i, e)
	case journal.Took:
		return m.took(i, e)
	default:
		return fmt.Errorf("not an event of a step: %w", journal.ErrUnknown)
	}
	return nil
}

// fits reports whether an event of kind k can happen to node i now.
func (m *Machine) fits(i int32, k journal.Kind) bool {
	if of, sure := about(k); sure && of != m.node(i).Kind {
		return false
	}
	switch p := m.states[i].phase; k {
	case journal.Again, journal.Done, journal.Erred, journal.Held:
		return p == calling || p == unknown
	case journal.Passed, journal.Rejected, journal.Chosen, journal.Listed:
		return p == ready || p == waiting
	case journal.Called, journal.Waiting, journal.Permitted, journal.Took:
		return p == ready || p == waiting || p == unknown || p == again || p == erred
	case journal.Withdrawn:
		return p == ended
	default:
		return p != idle && p != dropped && p != ended && p != active
	}
}
