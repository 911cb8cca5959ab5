package window

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
)

// Inside returns a gate that passes while w is open. It rejects once w never
// opens again.
func Inside(w Window) gate.Gate { return timed{w, "inside " + Describe(w)} }

// Outside returns a gate that passes while w is not open: for freezes and
// holidays. It rejects once w never shuts again.
func Outside(w Window) gate.Gate { return timed{Not(w), "outside " + Describe(w)} }

// Of returns the window in which g passes, and false if g was not made by
// [Inside] or [Outside].
func Of(g gate.Gate) (w Window, ok bool) {
	t, ok := g.(timed)
	return t.w, ok
}

// timed passes while w is open.
type timed struct {
	w    Window
	text string // what it says of itself
}

func (g timed) Describe() string { return g.text }
func (g timed) when() Window     { return g.w }

func (g timed) Decide(_ context.Context, req gate.Request) (gate.Decision, error) {
	s, _, err := next(g.w, req.Now)
	switch {
	case err != nil:
		return gate.Decision{}, err
	case s.Open && s.Until.IsZero():
		return gate.Passf("%s", cmp.Or(s.Why, "window is open")), nil
	case s.Open:
		return gate.Passf("%s, until %s", cmp.Or(s.Why, "window is open"), clause(s.Until)).Until(s.Until.UTC()), nil
	case s.Until.IsZero():
		return gate.Rejectf("%s, and the window never opens again", cmp.Or(s.Why, "window is shut")), nil
	}
	d := gate.Waitf("%s, until %s", cmp.Or(s.Why, "window is shut"), clause(s.Until)).Until(s.Until.UTC())
	d.For = gate.ForWindow
	return d, nil
}

func clause(t time.Time) string { return t.Format("Mon 2 Jan 2006 15:04 MST") }

// Check reports the mistakes in the window, and if it never opens.
func (g timed) Check() error {
	if err := Check(g.w); err != nil {
		return err
	}
	if err := opens(g.w); err != nil {
		return fmt.Errorf("window: %s: can never pass: %w", g.text, err)
	}
	return nil
}

// CheckWith reports if g never passes together with the windows before it. What
// is wrong without g is reported by those.
func (g timed) CheckWith(before []gate.Gate) error {
	var windows []Window
	var texts []string
	for _, b := range before {
		if other, ok := b.(interface{ when() Window }); ok {
			windows = append(windows, other.when())
			texts = append(texts, gate.Describe(b))
		}
	}
	if len(windows) == 0 || opens(g.w) != nil || opens(All(windows...)) != nil {
		return nil
	}
	if err := opens(All(append(windows, g.w)...)); err != nil {
		return fmt.Errorf("window: %s: can never pass together with %s: %w", g.text, strings.Join(texts, " and "), err)
	}
	return nil
}

// dawn is where a search for an opening begins. This package is younger, so
// what was open before can let nothing pass.
var dawn = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// opens returns nil if w is open at some time after dawn, and otherwise why not.
func opens(w Window) error {
	s, changes, err := next(w, dawn)
	switch {
	case err != nil || s.Open || changes:
		return err
	case s.Until.IsZero():
		return fmt.Errorf("never open after %s", dawn.Format(time.DateOnly))
	}
	return fmt.Errorf("never open from %s to %s", dawn.Format(time.DateOnly), s.Until.Format(time.DateOnly))
}
