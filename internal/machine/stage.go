package machine

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// recount has stage i of a machine without a program, of which what is in more
// than one step is not known, agree with a call: the stage may have ended with
// others, and have been reached anew with them.
func (m *Machine) recount(i int32, e *journal.Event, d *journal.Call) {
	s := &m.states[i]
	gen := s.gen
	if round, err := strconv.Atoi(strings.TrimPrefix(d.Key, m.Run+"/"+m.node(i).Name+"/")); err == nil {
		gen = int32(round - 1)
	}
	if gen != s.gen {
		m.reset(i)
		s.phase, s.since, s.born = ready, e.Time, int32(m.Length)
	}
	s.gen = gen
	s.polled = s.polled && d.Attempt == int(s.attempt)
	if !s.polled {
		s.attempt = int32(d.Attempt - 1)
	}
}

// nextAttempt returns the number of the next call of stage i: that of the one
// before, if the call goes on with it.
func (m *Machine) nextAttempt(i int32) int {
	s := &m.states[i]
	if s.polled {
		return int(s.attempt)
	}
	return int(s.attempt) + 1
}

func (m *Machine) called(i int32, e *journal.Event) error {
	d, err := data[journal.Call](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	if m.prog == nil {
		m.recount(i, e, d)
	}
	if d.Attempt != m.nextAttempt(i) {
		return ErrOrder
	}
	if s.started.IsZero() {
		s.started = e.Time
	}
	s.phase, s.attempt, s.permit, s.asked, s.blind, s.fresh = calling, int32(d.Attempt), false, 0, false, false
	if env := m.env(n.Environment); env != nil && env.held && !n.Urgent && m.prog != nil {
		env.aside = false
	}
	if s.more != nil {
		s.more.waits = ""
	}
	if !s.polled {
		s.reason = ""
		if s.more != nil {
			s.more.state = nil
		}
	}
	for _, e := range n.envs {
		if !n.Urgent {
			m.envs[e].righted = false
		}
	}
	m.fly(i)
	m.begin(i)
	if m.lapsing > 0 {
		m.use(i)
	}
	return nil
}

func (m *Machine) again(i int32, e *journal.Event) error {
	d, err := data[journal.Pause](e)
	if err != nil {
		return err
	}
	m.land(i)
	s := &m.states[i]
	if s.stop {
		m.fail(i, Canceled, d.Summary, "", e.Time)
		return nil
	}
	s.phase, s.reason, s.polled = again, d.Summary, true
	x := m.more(i)
	x.waits, x.state, x.recheck = "time", d.State, d.Until
	m.wait(x)
	m.wakeAt(i, d.Until)
	return nil
}

func (m *Machine) done(i int32, e *journal.Event) error {
	m.states[i].reason = ""
	if e.Data != nil {
		d, err := data[journal.Result](e)
		if err != nil {
			return err
		}
		m.take(i, d)
	}
	m.land(i)
	m.close(i, Succeeded, e.Time)
	return nil
}

// take keeps what stage i gave.
func (m *Machine) take(i int32, d *journal.Result) {
	m.states[i].reason = d.Summary
	if m.lent && len(d.Artifacts)+len(d.Values) > 0 {
		m.Artifacts, m.Values, m.lent = maps.Clone(m.Artifacts), maps.Clone(m.Values), false
	}
	for _, a := range d.Artifacts {
		if m.Artifacts == nil {
			m.Artifacts = artifact.Set{}
		}
		m.Artifacts[a.Name] = a
	}
	for name, v := range d.Values {
		if m.Values == nil {
			m.Values = map[string]json.RawMessage{}
		}
		m.Values[name] = v
	}
}

// fail ends a leaf that did not succeed.
func (m *Machine) fail(i int32, st Status, why, stack string, t time.Time) {
	m.land(i)
	s := &m.states[i]
	if s.stop {
		st = Canceled
	}
	s.reason = why
	if stack != "" {
		m.more(i).stack = stack
	}
	m.close(i, st, t)
}

func (m *Machine) erred(i int32, e *journal.Event) error {
	d, err := data[journal.Fault](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	if d.Retry.IsZero() || s.stop {
		m.fail(i, Errored, d.Text, d.Stack, e.Time)
		return nil
	}
	m.land(i)
	s.phase, s.reason, s.polled = erred, d.Text, false
	x := m.more(i)
	x.waits, x.stack, x.recheck, x.state = "retry", d.Stack, d.Retry, nil
	m.wait(x)
	x.tries++
	m.wakeAt(i, d.Retry)
	return nil
}

func (m *Machine) waits(i int32, e *journal.Event) error {
	d, err := data[journal.Wait](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	if s.phase != unknown {
		s.phase = waiting
	}
	s.reason, s.permit = d.Text, false
	x := m.more(i)
	x.waits, x.recheck = d.For, d.Recheck
	if !d.Subject.IsZero() {
		x.subject = d.Subject
	}
	if d.For == "environment" {
		m.lock(i)
	} else {
		m.unlock(i)
	}
	m.wakeAt(i, m.soonest(i, d.Recheck))
	if s.phase == unknown && s.stop {
		m.push(i) // it is not asked again
	}
	return nil
}
