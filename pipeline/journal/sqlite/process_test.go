//go:build unix

package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// The test binary is also the other process. What it does is named by role,
// and it tells on its standard output what was acknowledged. It ends when its
// standard input is closed, so that none outlives its test.
const role, file, self = "PENSTOCK_TEST_ROLE", "PENSTOCK_TEST_FILE", "PENSTOCK_TEST_NAME"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		os.Exit(m.Run())
	}
	if err := roles[os.Getenv(role)](os.Getenv(file), os.Getenv(self)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

var roles = map[string]func(path, name string) error{
	// append adds to a journal of its own and to one it shares, for ever.
	"append": func(path, name string) error {
		ctx := context.Background()
		s, err := Open(ctx, path)
		if err != nil {
			return err
		}
		go func() {
			io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		var own, shared int
		events, err := s.Events(ctx, name, 0)
		if err != nil {
			return err
		}
		for own = len(events); ; own++ {
			for {
				text := fmt.Sprint(name, " ", own)
				err := s.Append(ctx, batch(name, own, note(text), note(text)), batch("shared", shared, note(text)))
				if err == nil {
					break
				}
				if !errors.Is(err, journal.ErrConflict) {
					return err
				}
				events, err := s.Events(ctx, "shared", shared)
				if err != nil {
					return err
				}
				shared += len(events)
			}
			own++
			shared++
			fmt.Println(own + 1)
		}
	},

	// lease holds a lease for an hour.
	"lease": func(path, name string) error {
		s, err := Open(context.Background(), path)
		if err != nil {
			return err
		}
		if err := s.Renew(context.Background(), name, time.Now().Add(time.Hour)); err != nil {
			return err
		}
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		return nil
	},

	// lock holds the lock under which one process writes.
	"lock": func(path, _ string) error {
		c, err := connect(path)
		if err != nil {
			return err
		}
		if _, err := c.exec("begin immediate"); err != nil {
			return err
		}
		fmt.Println("locked")
		io.Copy(io.Discard, os.Stdin)
		return nil
	},

	// unprivileged opens the file as nobody, whom it does not belong to.
	"unprivileged": func(path, _ string) error {
		if os.Getuid() == 0 {
			if err := errors.Join(syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
				return err
			}
		}
		_, err := Open(context.Background(), path)
		return err
	},

	// limited appends until its files must not grow any more, and then once
	// more.
	"limited": func(path, name string) error {
		signal.Ignore(syscall.SIGXFSZ)
		s, err := Open(context.Background(), path)
		if err != nil {
			return err
		}
		limit := syscall.Rlimit{Cur: 1 << 18, Max: 1 << 18}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		for i := 0; ; i++ {
			err := s.Append(context.Background(), batch(name, i, note(strings.Repeat("x", 1000))))
			if err == nil {
				fmt.Println(i + 1)
				continue
			}
			limit.Cur = limit.Max
			again := s.Append(context.Background(), batch(name, i, note("x")))
			return fmt.Errorf("%w; and then: closed %v: %v", err, errors.Is(again, journal.ErrClosed), again)
		}
	},
}

// A process is a child in one of the roles.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func start(t *testing.T, what, path, name string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), role+"="+what, file+"="+path, self+"="+name)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, stdin, bufio.NewScanner(stdout)}
	t.Cleanup(p.kill)
	return p
}

// line returns the next line, "" if the process has ended.
func (p *process) line() string {
	p.lines.Scan()
	return p.lines.Text()
}

// kill ends the process at whatever instruction it is, and returns the last
// line it wrote.
func (p *process) kill() { p.last() }

func (p *process) last() (line string) {
	p.cmd.Process.Kill()
	for p.lines.Scan() {
		line = p.lines.Text()
	}
	p.cmd.Wait()
	return line
}

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
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p := start(t, "append", path, "other")
	p.line()
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
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, path); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("Open while another process has the lock = %v; want context.DeadlineExceeded that says so", err)
	}
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
