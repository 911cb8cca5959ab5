package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/pipeline/journal"
)

// J5: what was recorded is not there as it was, and nothing is left out.
func TestDamageIsFound(t *testing.T) {
	for _, c := range []struct{ name, change, says string }{
		{"a letter in a line", "update events set line = cast(replace(line, 'two', 'tvo') as blob) where number = 2", "event 2 is not what was recorded"},
		{"a line and its hash", "update events set line = x'7b7d', hash = x'00' where number = 2", "event 2 is not what was recorded"},
		{"two lines that change places", "update events set number = 9 where number = 2; update events set number = 2 where number = 3; update events set number = 3 where number = 9", "event 2 is not what was recorded"},
		{"an event in the middle that is gone", "delete from events where number = 2", "event 2 is missing"},
		{"the first event gone", "delete from events where number = 0", "event 0 is missing"},
		{"the last event gone", "delete from events where number = 4", "event 4, of 5, is missing"},
		{"all events gone", "delete from events", "event 0, of 5, is missing"},
		{"the last event gone, and the length with it", "delete from events where number = 4; update journals set length = 4", "event 3 is not the last that was recorded"},
		{"the name of another", "update journals set name = cast('b' as blob) where name = cast('a' as blob)", "event 0 is not what was recorded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			s := openAt(t, path)
			must(t, s, batch("a", 0, note("zero"), note("one"), note("two"), note("three"), note("four")))
			execAt(t, path, strings.Split(c.change, "; ")...)
			name := "a"
			if strings.Contains(c.change, "set name") {
				name = "b"
			}
			events, err := s.Events(t.Context(), name, 0)
			if !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), fmt.Sprintf("%q in %s", name, path)) {
				t.Errorf("Events(%q) = %d events, %v; want ErrCorrupt that says %q and names the journal and the file", name, len(events), err, c.says)
			}
		})
	}
}

// A read from the middle does not look at what is before, but at all it returns.
func TestDamageIsFoundFromTheMiddle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("zero"), note("one"), note("two"), note("three"), note("four")))
	execAt(t, path, "update events set line = x'7b7d' where number = 2")
	for from, want := range []error{journal.ErrCorrupt, journal.ErrCorrupt, journal.ErrCorrupt, nil, nil, nil} {
		if events, err := s.Events(t.Context(), "a", from); !errors.Is(err, want) {
			t.Errorf("Events from %d, with event 2 damaged = %d events, %v; want %v", from, len(events), err, want)
		}
	}
}

// J6: an event that a newer version wrote is an error, and is not called damage.
func TestEventOfANewerVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("zero")))
	line := []byte(`{"time":"2031-01-01T00:00:00Z","kind":"teleported"}`)
	c, err := connect(path, "rwc", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h, err := find(c, "a")
	if err != nil {
		t.Fatal(err)
	}
	hash := journal.Chain(h.hash, line)
	if _, err := c.exec("insert into events (journal, number, line, hash, sum, start) values (?, 1, ?, ?, x'', 2)", h.id, line, hash); err != nil {
		t.Fatal(err)
	}
	if _, err := c.exec("update journals set length = 2, hash = ?", hash); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Events(t.Context(), "a", 0); !errors.Is(err, journal.ErrUnknown) || errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), "event 1") {
		t.Errorf("Events = %v; want ErrUnknown that names event 1", err)
	}
}

func TestTruncatedFile(t *testing.T) {
	for _, keep := range []float64{0.001, 0.1, 0.5, 0.9} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			s := openAt(t, path)
			for i := range 200 {
				must(t, s, batch(fmt.Sprint(i), 0, note(strings.Repeat("x", 500)), note("y")))
			}
			if err := s.Close(); err != nil { // leaves one file
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, int64(float64(info.Size())*keep)); err != nil {
				t.Fatal(err)
			}
			s, err = Open(t.Context(), path)
			if err == nil {
				defer s.Close()
				for i := 0; i < 200 && err == nil; i++ {
					_, err = s.Events(t.Context(), fmt.Sprint(i), 0)
				}
			}
			if !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("reading a file of which %v is left = %v; want ErrCorrupt that names the file", keep, err)
			}
		})
	}
}

// A conflict is of one append alone, also among those that are committed at
// once.
func TestConflictLeavesOthersInItsCommitAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("0")))
	const appends = 60
	errs := grouped(t, s, appends, func(i int) error {
		return s.Append(t.Context(), batch(fmt.Sprint(i), 0, note("x")), batch("a", 1+i%2*7, note(fmt.Sprint(i))))
	}, func() {})
	won := 0
	for i, err := range errs {
		events, _ := s.Events(t.Context(), fmt.Sprint(i), 0)
		if err == nil {
			won++
		} else if !errors.Is(err, journal.ErrConflict) {
			t.Errorf("append %d of %d at once = %v; want nil or ErrConflict", i, appends, err)
		}
		if (err == nil) != (len(events) == 1) {
			t.Errorf("append %d of %d at once = %v, and its other journal has %d events (J1)", i, appends, err, len(events))
		}
	}
	if events, err := s.Events(t.Context(), "a", 0); won != 1 || len(events) != 2 || err != nil {
		t.Errorf("%d of %d appends at one length won, and the journal has %d events, %v; want 1 and 2", won, appends, len(events), err)
	}
}

// grouped makes calls that are all in one commit, as far as they wait: while
// they come, and during runs, another connection has the lock.
func grouped(t *testing.T, s *Store, n int, call func(i int) error, during func()) []error {
	t.Helper()
	c, err := connect(s.path, "rwc", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.exec("begin immediate"); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = call(i) })
	}
	for waiting := 0; waiting < n-1; runtime.Gosched() { // one leads
		s.mu.Lock()
		waiting = len(s.queue)
		s.mu.Unlock()
	}
	during()
	if _, err := c.exec("rollback"); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return errs
}

// Who waits for another process can leave, and takes nothing along: not the
// lead, and not those that wait with it.
func TestAppendsThatGiveUpWaiting(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	const appends = 40
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var left sync.WaitGroup
	left.Add(appends / 2)
	errs := grouped(t, s, appends, func(i int) error {
		if i%2 == 0 {
			return s.Append(t.Context(), batch(fmt.Sprint(i), 0, note("x")))
		}
		defer left.Done()
		return s.Append(ctx, batch(fmt.Sprint(i), 0, note("x")))
	}, func() {
		cancel()
		left.Wait()
	})
	for i, err := range errs {
		var want error
		length := 1
		if i%2 == 1 {
			want, length = context.Canceled, 0
		}
		if want != nil && !strings.Contains(fmt.Sprint(err), ": waiting for ") {
			t.Errorf("append %d = %v; want it to say what it waited for", i, err)
		}
		if events, _ := s.Events(t.Context(), fmt.Sprint(i), 0); !errors.Is(err, want) || len(events) != length {
			t.Errorf("append %d = %v, and its journal has %d events; want %v and %d", i, err, len(events), want, length)
		}
	}
}

// J2: after a commit that failed nothing is acknowledged, to anybody, and
// what was is there when the file is opened again.
func TestFullDiskKillsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("0")))
	if _, err := s.writer.number("pragma max_page_count = 20"); err != nil {
		t.Fatal(err)
	}
	errs := grouped(t, s, 8, func(i int) error {
		return s.Append(t.Context(), batch(fmt.Sprint(i), 0, note(strings.Repeat("x", 1<<16))))
	}, func() {})
	for i, err := range errs {
		if !errors.Is(err, journal.ErrClosed) || code(err) != lib.SQLITE_FULL || !strings.Contains(err.Error(), "no space is left") {
			t.Errorf("append %d to a full disk = %v; want ErrClosed that says the disk is full", i, err)
		}
	}
	wantDead(t, s, journal.ErrClosed)
	other := openAt(t, path)
	if names, err := other.List(t.Context(), journal.Query{}); err != nil || len(names) != 1 {
		t.Errorf("after the file was opened again List = %q, %v; want what was acknowledged", names, err)
	}
	must(t, other, batch("a", 1, note("1")))
}

// Who opens the file while another process has it for itself, as when it puts in
// order what a crash left, waits for it.
func TestOpenWaitsForWhoHasTheFileForItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("x")))
	s.Close()
	c, err := connect(path, "rwc", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"pragma locking_mode = exclusive", "begin immediate", "delete from leases", "commit"} {
		if _, err := c.exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, cfg := range []Config{{}, {ReadOnly: true}} {
		wantHeld(t, cfg, path)
	}
	opened := make(chan error)
	go func() {
		s, err := Open(t.Context(), path)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("Open when the other has gone = %v; want nil", err)
	}
}

// wantHeld checks that Open waits for another process, and says so. A slow machine
// may not come as far as the lock in the time it has.
func wantHeld(t *testing.T, cfg Config, path string) {
	t.Helper()
	for wait := 4 * patience; ; wait *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := cfg.Open(ctx, path)
		cancel()
		late := errors.Is(err, context.DeadlineExceeded)
		if late && strings.Contains(err.Error(), "another process") {
			return
		}
		if !late || wait > 1000*patience {
			t.Errorf("%+v.Open while another process has the file, for %v = %v; want context.DeadlineExceeded that says so", cfg, wait, err)
			return
		}
	}
}
