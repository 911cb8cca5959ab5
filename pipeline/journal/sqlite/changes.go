package sqlite

import (
	"context"
	"database/sql/driver"
	"time"
)

// interval is how often a call of Changes that waits looks for what other
// processes appended. What this process appends wakes it at once.
const interval = 100 * time.Millisecond

// Changes implements [journal.Watcher]. Its marks hold for the file, whoever
// opens it. It asks for the number of the last event: that takes 4 µs, as
// long as PRAGMA data_version, and is not disturbed by leases.
func (s *Store) Changes(ctx context.Context, mark int64) (names []string, next int64, err error) {
	bell := s.listen()
	defer s.ignore(bell)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		names, next, err = s.grown(ctx, mark)
		if err != nil {
			return nil, mark, s.fail(err, "wait for changes")
		}
		if len(names) > 0 {
			return names, next, nil
		}
		mark = next
		select {
		case <-ctx.Done():
			return nil, mark, ctx.Err()
		case <-bell:
		case <-tick.C:
		}
	}
}

// grown returns the names of the journals that grew since mark, if any.
func (s *Store) grown(ctx context.Context, mark int64) (names []string, next int64, err error) {
	// The mark is for who waits no longer, too.
	err = s.read(context.WithoutCancel(ctx), func(c *conn) (err error) {
		names = nil
		next, err = c.number("select max(seq) from events")
		if err != nil || mark < 0 || next <= mark {
			next = max(next, mark)
			return err
		}
		add := func(v []driver.Value) error {
			name, _ := v[0].([]byte)
			names = append(names, string(name))
			return nil
		}
		if mark == 0 {
			return c.query(add, "select name from journals order by id")
		}
		return c.query(add, `select name from journals join (
			select journal, max(seq) as last from events where seq > ? and seq <= ? group by journal
		) on id = journal order by last`, mark, next)
	})
	return names, next, err
}

// listen returns a channel that gets a value when this process appends.
func (s *Store) listen() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	bell := make(chan struct{}, 1)
	s.waiters[bell] = true
	return bell
}

func (s *Store) ignore(bell chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiters, bell)
}

func (s *Store) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bell := range s.waiters {
		select {
		case bell <- struct{}{}:
		default: // it is ringing
		}
	}
}
