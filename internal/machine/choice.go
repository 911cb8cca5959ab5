package machine

import (
	"fmt"
	"maps"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

func (m *Machine) chosen(i int32, e *journal.Event) error {
	d, err := data[journal.Choice](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	s.reason = d.Text
	m.more(i).take = d.Take
	if len(n.Children) == 0 {
		s.phase = active
		return nil
	}
	m.decide(i, e.Time)
	return nil
}

// decide takes When i on after its condition was decided.
func (m *Machine) decide(i int32, t time.Time) {
	s := &m.states[i]
	if !s.more.take {
		m.close(i, Skipped, t)
		return
	}
	s.phase = active
	m.enter(m.node(i).Children[0], t)
}

func (m *Machine) listed(i int32, e *journal.Event) error {
	d, err := data[journal.List](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	s.reason = fmt.Sprintf("%d items", len(d.Items))
	m.more(i).items, m.more(i).listed = d.Items, true
	if m.prog == nil {
		s.phase = active
		return nil
	}
	if err := m.grow(i, d.Items); err != nil {
		return err
	}
	m.open(i, m.children(i), e.Time)
	return nil
}

// grow adds the body of ForEach i for each item.
func (m *Machine) grow(i int32, items []string) error {
	n := *m.node(i)
	if len(m.extra) == 0 {
		m.names = maps.Clone(m.names) // the program's are shared
	}
	b := &Builder{nodes: &m.extra, base: int32(len(m.nodes)), names: m.names, env: m.envIndex, root: &n, at: i}
	first := b.base + int32(len(m.extra))
	for _, item := range items {
		if err := n.Expand(b, i, item); err != nil {
			return fmt.Errorf("item %q: %w", item, err)
		}
	}
	b.count(first)
	m.states = append(m.states, make([]state, len(m.extra)-int(first-b.base))...)
	m.more(i).kids = b.kids
	if m.carried != nil {
		m.spend(first)
	}
	for _, c := range b.kids {
		if m.node(c).uses > 0 {
			m.expect(c)
		}
	}
	return nil
}
