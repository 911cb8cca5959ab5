package file

import (
	"context"
	"fmt"
	"os"
	"time"
)

// maxPause is the longest time between two attempts to get the lock. Who has it
// writes index.json, and that takes a few milliseconds.
const maxPause = 16 * time.Millisecond

// lock waits until no other goroutine and no other process has the lock on
// index.json, or ctx is done. If the process dies, the lock is free.
//
// It asks again and again, since waiting in flock could not be cancelled.
func (s *Store) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the lock: %w", ctx.Err())
	}
	f, err := s.root.OpenFile(locked, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		<-s.turn
		return nil, err
	}
	unlock = func() {
		f.Close()
		<-s.turn
	}
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		held, err := tryLock(f)
		if err != nil {
			unlock()
			return nil, err
		}
		if held {
			return unlock, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("waiting for the lock: %w", ctx.Err())
		}
	}
}
