package journaltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// ErrCrash is the error of a [Faulty] that has crashed. It comes together with
// [journal.ErrClosed].
var ErrCrash = errors.New("journaltest: crash")

// A Faulty passes calls on to Store and fails one of them, to test what is
// built on stores. It takes the part of the process that dies:
// give each life a Faulty of its own, and all of them one Store.
//
//	for n := 1; ; n++ {
//		store := new(journal.Memory)
//		first := &journaltest.Faulty{Store: store, At: n}
//		… // run until it ends or first has crashed
//		if first.Count() < n {
//			break // there is no n-th append
//		}
//		second := &journaltest.Faulty{Store: store}
//		… // go on and compare
//	}
//
// Its fields must not be changed once it is used.
type Faulty struct {
	Store interface {
		journal.Store
		journal.Watcher
		journal.Leaser
	}
	At    int    // which call fails, from 1; 0 means none
	After bool   // it fails after it was passed on, not before: what was appended stays, but the caller is not told
	Once  bool   // only that call fails, as if a connection broke; else all that follow fail too
	Reads bool   // calls of Events, List, Alive and Renew count too, not only those of Append
	Then  func() // called by the call that fails, before it returns; cancel the context of an executor here; may be nil

	mu      sync.Mutex
	count   int
	crashed bool
	waiting map[int]context.CancelFunc // calls of Changes
	next    int
}

var _ interface {
	journal.Store
	journal.Watcher
	journal.Leaser
	journal.Archiver
} = (*Faulty)(nil)

// Count returns how many calls that count were made.
func (f *Faulty) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count
}

// Crashed reports whether the call that fails was made.
func (f *Faulty) Crashed() bool { return f.At > 0 && f.Count() >= f.At }

// Append implements [journal.Store].
func (f *Faulty) Append(ctx context.Context, batches ...journal.Batch) error {
	return f.call("Append", true, func() error { return f.Store.Append(ctx, batches...) })
}

// Events implements [journal.Store].
func (f *Faulty) Events(ctx context.Context, name string, from int) (events []journal.Event, err error) {
	err = f.call("Events", f.Reads, func() (err error) {
		events, err = f.Store.Events(ctx, name, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}

// List implements [journal.Store].
func (f *Faulty) List(ctx context.Context, q journal.Query) (names []string, err error) {
	err = f.call("List", f.Reads, func() (err error) {
		names, err = f.Store.List(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

// Changes implements [journal.Watcher]. It never counts, for how often it is
// called is a matter of chance. When f crashes the calls that wait fail.
func (f *Faulty) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	if err := f.call("Changes", false, func() error { return nil }); err != nil {
		return nil, mark, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer f.wait(cancel)()
	names, next, err := f.Store.Changes(ctx, mark)
	if dead := f.call("Changes", false, func() error { return nil }); dead != nil {
		return nil, mark, dead
	}
	return names, next, err
}

// wait has cancel called when f crashes, or at once if it has, until the function
// it returns is called.
func (f *Faulty) wait(cancel context.CancelFunc) (done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		cancel()
		return cancel
	}
	if f.waiting == nil {
		f.waiting = map[int]context.CancelFunc{}
	}
	f.next++
	me := f.next
	f.waiting[me] = cancel
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, me)
		cancel()
	}
}

// Archive implements [journal.Archiver]. It counts as Append does. If Store is none
// it is an error for which errors.Is(err, [errors.ErrUnsupported]).
func (f *Faulty) Archive(ctx context.Context, name string, length int, e journal.Event, seen ...journal.Seen) error {
	return f.call("Archive", true, func() error {
		a, ok := f.Store.(journal.Archiver)
		if !ok {
			return fmt.Errorf("journaltest: archive in a %T: %w", f.Store, errors.ErrUnsupported)
		}
		return a.Archive(ctx, name, length, e, seen...)
	})
}

// Renew implements [journal.Leaser].
func (f *Faulty) Renew(ctx context.Context, owner string, until time.Time) error {
	return f.call("Renew", f.Reads, func() error { return f.Store.Renew(ctx, owner, until) })
}

// Alive implements [journal.Leaser].
func (f *Faulty) Alive(ctx context.Context, owner string, now time.Time) (alive bool, err error) {
	err = f.call("Alive", f.Reads, func() (err error) {
		alive, err = f.Store.Alive(ctx, owner, now)
		return err
	})
	return alive && err == nil, err
}

// call makes one call of the Store, or lets it fail if its turn has come.
func (f *Faulty) call(name string, counts bool, do func() error) error {
	n, fails, err := f.begin(counts)
	if err != nil {
		return err
	}
	if !fails {
		return do()
	}
	where := "before"
	if f.After {
		where = "after"
		if err := do(); err != nil {
			where = fmt.Sprintf("after %v, of", err)
		}
	}
	if f.Then != nil {
		f.Then()
	}
	return fmt.Errorf("%w %s %s, which is call %d: %w", ErrCrash, where, name, n, journal.ErrClosed)
}

// begin counts a call and says whether it is the one that fails. After a crash
// it returns an error.
func (f *Faulty) begin(counts bool) (n int, fails bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.crashed {
		return 0, false, fmt.Errorf("%w: %w", ErrCrash, journal.ErrClosed)
	}
	if !counts {
		return 0, false, nil
	}
	f.count++
	if f.count != f.At {
		return f.count, false, nil
	}
	if !f.Once {
		f.crashed = true
		for _, cancel := range f.waiting {
			cancel()
		}
	}
	return f.count, true, nil
}
