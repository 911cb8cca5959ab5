package pipelinetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// A life is one executor, from its start until it dies. Its Store passes on to
// the book what is written while it lives.
//
// It is no journal.Leaser, so the next one takes over at once.
type life struct {
	b    *bench
	x    *pipeline.Executor
	stop context.CancelFunc
	done chan error // gets what Serve returned

	mu     sync.Mutex
	dead   bool
	writes int
	after  bool // the write that it dies at was done
	fatal  int  // dies at this write; 0 means none
}

func (l *life) serve() {
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go func() { l.done <- l.x.Serve(ctx) }()
}

// die ends l as kill -9 does. The next life begins after a time.
func (l *life) die(down time.Duration) {
	l.mu.Lock()
	already := l.dead
	l.dead = true
	l.mu.Unlock()
	if !already {
		l.stop()
		l.b.died(down)
	}
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// alive returns an error after l has died.
func (l *life) alive() error {
	if l.isDead() {
		return fmt.Errorf("pipelinetest: the executor has died: %w", journal.ErrClosed)
	}
	return nil
}

// Append implements [journal.Store].
func (l *life) Append(ctx context.Context, batches ...journal.Batch) error {
	if err := l.alive(); err != nil {
		return err
	}
	l.mu.Lock()
	l.writes++
	fatal := l.writes == l.fatal
	l.mu.Unlock()
	if fatal && !l.after {
		l.die(0)
		return l.alive()
	}
	err := l.b.book.Append(ctx, batches...)
	if fatal {
		l.die(0)
		return l.alive()
	}
	return err
}

// Events implements [journal.Store].
func (l *life) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if err := l.alive(); err != nil {
		return nil, err
	}
	return l.b.book.Events(ctx, name, from)
}

// List implements [journal.Store].
func (l *life) List(ctx context.Context, q journal.Query) ([]string, error) {
	if err := l.alive(); err != nil {
		return nil, err
	}
	return l.b.book.List(ctx, q)
}

// Changes implements [journal.Watcher].
func (l *life) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	if err := l.alive(); err != nil {
		return nil, mark, err
	}
	return l.b.book.Changes(ctx, mark)
}

// A book is the journals that all lives share. It keeps what is new in them for
// the bench to read.
type book struct {
	journals journal.Memory
	ring     func() // there is something new

	mu    sync.Mutex
	fresh []entry
}

// An entry is an event of a run, or a line about what no journal has.
type entry struct {
	run   string
	event journal.Event
	line  *Line
}

// Append implements [journal.Store].
func (k *book) Append(ctx context.Context, batches ...journal.Batch) error {
	for i := range batches {
		seed(&batches[i])
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.journals.Append(ctx, batches...); err != nil {
		return err
	}
	for _, b := range batches {
		for _, e := range b.Events {
			k.fresh = append(k.fresh, entry{run: b.Journal, event: e})
		}
	}
	k.ring()
	return nil
}

// seed makes the jitter of retries follow from the name of the run, so that a
// story has one timeline.
func seed(b *journal.Batch) {
	began, ok := b.Events[0].Data.(*journal.Beginning)
	if !ok {
		return
	}
	name := artifact.DigestBytes([]byte(b.Journal)).Hex()
	began.Seed = binary.LittleEndian.Uint64([]byte(name))
}

// Events implements [journal.Store].
func (k *book) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	return k.journals.Events(ctx, name, from)
}

// List implements [journal.Store].
func (k *book) List(ctx context.Context, q journal.Query) ([]string, error) {
	return k.journals.List(ctx, q)
}

// Changes implements [journal.Watcher].
func (k *book) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	return k.journals.Changes(ctx, mark)
}

// note adds a line about what no journal has.
func (k *book) note(l Line) {
	l.At = time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fresh = append(k.fresh, entry{run: l.Run, line: &l})
	k.ring()
}

// read returns what is new.
func (k *book) read() []entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	fresh := k.fresh
	k.fresh = nil
	return fresh
}
