package machine

import (
	"slices"
	"time"
)

// enter reaches node i.
func (m *Machine) enter(i int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	s.since = t
	if n.Parent >= 0 && m.states[n.Parent].stop && !n.Urgent {
		s.stop = true
	}
	switch n.Kind {
	case Sequence, OnFailure, Finally:
		s.phase, s.cursor = active, 0
		if s.stop && n.Kind != Sequence {
			m.drop(n.Children[1], false) // nothing is begun, so there is no way out of it
		}
		if len(n.Children) == 0 {
			m.close(i, Succeeded, t)
			return
		}
		m.enter(n.Children[0], t)
	case Group:
		m.open(i, n.Children, t)
	default:
		m.reach(i, t)
	}
}

// reach makes a leaf ready.
func (m *Machine) reach(i int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	if s.stop {
		m.close(i, Canceled, t)
		return
	}
	s.phase = ready
	if len(m.carried) > 0 && m.resume(i, t) {
		return
	}
	if s.more != nil && s.more.listed { // its items stay as they were decided (R8a)
		m.open(i, s.more.kids, t)
		return
	}
	if by := m.passer(n.Name); by != "" && n.Kind == Gate {
		s.reason = "overridden by " + by
		m.close(i, Succeeded, t)
		return
	}
	m.patience(i)
	m.push(i)
}

// patience has gate i looked at when it expires.
func (m *Machine) patience(i int32) {
	if n := m.node(i); n.Expires > 0 {
		m.wakeAt(i, m.states[i].since.Add(n.Expires))
	}
}

// close ends node i with a final status, and tells its parent.
func (m *Machine) close(i int32, st Status, t time.Time) {
	s, n := &m.states[i], m.node(i)
	s.phase, s.status, s.end = ended, st, t
	switch {
	case n.Kind == Stage && st.OK():
		m.right(i)
	case n.Kind == Stage:
		m.spoil(i)
	case n.Kind == When && len(n.Children) > 0:
		m.drop(n.Children[0], !st.OK())
	case n.Kind == ForEach: // its items may be known from before it was done anew
		for _, c := range m.children(i) {
			m.drop(c, !st.OK())
		}
	}
	m.settle(i)
	p := n.Parent
	if p < 0 || m.states[p].phase != active {
		return
	}
	m.closed(p, i, t)
}

// closed takes parent on after its child has ended.
func (m *Machine) closed(parent, child int32, t time.Time) {
	s, n, c := &m.states[parent], m.node(parent), m.node(child)
	st := m.states[child].status
	switch n.Kind {
	case Sequence:
		skipped := st == Skipped && c.Kind == Gate
		if !st.OK() || skipped {
			for _, rest := range n.Children[c.Pos+1:] {
				m.drop(rest, !skipped)
			}
			m.close(parent, st, t)
			return
		}
		if s.cursor++; int(s.cursor) == len(n.Children) {
			m.close(parent, Succeeded, t)
			return
		}
		m.enter(n.Children[s.cursor], t)
	case Group, ForEach:
		m.member(parent, child, t)
	case When:
		m.close(parent, st, t)
	case OnFailure:
		switch {
		case c.Pos == 1:
			m.close(parent, m.states[n.Children[0]].status, t)
		case st.OK() || !m.states[child].begun:
			m.drop(n.Children[1], false)
			m.close(parent, st, t)
		default:
			s.cursor = 1
			m.doom(parent, t)
			m.enter(n.Children[1], t)
		}
	case Finally:
		switch do := &m.states[n.Children[1]]; {
		case c.Pos == 1:
			of := m.states[n.Children[0]].status
			if of.OK() && !st.OK() {
				of = st
			}
			m.close(parent, of, t)
			if m.lapsing > 0 { // not looked at meanwhile
				m.trailing(n.Children[0], m.watchLapse)
			}
		case do.phase == dropped:
			m.close(parent, st, t)
		default:
			s.cursor = 1
			m.limit(parent, t)
			if !st.OK() {
				m.doom(parent, t)
			}
			m.enter(n.Children[1], t)
		}
	}
}

// limit sets the deadline of Finally i, of which Do is about to be reached.
func (m *Machine) limit(i int32, t time.Time) {
	by := t.Add(m.node(i).Within)
	x := m.more(i)
	x.deadline = by
	m.wait(x)
	m.wakeAt(i, by)
}

// drop says that node i, which was not reached, never will be; lost, if that is
// because another did not succeed.
func (m *Machine) drop(i int32, lost bool) {
	s := &m.states[i]
	if s.phase != idle {
		return
	}
	s.phase = dropped
	if lost {
		m.spoil(i)
	}
	m.settle(i)
	for _, c := range m.children(i) {
		m.drop(c, lost)
	}
}

// cancel stops node i and what is in it, except ways out.
func (m *Machine) cancel(i int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	if s.stop || n.Urgent || s.phase == ended || s.phase == dropped {
		return
	}
	s.stop = true
	switch {
	case s.phase == idle:
	case s.phase == calling:
		m.stops = append(m.stops, i)
	case s.phase == unknown:
		m.push(i) // whether it was done is asked for once more
	case m.withdrawn(i): // it is ended by giveUp; what it is in has counted it
	case s.phase != active:
		m.close(i, Canceled, t)
	case n.Kind == Group || n.Kind == ForEach:
		for _, c := range m.children(i) {
			if m.states[c].phase != idle {
				m.cancel(c, t)
			}
		}
	case n.Kind == When:
		m.cancel(n.Children[0], t)
	default:
		m.cancel(n.Children[s.cursor], t)
	}
}

// open begins a group of children.
func (m *Machine) open(i int32, children []int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	s.phase, s.left, s.running, s.worst = active, int32(len(children)), 0, Succeeded
	if s.left == 0 {
		m.close(i, Succeeded, t)
		return
	}
	if n.Needs != nil {
		m.more(i).need = slices.Clone(n.Needs)
	}
	for pos := range children {
		if m.states[i].phase != active {
			return
		}
		if n.Needs == nil || m.states[i].more.need[pos] == 0 {
			m.offer(i, int32(pos), t)
		}
	}
}

// offer begins a child of a group, or lets it wait for a place.
func (m *Machine) offer(i, pos int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	c := m.children(i)[pos]
	if m.states[c].phase != idle {
		return
	}
	if n.Max > 0 && int(s.running) >= n.Max {
		x := m.more(i)
		x.queue = append(x.queue, pos)
		return
	}
	s.running++
	m.enter(c, t)
}

// member takes a group on after one of its children has ended.
func (m *Machine) member(i, child int32, t time.Time) {
	s, n, c := &m.states[i], m.node(i), m.node(child)
	st := m.states[child].status
	s.left--
	s.running--
	switch {
	case st == Skipped && c.Kind == Gate:
		m.forgo(i, c.Pos, Skipped)
	case st.OK():
		if n.After == nil {
			break
		}
		for _, next := range n.After[c.Pos] {
			need := m.states[i].more.need
			if need[next]--; need[next] == 0 {
				m.offer(i, next, t)
			}
		}
	default:
		s.worst = worse(s.worst, st)
		m.forgo(i, c.Pos, Pending)
		if n.FailFast && !s.failing {
			m.haste(i, child, t)
		}
		m.doom(i, t)
	}
	m.refill(i, t)
	if s = &m.states[i]; s.left == 0 && s.phase == active {
		m.close(i, s.worst, t)
	}
}

// refill begins children that waited for a place.
func (m *Machine) refill(i int32, t time.Time) {
	n := m.node(i)
	if n.Max == 0 {
		return
	}
	for {
		s := &m.states[i]
		if s.phase != active || int(s.running) >= n.Max || s.more == nil || len(s.more.queue) == 0 {
			return
		}
		pos := s.more.queue[0]
		s.more.queue = s.more.queue[1:]
		m.offer(i, pos, t)
	}
}

// forgo says that what comes after a child of a group is not taken: with
// Skipped, because a gate let it be; with Pending, because it cannot be.
func (m *Machine) forgo(i, pos int32, st Status) {
	n := m.node(i)
	if n.After == nil {
		return
	}
	for _, next := range n.After[pos] {
		c := m.children(i)[next]
		if m.states[c].phase != idle {
			continue
		}
		m.drop(c, !st.Done())
		if st.Done() {
			m.states[c].phase, m.states[c].status = ended, st
		}
		m.states[i].left--
		m.forgo(i, next, st)
	}
}

// haste stops the other children of a group that fails fast. First it lets those
// be that were not begun, for a place that becomes free is not for them.
func (m *Machine) haste(i, failed int32, t time.Time) {
	m.states[i].failing = true
	for _, c := range m.children(i) {
		if m.states[c].phase == idle {
			m.drop(c, true)
			m.states[i].left--
		}
	}
	for _, c := range m.children(i) {
		if c != failed { // it is left to end
			m.cancel(c, t)
		}
	}
}

// doom says that node i, which is under way, can end in no other way than badly.
// The groups above it that fail fast do not wait until it has: a way out may
// take long.
func (m *Machine) doom(i int32, t time.Time) {
	for c, p := i, m.node(i).Parent; p >= 0; c, p = p, m.node(p).Parent {
		s, n := &m.states[p], m.node(p)
		wayOut := (n.Kind == OnFailure || n.Kind == Finally) && m.node(c).Pos == 1
		if wayOut || s.phase != active {
			return
		}
		if n.FailFast && !s.failing {
			m.haste(p, c, t)
		}
	}
}

// begin notes that a stage was called, for the ways out above it.
func (m *Machine) begin(i int32) {
	for ; i >= 0 && !m.states[i].begun; i = m.node(i).Parent {
		m.states[i].begun = true
	}
}

// push says that node i may have a command.
func (m *Machine) push(i int32) {
	if s := &m.states[i]; !s.queued && m.prog != nil {
		s.queued = true
		m.ready = append(m.ready, i)
	}
}
