package simulate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// takes reports whether this executor can take a run forward; see current in
// package pipeline.
func (p *process) takes(m *machine.Machine) bool {
	d := p.current[m.Beginning.Pipeline]
	if d.digest == m.Definition {
		return true
	}
	has := p.program(m.Beginning.Pipeline, m.Definition) != nil
	if has && (m.Drains || p.onDrift == pipeline.Drain || m.Canceled() != "") {
		return true
	}
	if m.Canceled() != "" && !has {
		p.bury(m)
		return false
	}
	if !p.older(m) {
		return false
	}
	now := p.clock()
	if p.onDrift == pipeline.Adopt {
		p.drifted(m, []journal.Event{{Time: now, Kind: journal.Adopted, By: p.name, Data: &journal.Adoption{Definition: d.digest, Text: "as the executor is set"}}})
		return false
	}
	if m.For != "drift" {
		p.drifted(m, []journal.Event{{Time: now, Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "the definition has changed"}}})
	}
	return false
}

func (p *process) older(m *machine.Machine) bool {
	length, there := p.before[m.Run]
	if !there {
		return m.Since.Before(p.since) || m.Came < m.Closed
	}
	return m.Came <= length
}

// bury ends a canceled run of which the definition is gone.
func (p *process) bury(m *machine.Machine) {
	if last, ok := p.stills[m.Run]; !ok || last.length != m.Length {
		p.stills[m.Run] = stillness{m.Length, p.w.now}
	}
	now := p.clock()
	if left := leaseTerm - p.w.now.Sub(p.stills[m.Run].since); left > 0 {
		p.alarm(m.Run, now.Add(left))
		return
	}
	delete(p.stills, m.Run)
	epoch := m.Epoch + 1
	end := []journal.Event{{Time: now, Kind: journal.Claimed, By: p.name, Epoch: epoch}}
	for _, env := range m.Held() {
		end = append(end, journal.Event{Time: now, Kind: journal.Left, Epoch: epoch, Data: &journal.Exit{Environment: env}})
	}
	p.drifted(m, append(end, journal.Event{Time: now, Kind: journal.Ended, Epoch: epoch, Data: &journal.End{
		Status: machine.Canceled.String(), Text: fmt.Sprintf("%s; ways out were not taken, for the definition is gone", m.Canceled()),
	}}))
}

// drifted records events of a run that this executor has no definition of.
func (p *process) drifted(m *machine.Machine, events []journal.Event) {
	batches := []journal.Batch{{Journal: m.Run, Length: m.Length, Events: events}}
	for _, j := range p.w.disk.order {
		name, ok := strings.CutPrefix(j, machine.Journal(""))
		if !ok {
			continue
		}
		env, err := p.grown(name)
		if err != nil {
			p.suffer(err)
			return
		}
		if left := env.Without(m, events[0].Time, events); len(left) > 0 {
			batches = append(batches, journal.Batch{Journal: j, Length: env.Length, Events: left})
		}
	}
	err := p.append(batches)
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		p.broke(err)
		return
	}
	p.wake(m.Run)
	for _, b := range batches[1:] {
		p.noticed(b.Journal)
	}
}
