package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/penstock/penstock/pipeline/journal"
)

// Serve takes runs forward until ctx is done; then it shuts down in peace and
// returns nil. It begins with the runs in the Store that have not ended, and
// goes on with those that are started, by this process or another.
//
// To shut down, Serve calls no more hooks, cancels the contexts of those that
// are under way and waits for them, at most for Grace. No run ends by that: what
// was not done is gone on with by the next Serve. A hook that does not return
// in time is left behind, and what it returns later is not recorded.
//
// If the Store fails, Serve returns its error, for then nothing can be
// acknowledged. An Executor serves once at a time; several of them may share a
// Store.
func (x *Executor) Serve(ctx context.Context) error {
	if err := x.init(); err != nil {
		return err
	}
	s := newServer(x, ctx)
	x.mu.Lock()
	if x.server != nil {
		x.mu.Unlock()
		return errors.New("pipeline: this Executor serves already")
	}
	x.server = s
	x.mu.Unlock()
	stop, err := x.meter.watch(s)
	if err == nil {
		err = s.serve(ctx)
		stop()
	}
	x.mu.Lock()
	x.server = nil
	x.mu.Unlock()
	return err
}

// wake has the Executor look at a run, if it serves.
func (x *Executor) wake(run string) {
	if s := x.serving(); s != nil {
		s.wake(run)
	}
}

func (x *Executor) serving() *server {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.server
}

// A server is one call of Serve. It holds a live for each run that something
// is done for, and for the others at most a time to wake up at.
type server struct {
	x      *Executor
	name   string    // in journals: of this call of Serve alone
	since  time.Time // when it began
	log    *slog.Logger
	store  context.Context // for calls of the Store; not canceled
	hooks  context.Context // of hooks; canceled to shut down
	cancel context.CancelCauseFunc
	limits limits
	envs   environments
	lease  lease

	mu      sync.Mutex
	live    map[string]*live
	looking map[string]bool      // runs that are being loaded; true: to be looked at again
	foreign map[string]bool      // runs that another executor takes forward: not looked at before an alarm
	ahead   map[string]time.Time // executors of which the lease runs longer than one can, and since when that is known
	before  map[string]int       // runs that had not ended when it began, and how long their journals were at the first look
	stills  map[string]stillness // canceled runs of which the definition is gone
	rested  map[string]rest      // runs that ceased to be live
	ending  map[string]bool      // those of them of which something is under way; true: to be looked at when it has ended
	wait    []string             // runs to be loaded
	bell    chan struct{}        // rung when wait or alarms grow
	alarms  alarms
	failure error         // of the Store
	failed  chan struct{} // closed when failure is set

	closing atomic.Bool   // no hook is called any more
	closed  atomic.Bool   // nothing is recorded any more
	tasks   atomic.Int64  // hooks and questions that were begun and have not returned
	quiet   chan struct{} // closed when there are none, and there will be none
	hush    sync.Once
}

var errShutdown = errors.New("the executor shuts down")

func newServer(x *Executor, ctx context.Context) *server {
	name := x.Name
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	s := &server{
		x: x, name: name + "-" + strings.ToLower(rand.Text()[:10]),
		since:   time.Now(),
		store:   context.WithoutCancel(ctx),
		live:    map[string]*live{},
		looking: map[string]bool{},
		foreign: map[string]bool{},
		ahead:   map[string]time.Time{},
		before:  map[string]int{},
		stills:  map[string]stillness{},
		rested:  map[string]rest{},
		ending:  map[string]bool{},
		bell:    make(chan struct{}, 1),
		quiet:   make(chan struct{}),
		failed:  make(chan struct{}),
	}
	s.log = x.log.With("executor", s.name)
	s.hooks, s.cancel = context.WithCancelCause(s.store)
	s.limits.init(x)
	s.envs.init(x)
	s.lease.init(s)
	return s
}

func (s *server) serve(ctx context.Context) error {
	defer s.cancel(errShutdown)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with ctx, which ends with serve
		select {
		case <-s.failed:
			stop()
		case <-ctx.Done():
		}
	}()
	watch, mark, err := s.watcher(ctx)
	if err != nil {
		return err
	}
	open, err := s.x.store.List(ctx, journal.Query{Open: true})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("pipeline: list of open runs: %w", err)
	}
	for _, name := range open {
		s.before[name] = 0
	}
	for _, name := range open {
		s.noticed(name)
	}
	g := new(errgroup.Group)
	g.Go(func() error { return s.dispatch(ctx) })
	g.Go(func() error { return watch(ctx, mark) })
	err = g.Wait()
	s.shutdown()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	return err
}

// dispatch loads runs that were woken, and wakes those whose time has come.
func (s *server) dispatch(ctx context.Context) error {
	var loaders errgroup.Group
	defer loaders.Wait()
	loaders.SetLimit(8)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for last := time.Now(); ctx.Err() == nil; {
		now := time.Now()
		s.mu.Lock()
		if setBack(now.Round(0).Sub(last.Round(0)), now.Sub(last)) {
			s.alarms.ring(now) // runs wait less long then; see machine.Tick
		}
		last = now
		for _, run := range s.alarms.due(now) {
			delete(s.foreign, run)
			s.call(run)
		}
		wait := s.wait
		s.wait = nil
		next := s.alarms.next()
		s.mu.Unlock()
		for _, run := range wait {
			loaders.Go(func() error { s.load(run); return nil })
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(min(time.Until(next), trust))
		}
		select {
		case <-ctx.Done():
		case <-s.bell:
		case <-timer.C:
		}
	}
	return nil
}

// ring lets dispatch go round.
func (s *server) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// wake has a run looked at: something may have happened.
func (s *server) wake(run string) {
	s.mu.Lock()
	s.call(run)
	s.mu.Unlock()
	s.ring()
}

// call queues a run for dispatch. S.mu is held.
func (s *server) call(run string) {
	if _, busy := s.looking[run]; busy {
		s.looking[run] = true
		return
	}
	s.looking[run] = false
	s.wait = append(s.wait, run)
}

// load looks at a run: it reads what is new of one that is live, and makes one
// live of which something may be done.
func (s *server) load(run string) {
	for {
		s.mu.Lock()
		r, closing := s.live[run], s.closing.Load()
		s.looking[run] = false
		s.mu.Unlock()
		switch {
		case closing:
		case r == nil || !r.refresh():
			s.open(run)
		}
		s.mu.Lock()
		if !s.looking[run] || closing {
			delete(s.looking, run)
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
	}
}

// open makes a run live if it is for this executor to take forward.
func (s *server) open(run string) {
	if s.ends(run) {
		return
	}
	m, err := s.x.fold(s.store, run)
	switch {
	case errors.Is(err, ErrNoRun):
		return
	case err != nil:
		s.suffer(run, err)
		return
	}
	s.seen(m)
	if m.Status.Done() {
		return
	}
	if ok, err := s.free(m); err != nil || !ok {
		if err != nil {
			s.log.Error("whether an executor is alive could not be found out", "run", run, "executor", m.Owner, "error", err)
		}
		s.leave(run, time.Now().Add(s.x.Lease/3))
		return
	}
	if !s.current(m) {
		return
	}
	r := newLive(s, m)
	s.mu.Lock()
	if s.closing.Load() || s.live[run] != nil {
		s.mu.Unlock()
		return
	}
	s.live[run] = r
	delete(s.rested, run)
	delete(s.foreign, run)
	s.mu.Unlock()
	if m.Owner == s.name { // there may be no claim to come that has the lease run
		if err := s.lease.hold(s.store); err != nil {
			s.fail(err)
			return
		}
	}
	r.poke()
}

// leave has a run not looked at before t, for another executor takes it forward.
func (s *server) leave(run string, t time.Time) {
	s.mu.Lock()
	s.foreign[run] = true
	s.mu.Unlock()
	s.alarm(run, t)
}

// alarm has a run woken at t.
func (s *server) alarm(run string, t time.Time) {
	if t.IsZero() {
		return
	}
	s.mu.Lock()
	first := s.alarms.set(run, t)
	s.mu.Unlock()
	if first {
		s.ring()
	}
}

// begin counts a hook or a question that is about to begin, and reports
// whether it may.
func (s *server) begin() bool {
	s.tasks.Add(1)
	if s.closing.Load() {
		s.end()
		return false
	}
	return true
}

// end counts one that has returned, or was given up.
func (s *server) end() {
	if s.tasks.Add(-1) == 0 && s.closing.Load() {
		s.hush.Do(func() { close(s.quiet) })
	}
}

// fail stops the server: what the Store does not take was not done.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return
	}
	s.failure = fmt.Errorf("pipeline: %w", err)
	s.closing.Store(true)
	s.closed.Store(true)
	close(s.failed)
}

func (s *server) shutdown() {
	s.tasks.Add(1)
	s.closing.Store(true)
	s.end()
	s.cancel(errShutdown)
	patience := time.NewTimer(s.x.Grace)
	defer patience.Stop()
	select {
	case <-s.quiet:
	case <-patience.C:
		s.log.Warn("hooks did not return in time and are left behind", "grace", s.x.Grace)
		s.forsake()
	}
	s.closed.Store(true)
	s.lease.stop()
}
