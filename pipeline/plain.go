package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

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
	var err error
	if out.Values, err = inJSON(out.Values); err != nil {
		t.err = cmp.Or(t.err, stage.Failf("%v", err))
	}
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

// inJSON returns values in their JSON form.
func inJSON(values map[string]any) (map[string]any, error) {
	if len(values) == 0 {
		return values, nil
	}
	out := make(map[string]any, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		b, err := json.Marshal(values[name])
		if err != nil {
			return nil, fmt.Errorf("value %q has no JSON form: %v", name, err)
		}
		out[name] = json.RawMessage(b)
	}
	return out, nil
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
