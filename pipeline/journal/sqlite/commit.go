package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	lib "modernc.org/sqlite/lib"

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
	if s.config.ReadOnly {
		return fmt.Errorf("the store is open to be read: %w", journal.ErrInput)
	}
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
				return fmt.Errorf("waiting for those that write before: %w", ctx.Err())
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
	runtime.Gosched() // those whom the commit before served may have more to write by now
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
	s.send(ctx)
	if err := s.rest(); err != nil {
		s.kill(fmt.Errorf("%w: checkpoint failed: %w", journal.ErrClosed, err))
	}
}

// between is how much time is between two moves of the WAL, at least.
const between = time.Minute

// rest moves what is in the WAL to the database when a run has parked, so that
// the days for which it waits are not spent in the WAL. It takes a few
// milliseconds, for the one caller that led. If somebody reads it may do less.
func (s *Store) rest() error {
	if s.alive() != nil || !s.parked || time.Since(s.rested) < between {
		return nil
	}
	s.parked, s.rested = false, time.Now()
	err := s.writer.query(func([]driver.Value) error { return nil }, "pragma wal_checkpoint(truncate)")
	if code(err) == lib.SQLITE_BUSY || code(err) == lib.SQLITE_LOCKED {
		return nil
	}
	return err
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

// begin waits for the lock of the witness, under which one process writes, and
// begins a transaction.
func (s *Store) begin(ctx context.Context) error {
	if err := s.alive(); err != nil {
		return err
	}
	if err := s.witness.acquire(ctx); err != nil {
		return err
	}
	err := retry(ctx, func() error {
		if err := s.alive(); err != nil {
			return err
		}
		return s.writer.begin()
	})
	if err != nil {
		s.witness.release()
	}
	return err
}

// transact does the group in the transaction that has begun, and has it
// witnessed. When anything but a refusal goes wrong nothing is acknowledged any
// more (J2): after a failed sync nobody knows what is on the disk.
func (s *Store) transact(group []*write) {
	defer s.witness.release()
	failed := s.work(group)
	if failed == nil {
		return
	}
	s.writer.exec("rollback") // lets other processes go on; it may have been done already
	failed = fmt.Errorf("%w: %w", journal.ErrClosed, failed)
	s.kill(failed)
	for _, w := range group {
		w.err = failed
	}
}

func (s *Store) work(group []*write) error {
	if err := s.agree(); err != nil {
		return fmt.Errorf("comparison with the witness failed: %w", err)
	}
	s.tip, s.start, s.added = s.witness.tip, s.witness.tip.seq+1, s.added[:0]
	end := "rollback"
	for _, w := range group {
		var failed error
		if w.err, failed = w.do(s.writer); failed != nil {
			return fmt.Errorf("commit failed: %w", failed)
		}
		if w.err == nil {
			end = "commit"
		}
	}
	return s.finish(end)
}

// finish ends the transaction and has what it added witnessed. Both are synced
// at the same time, for each takes as long as the other: a crash leaves either
// one of them ahead by this commit, and agree makes up for it.
func (s *Store) finish(end string) error {
	witnessed := make(chan error, 1)
	if len(s.added) > 0 {
		go func() { witnessed <- s.witness.add(s.tip, s.added) }()
	} else {
		witnessed <- nil
	}
	_, failed := s.writer.exec(end)
	err := <-witnessed // in any case, for then the lock is given up
	if failed != nil {
		return errors.Join(fmt.Errorf("%s failed: %w", end, failed), err)
	}
	if err == nil {
		err = s.sign()
	}
	if err == nil {
		err = s.witness.turn()
	}
	if err != nil {
		return fmt.Errorf("commit cannot be witnessed: %w", err)
	}
	return nil
}
