package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

// shortLogs has a store begin a new log after each few commits.
func shortLogs(s *Store) *Store {
	s.witness.limit, s.witness.step = 1000, 300
	return s
}

func TestStoreWithShortLogs(t *testing.T) {
	journaltest.RunDurable(t,
		func(t *testing.T) journal.Store {
			return shortLogs(openAt(t, filepath.Join(t.TempDir(), "journals.db")))
		},
		func(t *testing.T, s journal.Store) journal.Store { return shortLogs(openAt(t, s.(*Store).path)) },
	)
}

func TestTwoStoresWithShortLogsAreOne(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Store {
		path := filepath.Join(t.TempDir(), "journals.db")
		return &pair{stores: [2]*Store{shortLogs(openAt(t, path)), shortLogs(openAt(t, path))}}
	})
}

// appendTo appends one event after another until one fails, and returns how
// many were acknowledged.
func appendTo(t *testing.T, s *Store, n int) (acked int, err error) {
	for ; acked < n; acked++ {
		if err := s.Append(t.Context(), batch("a", acked, note(fmt.Sprint(acked)))); err != nil {
			return acked, err
		}
	}
	return acked, nil
}

// wantSound checks that the store verifies, and that its journal a has at least
// as many events as were acknowledged and at most one more.
func wantSound(t *testing.T, s *Store, acked int, when string) journal.Report {
	t.Helper()
	events, err := s.Events(t.Context(), "a", 0)
	if err != nil || len(events) < acked || len(events) > acked+1 {
		t.Errorf("%s: %d events, %v; want %d that were acknowledged, or one more (I8)", when, len(events), err, acked)
	}
	r, err := s.Verify(t.Context())
	if err != nil || r.Witnessed != int64(len(events)) {
		t.Errorf("%s: Verify = %d of %d events witnessed, %v; want all, and nil", when, r.Witnessed, len(events), err)
	}
	return r
}

// A crash may tear the last line at any byte, or leave other bytes there. What
// is left is set aside and reported, and nothing is lost.
func TestTornLineIsSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	acked, _ := appendTo(t, s, 5)
	s.Close()
	log := filepath.Join(witnessDir(path), logName(0))
	whole, err := readLog(log)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.LastIndex(string(whole[:len(whole)-1]), "\n") + 1
	for cut := begin; cut <= len(whole); cut++ {
		for _, fill := range []string{"", "\x00", "\n"} {
			torn := string(whole[:cut]) + strings.Repeat(fill, len(whole)-cut)
			writeFile(t, log, torn)
			torn = strings.TrimRight(torn, "\x00")
			s := openAt(t, path)
			when := fmt.Sprintf("cut at byte %d of %d, filled with %q", cut-begin, len(whole)-begin, fill)
			r := wantSound(t, s, acked, when)
			if want := torn != string(whole) && len(torn) > begin; (len(r.SetAside) == 1) != want {
				t.Errorf("%s: set aside %q; want it to be reported: %v", when, r.SetAside, want)
			}
			for _, f := range r.SetAside {
				if b, err := os.ReadFile(f); err != nil || string(b) != torn[begin:] {
					t.Errorf("%s: set aside %q, %v; want %q", when, b, err, torn[begin:])
				}
				os.Remove(f)
			}
			s.Close()
		}
	}
}

// J5, I8, I25: what no crash can leave is an error that says where.
func TestOpenComparesWithTheWitness(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, path, old string)
		want   error
		says   string
	}{
		{"an older copy of the database", func(t *testing.T, path, old string) { copyFile(t, old, path) },
			journal.ErrRolledBack, "the database has 3 events, want 8"},
		{"no database", func(t *testing.T, path, _ string) { os.Remove(path) },
			journal.ErrRolledBack, "there is no database"},
		{"no witness", func(t *testing.T, path, _ string) { os.RemoveAll(witnessDir(path)) },
			journal.ErrCorrupt, "no witness in"},
		{"an older copy of the witness", func(t *testing.T, path, old string) {
			os.RemoveAll(witnessDir(path))
			if err := os.CopyFS(witnessDir(path), os.DirFS(witnessDir(old))); err != nil {
				t.Fatal(err)
			}
		}, journal.ErrCorrupt, "the witness has 3 events"},
		{"the last log gone", func(t *testing.T, path, _ string) {
			paths, _ := logs(witnessDir(path))
			os.Remove(paths[len(paths)-1])
		}, journal.ErrCorrupt, "the witness has"},
		{"the witness of another store", func(t *testing.T, path, _ string) {
			other := filepath.Join(t.TempDir(), "other.db")
			appendTo(t, openAt(t, other), 8)
			os.RemoveAll(witnessDir(path))
			if err := os.Rename(witnessDir(other), witnessDir(path)); err != nil {
				t.Fatal(err)
			}
		}, journal.ErrCorrupt, "witness of store"},
		{"a letter in the last log", func(t *testing.T, path, _ string) {
			paths, _ := logs(witnessDir(path))
			last := paths[len(paths)-1]
			b, _ := os.ReadFile(last)
			b[20] ^= 1
			writeFile(t, last, string(b))
		}, journal.ErrCorrupt, "at byte 0: not a whole line"},
		{"another event in the database", func(t *testing.T, path, _ string) {
			execAt(t, path, "update events set hash = zeroblob(32) where seq = 8")
		}, journal.ErrCorrupt, "event 8 of the store has sum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			old := filepath.Join(t.TempDir(), "old.db")
			s := openAt(t, path)
			appendTo(t, s, 3)
			s.Close()
			copyFile(t, path, old)
			if err := os.CopyFS(witnessDir(old), os.DirFS(witnessDir(path))); err != nil {
				t.Fatal(err)
			}
			s = shortLogs(openAt(t, path))
			for i := 3; i < 8; i++ {
				must(t, s, batch("a", i, note("x")))
			}
			s.Close()
			c.change(t, path, old)
			for range 2 { // to refuse changes nothing
				s, err := Open(t.Context(), path)
				if err == nil {
					s.Close()
				}
				if !errors.Is(err, c.want) || !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
					t.Errorf("Open = %v; want %v that says %q and names the file", err, c.want, c.says)
				}
			}
			if _, err := os.Stat(path); err != nil {
				return
			}
			if r, err := readAt(t, path).Verify(t.Context()); !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("Verify = %v, %v; want damage", r, err)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(b))
}

// J5: a store under which the database is put back as it was acknowledges
// nothing any more.
func TestOldDatabaseUnderAnOpenStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	appendTo(t, s, 3)
	execAt(t, path, "delete from events where seq = 3", "update journals set length = 2, hash = (select hash from events where seq = 2)")
	if err := s.Append(t.Context(), batch("a", 2, note("x"))); !errors.Is(err, journal.ErrRolledBack) || !errors.Is(err, journal.ErrClosed) {
		t.Errorf("Append to a database that lost an event = %v; want ErrRolledBack and ErrClosed", err)
	}
	wantDead(t, s, journal.ErrRolledBack)
}

// J5: what another store wrote last is put back for it; what is older than the
// last line of this one is not.
func TestOldDatabaseUnderTwoOpenStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	one, two := openAt(t, path), openAt(t, path)
	appendTo(t, one, 3)
	must(t, two, batch("a", 3, note("x")))
	back := func(to int) {
		execAt(t, path, fmt.Sprintf("delete from events where seq > %d", to), fmt.Sprintf("update journals set length = %d, hash = (select hash from events where seq = %d)", to, to))
	}
	back(3)
	must(t, one, batch("a", 4, note("x"))) // after that which two had written
	back(3)
	if err := one.Append(t.Context(), batch("a", 3, note("x"))); !errors.Is(err, journal.ErrRolledBack) {
		t.Errorf("Append to a database that lost two events = %v; want ErrRolledBack", err)
	}
}

// A store that is only read leaves every byte as it is, and can be looked at
// whatever state it is in.
func TestReadOnlyChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	appendTo(t, s, 3)
	s.Close()
	log := filepath.Join(witnessDir(path), logName(0))
	b, _ := readLog(log)
	writeFile(t, log, string(b[:len(b)-5]))
	before := contents(t, filepath.Dir(path))
	r := readAt(t, path)
	if events, err := r.Events(t.Context(), "a", 0); len(events) != 3 || err != nil {
		t.Errorf("Events = %d, %v; want 3", len(events), err)
	}
	report, err := r.Verify(t.Context())
	if err != nil || len(report.SetAside) != 1 {
		t.Errorf("Verify = %v, %v; want what is torn, and nil", report, err)
	}
	if err := r.Append(t.Context(), batch("a", 3, note("x"))); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Append to a store that is read = %v; want ErrInput", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if after := contents(t, filepath.Dir(path)); !slices.Equal(after, before) {
		t.Error("to read a store changed its files")
	}
	if _, err := (Config{ReadOnly: true}).Open(t.Context(), filepath.Join(t.TempDir(), "none.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening what is not there to read it = %v; want os.ErrNotExist", err)
	}
}

// contents returns what is in the database and its witness.
func contents(t *testing.T, dir string) (all []string) {
	t.Helper()
	for _, pattern := range []string{"*.db", "*.witness/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p+"\n"+string(b))
		}
	}
	return all
}

// A run that parks has the WAL moved to the database, though not each time.
func TestWALIsMovedWhenARunParks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	wal := func() int64 {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for i, c := range []struct {
		kind  journal.Kind
		moved bool
	}{{journal.Failed, false}, {journal.Released, true}, {journal.Released, false}} {
		must(t, s, batch("a", i, journal.Event{Time: note("").Time, Kind: c.kind, By: "x"}))
		if (wal() == 0) != c.moved {
			t.Errorf("after event %d, %s, the WAL has %d bytes; want it to be moved: %v", i, c.kind, wal(), c.moved)
		}
	}
	s.rested = s.rested.Add(-between)
	must(t, s, batch("b", 0, note("x")))
	if wal() != 0 {
		t.Errorf("a minute after a run parked the WAL has %d bytes; want 0", wal())
	}
}

// Older logs may be moved away while a Store is open that has not come as far.
func TestLogsMovedAwayFromAStoreThatIsBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	idle, busy := shortLogs(openAt(t, path)), shortLogs(openAt(t, path))
	n := 0
	add := func(s *Store) {
		t.Helper()
		must(t, s, batch("a", n, note("x")))
		n++
	}
	for range 10 { // as many commits each time, but not as many in the last log
		for range 21 {
			add(busy)
		}
		paths, err := logs(witnessDir(path))
		if err != nil || len(paths) < 4 {
			t.Fatalf("%d logs, %v; want 4 or more", len(paths), err)
		}
		for _, p := range paths[:len(paths)-2] {
			if err := os.Rename(p, filepath.Join(t.TempDir(), filepath.Base(p))); err != nil {
				t.Fatal(err)
			}
		}
		add(idle)
		add(busy)
	}
	for _, s := range []*Store{idle, busy} {
		if r, err := s.Verify(t.Context()); err != nil || r.Head.Events != int64(n) {
			t.Errorf("Verify = %d events, %v; want %d, sound", r.Head.Events, err, n)
		}
	}
}
