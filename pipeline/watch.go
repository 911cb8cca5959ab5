package pipeline

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

const (
	pollEvery = 200 * time.Millisecond // of a Store that is no journal.Watcher
	gather    = 50 * time.Millisecond  // for which changes are put together
)

// watcher returns a function that notices what others append to the Store, and
// the mark that it begins from.
func (s *server) watcher(ctx context.Context) (watch func(ctx context.Context, mark int64) error, mark int64, err error) {
	w, ok := s.x.Store.(journal.Watcher)
	if !ok {
		return s.poll, 0, nil
	}
	w = containedWatcher{w}
	if mark, err = now(ctx, w); err != nil {
		return nil, 0, fmt.Errorf("pipeline: changes of the store: %w", err)
	}
	return func(ctx context.Context, mark int64) error { return s.follow(ctx, w, mark) }, mark, nil
}

// now returns the mark that stands for now.
func now(ctx context.Context, w journal.Watcher) (int64, error) {
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, mark, err := w.Changes(done, -1)
	if mark < 0 {
		return 0, err
	}
	return mark, nil
}

func (s *server) follow(ctx context.Context, w journal.Watcher, mark int64) error {
	later := map[string]bool{} // runs that grew by what this executor wrote, as far as is known
	for {
		names, next, err := changes(ctx, w, mark, len(later) > 0)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.fail(err)
			return nil
		}
		mark = next
		for _, name := range names {
			later[name] = true
		}
		for name := range later {
			if !s.wroteSince(name) {
				delete(later, name)
				s.noticed(name)
			}
		}
		pause(ctx, gather)
	}
}

// changes waits for changes, or, if it is to hurry, only as long as they are put
// together.
func changes(ctx context.Context, w journal.Watcher, mark int64, hurry bool) (names []string, next int64, err error) {
	if !hurry {
		return w.Changes(ctx, mark)
	}
	short, cancel := context.WithTimeout(ctx, gather)
	defer cancel()
	names, next, err = w.Changes(short, mark)
	if err != nil && short.Err() != nil {
		return nil, max(next, mark), nil
	}
	return names, next, err
}

// wroteSince reports whether this executor wrote to a run since it was last
// asked. Then there is no need to look for what others wrote: the next Append
// finds it, or there is none for a while and it is looked for then.
func (s *server) wroteSince(run string) bool {
	s.mu.Lock()
	r := s.live[run]
	s.mu.Unlock()
	return r != nil && r.wrote.Swap(false)
}

func (s *server) poll(ctx context.Context, _ int64) error {
	for pause(ctx, pollEvery) {
		open, err := s.x.store.List(ctx, journal.Query{Open: true})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.fail(err)
			return nil
		}
		for _, name := range open {
			s.noticed(name)
		}
	}
	return nil
}

// pause waits for d, and reports whether ctx is not done by then.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// noticed has the runs looked at that a journal is of interest to.
func (s *server) noticed(name string) {
	env, ok := strings.CutPrefix(name, machine.Journal(""))
	if !ok {
		if s.news(name) {
			s.wake(name)
		}
		return
	}
	next, err := s.envs.next(s.store, env)
	if err != nil {
		s.log.Error("an environment is left alone, for its journal cannot be read", "environment", env, "error", err)
	}
	for _, run := range next {
		s.wake(run)
	}
}

// A rest is how long the journal of a run was when it ceased to be live.
type rest struct {
	length int
	over   bool // the run has ended
}

// news reports whether a run that has grown is to be looked at. One that was
// live until a moment ago has most often grown by what this executor appended.
func (s *server) news(run string) bool {
	s.mu.Lock()
	foreign := s.foreign[run]
	last, rested := s.rested[run]
	if last.over {
		delete(s.rested, run)
	}
	s.mu.Unlock()
	if foreign || !rested {
		return !foreign
	}
	events, err := s.x.store.Events(s.store, run, last.length)
	return err != nil || len(events) > 0
}

// Watch yields a run as it is, and each time it has changed, until it has
// ended. An error ends it too, also that of ctx.
func (x *Executor) Watch(ctx context.Context, run string) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		if err := x.watch(ctx, run, func(r Run) bool { return yield(r, nil) }); err != nil {
			yield(Run{}, err)
		}
	}
}

func (x *Executor) watch(ctx context.Context, run string, yield func(Run) bool) error {
	if err := x.init(); err != nil {
		return err
	}
	changed, err := x.changes(ctx, run)
	if err != nil {
		return err
	}
	m, err := x.fold(ctx, run)
	if err != nil {
		return err
	}
	for yield(runOf(m)) && !m.Status.Done() {
		for before := m.Length; m.Length == before; {
			if err := changed(); err != nil {
				return err
			}
			if m, err = x.catchUp(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// catchUp returns m with what was appended since.
func (x *Executor) catchUp(ctx context.Context, m *machine.Machine) (*machine.Machine, error) {
	events, err := x.store.Events(ctx, m.Run, m.Length)
	if err != nil {
		return nil, fmt.Errorf("pipeline: run %s: %w", m.Run, err)
	}
	if slices.ContainsFunc(events, func(e journal.Event) bool { return e.Kind == journal.Adopted }) {
		return x.fold(ctx, m.Run)
	}
	for i := range events {
		if err := m.Apply(&events[i]); err != nil {
			return nil, fmt.Errorf("pipeline: %w", err)
		}
	}
	return m, nil
}

// changes returns a function that waits until a run may have changed.
func (x *Executor) changes(ctx context.Context, run string) (func() error, error) {
	w, ok := x.Store.(journal.Watcher)
	if !ok {
		return func() error { pause(ctx, pollEvery); return ctx.Err() }, nil
	}
	w = containedWatcher{w}
	mark, err := now(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("pipeline: changes of the store: %w", err)
	}
	return func() error {
		for {
			names, next, err := w.Changes(ctx, mark)
			if err != nil {
				return err
			}
			mark = next
			if slices.Contains(names, run) {
				return nil
			}
		}
	}, nil
}
