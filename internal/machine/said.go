package machine

import (
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// Bounds of what people have recorded, so that nobody fills a journal without end
// (I21). What is recorded already is always read.
const (
	maxVotes = 100    // by one person on one gate in one round
	maxSaid  = 10_000 // in one run: votes, and all else that people do to it
)

// said reports whether an event is what a person does to a run.
func said(k journal.Kind) bool {
	switch k {
	case journal.Voted, journal.Stopped, journal.Retried, journal.Overridden, journal.Adopted, journal.Drained:
		return true
	}
	return false
}

// CanSay returns why the events, which people want recorded, are too many. The
// first word that cancels the run never is.
func (m *Machine) CanSay(events []journal.Event) error {
	for k := range events {
		e := &events[k]
		if e.Kind == journal.Stopped && m.stopped == "" {
			continue
		}
		if m.said+k >= maxSaid {
			return fmt.Errorf("%d votes and other words of people are recorded of the run; want at most %d, cancel it and start another", m.said, maxSaid)
		}
		i, ok := m.names[e.Step]
		if e.Kind != journal.Voted || !ok || m.states[i].more == nil {
			continue
		}
		mine := 0
		for _, v := range m.states[i].more.votes {
			if v.By == e.By {
				mine++
			}
		}
		if mine >= maxVotes {
			return fmt.Errorf("%q has voted %d times on %q in this round; want at most %d", e.By, mine, e.Step, maxVotes)
		}
	}
	return nil
}
