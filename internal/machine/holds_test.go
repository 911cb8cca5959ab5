package machine

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline/journal"
)

// callable returns why stage i must not be called.
func (w *world) callable(i int32) error {
	m, n := w.m, w.m.Node(i)
	if m.Canceled()+m.successor != "" && !n.Urgent {
		return fmt.Errorf("the run is canceled (R6)")
	}
	if n.Exclusive && (w.env(n.Environment).Holder.Run != m.Run || w.env(n.Environment).Token != m.Token(i)) {
		return fmt.Errorf("the run does not hold %s (E1)", n.Environment)
	}
	for c, p := i, n.Parent; p >= 0; c, p = p, m.Node(p).Parent {
		up, pos := m.Node(p), m.Node(c).Pos
		over := func(k int32) bool {
			s := &m.states[m.children(p)[k]]
			return s.phase == ended && s.status.OK() && !(s.status == Skipped && (m.Node(m.children(p)[k]).Kind == Gate || s.since.IsZero()))
		}
		switch up.Kind {
		case Sequence:
			for k := range pos {
				if !over(k) {
					return fmt.Errorf("what is before it in the Sequence has not succeeded (R4)")
				}
			}
		case Group:
			for k, after := range up.After {
				if slices.Contains(after, pos) && !over(int32(k)) {
					return fmt.Errorf("what is before it in the Graph has not succeeded (R4)")
				}
			}
		case When:
			if !m.states[p].more.take {
				return fmt.Errorf("its condition does not hold (R8)")
			}
		case OnFailure, Finally:
			of := &m.states[up.Children[0]]
			if pos == 0 {
				break
			}
			if of.phase != ended || up.Kind == OnFailure && (of.status.OK() || !of.begun) {
				return fmt.Errorf("there is no reason to take the way out (R5)")
			}
			return nil // what is above was seen to when it was entered
		}
	}
	return nil
}

// pending returns the questions that are wanted still.
func (w *world) pending() map[string]bool {
	out := map[string]bool{}
	for _, c := range w.asked {
		s := &w.m.states[c.Node]
		if s.asked == c.Ticket && !s.phase.done() {
			out[w.m.Node(c.Node).Name] = true
		}
	}
	return out
}

// hesitates reports whether a stage was reached and waits for something else
// than the gates before it.
func (m *Machine) hesitates() bool {
	for i := range m.states {
		s := &m.states[i]
		if m.node(int32(i)).Kind == Stage && (s.phase == waiting || s.phase == ready && m.node(int32(i)).Guarded) {
			return true
		}
	}
	return false
}

// check compares the machine, which has no commands now, with the fold of its
// journal (J7).
func (w *world) check() error {
	f := w.fold()
	if a, b := w.m.dump(), f.dump(); a != b {
		return fmt.Errorf("J7: the machine differs from the fold of its journal:\n%s", difference(a, b))
	}
	f.Tick(w.now)
	pending := w.pending()
	for c := f.Pop(w.now); c.Do != None; c = f.Pop(w.now) {
		n, s := f.Node(c.Node), &f.states[c.Node]
		switch {
		case questions[c.Do] != "":
			if !pending[n.Name] && s.phase != waiting && s.phase != unknown {
				return fmt.Errorf("J7: the fold has a question more: %s %s", questions[c.Do], n.Name)
			}
			delete(pending, n.Name)
		case c.Do == Stop:
			if k := w.calling(c.Node); k < 0 || !w.calls[k].stopped {
				return fmt.Errorf("J7: the fold stops %s, which was not stopped", n.Name)
			}
		case c.Do == Withdraw && (len(f.lost) > 0 || f.hesitates()):
			return nil // the machine says so when the stage has no other reason to wait
		case c.Do == Refuse && s.stop && pending[n.Name]: // unless the answer is that it was done
			delete(pending, n.Name)
		case c.Do == Call && w.full[c.Node]:
		case c.Do == Enter:
			run, _ := f.Entering(c.Node, w.env(n.Environment), w.now)
			if len(run) > 0 && run[0].Kind != journal.Waiting {
				return fmt.Errorf("J7: the fold has %s enter %s", n.Name, n.Environment)
			}
		default:
			return fmt.Errorf("J7: the fold has a command more: %d for %s", c.Do, n.Name)
		}
	}
	for name := range pending {
		return fmt.Errorf("J7: the fold does not ask %s", name)
	}
	return nil
}
