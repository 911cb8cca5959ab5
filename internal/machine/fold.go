package machine

import (
	"maps"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// Fold returns the machine of a run after the given events. Program is asked
// for the compiled definition that the run goes on under; if it returns nil
// the machine keeps the books but has no commands.
func Fold(run string, events []journal.Event, program func(pipeline string, definition artifact.Digest) *Program) (*Machine, error) {
	books := New(run, nil)
	from := 0 // of the events that the program in force is to see
	for k := range events {
		if events[k].Kind == journal.Adopted {
			from = k
		}
	}
	for k := range events[:from] {
		if err := books.Apply(&events[k]); err != nil {
			return nil, err
		}
	}
	m, err := books.under(events[from:], program)
	if err != nil {
		return nil, err
	}
	for k := range events[from:] {
		if err := m.Apply(&events[from+k]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// under returns the machine that takes the events after those that m has
// folded. They are all, or begin with one of kind Adopted.
func (m *Machine) under(events []journal.Event, program func(string, artifact.Digest) *Program) (*Machine, error) {
	if len(events) == 0 {
		return m, nil
	}
	switch d := events[0].Data.(type) {
	case *journal.Beginning:
		if p := program(d.Pipeline, d.Definition); p != nil {
			return New(m.Run, p), nil
		}
	case *journal.Adoption:
		if p := program(m.Beginning.Pipeline, d.Definition); p != nil {
			to := m.adopt(p, events[0].Time)
			return to, to.broken
		}
	}
	return m, nil
}

// adopt returns a machine that goes on under p from where m is (R2). What was
// done stays done, if its name is in p. Votes are void: a gate is asked anew,
// unless a stage behind it began.
func (m *Machine) adopt(p *Program, t time.Time) *Machine {
	to := New(m.Run, p)
	to.Begun, to.Length, to.Beginning, to.Definition = m.Begun, m.Length, m.Beginning, m.Definition
	to.Owner, to.Epoch, to.Status = m.Owner, m.Epoch, m.Status
	to.Artifacts, to.Values = maps.Clone(m.Artifacts), maps.Clone(m.Values)
	to.overridden, to.votes = slices.Clone(m.overridden), maps.Clone(m.votes)
	to.carried = make(map[string]state, len(m.names))
	for name, i := range m.names {
		to.carried[name] = m.states[i]
	}
	used := map[string]bool{}
	for name := range m.names {
		if i, ok := p.names[name]; ok && p.nodes[i].Kind == Stage && to.carried[name].begun {
			to.gatesBefore(i, func(g int32) { used[to.node(g).Name] = true })
		}
	}
	for name, i := range m.names {
		if c := to.carried[name]; m.node(i).Kind == Gate && !used[name] {
			to.carried[name] = state{phase: dropped, gen: c.gen + 1}
		}
	}
	for _, e := range m.envs {
		env := &to.envs[to.envIndex(e.name)]
		env.held, env.queued, env.token, env.previous, env.failed = e.held, e.queued, e.token, e.previous, e.failed
	}
	to.enter(0, t)
	for i := range to.envs {
		if env := &to.envs[i]; env.remaining == 0 && (env.held || env.queued) {
			to.leaves = append(to.leaves, int32(i))
		}
	}
	if m.stopped != "" || m.successor != "" {
		to.stopped, to.successor = m.stopped, m.successor
		to.stop(t)
	}
	return to
}

// resume takes node i, which is reached under a new definition, to where it was
// under the old one, and reports whether there is nothing else to do.
func (m *Machine) resume(i int32, t time.Time) bool {
	c, ok := m.carried[m.node(i).Name]
	if !ok {
		return false
	}
	s, n := &m.states[i], m.node(i)
	delete(m.carried, n.Name) // it was one step, and is resumed once
	s.gen, s.attempt = c.gen, c.attempt
	if c.phase == dropped || c.phase == ready || c.phase == waiting && n.Kind != Stage {
		return false
	}
	if x := c.more; x != nil {
		s.more = &more{waits: x.waits, recheck: x.recheck, state: x.state, votes: x.votes, subject: x.subject, stack: x.stack, tries: x.tries, take: x.take}
	}
	s.since, s.started, s.reason = c.since, c.started, c.reason
	if c.begun {
		m.begin(i)
	}
	switch {
	case c.phase == ended:
		if n.Kind == Stage && !c.status.OK() {
			m.mark(i, true)
		}
		m.close(i, c.status, c.end)
	case n.Kind == When && c.phase == active:
		s.phase = active
		if !c.more.take {
			m.drop(n.Children[0])
			m.close(i, Skipped, t)
			return true
		}
		m.enter(n.Children[0], t)
	case n.Kind == ForEach && c.phase == active:
		m.more(i).items = c.more.items
		if m.broken = m.grow(i, c.more.items); m.broken == nil {
			m.open(i, m.children(i), t)
		}
	case c.phase == calling:
		s.phase = unknown
		if c.polled {
			s.phase = again
		}
		m.push(i)
	case c.phase == waiting:
		m.push(i)
	default:
		s.phase = c.phase
		m.push(i)
	}
	return true
}
