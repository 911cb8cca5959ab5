package machine

// Size returns the number of nodes, those in bodies of ForEach included.
func (m *Machine) Size() int { return len(m.states) }

// Open returns what is open about node i: [Call] if its hook is called, the
// question that was asked of it with its ticket, [Wait] if it waits for a
// person, or [None].
func (m *Machine) Open(i int32) (do Do, ticket uint32) {
	s := &m.states[i]
	switch s.phase {
	case idle, ended, dropped, active:
		return None, 0
	case calling:
		return Call, 0
	case held:
		return Wait, 0
	}
	switch n := m.node(i); {
	case s.asked == 0:
		return None, 0
	case n.Kind == Gate:
		do = Ask
	case n.Kind == When:
		do = Choose
	case n.Kind == ForEach:
		do = Items
	case s.phase == unknown && n.Observes && !s.blind:
		do = Observe
	default:
		do = Permit
	}
	return do, s.asked
}

// Unanswered reports whether node i waits for the answer to a question that could
// not be answered yet.
func (m *Machine) Unanswered(i int32) bool {
	s := &m.states[i]
	asks := s.phase == ready || s.phase == waiting || s.phase == unknown
	return asks && s.more != nil && s.more.waits == "check"
}

// Queues reports whether stage i waits for its environment.
func (m *Machine) Queues(i int32) bool { return m.states[i].locked }

// Tries returns how often stage i could not be done since it was reached.
func (m *Machine) Tries(i int32) int {
	if x := m.states[i].more; x != nil {
		return x.tries
	}
	return 0
}
