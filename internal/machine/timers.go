package machine

import "time"

// timers is a heap of times at which a node is to be looked at again, soonest
// first, by a clock that is never set back. An entry that more.wake no longer
// agrees with is stale.
type timers []timer

type timer struct {
	at   time.Time
	node int32
}

func (h *timers) push(t timer) {
	*h = append(*h, t)
	a := *h
	for i := len(a) - 1; i > 0; {
		up := (i - 1) / 2
		if !a[i].before(a[up]) {
			return
		}
		a[i], a[up] = a[up], a[i]
		i = up
	}
}

func (h *timers) pop() {
	a := *h
	last := len(a) - 1
	a[0] = a[last]
	a = a[:last]
	*h = a
	for i := 0; ; {
		least := i
		for _, c := range [...]int{2*i + 1, 2*i + 2} {
			if c < last && a[c].before(a[least]) {
				least = c
			}
		}
		if least == i {
			return
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
}

func (t timer) before(u timer) bool {
	if !t.at.Equal(u.at) {
		return t.at.Before(u.at)
	}
	return t.node < u.node
}

// wakeAt has node i looked at again at t, if that is before it would be anyway.
func (m *Machine) wakeAt(i int32, t time.Time) {
	if m.prog == nil || t.IsZero() {
		return
	}
	x := m.more(i)
	x.wake = t.Add(m.behind)
	m.timers.push(timer{x.wake, i})
}

func (m *Machine) stale(t timer) bool {
	s := &m.states[t.node]
	if s.more == nil || !s.more.wake.Equal(t.at) {
		return true
	}
	if s.phase == ended {
		return !m.lapses(t.node)
	}
	return s.phase == dropped || s.phase == idle
}

// Next returns when [Machine.Tick] has something to do, or the zero Time if
// nothing waits for a time.
func (m *Machine) Next() time.Time {
	for len(m.timers) > 0 {
		if !m.stale(m.timers[0]) {
			return m.timers[0].at.Add(-m.behind)
		}
		m.timers.pop()
	}
	return time.Time{}
}

// Tick says that it is now: what waited for a time up to then may have a command.
func (m *Machine) Tick(now time.Time) {
	m.turn(now)
	for at := m.Next(); !at.IsZero() && !at.After(now); at = m.Next() {
		m.push(m.timers[0].node)
		m.timers.pop()
	}
}

// turn notes that it is t. If the clock was set back since the machine last
// heard of it, what waits for a time waits for as much less: no wait grows longer
// than it was meant to be. When a pass of a gate lapses stays as it is, for that
// is a time of the day.
func (m *Machine) turn(t time.Time) {
	const tolerance = time.Minute // between clocks that are the same
	if t.Before(m.latest) && m.latest.Sub(t) >= tolerance {
		m.behind += m.latest.Sub(t)
		m.turned = true
	}
	m.latest = t
}

// SetBack reports whether the clock was set back since the last event. A driver
// has to record some event then if the run waits for a time: whoever folds the
// journal later could not tell how long ago that was, and would wait anew.
func (m *Machine) SetBack() bool { return m.turned }

// wait notes that x waits from now on for a time.
func (m *Machine) wait(x *more) { x.behind = m.behind }

// due returns when the clock shows the time t that x waits for: earlier, if it
// was set back since.
func (m *Machine) due(x *more, t time.Time) time.Time { return t.Add(x.behind - m.behind) }
