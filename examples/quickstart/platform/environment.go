package platform

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
)

// An order says what an environment shall be: each artifact runs, gets its
// percent of the requests, and nothing else runs.
type order struct {
	Token  int64    `json:"token"`
	Shares []wanted `json:"shares"`
}

type wanted struct {
	Artifact artifact.Artifact `json:"artifact"`
	Percent  int               `json:"percent"` // 1 to 100
}

// An environment makes orders so.
type environment struct {
	server  *server
	name    string
	url     string
	door    door
	http    *http.Server   // of door
	serving sync.WaitGroup // by http
	log     *slog.Logger

	turn sync.Mutex // held by the one who changes the environment

	mu    sync.Mutex // guards what follows, for a look at any time
	token int64
	live  []share
}

// fenced is the error of an order that comes too late.
type fenced struct{ got, seen int64 }

func (f fenced) Error() string {
	return fmt.Sprintf("token %d is too old: somebody with token %d took over", f.got, f.seen)
}

// carryOut makes the order so: first it starts what does not run, then it turns
// the door, then it stops what gets no requests any more. If a process does not
// become healthy, all stays as it was. What is so already is left alone.
//
// It goes on when ctx is done: whoever gave the order and died gives it again,
// and finds it done.
func (e *environment) carryOut(ctx context.Context, o order) error {
	ctx = context.WithoutCancel(ctx)
	e.turn.Lock()
	defer e.turn.Unlock()
	old, err := e.become(ctx, o)
	if err != nil {
		return err
	}
	if err := e.server.save(); err != nil {
		return err
	}
	e.stop(ctx, old)
	return nil
}

// become does all of carryOut but the end, and returns what is to be stopped.
func (e *environment) become(ctx context.Context, o order) (old []share, err error) {
	if err := e.fence(o.Token); err != nil {
		return nil, err
	}
	var shares, fresh []share
	for _, w := range o.Shares {
		p := e.running(w.Artifact.Digest)
		if p == nil {
			if p, err = e.start(ctx, w.Artifact); err != nil {
				e.stop(ctx, fresh)
				return nil, err
			}
			fresh = append(fresh, share{to: p})
		}
		shares = append(shares, share{to: p, percent: w.Percent})
	}
	return e.settle(shares), nil
}

// fence refuses a token that is lower than one seen before.
func (e *environment) fence(token int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if token < e.token {
		return fenced{token, e.token}
	}
	e.token = token
	return nil
}

// running returns the process of the artifact, or nil.
func (e *environment) running(d artifact.Digest) *process {
	for _, sh := range e.live {
		if sh.to.artifact.Digest == d && sh.to.alive() {
			return sh.to
		}
	}
	return nil
}

func (e *environment) start(ctx context.Context, a artifact.Artifact) (*process, error) {
	e.server.forks.Lock()
	defer e.server.forks.Unlock()
	p, err := start(ctx, e.server.store, a, e.server.path("bin", e.name), e.server.output)
	if err != nil {
		return nil, err
	}
	e.log.Info("started", "version", p.version, "digest", a.Digest.Short(), "pid", p.cmd.Process.Pid, "url", p.url)
	return p, nil
}

// settle makes shares those of the front door and returns those that end.
func (e *environment) settle(shares []share) (old []share) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, was := range e.live {
		if !slices.ContainsFunc(shares, func(is share) bool { return is.to == was.to }) {
			old = append(old, was)
		}
	}
	if slices.Equal(e.live, shares) {
		return old
	}
	e.live = shares
	e.door.turn(shares)
	for _, sh := range shares {
		e.log.Info("split", "version", sh.to.version, "percent", sh.percent)
	}
	return old
}

// stop ends processes that get no new requests any more.
func (e *environment) stop(ctx context.Context, shares []share) {
	for _, sh := range shares {
		ctx, cancel := context.WithTimeout(ctx, grace)
		sh.to.drain(ctx)
		cancel()
		sh.to.stop()
		e.log.Info("stopped", "version", sh.to.version, "pid", sh.to.cmd.Process.Pid)
	}
}

// close ends what runs here, for good. Nothing is started any more.
func (e *environment) close() {
	e.turn.Lock() // never unlocked
	e.http.Close()
	e.serving.Wait()
	e.door.turn(nil)
	e.stop(context.Background(), e.live)
}

// status returns what runs here, with what was measured from from up to to.
func (e *environment) status(from, to time.Time) Environment {
	e.mu.Lock()
	defer e.mu.Unlock()
	st := Environment{URL: e.url, Token: e.token}
	for _, sh := range e.live {
		p := Process{
			Artifact: sh.to.artifact, Version: sh.to.version, PID: sh.to.cmd.Process.Pid,
			Started: sh.to.started, URL: sh.to.url, Percent: sh.percent,
			Stats: sh.to.meter.read(from, to),
		}
		if !sh.to.alive() {
			p.PID = 0
		}
		st.Processes = append(st.Processes, p)
	}
	slices.SortStableFunc(st.Processes, func(a, b Process) int { return cmp.Compare(b.Percent, a.Percent) })
	return st
}
