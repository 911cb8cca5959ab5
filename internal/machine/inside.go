package machine

import (
	"slices"

	"github.com/penstock/penstock/pipeline/journal"
)

// lock notes that stage i waits for its environment.
func (m *Machine) lock(i int32) {
	for _, e := range m.node(i).envs {
		m.envs[e].queued = true
	}
	if s := &m.states[i]; !s.locked {
		s.locked = true
		m.locked = append(m.locked, i)
	}
}

func (m *Machine) envIndex(name string) int32 {
	for i := range m.envs {
		if m.envs[i].name == name {
			return int32(i)
		}
	}
	m.envs = append(m.envs, envState{name: name})
	return int32(len(m.envs) - 1)
}

func (m *Machine) env(name string) *envState {
	for i := range m.envs {
		if m.envs[i].name == name {
			return &m.envs[i]
		}
	}
	return nil
}

// unlock notes that stage i, which waited for its environment, waits for something
// else now. If no other stage of the run waits for that, the run does not stand in
// the way of others either: it queues again when it may enter (E2, E3).
func (m *Machine) unlock(i int32) {
	if !m.states[i].locked {
		return
	}
	m.states[i].locked = false
	m.locked = slices.DeleteFunc(m.locked, func(j int32) bool { return j == i })
	for _, e := range m.node(i).envs {
		if m.outside(e) {
			m.leaves = append(m.leaves, e)
		}
	}
}

// outside reports whether the run queues for environment e and no stage of it
// waits for that.
func (m *Machine) outside(e int32) bool {
	env := &m.envs[e]
	return env.queued && !env.held && !slices.ContainsFunc(m.locked, func(j int32) bool { return m.node(j).Environment == env.name })
}

func (m *Machine) took(i int32, e *journal.Event) error {
	d, err := data[journal.Entry](e)
	if err != nil {
		return err
	}
	env := m.env(d.Environment)
	if env == nil {
		env = &m.envs[m.envIndex(d.Environment)]
	}
	env.held, env.queued, env.token, env.previous = true, false, d.Token, d.Previous
	env.aside = m.node(i).Urgent
	rest := m.locked[:0]
	for _, j := range m.locked {
		if m.node(j).Environment != d.Environment {
			rest = append(rest, j)
			continue
		}
		m.states[j].locked = false
		m.push(j)
	}
	m.locked = rest
	m.push(i)
	return nil
}

// spoil notes that node i did not do what it should in its environments.
func (m *Machine) spoil(i int32) {
	s := &m.states[i]
	if s.spoiled {
		return
	}
	for _, e := range m.node(i).envs {
		s.spoiled = true
		m.envs[e].bad++
	}
}

// right notes that stage i succeeded. If it is a way out of a failure, it has
// put right what went wrong in its environment.
func (m *Machine) right(i int32) {
	n := m.node(i)
	if len(n.envs) == 0 || !n.Urgent || m.envs[n.envs[0]].bad == 0 {
		return
	}
	for c, p := i, n.Parent; p >= 0; c, p = p, m.node(p).Parent {
		if m.node(p).Kind == OnFailure && m.node(c).Pos == 1 {
			m.envs[n.envs[0]].righted = true
			return
		}
	}
}

// settle says that node i has no more use for its environments. One that no
// node has a use for is given back.
func (m *Machine) settle(i int32) {
	s := &m.states[i]
	if s.settled {
		return
	}
	s.settled = true
	for _, e := range m.node(i).envs {
		env := &m.envs[e]
		if env.remaining--; env.remaining == 0 && (env.held || env.queued) {
			m.leaves = append(m.leaves, e)
		}
	}
}
