package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// maxDrift is the most bytes of a Diff in the reason why a run is parked.
const maxDrift = 1 << 10

// current reports whether this executor can take a run forward: whether it has
// the definition that the run goes on under. If not it does what OnDrift says
// (R2).
//
// A run that was started or adopted since by an executor with another definition
// is that one's: two that adopt would take it from each other for ever.
func (s *server) current(m *machine.Machine) bool {
	d := s.x.current[m.Beginning.Pipeline]
	if d != nil && d.digest == m.Definition {
		return true
	}
	has := s.x.program(m.Beginning.Pipeline, m.Definition) != nil
	if has && (m.Drains || s.x.OnDrift == Drain || m.Canceled() != "") {
		return true
	}
	if m.Canceled() != "" && !has {
		s.bury(m)
		return false
	}
	if d == nil || !s.older(m) {
		return false
	}
	now := time.Now().UTC().Round(0)
	if s.x.OnDrift == Adopt {
		s.drifted(m, []journal.Event{{Time: now, Kind: journal.Adopted, By: s.name, Data: &journal.Adoption{Definition: d.digest, Text: "as the executor is set"}}})
		return false
	}
	if m.For != "drift" {
		why := fmt.Sprintf("the definition has changed from %s to %s; adopt the new one, drain under the old one, or cancel", m.Definition.Short(), d.digest.Short())
		if has && s.x.Compare != nil {
			_ = guarded(func() error {
				why += ": " + s.x.Compare(s.x.known[m.Definition].Pipeline, d.Pipeline).brief(maxDrift)
				return nil
			})
		}
		s.drifted(m, []journal.Event{{Time: now, Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: why}}})
	}
	return false
}

// older reports whether a run came under its definition before this executor began
// to serve. Times tell that of a run that had not ended then only as long as nobody
// sets the clock, so the journal does.
func (s *server) older(m *machine.Machine) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	length, there := s.before[m.Run]
	if !there { // or it had ended, and was taken up again
		return m.Since.Before(s.since) || m.Came < m.Closed
	}
	return m.Came <= length
}

// seen notes how long the journal of a run was at the first look, if the run was
// there when this executor began to serve.
func (s *server) seen(m *machine.Machine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if length, there := s.before[m.Run]; there && length == 0 {
		s.before[m.Run] = m.Length
	}
}

// bury ends a canceled run of which the definition is gone. It waits for a lease
// in which nothing happens to the run, for another executor may have the
// definition yet, and takes the ways out.
func (s *server) bury(m *machine.Machine) {
	if left := s.patience(m); left > 0 {
		s.alarm(m.Run, time.Now().Add(left))
		return
	}
	now := time.Now().UTC().Round(0)
	end := []journal.Event{{Time: now, Kind: journal.Claimed, By: s.name, Epoch: m.Epoch + 1}}
	for _, env := range m.Held() {
		end = append(end, journal.Event{Time: now, Kind: journal.Left, Epoch: m.Epoch + 1, Data: &journal.Exit{Environment: env}})
	}
	s.drifted(m, append(end, journal.Event{Time: now, Kind: journal.Ended, Epoch: m.Epoch + 1, Data: &journal.End{
		Status: machine.Canceled.String(), Text: m.Canceled() + "; ways out were not taken, for the definition is gone",
	}}))
}

// A stillness is since when a journal has not grown, as far as this server has seen.
type stillness struct {
	length int
	since  time.Time
}

// patience returns how long to wait yet for something to happen to a run. What its
// events say of the time does not count, for the clock may have been set back since.
func (s *server) patience(m *machine.Machine) (left time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if last, ok := s.stills[m.Run]; !ok || last.length != m.Length {
		s.stills[m.Run] = stillness{m.Length, now}
	}
	if left = s.x.Lease - now.Sub(s.stills[m.Run].since); left <= 0 {
		delete(s.stills, m.Run)
	}
	return left
}

// drifted records events of a run that this executor has no definition of. The
// run gives way in the environments that it waits for, and leaves those that it
// gives back.
func (s *server) drifted(m *machine.Machine, events []journal.Event) {
	s.envs.mu.Lock()
	left, err := s.envs.giveWay(s.store, m, events)
	s.envs.mu.Unlock()
	if err == nil {
		batches := append([]journal.Batch{{Journal: m.Run, Length: m.Length, Events: events}}, left...)
		err = broken(s.x.store.Append(s.store, batches...))
	}
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		s.suffer(m.Run, err)
		return
	}
	s.wake(m.Run)
	for _, b := range left {
		s.noticed(b.Journal)
	}
}

// giveWay returns what to record with events in environments: a run that goes on
// under another definition, which may know nothing of them, does not wait for any.
// Nobody can enter one of which the journal is damaged anyway. E.mu is held.
func (e *environments) giveWay(ctx context.Context, m *machine.Machine, events []journal.Event) (left []journal.Batch, err error) {
	journals, err := e.x.store.List(ctx, journal.Query{Prefix: machine.Journal("")})
	if err != nil {
		return nil, fmt.Errorf("pipeline: run %s: %w", m.Run, &brokenError{err})
	}
	for _, j := range journals {
		name := strings.TrimPrefix(j, machine.Journal(""))
		env, err := e.grown(ctx, name)
		switch b := (*brokenError)(nil); {
		case errors.As(err, &b):
			return nil, err
		case err != nil:
			e.x.log.Error("an environment is left alone, for its journal cannot be read", "environment", name, "error", err)
			continue
		}
		if gone := env.Without(m, events[0].Time, events); len(gone) > 0 {
			left = append(left, journal.Batch{Journal: j, Length: env.Length, Events: gone})
		}
	}
	return left, nil
}
