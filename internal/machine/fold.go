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

// carried is how far a step was under an older definition.
type carried struct {
	state
	kind Kind
}

// adopt returns a machine that goes on under p from where m, which has no
// program, is (R2). What was done stays done, if its name is in p. Votes are
// void: a gate is asked anew, unless a stage behind it began.
func (m *Machine) adopt(p *Program, t time.Time) *Machine {
	to := New(m.Run, p)
	to.Begun, to.Length, to.Beginning, to.Definition = m.Begun, m.Length, m.Beginning, m.Definition
	to.Owner, to.Epoch, to.Status = m.Owner, m.Epoch, m.Status
	to.Artifacts, to.Values = maps.Clone(m.Artifacts), maps.Clone(m.Values)
	to.overridden, to.votes, to.redone = slices.Clone(m.overridden), maps.Clone(m.votes), slices.Clone(m.redone)
	to.Closed, to.said = m.Closed, m.said
	to.latest, to.behind = m.latest, m.behind
	to.turn(t)
	to.carried, to.used = make(map[string]carried, len(m.names)), map[int32]bool{}
	for name, i := range m.names {
		to.carried[name] = carried{m.states[i], m.node(i).Kind}
	}
	to.spend(0)
	for _, e := range m.envs {
		env := &to.envs[to.envIndex(e.name)]
		env.held, env.queued, env.token, env.previous = e.held, e.queued, e.token, e.previous
		env.aside = e.held // for it is not known by which step
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

// spend notes the gates before those of the nodes from first on that were
// called under the older definition.
func (m *Machine) spend(first int32) {
	for i := first; int(i) < len(m.states); i++ {
		if n := m.node(i); n.Kind == Stage && m.carried[n.Name].begun {
			m.gatesBefore(i, func(g int32) { m.used[g] = true })
		}
	}
}

// resume takes leaf i, which is reached under a new definition, to where it was
// under the old one, and reports whether there is nothing else to do.
func (m *Machine) resume(i int32, t time.Time) bool {
	s, n := &m.states[i], m.node(i)
	c, ok := m.carried[n.Name]
	if !ok {
		return false
	}
	delete(m.carried, n.Name) // it was one step, and is resumed once
	s.gen, s.attempt = c.gen, c.attempt
	switch {
	case c.phase == idle:
		return false
	case m.anew(i, c.born), n.Kind == Gate && c.open() && !m.used[i]:
		s.gen++
		return false
	case c.kind != n.Kind && c.mattered(): // another step of the same name
		s.gen++
		return false
	case !c.begun && (c.phase == ready || c.phase == waiting):
		return false
	}
	s.since, s.started, s.reason, s.polled = c.since, c.started, c.reason, c.polled
	if x := c.more; x != nil {
		s.more = &more{waits: x.waits, recheck: x.recheck, state: x.state, votes: x.votes, subject: x.subject, stack: x.stack, tries: x.tries, take: x.take, behind: x.behind}
	}
	if c.begun {
		m.begin(i)
		m.use(i)
	}
	switch {
	case c.phase == ended && n.Kind == Gate && !c.status.OK() && c.more != nil && c.more.rejection != nil: // what follows from that, p says
		s.more.rejection = c.more.rejection
		m.reject(i, c.end)
		return true
	case c.phase == ended:
		m.close(i, c.status, c.end)
		return true
	case n.Kind == When && c.phase == active:
		m.decide(i, t)
		return true
	case n.Kind == ForEach && c.phase == active:
		m.more(i).listed, m.more(i).items = true, c.more.items
		if m.broken = m.grow(i, c.more.items); m.broken == nil {
			m.open(i, m.children(i), t)
		}
		return true
	case c.phase == calling:
		s.phase = unknown
	case c.phase == waiting: // for something that is asked for anew
		m.more(i).waits, m.more(i).votes = "", nil
	default:
		s.phase = c.phase
	}
	m.push(i)
	return true
}

// open reports whether c, a gate, lets through or may do so yet.
func (c *carried) open() bool {
	return c.phase == ready || c.phase == waiting || c.phase == ended && c.status == Succeeded
}

// mattered reports whether anything follows from how far c was. What failed is
// failed, whatever it was.
func (c *carried) mattered() bool {
	return c.begun && c.phase != ended || c.phase == active || c.phase == ended && c.status.OK()
}

// anew reports whether leaf i, which was reached at the given length of the
// journal, is to be reached anew, for a step before it was done anew since.
func (m *Machine) anew(i, born int32) bool {
	return slices.ContainsFunc(m.redone, func(r redo) bool {
		j, ok := m.names[r.step]
		return ok && born < r.length && i != j && m.follows(i, j)
	})
}
