package pipeline

import (
	"context"
	"encoding"
	"encoding/json"
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
	return maskedLog{h.Handler.WithGroup(h.secrets.hide(name)), h.secrets}
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
	key, v := h.secrets.hide(a.Key), a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		return slog.Attr{Key: key, Value: slog.GroupValue(h.all(v.Group())...)}
	}
	for _, text := range shown(v) {
		if hidden := h.secrets.hide(text); hidden != text {
			return slog.String(key, hidden)
		}
	}
	return slog.Attr{Key: key, Value: v}
}

// shown returns the texts that handlers make of v: a pointer inside it leads
// nowhere in one, and to a secret in another.
func shown(v slog.Value) (texts []string) {
	if b, ok := v.Any().([]byte); ok {
		return []string{string(b)}
	}
	if v.Kind() != slog.KindAny {
		return []string{v.String()}
	}
	add := func(text func() string) {
		_ = guarded(func() error { texts = append(texts, text()); return nil }) // the handler meets the panic too
	}
	add(func() string { return fmt.Sprintf("%+v", v.Any()) })
	add(func() string { b, _ := json.Marshal(v.Any()); return string(b) })
	if m, ok := v.Any().(encoding.TextMarshaler); ok {
		add(func() string { b, _ := m.MarshalText(); return string(b) })
	}
	return texts
}
