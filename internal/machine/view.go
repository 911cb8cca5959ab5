package machine

import (
	"iter"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// A View is what can be seen of one step.
type View struct {
	Node       *Node
	Status     Status
	For        string // what it waits for
	Reason     string
	Stack      string
	Attempt    int
	Round      int
	Reached    time.Time
	Started    time.Time
	Ended      time.Time
	Recheck    time.Time
	Subject    artifact.Digest
	Votes      []gate.Vote
	Overridden string // who lets it pass
}

// Walk calls f for every node, in the order of the tree. In a machine without
// a program that is the order in which they were first heard of.
func (m *Machine) Walk(f func(i int32)) {
	if m.prog == nil {
		for i := range m.extra {
			f(int32(i))
		}
		return
	}
	m.walk(0, f)
}

func (m *Machine) walk(i int32, f func(i int32)) {
	f(i)
	for _, c := range m.children(i) {
		m.walk(c, f)
	}
}

// Views yields what can be seen of the steps that have a name, in the order of
// the tree.
func (m *Machine) Views() iter.Seq[View] {
	return func(yield func(View) bool) {
		done := false
		m.Walk(func(i int32) {
			if !done && m.node(i).Name != "" {
				done = !yield(m.View(i))
			}
		})
	}
}

// View returns what can be seen of node i.
func (m *Machine) View(i int32) View {
	s, n := &m.states[i], m.node(i)
	v := View{
		Node: n, Status: m.status(i), Reason: s.reason, Attempt: int(s.attempt), Round: int(s.gen) + 1,
		Reached: s.since, Started: s.started, Ended: s.end, Overridden: m.passer(n.Name),
	}
	if x := s.more; x != nil {
		v.Stack, v.Subject, v.Votes = x.stack, x.subject, x.votes
		if v.Status == Waiting || v.Status == Errored && !s.phase.done() {
			v.For, v.Recheck = x.waits, m.soonest(i, x.recheck)
		}
	}
	return v
}

func (p phase) done() bool { return p == ended || p == dropped }

// status returns how far node i is, as people see it.
func (m *Machine) status(i int32) Status {
	s := &m.states[i]
	if m.prog == nil && m.Status.Done() && s.phase != ended && s.phase != idle {
		if m.Status.OK() {
			return Succeeded
		}
		return Canceled // what ended with others is not in the journal
	}
	switch s.phase {
	case ended:
		if m.Status.OK() && s.status == Failed && s.more != nil && s.more.rejection != nil {
			return Skipped // nothing behind it was to be done, or the run would have failed
		}
		return s.status
	case idle, dropped:
		return Pending
	case waiting, again, held:
		return Waiting
	case erred:
		return Errored
	case unknown:
		if s.more != nil && s.more.waits != "" { // to be observed or called again
			return Waiting
		}
	}
	return Running
}

// Overrides returns what was overridden, in the order in which it was (G8).
func (m *Machine) Overrides() []Override { return m.overridden }

// Voted reports whether a vote with the given ID is recorded.
func (m *Machine) Voted(id string) bool { return id != "" && m.votes[id] }

// Held returns the environments that the run holds.
func (m *Machine) Held() (names []string) {
	for i := range m.envs {
		if m.envs[i].held {
			names = append(names, m.envs[i].name)
		}
	}
	return names
}

// Canceled returns why the run is to be canceled, or "".
func (m *Machine) Canceled() string { return m.stopped }

// Unhealthy reports whether the run has not done in the named environment what
// it should have, and no way out has put that right.
func (m *Machine) Unhealthy(environment string) bool {
	env := m.env(environment)
	return env != nil && env.bad > 0 && !env.righted
}
