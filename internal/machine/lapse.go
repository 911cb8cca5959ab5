package machine

import (
	"slices"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A pass of a gate may lapse: a window closes, an approval grows old. It then
// is withdrawn, unless the next stage has begun (G9). The gates before a stage
// are those that it comes after with no other stage between.

// gatesBefore calls f for the gates before node i, nearest first.
func (m *Machine) gatesBefore(i int32, f func(gate int32)) {
	for {
		p := m.node(i).Parent
		if p < 0 {
			return
		}
		pos, n := m.node(i).Pos, m.node(p)
		switch n.Kind {
		case Sequence:
			for pos--; pos >= 0; pos-- {
				if !m.trailing(n.Children[pos], f) {
					return
				}
			}
		case Group:
			if n.before != nil && len(n.before[pos]) > 0 {
				if !m.trailingNodes(n, pos, f, map[int32]bool{}) {
					return
				}
			}
		case OnFailure, Finally:
			if pos == 1 {
				return // a way out
			}
		}
		i = p
	}
}

// trailing calls f for the gates that end node i, and reports whether it has
// nothing but gates. What was not taken is nothing.
func (m *Machine) trailing(i int32, f func(gate int32)) bool {
	n := m.node(i)
	switch {
	case n.Kind == Gate:
		f(i)
		return true
	case n.Kind == Stage || n.works && !n.asks:
		return false
	case n.Kind == Sequence:
		for k := len(n.Children) - 1; k >= 0; k-- {
			if !m.trailing(n.Children[k], f) {
				return false
			}
		}
		return true
	case n.Kind == When && m.states[i].status == Skipped:
		return true
	}
	only := true
	for k, c := range m.children(i) {
		if k == 1 && (n.Kind == OnFailure || n.Kind == Finally) {
			break
		}
		only = m.trailing(c, f) && only
	}
	return only
}

// trailingNodes does the same for the nodes of a graph that come before the one
// at pos, each of which is looked at once.
func (m *Machine) trailingNodes(n *Node, pos int32, f func(gate int32), seen map[int32]bool) bool {
	only := true
	for _, before := range n.before[pos] {
		if seen[before] {
			continue
		}
		seen[before] = true
		if !m.trailing(n.Children[before], f) {
			only = false
		} else if len(n.before[before]) > 0 {
			only = m.trailingNodes(n, before, f, seen) && only
		}
	}
	return only
}

// lapses reports whether gate i has let through for a time, and a stage behind it
// has not begun but may.
func (m *Machine) lapses(i int32) bool {
	s := &m.states[i]
	if m.node(i).Kind != Gate || s.phase != ended || s.status != Succeeded || s.more == nil || s.more.lapses.IsZero() {
		return false
	}
	behind := false
	for c, p := i, m.node(i).Parent; p >= 0; c, p = p, m.node(p).Parent {
		s, n, pos := &m.states[p], m.node(p), m.node(c).Pos
		if s.stop || s.phase != active && (s.phase != ended || !s.status.OK()) {
			return false
		}
		switch n.Kind {
		case OnFailure, Finally:
			if pos == 1 {
				return behind // nothing after a way out is behind its gates
			}
			if s.phase == active && s.cursor == 1 {
				return false // until it has ended, which asks for how the gate did
			}
		case Sequence:
			behind = behind || m.mayWorkNext(n.Children[pos+1:])
		case Group:
			behind = behind || m.mayWorkAfter(n, pos)
		}
	}
	return behind
}

// Lapse returns the command that there is when the pass of gate i lapses, or one
// to do [None] if nothing depends on it.
func (m *Machine) Lapse(i int32) Command {
	if !m.lapses(i) {
		return Command{}
	}
	return Command{Do: Withdraw, Node: i, Text: "the pass lapsed before it was used"}
}

// worked reports whether a stage in node i was called, but as a way out.
func (m *Machine) worked(i int32) bool {
	if !m.states[i].begun {
		return false
	}
	switch n := m.node(i); n.Kind {
	case Stage:
		return true
	case OnFailure, Finally:
		return m.worked(n.Children[0])
	}
	return slices.ContainsFunc(m.children(i), m.worked)
}

// mayWork reports whether the first stage in node i may yet be called, but as a
// way out.
func (m *Machine) mayWork(i int32) bool {
	s, n := &m.states[i], m.node(i)
	switch {
	case s.phase == ended || s.phase == dropped || m.worked(i):
		return false
	case n.Kind == Stage || n.Kind == ForEach:
		return true
	case n.Kind == OnFailure || n.Kind == Finally:
		return m.mayWork(n.Children[0])
	}
	return slices.ContainsFunc(n.Children, m.mayWork)
}

// mayWorkNext does the same for the first of some nodes in which a stage worked or
// may do so.
func (m *Machine) mayWorkNext(nodes []int32) bool {
	for _, i := range nodes {
		if m.worked(i) {
			return false
		}
		if m.mayWork(i) {
			return true
		}
	}
	return false
}

// mayWorkAfter does the same for the nodes of group n after the one at pos.
func (m *Machine) mayWorkAfter(n *Node, pos int32) bool {
	if n.After == nil {
		return false
	}
	return slices.ContainsFunc(n.After[pos], func(next int32) bool {
		return m.mayWork(n.Children[next]) || m.mayWorkAfter(n, next)
	})
}

// watchLapses has the gates looked at when their passes lapse that were of no use
// any more until a person had something done anew.
func (m *Machine) watchLapses() {
	if m.lapsing > 0 {
		m.Walk(m.watchLapse)
	}
}

// watchLapse has node i looked at when its pass lapses, if it is a gate that has
// one.
func (m *Machine) watchLapse(i int32) {
	if m.lapses(i) {
		m.wakeAt(i, m.states[i].more.lapses)
	}
}

// lapsed returns the gate before stage i of which the pass is not good at the
// given time, and false if there is none.
func (m *Machine) lapsed(i int32, now time.Time) (bad int32, found bool) {
	if m.lapsing == 0 && len(m.lost) == 0 {
		return 0, false
	}
	m.gatesBefore(i, func(g int32) {
		s := &m.states[g]
		if s.more == nil || found || s.status == Skipped {
			return
		}
		x := s.more
		if x.withdrawn || s.phase != ended || s.status != Succeeded || !x.lapses.IsZero() && !now.Before(x.lapses) {
			bad, found = g, true
		}
	})
	return bad, found
}

// use says that stage i began: the passes before it do not lapse any more.
func (m *Machine) use(i int32) {
	m.gatesBefore(i, func(g int32) {
		if x := m.states[g].more; x != nil && !x.lapses.IsZero() {
			x.lapses = time.Time{}
			m.lapsing--
		}
	})
}

// withdraw takes the pass of gate i back.
func (m *Machine) withdraw(i int32, e *journal.Event) error {
	d, err := data[journal.Reason](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	if s.phase != ended || s.status != Succeeded {
		return ErrOrder
	}
	x := m.more(i)
	if !x.lapses.IsZero() {
		m.lapsing--
	}
	m.lost = append(m.lost, i)
	x.withdrawn, x.lapses = true, time.Time{}
	s.phase, s.status, s.end, s.reason = ready, Pending, time.Time{}, d.Text
	m.patience(i)
	m.push(i)
	m.hush(e.Time)
	return nil
}

// withdrawn reports whether the pass of gate i was withdrawn and not given again.
// What the gate is in has counted it, and counts it once.
func (m *Machine) withdrawn(i int32) bool {
	x := m.states[i].more
	return x != nil && x.withdrawn
}

// hush has the stages looked at that a withdrawn gate is before, and drops what is
// asked of them: what the gates of their environments say counts only when it lets
// them pass again.
func (m *Machine) hush(t time.Time) {
	for i := range m.states {
		s := &m.states[i]
		if m.node(int32(i)).Kind != Stage || s.begun || s.phase != ready && s.phase != waiting {
			continue
		}
		if _, bad := m.lapsed(int32(i), t); bad {
			s.asked, s.stale = 0, false
			m.push(int32(i))
		}
	}
}

// regain says that gate i, of which the pass was withdrawn, has passed again or
// is asked as if it never had.
func (m *Machine) regain(i int32) {
	m.states[i].more.withdrawn = false
	m.lost = slices.DeleteFunc(m.lost, func(g int32) bool { return g == i })
}

// unbar lets the stages behind a gate that was withdrawn try again.
func (m *Machine) unbar() {
	for _, i := range m.barred {
		m.push(i)
	}
	m.barred = m.barred[:0]
}
