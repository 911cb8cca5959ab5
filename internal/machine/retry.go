package machine

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// CanRetry returns why the named step cannot be done anew, or nil (R7).
func (m *Machine) CanRetry(step string) error {
	i, ok := m.names[step]
	if !ok {
		return fmt.Errorf("there is no step %q", step)
	}
	s := &m.states[i]
	switch {
	case m.stopped != "" || m.successor != "":
		return errors.New("the run was canceled; start another one")
	case s.phase == held:
		return nil
	case s.phase == idle || s.phase == dropped:
		return fmt.Errorf("step %q was not reached", step)
	case s.phase != ended:
		return fmt.Errorf("step %q has not ended", step)
	case s.status != Failed && s.status != Errored && s.status != Canceled:
		return fmt.Errorf("step %q has %s", step, s.status)
	}
	for c, p := i, m.node(i).Parent; p >= 0; c, p = p, m.node(p).Parent {
		n := m.node(p)
		if (n.Kind == OnFailure || n.Kind == Finally) && m.node(c).Pos == 0 && m.states[p].phase == active && m.states[p].cursor == 1 {
			return fmt.Errorf("step %q failed and the way out is being taken; wait for its end", step)
		}
	}
	return nil
}

// retried does a step anew: the steps after it are reached anew, and gates
// there open a new round.
func (m *Machine) retried(i int32, e *journal.Event) error {
	if err := m.CanRetry(e.Step); err != nil && m.prog != nil {
		return fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if m.Status.Done() {
		m.Status, m.Reason, m.Over = Waiting, "", time.Time{}
	}
	m.carried = nil
	s := &m.states[i]
	if s.phase == held && m.node(i).Kind == Stage {
		s.phase, s.reason = ready, "" // under the same key: what it began may be there
		m.more(i).waits = ""
		m.push(i)
		return nil
	}
	m.reset(i)
	for c, p := i, m.node(i).Parent; p >= 0; c, p = p, m.node(p).Parent {
		m.reopen(p, c)
	}
	m.enter(i, e.Time)
	return nil
}

// reset takes node i and what is in it back to where it was not reached.
func (m *Machine) reset(i int32) {
	s, n := &m.states[i], m.node(i)
	if s.phase == idle {
		return
	}
	fresh := state{gen: s.gen, attempt: s.attempt, queued: s.queued}
	if s.phase != dropped {
		fresh.gen++
	}
	if s.settled {
		for _, e := range n.envs {
			m.envs[e].remaining++
		}
	}
	children := m.children(i)
	if n.Kind == ForEach && len(children) > 0 {
		// The items stay as they were decided (R8a); only what is done for them is new.
		fresh.more = &more{items: s.more.items, kids: s.more.kids}
	}
	if x := s.more; x != nil && n.Kind == Gate {
		if !x.lapses.IsZero() {
			m.lapsing--
		}
		if x.withdrawn {
			m.lost--
		}
	}
	*s = fresh
	for _, c := range children {
		m.reset(c)
	}
}

// reopen makes node p active again, with its child c about to be reached. What
// comes after c is reset.
func (m *Machine) reopen(p, c int32) {
	s, n, pos := &m.states[p], m.node(p), m.node(c).Pos
	if s.settled && len(n.envs) > 0 {
		for _, e := range n.envs {
			m.envs[e].remaining++
		}
	}
	s.phase, s.status, s.end, s.settled, s.stop, s.failing = active, Pending, time.Time{}, false, false, false
	s.cursor = pos
	switch n.Kind {
	case Sequence:
		for _, after := range n.Children[pos+1:] {
			m.reset(after)
		}
	case OnFailure, Finally:
		if pos == 0 {
			m.reset(n.Children[1])
		}
	case Group, ForEach:
		m.regroup(p, pos)
	}
}

// regroup counts a group anew whose child at pos is about to be reached.
func (m *Machine) regroup(p, pos int32) {
	s, n, children := &m.states[p], m.node(p), m.children(p)
	if n.After != nil {
		m.resetAfter(p, pos)
		need := m.more(p).need
		copy(need, n.Needs)
		for k, c := range children {
			if m.states[c].phase == ended && m.states[c].status.OK() {
				for _, next := range n.After[k] {
					need[next]--
				}
			}
		}
	}
	s.left, s.running, s.worst = 0, 0, Succeeded
	if s.more != nil {
		s.more.queue = nil
	}
	for k, c := range children {
		switch cs := &m.states[c]; {
		case int32(k) == pos:
			s.left++
			s.running++
		case cs.phase == ended:
			s.worst = worse(s.worst, cs.status)
		case cs.phase == idle:
			s.left++
		case cs.phase != dropped:
			s.left++
			s.running++
		}
	}
	if n.After == nil {
		return
	}
	for k, c := range children {
		cs := &m.states[c]
		if int32(k) != pos && (cs.phase == dropped || cs.phase == ended && !cs.status.OK()) {
			m.forgo(p, int32(k), Pending)
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
