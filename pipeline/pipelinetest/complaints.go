package pipelinetest

import (
	"context"
	"fmt"
	"log/slog"
)

// complaints is a log of which an error is a mistake in the story, for it says
// that a run was left alone. What an executor says that has died does not count.
type complaints struct{ l *life }

// Enabled implements [slog.Handler].
func (c complaints) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

// Handle implements [slog.Handler].
func (c complaints) Handle(_ context.Context, r slog.Record) error {
	if c.l.isDead() {
		return nil
	}
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += fmt.Sprintf(", %s %v", a.Key, a.Value); return true })
	c.l.b.blame(fmt.Errorf("the executor logs an error: %s", text))
	return nil
}

// WithAttrs implements [slog.Handler]. What all records have is the name of the
// executor, which is another one each time.
func (c complaints) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup implements [slog.Handler].
func (c complaints) WithGroup(string) slog.Handler { return c }
