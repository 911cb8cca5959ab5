package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A request is what a person or a program wants to have recorded.
type request struct {
	make  func(m *machine.Machine, now time.Time) ([]journal.Event, error)
	err   error
	reply chan error // gets one
}

// recordLive records the events that f makes, if this process takes the run
// forward: then the one who flushes does it, and nobody conflicts.
func (x *Executor) recordLive(ctx context.Context, run string, f func(*machine.Machine, time.Time) ([]journal.Event, error)) (done bool, err error) {
	s := x.serving()
	if s == nil || !s.begin() {
		return false, nil
	}
	defer s.end()
	s.mu.Lock()
	r := s.live[run]
	s.mu.Unlock()
	if r == nil {
		return false, nil
	}
	q := &request{make: f, reply: make(chan error, 1)}
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return false, nil
	}
	r.inbox.requests = append(r.inbox.requests, q)
	r.mu.Unlock()
	r.poke()
	select {
	case err := <-q.reply:
		return err != errGone, err
	case <-ctx.Done():
		return true, fmt.Errorf("pipeline: run %s: whether it is recorded is not known: %w", run, ctx.Err())
	}
}

// oblige makes the events that somebody asked for.
func (r *live) oblige(q *request, now time.Time) error {
	events, err := q.make(r.m, now)
	if err != nil {
		q.err = errGone // others may have appended what makes it right: only the Store knows enough to refuse
		return nil
	}
	q.err = nil
	for _, e := range events {
		if e.Kind == journal.Adopted {
			q.err = errGone // under another definition the run is folded anew, so this is not for a live one
			return nil
		}
		e.Time = now
		if err := r.put(&e); err != nil {
			return err
		}
	}
	return nil
}
