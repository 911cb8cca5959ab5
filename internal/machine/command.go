package machine

import "time"

// A Command is one thing that a driver can do next. It follows from what is
// recorded: a driver that dies before it has done it is given it again.
type Command struct {
	Do     Do
	Node   int32  // what it is about, if it is about one
	Ticket uint32 // of a question: given back with the answer
	Env    string // of a Leave
	Text   string // of a Refuse or a Withdraw: why
}

// Do is the kind of a [Command].
type Do uint8

// The kinds of command. Questions change nothing in the world and are not
// recorded when they are asked: [Ask], [Permit], [Observe], [Choose] and
// [Items]. The answer is recorded, if it is news.
const (
	None     Do = iota // nothing to do until something happens
	Call               // record [Machine.Called], then call the hook of a stage
	Stop               // cancel the context of a hook
	Ask                // ask a gate
	Permit             // ask the gates of the environment of a stage
	Observe            // ask the hook of a stage whether it was done
	Choose             // decide a condition
	Items              // ask for the items of a ForEach
	Enter              // take an environment, or queue for it: see [Machine.Entering]
	Leave              // give an environment back: see [Machine.Leaving]
	Withdraw           // record that the pass of a gate lapsed
	Refuse             // record that a stage cannot be done
	Wait               // record that a stage waits for a person
	Abandon            // record that a way out took too long: see [Machine.Abandoned]
	Finish             // record that the run ended
)

// Pop returns the next command, or one to do [None]. Commands to do with
// several nodes come in the order in which the nodes became ready.
func (m *Machine) Pop(now time.Time) Command {
	if m.Status.Done() || m.prog == nil || m.Begun.IsZero() {
		return Command{}
	}
	for len(m.stops) > 0 {
		i := m.stops[0]
		if m.stops = m.stops[1:]; m.states[i].phase == calling && m.states[i].stop {
			return Command{Do: Stop, Node: i}
		}
	}
	for m.head < len(m.ready) {
		i := m.ready[m.head]
		m.head++
		m.states[i].queued = false
		if c := m.command(i, now); c.Do != None {
			return c
		}
	}
	m.ready, m.head = m.ready[:0], 0
	for len(m.leaves) > 0 {
		e := m.leaves[0]
		m.leaves = m.leaves[1:]
		if env := &m.envs[e]; env.remaining == 0 && (env.held || env.queued) || m.outside(e) {
			return Command{Do: Leave, Env: m.envs[e].name}
		}
	}
	if s := &m.states[0]; s.phase == ended && len(m.inflight) == 0 {
		return Command{Do: Finish}
	}
	return Command{}
}

// command returns what is to be done about node i.
func (m *Machine) command(i int32, now time.Time) Command {
	s, n := &m.states[i], m.node(i)
	if s.asked != 0 {
		s.stale = true // asked again when the answer is there
		return Command{}
	}
	switch s.phase {
	case ended:
		if c := m.Lapse(i); c.Do != None && !now.Before(s.more.lapses) {
			return c
		}
		return Command{}
	case idle, calling, held, dropped:
		return Command{}
	case active:
		return m.late(i, now)
	}
	if m.overdue(n, now) {
		return Command{Do: Refuse, Node: i, Text: timeIsUp}
	}
	switch s.phase {
	case again, erred:
		if at := m.due(s.more, s.more.recheck); now.Before(at) {
			m.wakeAt(i, at)
			return Command{}
		}
		return m.callable(i, now)
	case unknown:
		switch {
		case s.stop && (!n.Observes || s.blind || s.more != nil && s.more.waits != ""):
			return Command{Do: Refuse, Node: i, Text: "canceled; a crash hid whether it was done"}
		case n.Observes && !s.blind:
			return m.question(Observe, i)
		case n.AskPerson:
			return Command{Do: Wait, Node: i, Text: "a crash hid whether it was done; retry it or override it"}
		}
		return m.callable(i, now)
	}
	switch n.Kind {
	case Gate:
		return m.question(Ask, i)
	case When:
		return m.question(Choose, i)
	case ForEach:
		return m.question(Items, i)
	}
	return m.callable(i, now)
}

const timeIsUp = "the time for what is done finally is up"

// late returns what is to be done about node i, which is under way: if it is a
// Finally that is in Do, that has its time.
func (m *Machine) late(i int32, now time.Time) Command {
	s := &m.states[i]
	if m.node(i).Kind != Finally || s.cursor == 0 {
		return Command{}
	}
	if at := m.due(s.more, s.more.deadline); now.Before(at) {
		m.wakeAt(i, at)
		return Command{}
	}
	return Command{Do: Abandon, Node: i}
}

// overdue reports whether n is in the Do of a Finally of which the time is up.
func (m *Machine) overdue(n *Node, now time.Time) bool {
	for n.Bound >= 0 {
		if x := m.states[n.Bound].more; !now.Before(m.due(x, x.deadline)) {
			return true
		}
		n = m.node(n.Bound)
	}
	return false
}

// callable returns what is to be done so that stage i is called: the gates
// before it have to be open still (G9), then those of its environment, then it
// enters that (E3).
func (m *Machine) callable(i int32, now time.Time) Command {
	s, n := &m.states[i], m.node(i)
	if !s.begun {
		if g, bad := m.lapsed(i, now); bad {
			return m.closedBefore(i, g)
		}
	}
	if !s.polled && n.Guarded && !n.Urgent && m.passer(n.Name) == "" {
		if !s.permit || !s.more.permitted.Equal(now) { // what the gates said is good for the moment (G9)
			return m.question(Permit, i)
		}
	}
	if len(n.envs) > 0 {
		if env := &m.envs[n.envs[0]]; !env.held || env.aside && !n.Urgent && !s.fresh {
			return Command{Do: Enter, Node: i}
		}
	}
	return Command{Do: Call, Node: i}
}

// closedBefore returns what is to be done about gate g, which does not let
// stage i pass any more.
func (m *Machine) closedBefore(i, g int32) Command {
	name := m.node(g).Name
	switch s := &m.states[g]; {
	case s.phase == ended && s.status == Failed:
		return Command{Do: Refuse, Node: i, Text: "gate " + name + " does not let it pass any more: " + s.reason}
	case s.phase == ended && !s.more.withdrawn:
		m.push(i)
		return Command{Do: Withdraw, Node: g, Text: "the pass lapsed before " + m.node(i).Name + " began"}
	}
	m.barred = append(m.barred, i)
	return Command{}
}

func (m *Machine) question(do Do, i int32) Command {
	m.tickets++
	m.states[i].asked = m.tickets
	return Command{Do: do, Node: i, Ticket: m.tickets}
}

// Asked takes a ticket back and reports whether the answer is still wanted: the
// node may have been canceled or done anew meanwhile, and it may be one of another
// definition.
func (m *Machine) Asked(i int32, ticket uint32) bool {
	if int(i) >= len(m.states) {
		return false
	}
	s := &m.states[i]
	if s.asked != ticket {
		return false
	}
	s.asked = 0
	if s.stale {
		s.stale = false
		m.push(i)
	}
	return s.phase == ready || s.phase == waiting || s.phase == unknown || s.phase == again || s.phase == erred
}

// Blind says that stage i can never be observed (see stage.Observer).
func (m *Machine) Blind(i int32) {
	m.states[i].blind = true
	m.push(i)
}

// Defer has node i looked at again at the given time.
func (m *Machine) Defer(i int32, at time.Time) { m.wakeAt(i, m.soonest(i, at)) }

// soonest returns the first of a time at which node i is to be looked at and
// the end of its patience.
func (m *Machine) soonest(i int32, at time.Time) time.Time {
	n := m.node(i)
	if n.Kind != Gate || n.Expires <= 0 {
		return at
	}
	if end := m.states[i].since.Add(n.Expires); at.IsZero() || end.Before(at) {
		return end
	}
	return at
}

// Unlock has the stages looked at again that wait for the named environment.
func (m *Machine) Unlock(environment string) {
	for _, i := range m.locked {
		if m.node(i).Environment == environment {
			m.push(i)
		}
	}
}

// Again gives the command for node i once more, for a driver that was held up.
func (m *Machine) Again(i int32) { m.push(i) }

// Succeed takes over from old, a machine of the same run that went on with
// events that were not recorded after all: no ticket is given out twice.
func (m *Machine) Succeed(old *Machine) { m.tickets = old.tickets }
