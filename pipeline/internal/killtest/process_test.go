//go:build unix

package killtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// The test binary is also the programs that are killed: if inChild has a part,
// it plays that. It ends in peace when it gets SIGTERM, or when its standard
// input is closed, so that none outlives its test.
const inChild = "KILLTEST_PART"

func TestMain(m *testing.M) {
	text := os.Getenv(inChild)
	if text == "" {
		leaktest.Main(m)
	}
	var p part
	if err := errors.Join(json.Unmarshal([]byte(text), &p), p.play()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A part is what a program of its own does, on a store that it shares.
type part struct {
	Role   string // in roles
	Dir    string
	Name   string
	Lease  time.Duration
	Doomed bool // it stays where it says something of note until it is killed
	Paused bool // it may act after another has taken its place, as it cannot know
}

var roles = map[string]func(ctx context.Context, p part, store *sqlite.Store) error{
	"executor": execute,
	"approver": approve,
	"viewer":   view,
}

func (p part) play() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	store, err := sqlite.Config{ReadOnly: p.Role == "viewer"}.Open(ctx, filepath.Join(p.Dir, "store"))
	if err != nil {
		return err
	}
	defer store.Close()
	fmt.Println("open")
	return roles[p.Role](ctx, p, store)
}

// say tells the test something of note, and stays there if p is doomed.
func (p part) say(ctx context.Context, format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	if p.Doomed {
		<-ctx.Done() // unless it is killed first
	}
}

// A process is a part that is played.
type process struct {
	*exec.Cmd
	in      io.Closer
	laments bytes.Buffer // what goes wrong

	opened chan struct{} // closed when it has opened the store, or has ended
	noted  chan struct{} // closed when it has said something of note, or has ended
	heard  chan struct{} // closed when all that it said was heard
}

// launch begins to play p. What it says of note is told to hear, if that is not
// nil, in one goroutine.
func launch(p part, hear func(line string)) (*process, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	c := &process{Cmd: exec.Command(os.Args[0]), opened: make(chan struct{}), noted: make(chan struct{}), heard: make(chan struct{})}
	c.Env = append(os.Environ(), inChild+"="+string(text))
	c.Stderr = &c.laments
	if c.in, err = c.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	go c.listen(out, hear)
	return c, nil
}

func (c *process) listen(out io.Reader, hear func(line string)) {
	defer close(c.heard)
	var opened, noted sync.Once
	defer opened.Do(func() { close(c.opened) })
	defer noted.Do(func() { close(c.noted) })
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return // what is left of a line was not said
		}
		opened.Do(func() { close(c.opened) })
		if line == "open\n" {
			continue
		}
		if hear != nil {
			hear(strings.TrimSuffix(line, "\n"))
		}
		noted.Do(func() { close(c.noted) })
	}
}

// wait waits until all that c said was heard, and c has ended.
func (c *process) wait() error {
	<-c.heard
	err := c.Wait()
	c.in.Close()
	return err
}

// kill kills c, unless it has ended before, which is an error.
func (c *process) kill() error {
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("process %d: %w", c.Process.Pid, err)
	}
	c.wait()
	if s := c.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGKILL {
		return fmt.Errorf("process %d ended with %v before it was killed: %s", c.Process.Pid, c.ProcessState, c.laments.Bytes())
	}
	return nil
}

// end has c shut down in peace, once it has begun: before that SIGTERM kills it.
func (c *process) end() error {
	<-c.opened
	c.Process.Signal(syscall.SIGTERM)
	if err := c.wait(); err != nil {
		return fmt.Errorf("process %d, told to end: %w: %s", c.Process.Pid, err, c.laments.Bytes())
	}
	return nil
}
