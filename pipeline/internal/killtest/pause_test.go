//go:build unix

package killtest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// holding returns a pipeline with stages that last until a file is there. One
// has the context of the run, one a context of its own, and one that of a way
// out.
func holding(p *platform) pipeline.Pipeline {
	hold := func(name string) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: stage.Func(p.hold), Environment: stage.Environment{Name: "laboratory"}}
	}
	timed := hold("hold-in-time")
	timed.Timeout = time.Hour
	return pipeline.Pipeline{Name: "holding", Steps: pipeline.Sequence{
		pipeline.Parallel{
			hold("hold"),
			timed,
			pipeline.Finally{Of: pipeline.Stage{Name: "before", Run: stage.Func(p.work)}, Do: hold("hold-at-last")},
		},
		pipeline.Stage{Name: "after", Run: stage.Func(p.work)},
	}}
}

// isHeld are the stages that last.
var isHeld = map[string]bool{"hold": true, "hold-in-time": true, "hold-at-last": true}

func (p *platform) hold(ctx context.Context, in stage.Input) (stage.Output, error) {
	if _, err := p.call(in); err != nil {
		return stage.Output{}, err
	}
	for {
		if _, err := os.Stat(filepath.Join(p.ledger.(files).dir, "go")); err == nil {
			_, err := p.effect(in)
			return stage.Output{}, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			p.note("canceled", in, context.Cause(ctx).Error())
			return stage.Output{}, ctx.Err()
		}
	}
}

// A process that is stopped for longer than its lease loses its run. When it
// comes back it writes nothing and calls nothing, its hooks are told to end,
// and it goes on with what is its own (I6).
func TestAPausedExecutorIsFencedOff(t *testing.T) {
	dir := t.TempDir()
	c, err := newCrowd(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.store.Close()
	ledger := files{dir}
	first := start(t, part{Role: "executor", Dir: dir, Name: "first", Lease: time.Second, Paused: true}, nil)
	if _, err := c.x.Start(t.Context(), "holding", pipeline.Trigger{Key: "one"}); err != nil {
		t.Fatal(err)
	}
	count := func(what string, p *process) (n int) {
		lines, err := ledger.read("one")
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.What == what && isHeld[l.Step] && l.Process == strconv.Itoa(p.Process.Pid) {
				n++
			}
		}
		return n
	}
	all := func(what string, p *process) func() bool {
		return func() bool { return count(what, p) >= len(isHeld) }
	}
	until(t, "the first process calls the hooks", all("call", first))
	pause(t, first, c.store)
	until(t, "the lease of the first is over", func() bool {
		alive, err := c.store.Alive(t.Context(), claimants(t, c.store)[0], time.Now())
		return err == nil && !alive
	})
	// The second does not lose its lease, however slow the machine is.
	second := start(t, part{Role: "executor", Dir: dir, Name: "second", Lease: time.Hour}, nil)
	until(t, "the second takes over and calls them again", all("call", second))
	taken := length(t, c.store)
	send(t, first, syscall.SIGCONT)
	until(t, "the hooks of the first are told to end", all("canceled", first))
	if now := length(t, c.store); now != taken {
		t.Errorf("the journal has %d events after the first came back, and had %d before; want nothing written (I6)", now, taken)
	}
	if n := count("canceled", second); n > 0 {
		t.Errorf("%d hooks of the second were told to end; want them left alone", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	until(t, "the run succeeds", func() bool { return status(t, c, "one") == pipeline.Succeeded })
	if err := blame(ledger, "one"); err != nil {
		t.Error(err)
	}
	if err := second.kill(); err != nil {
		t.Error(err)
	}
	if _, err := c.x.Start(t.Context(), "holding", pipeline.Trigger{Key: "two"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the first takes another run to its end", func() bool { return status(t, c, "two") == pipeline.Succeeded })
	if err := first.end(); err != nil {
		t.Error(err)
	}
	claims := claimants(t, c.store)
	if len(claims) != 2 || claims[0] == claims[1] {
		t.Errorf("the run was claimed by %q; want by the first and then by the second", claims)
	}
}

// start begins to play a part, at the latest until the test ends.
func start(t *testing.T, p part, hear func(line string)) *process {
	t.Helper()
	c, err := launch(p, hear)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.Process.Kill()
			c.wait()
		}
		if t.Failed() {
			t.Logf("%s %s, process %d: %s", p.Role, p.Name, c.Process.Pid, c.laments.Bytes())
		}
	})
	return c
}

// pause stops p, but not while it writes to the store: nobody else can then.
func pause(t *testing.T, p *process, store journal.Leaser) {
	t.Helper()
	until(t, "a process is stopped that does not write", func() bool {
		send(t, p, syscall.SIGSTOP)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if store.Renew(ctx, "test", time.Now().Add(time.Minute)) == nil {
			return true
		}
		send(t, p, syscall.SIGCONT)
		return false
	})
}

func send(t *testing.T, p *process, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// until waits for what is to come, for at most five minutes.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for by := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(by) {
			t.Fatalf("after five minutes it is not so that %s", what)
		}
	}
}

func status(t *testing.T, c *crowd, run string) pipeline.Status {
	t.Helper()
	r, err := c.x.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status
}

func length(t *testing.T, store journal.Store) int {
	t.Helper()
	events, err := store.Events(t.Context(), "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	return len(events)
}

// claimants returns who claimed the run, one after another.
func claimants(t *testing.T, store journal.Store) (names []string) {
	t.Helper()
	events, err := store.Events(t.Context(), "one", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == journal.Claimed {
			names = append(names, e.By)
		}
	}
	return slices.Compact(names)
}
