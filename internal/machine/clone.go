package machine

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Clone returns a copy of m that can be given events of its own.
func (m *Machine) Clone() *Machine {
	c := new(Machine)
	m.CopyTo(c)
	return c
}

// CopyTo makes c a copy of m that can be given events of its own. The memory
// that c has is used again, so c must not be used for anything else. What is in
// events is shared, for it is never changed.
func (m *Machine) CopyTo(c *Machine) {
	old := *c
	*c = *m
	c.keys, c.calls = strings.Builder{}, nil // memory of m alone

	c.states = copyStates(old.states, m.states)
	c.envs = append(old.envs[:0], m.envs...)
	c.ready, c.head = append(old.ready[:0], m.ready[m.head:]...), 0
	c.stops = append(old.stops[:0], m.stops...)
	c.leaves = append(old.leaves[:0], m.leaves...)
	c.inflight = append(old.inflight[:0], m.inflight...)
	c.locked = append(old.locked[:0], m.locked...)
	c.lost = append(old.lost[:0], m.lost...)
	c.barred = append(old.barred[:0], m.barred...)
	c.timers = append(old.timers[:0], m.timers...)

	c.extra = slices.Clip(m.extra)
	c.redone, c.overridden = slices.Clip(m.redone), slices.Clip(m.overridden)
	if m.prog == nil || len(m.extra) > 0 { // otherwise they are the program's
		c.names = maps.Clone(m.names)
	}
	if m.prog == nil {
		c.extra = slices.Clone(m.extra) // kinds of nodes show late
	}
	m.lent, c.lent = true, true
	c.carried, c.used, c.votes = maps.Clone(m.carried), maps.Clone(m.used), maps.Clone(m.votes)
}

// copyStates returns a copy of from in the memory of to.
func copyStates(to, from []state) []state {
	all := to[:cap(to)]
	if len(all) < len(from) {
		all = append(all, make([]state, len(from)-len(all))...)
	}
	for i := range from {
		spare := all[i].more
		all[i] = from[i]
		if from[i].more != nil {
			all[i].more = from[i].more.copyTo(spare)
		}
	}
	return all[:len(from)]
}

// copyTo returns a copy of x in the memory of c, if c is not nil.
func (x *more) copyTo(c *more) *more {
	if c == nil {
		c = new(more)
	}
	need, queue := c.need[:0], c.queue[:0]
	*c = *x
	c.need, c.queue = append(need, x.need...), append(queue, x.queue...)
	c.votes = slices.Clip(x.votes)
	return c
}

// Restart forgets what is not recorded, as a process does that dies. After it m
// has the commands that the fold of its journal has, in the order of the nodes.
func (m *Machine) Restart() {
	m.ready, m.head = m.ready[:0], 0
	m.stops, m.leaves, m.barred = m.stops[:0], m.leaves[:0], m.barred[:0]
	for i := range m.states {
		s := &m.states[i]
		s.asked, s.stale, s.blind, s.fresh, s.queued = 0, false, false, false, false
		if s.more != nil {
			s.more.erring = time.Time{}
		}
		switch s.phase {
		case ready, waiting, unknown, again, erred:
			m.push(int32(i))
		case calling:
			if s.stop {
				m.stops = append(m.stops, int32(i))
			}
		}
	}
	for e := range m.envs {
		if env := &m.envs[e]; env.remaining == 0 && (env.held || env.queued) || m.outside(int32(e)) {
			m.leaves = append(m.leaves, int32(e))
		}
	}
}
