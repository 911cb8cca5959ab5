package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline/journal"
)

// A write is what one caller wants done in the next transaction.
type write struct {
	// do makes its changes. If it refuses it has made none, and the others
	// in the transaction go on; if it fails the transaction does.
	do func(c *conn) (refused, failed error)

	err  error
	turn chan bool // false: it is done; true: lead the next transaction
}

// commit has do done in a transaction, alone or together with what other
// callers want done. One caller leads: it takes all that wait, commits them at
// once, and hands the lead to one that came meanwhile. So one sync of the disk
// serves many, and no goroutine has to run while nobody writes.
//
// Until the transaction has begun a caller can leave because its ctx is done.
// From then on it waits to be told what became of it.
func (s *Store) commit(ctx context.Context, do func(c *conn) (refused, failed error)) error {
	w := &write{do: do, turn: make(chan bool, 1)}
	s.mu.Lock()
	lead := !s.leading
	if lead {
		s.leading = true
	} else {
		s.queue = append(s.queue, w)
	}
	s.mu.Unlock()

	if !lead {
		select {
		case lead = <-w.turn:
		case <-ctx.Done():
			if s.leave(w) {
				return ctx.Err()
			}
			lead = <-w.turn
		}
	}
	if lead {
		s.lead(ctx, w)
	}
	return w.err
}

// leave takes w out of the queue, if it is there.
func (s *Store) leave(w *write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.queue, w)
	if i < 0 {
		return false
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	return true
}

func (s *Store) lead(ctx context.Context, w *write) {
	s.use.RLock()
	defer s.use.RUnlock()
	defer s.pass()
	if w.err = s.begin(ctx); w.err != nil {
		return
	}
	s.mu.Lock()
	others := s.queue
	s.queue = nil
	s.mu.Unlock()

	s.transact(append([]*write{w}, others...))
	for _, o := range others {
		o.turn <- false
	}
}

// pass hands the lead to the one that has waited longest.
func (s *Store) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.leading = false
		return
	}
	next := s.queue[0]
	s.queue = s.queue[1:]
	next.turn <- true
}

// begin waits for the lock under which one process writes.
func (s *Store) begin(ctx context.Context) error {
	return retry(ctx, func() error {
		if err := s.alive(); err != nil {
			return err
		}
		_, err := s.writer.exec("begin immediate")
		return err
	})
}

// resume has the transaction go on from what other processes committed.
func (s *Store) resume() (err error) {
	s.tip, _, err = newest(s.writer, s.id)
	s.start = s.tip.seq + 1
	return err
}

// transact does the group in the transaction that has begun. When anything but
// a refusal goes wrong nothing is acknowledged any more (J2): after a failed
// sync nobody knows what is on the disk.
func (s *Store) transact(group []*write) {
	failed := s.resume()
	done := 0
	for _, w := range group {
		if failed != nil {
			break
		}
		if w.err, failed = w.do(s.writer); failed != nil {
			break
		}
		if w.err == nil {
			done++
		}
	}
	end := "commit"
	if failed == nil && done == 0 {
		end = "rollback"
	}
	if failed == nil {
		_, failed = s.writer.exec(end)
	}
	if failed == nil {
		return
	}
	s.writer.exec("rollback") // lets other processes go on; it may have been done already
	failed = fmt.Errorf("%w: %s failed: %w", journal.ErrClosed, end, failed)
	s.kill(failed)
	for _, w := range group {
		w.err = failed
	}
}
