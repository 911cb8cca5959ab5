package machine

import (
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

func (m *Machine) passed(i int32, e *journal.Event) error {
	d, err := data[journal.Pass](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	s.reason = d.Text
	x := m.more(i)
	x.waits, x.lapses, x.subject = "", d.Lapses, d.Subject
	if !d.Lapses.IsZero() {
		m.lapsing++
		m.wakeAt(i, d.Lapses)
	}
	if !x.withdrawn {
		m.close(i, Succeeded, e.Time)
		return nil
	}
	m.regain(i)
	s.phase, s.status, s.end = ended, Succeeded, e.Time
	m.unbar()
	return nil
}

func (m *Machine) rejected(i int32, e *journal.Event) error {
	d, err := data[journal.Rejection](e)
	if err != nil {
		return err
	}
	m.more(i).rejection = d
	m.reject(i, e.Time)
	return nil
}

// reject takes gate i on after it was rejected.
func (m *Machine) reject(i int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	then, d := n.OnReject, s.more.rejection
	if d.Expired {
		then = n.OnExpire
	}
	s.reason = d.Text
	switch {
	case then == Hold:
		s.phase = held
		s.more.waits = "hold"
	case s.more.withdrawn: // what comes after it is reached already; the stages behind it fail
		s.phase, s.status, s.end = ended, Failed, t
		m.unbar()
	case then == Skip:
		m.close(i, Skipped, t)
	default:
		m.close(i, Failed, t)
	}
}

func (m *Machine) overrode(i int32, e *journal.Event) error {
	d, err := data[journal.Reason](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	m.overridden = append(m.overridden, Override{Step: n.Name, By: e.By, Reason: d.Text, At: e.Time})
	switch {
	case n.Kind == Gate && (s.phase == ready || s.phase == waiting || s.phase == held):
		p := journal.Event{Time: e.Time, Kind: journal.Passed, Step: e.Step, Data: &journal.Pass{Text: "overridden by " + e.By}}
		return m.passed(i, &p)
	case n.Kind == Stage && s.phase == held:
		s.reason = "overridden by " + e.By
		m.close(i, Succeeded, e.Time)
	case n.Kind == Stage && m.fits(i, journal.Permitted):
		s.asked = 0 // what the gates of its environment answer does not matter any more
		m.push(i)
	}
	return nil
}

// passer returns who overrode the named step, or "".
func (m *Machine) passer(step string) string {
	for _, o := range m.overridden {
		if o.Step == step {
			return o.By
		}
	}
	return ""
}
