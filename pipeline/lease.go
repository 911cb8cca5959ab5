package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// maxLease is the bound of Executor.Lease: a lease that runs longer was written
// when the clock was ahead.
const maxLease = time.Hour

// A lease tells other executors that this one is alive (J4). It is renewed only
// while a run is claimed, so an executor of which all runs wait does nothing.
type lease struct {
	s     *server
	store journal.Leaser // nil if the Store has none: then this is the only executor
	term  time.Duration  // for which it runs

	mu    sync.Mutex
	until time.Time
	timer *time.Timer
	over  bool
}

func (l *lease) init(s *server) {
	l.s, l.term = s, s.x.Lease
	if store, ok := s.x.Store.(journal.Leaser); ok {
		l.store = containedLeaser{store}
	}
}

// hold has the lease run for a while. It is called before a claim is recorded.
func (l *lease) hold(ctx context.Context) error {
	if l.store == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.over || l.until.Sub(now) > l.term/2 {
		return nil
	}
	return l.renew(ctx, now)
}

// renew extends the lease and sets the timer. L.mu is held.
func (l *lease) renew(ctx context.Context, now time.Time) error {
	until := now.Add(l.term)
	if err := l.store.Renew(ctx, l.s.name, until); err != nil {
		return err
	}
	l.until = until
	if l.timer == nil {
		l.timer = time.AfterFunc(l.term/3, l.beat)
		return nil
	}
	l.timer.Reset(l.term / 3)
	return nil
}

// beat renews the lease if there is a claim to keep. It may have run out in a
// pause of the process; what others claimed then is seen in the Store, as ever.
func (l *lease) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	if !l.s.claims() {
		l.until = time.Time{} // the next claim renews it and sets the timer
		return
	}
	if err := l.renew(l.s.store, time.Now()); err != nil {
		l.s.log.Warn("the lease could not be renewed; others may take over", "until", l.until, "error", err)
		l.timer.Reset(l.term / 3)
	}
}

// stop gives the lease up.
func (l *lease) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.timer == nil {
		return
	}
	l.timer.Stop()
	if err := l.store.Renew(l.s.store, l.s.name, time.Now()); err != nil {
		l.s.log.Warn("the lease could not be given up; others wait for its end", "until", l.until, "error", err)
	}
}

// claims reports whether a run is live, or is kept from others until what is under
// way has ended.
func (s *server) claims() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)+len(s.ending) > 0
}

// free reports whether nobody who lives takes the run forward (J4).
func (s *server) free(m *machine.Machine) (bool, error) {
	if m.Owner == "" || m.Owner == s.name {
		return true, nil
	}
	l, ok := s.x.Store.(journal.Leaser)
	if !ok {
		return true, nil
	}
	l = containedLeaser{l}
	now := time.Now()
	alive, err := l.Alive(s.store, m.Owner, now)
	if err != nil || !alive {
		return !alive, err
	}
	ahead, err := l.Alive(s.store, m.Owner, now.Add(2*maxLease))
	return s.lapsed(m.Owner, ahead, now), err
}

// lapsed reports whether the lease of an owner runs longer than one can and is
// not renewed: it was written before the clock was set back, by an executor that
// died since. One that lives renews it by the clock as it is now.
func (s *server) lapsed(owner string, ahead bool, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ahead {
		delete(s.ahead, owner)
		return false
	}
	if _, known := s.ahead[owner]; !known {
		s.ahead[owner] = now
	}
	return now.Sub(s.ahead[owner]) >= s.x.Lease
}
