//go:build unix

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// J2: what was acknowledged outlives the death of the process, at whatever
// instruction; and what a process left behind does not stop the next.
func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	for round := range 12 {
		p := start(t, "append", path, "run")
		acked := p.line()
		for range round * 7 { // another number each time, and then wherever it is
			acked = p.line()
		}
		if last := p.last(); last != "" {
			acked = last
		}
		var want int
		if _, err := fmt.Sscan(acked, &want); err != nil {
			t.Fatalf("round %d: the process says %q, want how many events were acknowledged", round, acked)
		}
		s := openAt(t, path)
		own, err := s.Events(t.Context(), "run", 0)
		if err != nil {
			t.Fatalf("round %d: Events after a kill: %v", round, err)
		}
		shared, err := s.Events(t.Context(), "shared", 0)
		if err != nil {
			t.Fatalf("round %d: Events after a kill: %v", round, err)
		}
		if len(own) < want || len(own) > want+2 || len(own) != 2*len(shared) {
			t.Errorf("round %d: %d events were acknowledged; found %d, and %d in the journal appended to in one batch, want half of that (J1, J2)", round, want, len(own), len(shared))
		}
		s.Close()
	}
}

// J4: several processes may append to one journal.
func TestProcessesShareAJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	must(t, openAt(t, path), batch("env/x", 0, note("x"))) // the file is there
	names := []string{"one", "two", "three"}
	var all []*process
	for _, name := range names {
		all = append(all, start(t, "append", path, name))
	}
	for range 40 {
		for i, p := range all {
			if line := p.line(); line == "" || strings.HasPrefix(line, "error") {
				t.Fatalf("process %s says %q, want how many events were acknowledged", names[i], line)
			}
		}
	}
	for _, p := range all {
		p.last()
	}
	s := openAt(t, path)
	shared, err := s.Events(t.Context(), "shared", 0)
	if err != nil {
		t.Fatal(err)
	}
	next, total := map[string]int{}, 0
	for i, e := range shared {
		var name string
		var n int
		fmt.Sscan(e.Data.(*journal.Reason).Text, &name, &n)
		if n != next[name] {
			t.Fatalf("event %d of the shared journal is number %d of %q, want %d: nothing lost or repeated", i, n, name, next[name])
		}
		next[name] += 2
	}
	for _, name := range names {
		own, err := s.Events(t.Context(), name, 0)
		if err != nil {
			t.Fatal(err)
		}
		total += len(own)
	}
	if total != 2*len(shared) {
		t.Errorf("%d events in the journals of the processes and %d in the shared one, want half of that (J1)", total, len(shared))
	}
}

// What another process appends wakes who waits here.
func TestChangesOfAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	p := start(t, "append", path, "other")
	p.line()
	heard := make(chan struct{})
	go func() { // or it would stop when nobody has read what it says for long
		defer close(heard)
		for p.line() != "" {
		}
	}()
	defer func() {
		p.cmd.Process.Kill()
		<-heard
	}()
	mark := int64(0)
	for rounds, seen := 0, false; rounds < 3 || !seen; rounds++ {
		names, next, err := s.Changes(ctx, mark)
		if err != nil || next <= mark {
			t.Fatalf("Changes(%d) = %q, %d, %v; want what the other process appends", mark, names, next, err)
		}
		for _, name := range names {
			seen = seen || name == "other"
		}
		mark = next
	}
}

// A lease for an hour ends with its process.
func TestLeaseOfAKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	alive := func(owner string) bool {
		t.Helper()
		alive, err := s.Alive(t.Context(), owner, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return alive
	}
	p := start(t, "lease", path, "worker")
	if got := p.line(); got != "held" {
		t.Fatalf("the process says %q", got)
	}
	if !alive("worker") {
		t.Error("Alive = false while the process lives; want true")
	}
	if err := s.Renew(t.Context(), "worker", time.Now().Add(time.Hour)); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Renew of what another process holds = %v; want ErrInput, for two executors must not share a name", err)
	}
	if err := s.Renew(t.Context(), "worker", time.Time{}); err != nil || !alive("worker") {
		t.Errorf("giving up the lease of another process = %v; want nil, and that it keeps it", err)
	}
	p.kill()
	if alive("worker") {
		t.Error("Alive = true after the process was killed; want false at once, not in an hour")
	}
	if err := s.Renew(t.Context(), "worker", time.Now().Add(time.Hour)); err != nil || !alive("worker") {
		t.Errorf("Renew after the process was killed = %v; want nil, the name is free", err)
	}
	for i := range 5 {
		p := start(t, "lease", path, fmt.Sprint("worker ", i))
		p.line()
		p.kill()
	}
	if err := s.Renew(t.Context(), "next", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if locks, err := os.ReadDir(path + ".owners"); err != nil || len(locks) != 2 {
		t.Errorf("%d locks, %v; want 2, those of the dead are removed", len(locks), err)
	}
}

func TestLockOfAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	must(t, s, batch("a", 0, note("0")))
	p := start(t, "lock", path, "")
	if got := p.line(); got != "locked" {
		t.Fatalf("the process says %q", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	errs := make(chan error)
	for range 3 {
		go func() { errs <- s.Append(ctx, batch("a", 1, note("1"))) }()
	}
	for range 3 {
		if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Append while another process has the lock = %v; want context.DeadlineExceeded", err)
		}
	}
	wantHeld(t, Config{}, path)
	if events, err := s.Events(t.Context(), "a", 0); err != nil || len(events) != 1 {
		t.Errorf("Events while another process has the lock = %d events, %v; want 1, for reading does not wait", len(events), err)
	}
	go func() { errs <- s.Append(t.Context(), batch("a", 1, note("1"))) }()
	p.kill()
	if err := <-errs; err != nil {
		t.Errorf("Append when the other process has gone = %v; want nil", err)
	}
}

func TestFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journals.db")
	must(t, openAt(t, path), batch("a", 0, note("x")))
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{path: 0o444, path + "-wal": 0o444, path + "-shm": 0o444, dir: 0o555} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	if got := start(t, "unprivileged", path, "").line(); !strings.Contains(got, "cannot be written") || !strings.Contains(got, path) {
		t.Errorf("Open of a file that cannot be written says %q; want that, and the file", got)
	}
}

// J2: when a file must not grow any more nothing is acknowledged, and what was
// acknowledged is there.
func TestWriteThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	must(t, openAt(t, path), batch("first", 0, note("x")))
	p := start(t, "limited", path, "a")
	acked, says := 0, ""
	for line := p.line(); line != ""; line = p.line() {
		if _, err := fmt.Sscan(line, &acked); err != nil {
			says = line
		}
	}
	if !strings.Contains(says, "the disk failed") || !strings.Contains(says, "closed true") || acked == 0 {
		t.Errorf("after %d appends the process says %q; want that the disk failed, and ErrClosed for what follows", acked, says)
	}
	s := openAt(t, path)
	events, err := s.Events(t.Context(), "a", 0)
	if err != nil || len(events) < acked || len(events) > acked+1 {
		t.Errorf("%d events were acknowledged; found %d, %v", acked, len(events), err)
	}
	must(t, s, batch("a", len(events), note("after")))
}
