package machine

import (
	"errors"
	"fmt"
)

// What people may do to a run. Each function returns why not, or nil.

var errAbsent = errors.New("the definition that the run goes on under is not here, so what would follow is not known; adopt another, or give it to the executor")

// CanVote returns why nobody can vote on the named step now, and its index.
func (m *Machine) CanVote(step string) (int32, error) {
	i, ok := m.names[step]
	if !ok {
		return 0, fmt.Errorf("there is no gate %q", step)
	}
	s, n := &m.states[i], m.node(i)
	switch {
	case m.Status.Done():
		return i, fmt.Errorf("the run %s; a vote now would change nothing", m.Status.has())
	case n.Kind != Gate && !n.Guarded:
		return i, fmt.Errorf("step %q is not a gate, and its environment has none", step)
	case s.phase == idle:
		return i, fmt.Errorf("gate %q is not reached yet; vote when it is, on what it is asked then", step)
	case s.phase == dropped:
		return i, fmt.Errorf("gate %q will not be reached", step)
	case s.phase == ended:
		return i, fmt.Errorf("gate %q %s; a vote now would change nothing", step, s.status.has())
	case n.Kind == Gate && s.phase == held:
		return i, fmt.Errorf("gate %q is held; a retry opens a new round", step)
	case n.Kind == Stage && (s.phase == calling || s.phase == held || s.polled):
		return i, fmt.Errorf("stage %q has begun; a vote now would change nothing", step)
	}
	return i, nil
}

// CanCancel returns why the run cannot be canceled.
func (m *Machine) CanCancel() error {
	if m.Status.Done() {
		return fmt.Errorf("the run %s", m.Status.has())
	}
	return nil
}

// CanOverride returns why the named step cannot be overridden (G8).
func (m *Machine) CanOverride(step string) error {
	i, ok := m.names[step]
	switch {
	case m.prog == nil:
		return errAbsent
	case !ok:
		return fmt.Errorf("there is no step %q", step)
	}
	s, n := &m.states[i], m.node(i)
	switch {
	case m.Status.Done():
		return fmt.Errorf("the run %s", m.Status.has())
	case n.Kind != Gate && n.Kind != Stage:
		return fmt.Errorf("step %q is neither a gate nor a stage", step)
	case s.phase == dropped:
		return fmt.Errorf("step %q will not be reached", step)
	case s.phase == ended:
		return fmt.Errorf("step %q %s", step, s.status.has())
	case n.Kind == Stage && !n.Guarded && s.phase != held:
		return fmt.Errorf("stage %q has nothing to override: no gates of an environment hold it up, and it does not wait for a person", step)
	case n.Kind == Stage && s.phase == held && len(n.Produces)+len(n.Gives) > 0:
		return fmt.Errorf("stage %q has to give %q; retry it", step, append(append([]string{}, n.Produces...), n.Gives...))
	}
	return nil
}

// CanAdopt returns why the run cannot go on under another definition.
func (m *Machine) CanAdopt() error {
	switch {
	case m.Status.Done():
		return fmt.Errorf("the run %s", m.Status.has())
	case m.For != "drift" && (m.prog != nil || m.Owner != ""): // without its definition nobody here can take it forward
		return errors.New("the run does not wait for drift")
	}
	return nil
}
