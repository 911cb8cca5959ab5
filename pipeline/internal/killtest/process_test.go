//go:build unix

package killtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/internal/leaktest"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// The test binary is also the executor that is killed: if a directory is named,
// it serves the store in it. It ends in peace when its standard input is closed,
// so that none outlives its test.
const inDir, inName, inLease, inDoom = "KILLTEST_DIR", "KILLTEST_NAME", "KILLTEST_LEASE", "KILLTEST_DOOM"

func TestMain(m *testing.M) {
	dir := os.Getenv(inDir)
	if dir == "" {
		leaktest.Main(m)
	}
	if err := serve(dir, os.Getenv(inName), os.Getenv(inLease)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(dir, name, lease string) error {
	term, err := time.ParseDuration(lease)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	store, err := sqlite.Open(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer store.Close()
	p := &platform{ledger: files{dir}, store: store, process: strconv.Itoa(os.Getpid()), pace: pace}
	if os.Getenv(inDoom) != "" {
		p.doomed = func() {
			fmt.Println("called")
			<-ctx.Done() // unless it is killed first
		}
	}
	p.inside = (&doors{p: p, open: map[string]*door{}}).enter
	x := pipeline.Executor{
		Pipelines: append(pipelines(p), holding(p)), Store: store, Name: name, Lease: term,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	fmt.Println("serving")
	return x.Serve(ctx)
}

// pace is how long a step takes in a process that is killed.
const pace = 4 * time.Millisecond

// A process is an executor in a process of its own.
type process struct {
	*exec.Cmd
	in      io.Closer
	says    *bufio.Scanner // that it serves, and that a hook is called if it is doomed
	laments bytes.Buffer   // what goes wrong
}

func launch(dir, name string, lease time.Duration, more ...string) (*process, error) {
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(append(os.Environ(), inDir+"="+dir, inName+"="+name, inLease+"="+lease.String()), more...)
	p.Stderr = &p.laments
	in, err := p.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.says = in, bufio.NewScanner(out)
	return p, p.Start()
}

// serves waits until p has opened the store, or has ended.
func (p *process) serves() { p.says.Scan() }

// calls waits until a hook is called in p, which is doomed, or p has ended.
func (p *process) calls() {
	for p.says.Scan() && p.says.Text() != "called" {
	}
}

// kill kills p, unless it has ended before, which is an error.
func (p *process) kill() error {
	if err := p.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("process %d: %w", p.Process.Pid, err)
	}
	p.Wait()
	defer p.in.Close()
	if s := p.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGKILL {
		return fmt.Errorf("process %d ended with %v before it was killed: %s", p.Process.Pid, p.ProcessState, p.laments.Bytes())
	}
	return nil
}

// end has p shut down in peace.
func (p *process) end() error {
	p.in.Close()
	if err := p.Wait(); err != nil {
		return fmt.Errorf("process %d, told to end: %w: %s", p.Process.Pid, err, p.laments.Bytes())
	}
	return nil
}
