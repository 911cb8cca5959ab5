package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/examples/quickstart/platform"
)

func TestDeliversAndReplaces(t *testing.T) {
	p := newPlace(t)
	out := p.run(0, "-yes")
	p.wantText(out, "First comes v1", "build: succeeded, v1", "v1 was delivered", "Delivering v2",
		"canary-10: succeeded", "bake-10: succeeded", "canary-50: succeeded", "everybody: succeeded", "v2 was delivered", "v2 answered")
	p.wantLive("v2")
	p.wantEachOnce()
	want := []string{"v1 100%", "v2 10%", "v1 90%", "v2 50%", "v1 50%", "v2 100%"}
	if got := p.shares(); !slices.Equal(got, want) {
		t.Errorf("traffic in production was split as %q; want %q", got, want)
	}
	p.wantText(p.run(0, "status"), "v2", "100%", "v2", "succeeded", "v1", "succeeded")
	p.wantText(p.run(0, "verify"), " journals", "as they were appended")
}

func TestBrokenVersionGoesBackByItself(t *testing.T) {
	p := newPlace(t)
	users := p.watchUsers("v1")
	out := p.run(1, "-yes", "-break")
	p.wantText(out, "v1 was delivered", "Delivering v2", "bake", "failed", "go-back: succeeded", "v1 serves at")
	p.wantLive("v1")
	p.wantEachOnce()
	n := users.count()
	p.eventually("more users are served after the way back", func() bool { return users.count() > n+20 })
	users.end()
}

// users send requests from the time that production has a version, and fail the
// test if that version fails them, or nobody answers.
type users struct {
	cancel  context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	served  int // by the version
}

func (p place) watchUsers(version string) *users {
	ctx, cancel := context.WithCancel(context.Background())
	u := &users{cancel: cancel}
	p.Cleanup(u.end)
	u.running.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		url := ""
		for ctx.Err() == nil {
			<-tick.C
			if url == "" {
				if _, ok := p.production().Live(); ok {
					url = p.production().URL
				}
				continue
			}
			r, err := http.Get(url + "/price/lamp")
			if err != nil {
				p.Errorf("a user met %v; want an answer", err)
				return
			}
			r.Body.Close()
			switch by := r.Header.Get(platform.VersionHeader); {
			case by == "":
				p.Errorf("a user met nobody: %s", r.Status)
				return
			case by == version && r.StatusCode != http.StatusOK:
				p.Errorf("%s answered with %s; want 200, for it never stops serving", by, r.Status)
				return
			case by == version:
				u.mu.Lock()
				u.served++
				u.mu.Unlock()
			}
		}
	})
	return u
}

func (u *users) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.served
}

func (u *users) end() {
	u.cancel()
	u.running.Wait()
}

func TestKilledAnywhereItGoesOn(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 3
	}
	for _, tt := range []struct {
		name string
		args []string
		exit int // of the last
		live string
	}{
		{"a good version is delivered", []string{"-yes"}, 0, "v2"},
		{"a broken one goes back", []string{"-yes", "-break"}, 1, "v1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			seed := rand.Uint64()
			t.Logf("kills follow from seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			var last *program
			over := false
			for range kills {
				last = p.start(tt.args...)
				select {
				case <-time.After(time.Duration(r.Int64N(int64(3 * time.Second)))):
				case <-last.ended:
				}
				last.Process.Kill()
				<-last.ended
				if over = p.over("v2"); over {
					break
				}
			}
			if !over {
				last = p.start(tt.args...)
			}
			switch got := p.exit(last); {
			case over && got == -1: // killed before it could say so
			case got != tt.exit:
				t.Errorf("the last ended with status %d; want %d", got, tt.exit)
			}
			p.wantEachOnce()
			p.wantLive(tt.live)
		})
	}
}

// over reports whether a delivery has ended, as is recorded. A program that is
// killed then has perhaps not said so, and the next would deliver another.
func (p place) over(run string) bool {
	p.Helper()
	d, err := openExisting(p.Context(), p.dir)
	if err != nil {
		return false // nothing was delivered yet
	}
	defer d.close()
	r, err := d.Run(p.Context(), run)
	return err == nil && r.Status.Done()
}

func TestApprovalFromSecondTerminal(t *testing.T) {
	p := newPlace(t)
	first := p.start()
	p.await(first, "To approve from a second terminal: go run ./examples/quickstart approve")
	p.wantText(p.run(0, "status"), "production v1", "v2", "waits for approval")
	p.wantText(p.run(1, "approve", "-by", "gopher"), "gopher", "wrote a change")

	// The first is stopped, so that nobody serves when the vote is cast.
	if err := first.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if got := p.exit(first); got != 1 {
		t.Errorf("interrupted it ended with status %d; want 1", got)
	}
	p.wantText(first.output.String(), "start it again to go on")
	p.run(0, "approve", "-by", "alice")
	p.wantText(p.run(0), "Going on with v2", "release: succeeded", "alice", "v2 was delivered")
	p.wantLive("v2")
	p.wantEachOnce()
}

func TestRejectionLeavesProductionAlone(t *testing.T) {
	p := newPlace(t)
	g := p.start()
	p.await(g, "To approve")
	p.run(0, "reject", "-by", "alice", "not", "on", "a", "Friday")
	if got := p.exit(g); got != 1 {
		t.Errorf("a rejected delivery ended with status %d; want 1", got)
	}
	p.wantText(g.output.String(), "release: failed", "alice", "not on a Friday")
	p.wantLive("v1")

	p.run(0, "reset")
	if _, err := os.Stat(p.dir); !os.IsNotExist(err) {
		t.Errorf("after reset the directory is there: %v", err)
	}
}

func TestMistakesAreExplained(t *testing.T) {
	p := newPlace(t)
	for _, tt := range []struct {
		args []string
		exit int
		want string
	}{
		{[]string{"aprove"}, 1, `command "aprove"; want approve, reject`},
		{[]string{"status"}, 1, "nothing was delivered in"},
		{[]string{"verify"}, 1, "nothing was delivered in"},
		{[]string{"approve"}, 1, "nothing was delivered in"},
		{[]string{"-brake"}, 2, "flag provided but not defined: -brake"},
		{[]string{"stop"}, 0, ""},
		{[]string{"reset"}, 0, ""},
	} {
		p.wantText(p.run(tt.exit, tt.args...), tt.want)
	}
	if _, err := os.Stat(p.dir); !os.IsNotExist(err) {
		t.Errorf("commands that only look have made the directory: %v", err)
	}
}
