package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// plain makes of what a hook returned what can be kept. The methods of its
// errors and values are called here, where a panic is caught, and never again.
func (t *task) plain() {
	if t.err != nil {
		t.err = reword(t.err, t.err.Error())
	}
	out := &t.out
	if t.asking != nil {
		out = &t.seen.Output
	}
	out.Values = inJSON(out.Values)
	if out.Live == nil {
		return
	}
	if err := out.Live.Check(); err != nil {
		out.Live = nil
		t.err = stage.Failf("says that what is no artifact is live: %w", err)
	}
}

// reword returns an error that says text and is of the kind that err is.
func reword(err error, text string) error {
	if failure := (*stage.Failure)(nil); errors.As(err, &failure) {
		return stage.Failf("%s", text)
	}
	for _, kind := range []error{errors.ErrUnsupported, context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kind) {
			return &worded{text, kind}
		}
	}
	return errors.New(text)
}

// A worded is an error of a kind, in words that may name it or not.
type worded struct {
	text string
	kind error
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.kind }

// inJSON returns values in their JSON form. One that has none is kept as it is,
// for the machine to say so.
func inJSON(values map[string]any) map[string]any {
	if len(values) == 0 {
		return values
	}
	out := make(map[string]any, len(values))
	for name, v := range values {
		out[name] = v
		if b, err := json.Marshal(v); err == nil {
			out[name] = json.RawMessage(b)
		}
	}
	return out
}

// decide asks g. An answer that is to be asked for again at once, for ever, is
// none; nor is one with a time that no journal can hold.
func decide(ctx context.Context, g gate.Gate, req gate.Request) (gate.Decision, error) {
	d, err := g.Decide(ctx, req)
	if err != nil || d.Recheck.IsZero() {
		return d, err
	}
	if !d.Recheck.After(req.Now) || d.Recheck.UTC().Year() > 9999 {
		return d, fmt.Errorf("gate: asked at %v it says to ask again at %v; want a later time, before the year 10000", req.Now, d.Recheck)
	}
	return d, nil
}
