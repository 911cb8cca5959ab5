package journaltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// patience is how long a call that has to return may take before its rule
// fails. It is far longer than any promise, so that a slow machine passes.
const patience = 3 * time.Minute

var watchRules = []rule{
	watching("changes are told once, from the mark on", func(t testing.TB, s journal.Store, w journal.Watcher) {
		must(t, s, batch("a", 0, note("x")))
		must(t, s, batch("b", 0, note("x")), batch("c", 0, note("x")))
		must(t, s, batch("a", 1, note("x")))
		_, mark := wantChanges(t, w, 0, "a", "b", "c")
		must(t, s, batch("b", 1, note("x")), batch("d", 0, note("x")))
		must(t, s, batch("b", 2, note("x")))
		_, next := wantChanges(t, w, mark, "b", "d")
		wantChanges(t, w, mark, "b", "d") // a mark is not used up
		wantChanges(t, w, 0, "a", "b", "c", "d")
		if next <= mark {
			t.Errorf("Changes returned mark %d after %d; want a higher one", next, mark)
		}
		wantQuiet(t, w, next)
	}),

	watching("a negative mark is now", func(t testing.TB, s journal.Store, w journal.Watcher) {
		must(t, s, batch("a", 0, note("x")))
		mark := wantQuiet(t, w, -1)
		must(t, s, batch("b", 0, note("x")))
		wantChanges(t, w, mark, "b")
	}),

	watching("a mark is returned though the context is done", func(t testing.TB, s journal.Store, w journal.Watcher) {
		must(t, s, batch("a", 0, note("x")))
		done, cancel := context.WithCancel(t.Context())
		cancel()
		_, mark, err := w.Changes(done, -1)
		if !errors.Is(err, context.Canceled) || mark < 0 {
			t.Fatalf("Changes(-1) with a context that is done = mark %d, %v; want the mark that is now and the context's error", mark, err)
		}
		must(t, s, batch("b", 0, note("x")))
		wantChanges(t, w, mark, "b")
	}),

	watching("an append wakes every call that waits", func(t testing.TB, s journal.Store, w journal.Watcher) {
		must(t, s, batch("a", 0, note("x")))
		_, mark := wantChanges(t, w, 0, "a")
		const waiting = 4
		told := make(chan error, waiting)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range waiting {
			go func() {
				names, _, err := w.Changes(ctx, mark)
				if err == nil && !slices.Contains(names, "b") {
					err = fmt.Errorf("Changes = %q; want b among them", names)
				}
				told <- err
			}()
		}
		must(t, s, batch("b", 0, note("x")))
		for range waiting {
			if err := <-told; err != nil {
				t.Errorf("a call of Changes that waited when b was appended: %v", err)
			}
		}
	}),

	watching("nobody who goes from mark to mark misses a change", func(t testing.TB, s journal.Store, w journal.Watcher) {
		const journals = 60
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		go func() {
			seen, mark := map[string]bool{}, int64(0)
			for len(seen) < journals {
				names, next, err := w.Changes(ctx, mark)
				if err != nil {
					done <- fmt.Errorf("after %d of %d journals: %w", len(seen), journals, err)
					return
				}
				for _, name := range names {
					seen[name] = true
				}
				mark = next
			}
			done <- nil
		}()
		for i := range journals {
			must(t, s, batch(fmt.Sprint(i), 0, note("x")))
		}
		if err := <-done; err != nil {
			t.Errorf("Changes from mark to mark: %v; want every journal", err)
		}
	}),
}

func watching(name string, check func(testing.TB, journal.Store, journal.Watcher)) rule {
	return rule{name, func(t testing.TB, s journal.Store) {
		if w, ok := s.(journal.Watcher); ok {
			check(t, s, w)
		}
	}}
}

// wantChanges checks that those of want are told, each once.
func wantChanges(t testing.TB, w journal.Watcher, mark int64, want ...string) (names []string, next int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	names, next, err := w.Changes(ctx, mark)
	if err != nil {
		t.Fatalf("Changes(%d) = %v; want %q", mark, err, want)
	}
	once := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(once) != len(names) {
		t.Errorf("Changes(%d) = %q; want each name once", mark, names)
	}
	for _, name := range want {
		if !slices.Contains(names, name) {
			t.Errorf("Changes(%d) = %q; want %q in it, which grew", mark, names, name)
		}
	}
	return names, next
}

// wantQuiet checks that Changes waits until its context is done. A store may
// name what did not grow, so it is asked a few times.
func wantQuiet(t testing.TB, w journal.Watcher, mark int64) int64 {
	t.Helper()
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		names, next, err := w.Changes(ctx, mark)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			if next < 0 || next < mark {
				t.Errorf("Changes(%d) that ended with its context returned mark %d; want the one to go on from", mark, next)
			}
			return next
		}
		if err != nil {
			t.Fatalf("Changes(%d) = %v; want it to wait until its context is done and return that error", mark, err)
		}
		if len(names) == 0 {
			t.Fatalf("Changes(%d) returned no names and no error; want it to wait", mark)
		}
		mark = next
	}
	t.Fatalf("Changes went on to name journals though nothing was appended; want it to wait")
	return 0
}

var leaseRules = []rule{
	leasing("an owner lives until its lease runs out", func(t testing.TB, l journal.Leaser) {
		now := time.Now()
		wantAlive(t, l, "x", now, false, "has no lease")
		renew(t, l, "x", now.Add(time.Minute))
		wantAlive(t, l, "x", now, true, "has a lease for a minute")
		wantAlive(t, l, "x", now.Add(59*time.Second), true, "has a lease for a minute")
		wantAlive(t, l, "x", now.Add(time.Minute), false, "had a lease for a minute, which is over")
		wantAlive(t, l, "x", now.Add(time.Hour), false, "had a lease for a minute, which is over")
		wantAlive(t, l, "y", now, false, "has no lease, only x has")
	}),
	leasing("a lease is renewed and given up", func(t testing.TB, l journal.Leaser) {
		now := time.Now()
		renew(t, l, "x", now.Add(time.Minute))
		renew(t, l, "x", now.Add(time.Hour))
		renew(t, l, "y", now.Add(time.Minute))
		wantAlive(t, l, "x", now.Add(30*time.Minute), true, "was renewed for an hour")
		renew(t, l, "x", now)
		wantAlive(t, l, "x", now, false, "gave its lease up")
		wantAlive(t, l, "x", now.Add(-time.Minute), false, "gave its lease up, also where the clock is behind")
		wantAlive(t, l, "y", now, true, "did not give its lease up, only x did")
		renew(t, l, "x", now.Add(time.Minute))
		wantAlive(t, l, "x", now, true, "gave its lease up and took it again")
		renew(t, l, "never", now) // giving up what one does not have is no mistake
	}),
	leasing("owners may have any name", func(t testing.TB, l journal.Leaser) {
		now := time.Now()
		names := []string{"a", "A", "a\x00", "\xff", "../x", "host:1234/é", "con", fmt.Sprintf("%0300d", 1)}
		for i, name := range names {
			renew(t, l, name, now.Add(time.Minute))
			for j, other := range names {
				wantAlive(t, l, other, now, j <= i, "is told from others by its name")
			}
		}
	}),
	leasing("a context that is done stops the calls of leases", func(t testing.TB, l journal.Leaser) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		now := time.Now()
		_, err := l.Alive(ctx, "x", now)
		for name, err := range map[string]error{"Renew": l.Renew(ctx, "x", now.Add(time.Minute)), "Alive": err} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s with a canceled context = %v; want context.Canceled", name, err)
			}
		}
		wantAlive(t, l, "x", now, false, "could not renew its lease, for its context was done")
	}),
}

func leasing(name string, check func(testing.TB, journal.Leaser)) rule {
	return rule{name, func(t testing.TB, s journal.Store) {
		if l, ok := s.(journal.Leaser); ok {
			check(t, l)
		}
	}}
}

func renew(t testing.TB, l journal.Leaser, owner string, until time.Time) {
	t.Helper()
	if err := l.Renew(t.Context(), owner, until); err != nil {
		t.Fatalf("Renew(%q, %v) = %v; want nil", owner, until, err)
	}
}

func wantAlive(t testing.TB, l journal.Leaser, owner string, now time.Time, want bool, who string) {
	t.Helper()
	if got, err := l.Alive(t.Context(), owner, now); err != nil || got != want {
		t.Errorf("Alive(%q, %v) = %v, %v; want %v, for it %s", owner, now, got, err, want, who)
	}
}
