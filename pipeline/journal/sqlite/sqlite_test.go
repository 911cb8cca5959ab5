package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

func TestStore(t *testing.T) {
	journaltest.RunDurable(t,
		func(t *testing.T) journal.Store { return openAt(t, filepath.Join(t.TempDir(), "journals.db")) },
		func(t *testing.T, s journal.Store) journal.Store { return openAt(t, s.(*Store).path) },
	)
}

// Two Stores on one file take turns, call by call, as two processes would.
func TestTwoStoresAreOne(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Store {
		path := filepath.Join(t.TempDir(), "journals.db")
		return &pair{stores: [2]*Store{openAt(t, path), openAt(t, path)}}
	})
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(context.WithoutCancel(t.Context()), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return s
}

func note(text string) journal.Event {
	return journal.Event{Time: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Kind: journal.Failed, Data: &journal.Reason{Text: text}}
}

func batch(name string, length int, events ...journal.Event) journal.Batch {
	return journal.Batch{Journal: name, Length: length, Events: events}
}

func must(t testing.TB, s journal.Store, batches ...journal.Batch) {
	t.Helper()
	if err := s.Append(t.Context(), batches...); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	other := func(statements ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) { execAt(t, path, statements...) }
	}
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
		says string
	}{
		{"a database of something else", other("create table t (x)"), journal.ErrInput, "something else"},
		{"a database with another application ID", other("pragma application_id = 7"), journal.ErrInput, "0x7"},
		{"a newer schema (J6)", other(fmt.Sprintf("pragma application_id = %d", application), "pragma user_version = 5"), journal.ErrUnknown, "schema 5, want 4"},
		{"the schema before the first release", other(fmt.Sprintf("pragma application_id = %d", application), "pragma user_version = 1"), journal.ErrUnknown, "schema 1, want 4"},
		{"a text", func(t *testing.T, path string) { writeFile(t, path, strings.Repeat("not a database\n", 500)) }, journal.ErrCorrupt, "not a database"},
		{"a directory", func(t *testing.T, path string) { os.Mkdir(path, 0o777) }, journal.ErrInput, "regular file"},
		{"a directory that is not there", func(t *testing.T, path string) { os.Remove(filepath.Dir(path)) }, os.ErrNotExist, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "journals.db")
			c.make(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), path) {
				t.Errorf("Open = %v; want %v that says %q and names the file", err, c.want, c.says)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("Open changed a file that is not ours")
			}
		})
	}
	if _, err := Open(t.Context(), ""); !errors.Is(err, journal.ErrInput) {
		t.Errorf(`Open("") = %v; want ErrInput`, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, filepath.Join(t.TempDir(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a canceled context = %v; want context.Canceled", err)
	}
}

// execAt changes a file behind the back of the package.
// execAt changes a file behind the back of its store, past the triggers.
func execAt(t testing.TB, path string, changes ...string) {
	t.Helper()
	c, err := connect(path, "rwc", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var triggers []string
	err = c.query(func(v []driver.Value) error {
		triggers = append(triggers, "drop trigger "+v[0].(string))
		return nil
	}, "select name from sqlite_schema where type = 'trigger'")
	if err != nil {
		t.Fatal(err)
	}
	if len(triggers) > 0 {
		changes = slices.Concat(triggers, changes, statements("create trigger "))
	}
	for _, s := range changes {
		if _, err := c.exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// A hand that slips in a shell of SQL changes no event, and removes none, nor what
// is left of those that are archived.
func TestEventsAreNotChangedBySlips(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	must(t, s, batch("a", 0, note("x")), batch("b", 0, ended()))
	putAway(t, s, "b")
	for _, statement := range []string{
		"update events set line = x'7b7d'", "delete from events",
		"update archived set hash = x'00'", "delete from archived",
		"insert into archived values (9, 1, 0, x'00', x'00')",
		"insert into archived select seq, journal, number, hash, sum from events",
		"delete from events where seq = 3", // which says that b is archived
	} {
		if _, err := s.writer.exec(statement); err == nil {
			t.Errorf("%q = nil; want it refused", statement)
		}
	}
	if events, err := s.Events(t.Context(), "a", 0); err != nil || len(events) != 1 {
		t.Errorf("Events = %v, %v; want the one that was appended", events, err)
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPathsMayBeOdd(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=memory", "a%41.db", "#.db", "file:x", "é.db", ":memory:"} {
		path := filepath.Join(t.TempDir(), name)
		must(t, openAt(t, path), batch("a", 0, note("x")))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("after an append to %q: %v", name, err)
		}
	}
}

// By whichever link a process opens the file, it finds the others.
func TestLinksLeadToOneStore(t *testing.T) {
	dir := t.TempDir()
	link, path := filepath.Join(dir, "link.db"), filepath.Join(dir, "journals.db")
	s := openAt(t, path)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, link)
	must(t, s, batch("a", 0, note("x")))
	if err := other.Append(t.Context(), batch("a", 0, note("x"))); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("Append through a link = %v; want ErrConflict", err)
	}
	if err := s.Renew(t.Context(), "x", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if alive, err := other.Alive(t.Context(), "x", time.Now()); !alive || err != nil {
		t.Errorf("Alive through a link = %v, %v; want true", alive, err)
	}
}

func TestClosedStoreRefusesEveryCall(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	must(t, s, batch("a", 0, note("x")))
	waits := make(chan error)
	go func() {
		_, _, err := s.Changes(context.Background(), -1)
		waits <- err
	}()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v; want nil, also for the second", err)
		}
	}
	if err := <-waits; !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Changes that waited when the store was closed = %v; want ErrClosed", err)
	}
	wantDead(t, s, journal.ErrClosed)
}

// What has ended a Store does not pass, also if that was a lock (I9).
func TestLockThatEndsAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	c, err := connect(path, "rwc", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.begin(); err != nil {
		t.Fatal(err)
	}
	busy := s.writer.begin()
	if !locked(busy) {
		t.Fatalf("begin while another connection writes = %v; want that it has the lock", busy)
	}
	s.kill(fmt.Errorf("%w: commit failed: %w", journal.ErrClosed, busy))
	wantDead(t, s, busy)
}

// wantDead checks that every call returns the error.
func wantDead(t *testing.T, s *Store, want error) {
	t.Helper()
	for name, err := range calls(t.Context(), s) {
		if !errors.Is(err, journal.ErrClosed) || !errors.Is(err, want) {
			t.Errorf("%s = %v; want ErrClosed and %v", name, err, want)
		}
	}
}

// calls makes each call, and returns the errors. It does not wait for changes.
func calls(ctx context.Context, s *Store) map[string]error {
	_, errEvents := s.Events(ctx, "a", 0)
	_, errList := s.List(ctx, journal.Query{})
	_, _, errChanges := s.Changes(ctx, 0)
	_, errAlive := s.Alive(ctx, "x", time.Now())
	_, errVerify := s.Verify(ctx)
	return map[string]error{
		"Append":  s.Append(ctx, batch("a", 1, note("x"))),
		"Events":  errEvents,
		"List":    errList,
		"Changes": errChanges,
		"Renew":   s.Renew(ctx, "x", time.Now().Add(time.Hour)),
		"Alive":   errAlive,
		"Verify":  errVerify,
	}
}

// A Store may be opened outside of a bubble and used in several, one after
// another, as a test of restarts does.
func TestStoreOutlivesABubble(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	for life := range 2 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, _, err := s.Changes(ctx, -1); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Changes = %v; want it to wait for a minute", err)
			}
			must(t, s, batch("a", life, note("x")))
		})
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"3.51.2", "3.51.3", true}, {"3.51.3", "3.51.3", false}, {"3.53.4", "3.51.3", false},
		{"3.7.0", "3.51.3", true}, {"3.52", "3.51.3", false}, {"4.0.0", "3.51.3", false}, {"", "3.51.3", true},
	} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%q, %q) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
