package linear

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

// A seat is where one executor serves after another.
type seat struct {
	t     *testing.T
	open  shelf
	build func(s store) *pipeline.Executor
	rng   *rand.Rand
	flaws int // of the lives to come that end with an append that fails

	mu     sync.Mutex
	x      *pipeline.Executor
	stop   context.CancelFunc // of the one that serves
	closed bool
	gone   chan struct{}
	lives  int
}

// sit has executors serve until the seat is left.
func (s *seat) sit() {
	s.gone = make(chan struct{})
	ctx, x, shut := s.begin()
	go func() {
		defer close(s.gone)
		for {
			x.Serve(ctx) // fails when an append does; another life follows
			s.stop()
			if s.left() {
				shut()
				return
			}
			// The handle may be closed under those who still use it.
			shut()
			ctx, x, shut = s.begin()
		}
	}()
}

// begin makes the executor of the next life.
func (s *seat) begin() (context.Context, *pipeline.Executor, func()) {
	handle, shut, err := s.open()
	if err != nil {
		s.t.Error(err)
	}
	f := &journaltest.Faulty{Store: handle, Once: true}
	if s.flaws > 0 {
		s.flaws--
		f.At, f.After = 2+s.rng.IntN(20), s.rng.IntN(2) == 0
	}
	x := s.build(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	s.x, s.stop = x, stop
	s.lives++
	if s.closed {
		stop()
	}
	return ctx, x, func() {
		if err := shut(); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *seat) left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// executor returns the one that serves now, or has just ended.
func (s *seat) executor() *pipeline.Executor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x
}

// restart shuts the executor down; another one follows.
func (s *seat) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

// leave shuts the last executor down.
func (s *seat) leave() {
	s.mu.Lock()
	s.closed = true
	s.stop()
	s.mu.Unlock()
	<-s.gone
}

// executors returns what makes an executor of the pipelines.
func executors(pipelines []pipeline.Pipeline) func(s store) *pipeline.Executor {
	return func(s store) *pipeline.Executor {
		return &pipeline.Executor{
			Pipelines: pipelines, Store: s, Name: "x", Log: slog.New(slog.DiscardHandler),
			Lease: time.Hour, // who ends gives it up, so nobody is taken for dead
		}
	}
}
