package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/pipeline/journal"
)

// What is called in goroutines of the executor, often with a lock held, but
// belongs to the user. A panic in a Store is an error of it; what a logger or a
// tracer cannot take is lost, and nothing else is (I18).

// recovered makes an error of a panic, if it is deferred.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v", p)
	}
}

type containedStore struct{ journal.Store }

func (s containedStore) Append(ctx context.Context, batches ...journal.Batch) (err error) {
	defer recovered(&err)
	return s.Store.Append(ctx, batches...)
}

func (s containedStore) Events(ctx context.Context, name string, from int) (events []journal.Event, err error) {
	defer recovered(&err)
	return s.Store.Events(ctx, name, from)
}

func (s containedStore) List(ctx context.Context, q journal.Query) (names []string, err error) {
	defer recovered(&err)
	return s.Store.List(ctx, q)
}

type containedLeaser struct{ journal.Leaser }

func (l containedLeaser) Renew(ctx context.Context, owner string, until time.Time) (err error) {
	defer recovered(&err)
	return l.Leaser.Renew(ctx, owner, until)
}

func (l containedLeaser) Alive(ctx context.Context, owner string, now time.Time) (alive bool, err error) {
	defer recovered(&err)
	return l.Leaser.Alive(ctx, owner, now)
}

type containedArchiver struct{ journal.Archiver }

func (a containedArchiver) Archive(ctx context.Context, name string, length int, e journal.Event, seen ...journal.Seen) (err error) {
	defer recovered(&err)
	return a.Archiver.Archive(ctx, name, length, e, seen...)
}

type containedWatcher struct{ journal.Watcher }

func (w containedWatcher) Changes(ctx context.Context, after int64) (names []string, mark int64, err error) {
	defer recovered(&err)
	return w.Watcher.Changes(ctx, after)
}

// A containedLog loses what its handler panics at.
type containedLog struct{ slog.Handler }

func (h containedLog) Enabled(ctx context.Context, level slog.Level) (yes bool) {
	_ = guarded(func() error { yes = h.Handler.Enabled(ctx, level); return nil })
	return yes
}

func (h containedLog) Handle(ctx context.Context, r slog.Record) (err error) {
	defer recovered(&err)
	return h.Handler.Handle(ctx, r)
}

func (h containedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func() slog.Handler { return h.Handler.WithAttrs(attrs) })
}

func (h containedLog) WithGroup(name string) slog.Handler {
	return h.with(func() slog.Handler { return h.Handler.WithGroup(name) })
}

func (h containedLog) with(more func() slog.Handler) slog.Handler {
	_ = guarded(func() error { h.Handler = more(); return nil })
	return h
}

// start begins a span, which is none if the tracer panics.
func (t *meter) start(ctx context.Context, name string, options ...trace.SpanStartOption) (in context.Context, span trace.Span) {
	in, span = ctx, trace.SpanFromContext(context.Background())
	_ = guarded(func() error { in, span = t.tracer.Start(ctx, name, options...); return nil })
	return in, span
}
