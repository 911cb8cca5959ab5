package journaltest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// recorder takes the place of the test of a rule and keeps what it reports.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// broken returns what the rules say of the stores that open returns. Each runs
// in a bubble, so that the wait for what never comes takes no time.
func broken(t *testing.T, open func() journal.Store) (said string) {
	for _, rule := range rules() {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				rule.check(r, open())
			}()
			<-ended
			for _, f := range r.failures {
				said += rule.name + ": " + f + "\n"
			}
		})
	}
	return said
}

// hooks are what a broken store does in place of a Memory.
type hooks struct {
	append  func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error
	events  func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error)
	list    func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error)
	changes func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error)
	renew   func(s *journal.Memory, ctx context.Context, owner string, until time.Time) error
	alive   func(s *journal.Memory, ctx context.Context, owner string, now time.Time) (bool, error)
	archive func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error
}

// store is a Memory, broken by hooks.
type store struct {
	journal.Memory
	hooks
}

func (s *store) Append(ctx context.Context, batches ...journal.Batch) error {
	if s.append != nil {
		return s.append(&s.Memory, ctx, batches)
	}
	return s.Memory.Append(ctx, batches...)
}

func (s *store) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if s.events != nil {
		return s.events(&s.Memory, ctx, name, from)
	}
	return s.Memory.Events(ctx, name, from)
}

func (s *store) List(ctx context.Context, q journal.Query) ([]string, error) {
	if s.list != nil {
		return s.list(&s.Memory, ctx, q)
	}
	return s.Memory.List(ctx, q)
}

func (s *store) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	if s.changes != nil {
		return s.changes(&s.Memory, ctx, mark)
	}
	return s.Memory.Changes(ctx, mark)
}

func (s *store) Renew(ctx context.Context, owner string, until time.Time) error {
	if s.renew != nil {
		return s.renew(&s.Memory, ctx, owner, until)
	}
	return s.Memory.Renew(ctx, owner, until)
}

func (s *store) Alive(ctx context.Context, owner string, now time.Time) (bool, error) {
	if s.alive != nil {
		return s.alive(&s.Memory, ctx, owner, now)
	}
	return s.Memory.Alive(ctx, owner, now)
}

func (s *store) Archive(ctx context.Context, name string, length int, e journal.Event, seen ...journal.Seen) error {
	if s.archive != nil {
		return s.archive(&s.Memory, ctx, name, length, e, seen)
	}
	return s.Memory.Archive(ctx, name, length, e, seen...)
}

func TestSoundStoreBreaksNoRule(t *testing.T) {
	if said := broken(t, func() journal.Store { return new(store) }); said != "" {
		t.Errorf("the rules say of a sound store:\n%s", said)
	}
	if said := broken(t, func() journal.Store { return struct{ journal.Store }{new(store)} }); said != "" {
		t.Errorf("the rules say of a sound store that is neither Watcher nor Leaser:\n%s", said)
	}
}

func TestRulesFindBrokenStores(t *testing.T) {
	for _, c := range []struct {
		name  string
		hooks hooks
		want  string // in what is said
	}{
		{"appends at any length", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			for i := range batches {
				events, _ := s.Events(ctx, batches[i].Journal, 0)
				batches[i].Length = len(events)
			}
			return s.Append(ctx, batches...)
		}}, "two writers cannot both win (J1)"},

		{"appends batch by batch", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if err := journal.Check(batches); err != nil {
				return err
			}
			for _, b := range batches {
				if err := s.Append(ctx, b); err != nil {
					return err
				}
			}
			return nil
		}}, "after a conflict in another journal (J1)"},

		{"calls a conflict something else", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if err := s.Append(ctx, batches...); errors.Is(err, journal.ErrConflict) {
				return errors.New("unique constraint failed")
			} else {
				return err
			}
		}}, "want ErrConflict"},

		{"acknowledges what it drops", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if err := s.Append(ctx, batches...); err != nil && !errors.Is(err, journal.ErrConflict) {
				return err
			}
			return nil
		}}, "= <nil>; want ErrConflict"},

		{"checks nothing", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			if err := s.Append(ctx, batches...); !errors.Is(err, journal.ErrInput) {
				return err
			}
			return nil
		}}, "want ErrInput"},

		{"does not look at its context", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			return s.Append(context.WithoutCancel(ctx), batches...)
		}}, "want context.Canceled"},

		{"returns what comes before", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			return s.Events(ctx, name, from-1)
		}}, "events, want"},

		{"loses nanoseconds", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			events, err := s.Events(ctx, name, from)
			for i := range events {
				events[i].Time = events[i].Time.Truncate(time.Microsecond)
			}
			return events, err
		}}, "as they were appended: event 0"},

		{"skips kinds it does not like (J6)", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			events, err := s.Events(ctx, name, from)
			return slices.DeleteFunc(events, func(e journal.Event) bool { return e.Kind == journal.Drained }), err
		}}, "events, want"},

		{"takes names that differ in case for one", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			q.Prefix = strings.ToLower(q.Prefix)
			return s.List(ctx, q)
		}}, "names may be any bytes"},

		{"lists in the order of names", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			names, err := s.List(ctx, q)
			slices.Sort(names)
			return names, err
		}}, "order of their first events"},

		{"limits before it filters", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			limit := q.Limit
			q.Limit = 0
			all, err := s.List(ctx, journal.Query{Newest: q.Newest, Limit: limit, After: q.After})
			names, _ := s.List(ctx, q)
			return slices.DeleteFunc(all, func(n string) bool { return !slices.Contains(names, n) }), err
		}}, "the fields of a query work together"},

		{"lists ended journals as open", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			q.Open = false
			return s.List(ctx, q)
		}}, "Open:true"},

		{"begins anew when the journal to go on from is gone", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			if names, err := s.List(ctx, q); err == nil {
				return names, nil
			}
			return s.List(ctx, journal.Query{})
		}}, "no answer would be right"},

		{"does not wait for changes", hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
			names, _ := s.List(ctx, journal.Query{})
			return names, max(mark, 0) + 1, nil
		}}, "want it to wait"},

		{"tells changes only to the first that asks", func() hooks {
			var told sync.Map
			return hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
				names, next, err := s.Changes(ctx, mark)
				return slices.DeleteFunc(names, func(n string) bool {
					_, loaded := told.LoadOrStore(fmt.Sprint(mark, n), true)
					return loaded
				}), next, err
			}}
		}(), "which grew"},

		{"names a journal twice", hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
			names, next, err := s.Changes(ctx, mark)
			return append(names, names...), next, err
		}}, "want each name once"},

		{"takes now for the end of time", hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
			if mark < 0 {
				mark = math.MaxInt64
			}
			return s.Changes(ctx, mark)
		}}, `want ["b"]`},

		{"forgets the mark when its context is done", hooks{changes: func(s *journal.Memory, ctx context.Context, mark int64) ([]string, int64, error) {
			names, next, err := s.Changes(ctx, mark)
			if err != nil {
				next = -1
			}
			return names, next, err
		}}, "want the one to go on from"},

		{"keeps leases for ever", hooks{alive: func(s *journal.Memory, ctx context.Context, owner string, now time.Time) (bool, error) {
			return s.Alive(ctx, owner, time.Time{})
		}}, "which is over"},

		{"keeps one lease for all", hooks{renew: func(s *journal.Memory, ctx context.Context, owner string, until time.Time) error {
			return s.Renew(ctx, "", until)
		}, alive: func(s *journal.Memory, ctx context.Context, owner string, now time.Time) (bool, error) {
			return s.Alive(ctx, "", now)
		}}, "has no lease, only x has"},

		{"never gives a lease up", hooks{renew: func(s *journal.Memory, ctx context.Context, owner string, until time.Time) error {
			if !until.After(time.Now()) {
				return ctx.Err()
			}
			return s.Renew(ctx, owner, until)
		}}, "gave its lease up"},

		{"knows until when a lease was that was given up", hooks{renew: func(s *journal.Memory, ctx context.Context, owner string, until time.Time) error {
			if until.After(time.Now()) {
				return s.Renew(ctx, owner, until)
			}
			return errors.Join(s.Renew(ctx, owner, until), s.Renew(ctx, "was "+owner, time.Now().Add(time.Hour)))
		}, alive: func(s *journal.Memory, ctx context.Context, owner string, now time.Time) (bool, error) {
			was, err := s.Alive(ctx, "was "+owner, time.Now())
			if err == nil && was && now.Before(time.Now().Add(-time.Second)) {
				return true, nil
			}
			return s.Alive(ctx, owner, now)
		}}, "where the clock is behind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := broken(t, func() journal.Store { return &store{hooks: c.hooks} })
			if !strings.Contains(said, c.want) {
				t.Errorf("the rules say of a store that %s:\n%s\nwant %q in it", c.name, said, c.want)
			}
		})
	}
}
