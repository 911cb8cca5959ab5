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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/pipeline/journal"
)

// The test binary is also the other process. What it does is named by role,
// and it tells on its standard output what was acknowledged. It ends when its
// standard input is closed, so that none outlives its test.
const role, file, self = "PENSTOCK_TEST_ROLE", "PENSTOCK_TEST_FILE", "PENSTOCK_TEST_NAME"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		leaktest.Main(m)
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

	// commits makes a few commits, with a new log for each few of them.
	"commits": func(path, name string) error {
		s, err := Open(context.Background(), path)
		if err != nil {
			return err
		}
		defer s.Close()
		shortLogs(s)
		for i := range 6 {
			if err := s.Append(context.Background(), batch(name, i, note("x"))); err != nil {
				return err
			}
			fmt.Println("acknowledged", i)
		}
		return nil
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
		c, err := connect(path, "rwc", "")
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
