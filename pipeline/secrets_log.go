package pipeline

import (
	"context"
	"fmt"
	"log/slog"
)

// A maskedLog hides secrets in what a hook logs (J8).
type maskedLog struct {
	slog.Handler
	secrets *secrets
}

// Handle implements [slog.Handler].
func (h maskedLog) Handle(ctx context.Context, r slog.Record) error {
	masked := slog.NewRecord(r.Time, r.Level, h.secrets.hide(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(h.mask(a))
		return true
	})
	return h.Handler.Handle(ctx, masked)
}

// WithAttrs implements [slog.Handler].
func (h maskedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return maskedLog{h.Handler.WithAttrs(h.all(attrs)), h.secrets}
}

// WithGroup implements [slog.Handler].
func (h maskedLog) WithGroup(name string) slog.Handler {
	return maskedLog{h.Handler.WithGroup(name), h.secrets}
}

func (h maskedLog) all(attrs []slog.Attr) []slog.Attr {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = h.mask(a)
	}
	return masked
}

// mask returns a without secrets. A value that shows one is logged as a text.
func (h maskedLog) mask(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(h.all(v.Group())...)}
	}
	text := v.String()
	if b, ok := v.Any().([]byte); ok {
		text = string(b)
	} else if v.Kind() == slog.KindAny {
		text = fmt.Sprintf("%+v", v.Any())
	}
	if hidden := h.secrets.hide(text); hidden != text {
		v = slog.StringValue(hidden)
	}
	return slog.Attr{Key: a.Key, Value: v}
}
