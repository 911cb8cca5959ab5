package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/internal/leaktest"
)

// The tests run this program as its users do: as processes that they start and
// kill. The test binary is the program when the variable is set.
const asProgram = "QUICKSTART_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	leaktest.Main(m)
}

// patience is how long something may take that has to come, on any machine.
const patience = 9 * time.Minute

// A place is a directory in which the program is used. Its platform ends with
// the test.
type place struct {
	testing.TB
	dir string
}

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t, filepath.Join(t.TempDir(), "quickstart")}
	t.Cleanup(func() {
		if err := stop(context.Background(), options{dir: p.dir}); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(p.dir, platformDir, "platform.log"))
			t.Logf("the platform's log:\n%s", log)
		}
	})
	return p
}

// A program is one that was started.
type program struct {
	*exec.Cmd
	output lockedBuffer
	ended  chan struct{}
	err    error // once it has ended
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts the program; args may begin with a command.
func (p place) start(args ...string) *program {
	p.Helper()
	var command []string
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[:1], args[1:]
	}
	args = slices.Concat(command, []string{"-dir", p.dir}, args)
	g := &program{Cmd: exec.Command(os.Args[0], args...), ended: make(chan struct{})}
	g.Env = append(os.Environ(), asProgram+"=1")
	g.Stdout, g.Stderr = &g.output, &g.output
	if err := g.Start(); err != nil {
		p.Fatal(err)
	}
	go func() {
		defer close(g.ended)
		g.err = g.Wait()
	}()
	p.Cleanup(func() {
		g.Process.Kill()
		<-g.ended
		if p.Failed() {
			p.Logf("output of %q:\n%s", args, g.output.String())
		}
	})
	return g
}

// exit returns the exit status of a program that ends by itself.
func (p place) exit(g *program) int {
	p.Helper()
	select {
	case <-g.ended:
	case <-time.After(patience):
		p.Fatalf("%q has not ended after %v", g.Args, patience)
	}
	var status *exec.ExitError
	if g.err != nil && !errors.As(g.err, &status) {
		p.Fatal(g.err)
	}
	return g.ProcessState.ExitCode()
}

// run runs the program to its end, checks its exit status, and returns what it
// wrote.
func (p place) run(exit int, args ...string) string {
	p.Helper()
	g := p.start(args...)
	if got := p.exit(g); got != exit {
		p.Fatalf("%q ended with status %d; want %d", args, got, exit)
	}
	return g.output.String()
}

// eventually waits until is returns true.
func (p place) eventually(what string, is func() bool) {
	p.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			p.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// await waits until the program has written text.
func (p place) await(g *program, text string) {
	p.Helper()
	p.eventually(text, func() bool {
		select {
		case <-g.ended:
			p.Fatalf("%q ended before it wrote %q", g.Args, text)
		default:
		}
		return strings.Contains(g.output.String(), text)
	})
}

// production returns what is live.
func (p place) production() platform.Environment {
	p.Helper()
	st, err := platform.Client{Dir: filepath.Join(p.dir, platformDir)}.Now(context.Background())
	if err != nil && !errors.Is(err, platform.ErrAway) {
		p.Error(err)
	}
	return st.Environments[production.Name]
}

// wantLive checks that just one version runs in production, and has everything.
func (p place) wantLive(version string) {
	p.Helper()
	env := p.production()
	if live, ok := env.Live(); !ok || len(env.Processes) != 1 || live.Version != version || live.Percent != 100 {
		p.Errorf("production has %+v; want %s alone", env.Processes, version)
	}
}

// An effect is what the platform says it has done.
type effect struct {
	Msg, Environment, Version string
	Percent                   int
}

// effects returns what the platform has done, in order.
func (p place) effects() (all []effect) {
	p.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, platformDir, "platform.log"))
	if err != nil {
		p.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var e effect
		if err := json.Unmarshal(line, &e); err != nil {
			p.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// wantEachOnce checks that no version was started twice anywhere, and returns
// how many were started in production.
func (p place) wantEachOnce() int {
	p.Helper()
	started := map[string]int{}
	n := 0
	for _, e := range p.effects() {
		if e.Msg != "started" {
			continue
		}
		started[e.Version+" in "+e.Environment]++
		if e.Environment == production.Name {
			n++
		}
	}
	for what, times := range started {
		if times != 1 {
			p.Errorf("%s was started %d times; want once, however often the program was killed", what, times)
		}
	}
	return n
}

// wantText checks that text has each part, in this order.
func (p place) wantText(text string, parts ...string) {
	p.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			p.Errorf("%q is not where it should be in:\n%s", part, text)
			return
		}
		rest = after
	}
}

// shares returns the splits of traffic in production, such as "v2 10%".
func (p place) shares() (all []string) {
	for _, e := range p.effects() {
		if e.Msg == "split" && e.Environment == production.Name {
			all = append(all, fmt.Sprintf("%s %d%%", e.Version, e.Percent))
		}
	}
	return all
}
