package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// CanRetry returns why the named step cannot be done anew, or nil (R7).
func (m *Machine) CanRetry(step string) error {
	i, ok := m.names[step]
	switch {
	case m.prog == nil:
		return errAbsent
	case !ok:
		return fmt.Errorf("there is no step %q", step)
	}
	s := &m.states[i]
	switch {
	case s.phase == held:
		return nil
	case m.stopped != "" || m.successor != "":
		return errors.New("the run was canceled; start another one")
	case s.phase == idle || s.phase == dropped:
		return fmt.Errorf("step %q was not reached", step)
	case s.phase != ended:
		return fmt.Errorf("step %q has not ended", step)
	case s.status != Failed && s.status != Errored && s.status != Canceled:
		return fmt.Errorf("step %q %s", step, s.status.has())
	}
	i = m.first(i)
	for c, p := i, m.node(i).Parent; p >= 0; c, p = p, m.node(p).Parent {
		if why := m.busy(p, c); why != "" {
			return fmt.Errorf("step %q cannot be done anew yet: %s", step, why)
		}
	}
	return nil
}

// first returns where to begin when stage i is to be done anew. If the run has
// left its environment since, another release may be live there; then that is
// the first stage there, which puts the release of this run back (E1). A way out
// is done anew by itself.
func (m *Machine) first(i int32) int32 {
	n := m.node(i)
	if len(n.envs) == 0 || n.Urgent || m.envs[n.envs[0]].held {
		return i
	}
	found := i
	m.Walk(func(j int32) {
		same := m.node(j).Kind == Stage && len(m.node(j).envs) > 0 && m.node(j).envs[0] == n.envs[0]
		if found == i && same && m.states[j].begun && m.follows(i, j) {
			found = j
		}
	})
	return found
}

// busy returns why what is under way in node p does not let its child c be
// reached anew now, or "".
func (m *Machine) busy(p, c int32) string {
	s, n, pos := &m.states[p], m.node(p), m.node(c).Pos
	if s.phase != active {
		return ""
	}
	switch n.Kind {
	case OnFailure, Finally:
		if pos == 0 && s.cursor == 1 {
			return "the way out is being taken; wait for its end"
		}
	case Sequence:
		if slices.ContainsFunc(n.Children[pos+1:], m.underWay) {
			return "what comes after it is under way; wait for its end"
		}
	case Group, ForEach:
		switch {
		case s.failing:
			return "the others were stopped when a step failed; wait for their end"
		case m.states[c].phase == ended && n.Max > 0 && int(s.running) >= n.Max:
			return fmt.Sprintf("%d at a time are done there, and that many are; wait for one to end", n.Max)
		case m.underWayAfter(n, pos):
			return "what comes after it is under way; wait for its end"
		}
	}
	return ""
}

// underWay reports whether a stage in node i was called, and it has not ended.
func (m *Machine) underWay(i int32) bool {
	s := &m.states[i]
	return s.begun && s.phase != ended
}

// underWayAfter does the same for the nodes of group n after the one at pos.
func (m *Machine) underWayAfter(n *Node, pos int32) bool {
	if n.After == nil {
		return false
	}
	for _, next := range n.After[pos] {
		if c := n.Children[next]; m.states[c].phase != idle && (m.underWay(c) || m.underWayAfter(n, next)) {
			return true
		}
	}
	return false
}

// A redo is a step that a person had done anew.
type redo struct {
	step   string
	length int32 // of the journal then
}

// retried does a step anew: the steps after it are reached anew, and gates
// there open a new round.
func (m *Machine) retried(i int32, e *journal.Event) error {
	if err := m.CanRetry(e.Step); err != nil && m.prog != nil {
		return fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if m.Status.Done() {
		m.Status, m.Reason, m.Over = Waiting, "", time.Time{}
		m.takeUp()
	}
	m.redone = append(m.redone, redo{e.Step, int32(m.Length)})
	s := &m.states[i]
	switch {
	case s.phase == held && m.node(i).Kind == Stage:
		s.phase, s.reason = ready, "" // under the same key: what it began may be there
		m.more(i).waits = ""
		m.push(i)
		return nil
	case s.phase == held && s.more.withdrawn: // what comes after it is reached already, and waits for it
		s.gen++
		s.phase, s.reason, s.since, s.more = ready, "", e.Time, &more{withdrawn: true}
		m.patience(i)
		m.push(i)
		return nil
	case s.phase == held:
		m.reset(i)
	default:
		i = m.first(i)
		m.reset(i)
		m.states[i].phase = ready // nobody lets it be, or reaches it twice
		for c, p := i, m.node(i).Parent; p >= 0 && m.reopen(p, c, e.Time); c, p = p, m.node(p).Parent {
		}
	}
	m.enter(i, e.Time)
	m.states[i].born = int32(m.Length)
	m.watchLapses()
	return nil
}

// reset takes node i and what is in it back to where it was not reached.
func (m *Machine) reset(i int32) {
	s, n := &m.states[i], m.node(i)
	if s.phase == idle {
		return
	}
	m.land(i)
	fresh := state{gen: s.gen, attempt: s.attempt, queued: s.queued, locked: s.locked}
	if !s.since.IsZero() {
		fresh.gen++
	}
	for _, e := range n.envs {
		if s.settled {
			m.envs[e].remaining++
		}
		if s.spoiled {
			m.envs[e].bad--
		}
	}
	if x := s.more; x != nil && x.listed {
		fresh.more = &more{items: x.items, kids: x.kids, listed: true}
	}
	if x := s.more; x != nil && n.Kind == Gate {
		if !x.lapses.IsZero() {
			m.lapsing--
		}
		if x.withdrawn {
			m.regain(i)
		}
	}
	*s = fresh
	for _, c := range m.children(i) {
		m.reset(c)
	}
}

// reopen makes node p active again, with its child c about to be reached. What
// comes after c is reset. It reports whether p had ended, so that what p is in
// has to be reopened too.
func (m *Machine) reopen(p, c int32, t time.Time) bool {
	s, n, pos := &m.states[p], m.node(p), m.node(c).Pos
	over := s.phase == ended
	if over {
		for _, e := range n.envs {
			m.envs[e].remaining++
		}
		s.phase, s.status, s.end, s.settled, s.stop, s.failing = active, Pending, time.Time{}, false, false, false
	}
	switch n.Kind {
	case Sequence:
		for _, after := range n.Children[pos+1:] {
			m.reset(after)
		}
		s.cursor = pos
	case OnFailure:
		if pos == 0 {
			m.reset(n.Children[1])
		}
		s.cursor = pos
	case Finally:
		if pos == 0 {
			m.reset(n.Children[1])
		} else {
			m.limit(p, t)
		}
		s.cursor = pos
	case Group, ForEach:
		m.regroup(p, pos, t)
	}
	return over
}

// regroup counts a group anew whose child at pos is about to be reached. What
// was let be before, because another did not succeed, is decided anew.
func (m *Machine) regroup(p, pos int32, t time.Time) {
	n, children := m.node(p), m.children(p)
	if n.After != nil {
		m.resetAfter(p, pos)
	}
	for k, c := range children {
		if int32(k) != pos && m.states[c].since.IsZero() {
			m.reset(c)
		}
	}
	s := &m.states[p]
	s.left, s.running, s.worst = 1, 1, Succeeded
	if n.After != nil {
		copy(s.more.need, n.Needs)
	}
	if s.more != nil {
		s.more.queue = nil
	}
	for k, c := range children {
		switch cs := &m.states[c]; {
		case int32(k) == pos:
		case cs.phase == idle:
			s.left++
		case cs.phase != ended && !m.withdrawn(c): // such a gate was counted when it let pass
			s.left++
			s.running++
		case cs.phase == ended && !cs.status.OK():
			s.worst = worse(s.worst, cs.status)
		case n.After != nil:
			for _, next := range n.After[k] {
				s.more.need[next]--
			}
		}
	}
	for k, c := range children {
		switch cs := &m.states[c]; {
		case int32(k) == pos || cs.phase != ended:
		case !cs.status.OK():
			m.forgo(p, int32(k), Pending)
		case cs.status == Skipped && m.node(c).Kind == Gate:
			m.forgo(p, int32(k), Skipped)
		}
	}
	for k := range children {
		if x := m.states[p].more; int32(k) != pos && (n.After == nil || x.need[k] == 0) {
			m.offer(p, int32(k), t)
		}
	}
}

func (m *Machine) resetAfter(p, pos int32) {
	n := m.node(p)
	for _, next := range n.After[pos] {
		c := n.Children[next]
		if m.states[c].phase != idle {
			m.reset(c)
			m.resetAfter(p, next)
		}
	}
}

// follows reports whether node i is in node j, or is reached after it.
func (m *Machine) follows(i, j int32) bool {
	for d := i; d >= 0; d = m.node(d).Parent {
		if d == j {
			return true
		}
	}
	for c, p := j, m.node(j).Parent; p >= 0; c, p = p, m.node(p).Parent {
		for d := i; d >= 0; d = m.node(d).Parent {
			if d != c && m.node(d).Parent == p {
				return m.after(m.node(p), m.node(c).Pos, m.node(d).Pos)
			}
		}
	}
	return false
}

// after reports whether, of the children of n, the one at d is reached after
// the one at c.
func (m *Machine) after(n *Node, c, d int32) bool {
	switch n.Kind {
	case Sequence, OnFailure, Finally:
		return d > c
	case Group:
		if n.After == nil {
			return false
		}
		return slices.ContainsFunc(n.After[c], func(next int32) bool { return next == d || m.after(n, next, d) })
	}
	return false
}
