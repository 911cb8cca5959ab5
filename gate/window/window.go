// Package window has gates that open at set times: business hours, dates,
// freezes.
//
// A [Window] says when; [Inside], [Outside] and [Fits] make gates of it. All
// times are instants and half-open: a window is open at its start and shut at
// its end.
package window

import (
	"errors"
	"fmt"
	"time"
)

// A Window is a set of instants: [Weekly], [Dates], what [All], [Any] and [Not]
// make of others, or a calendar of your own.
//
// At answers for one instant, always the same for the same one. An error means
// that it could not be found out, such as a zone that cannot be loaded. At may
// be called from several goroutines at once.
//
// A Window may have more methods, each found by assertion:
//
//   - Check() error reports a mistake in it, before anything runs;
//   - Describe() string says in one line when it is open;
//   - Parts() []Window returns the windows that it is made of.
type Window interface {
	At(t time.Time) (State, error)
}

// A State is what a [Window] is at an instant.
type State struct {
	Open  bool
	Until time.Time // Open stays as it is until then, and perhaps longer; zero means for ever; people are shown it in its zone
	Why   string    // one clause for people, such as "Christmas Day"; may be empty
}

// Check reports all mistakes in w that can be seen without a time, such as a
// zone that cannot be loaded.
func Check(w Window) error {
	if w == nil {
		return errors.New("window: nil; want a window")
	}
	if c, ok := w.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// Describe returns when w is open, as it says itself, or its type.
func Describe(w Window) string {
	if d, ok := w.(interface{ Describe() string }); ok {
		return d.Describe()
	}
	return fmt.Sprintf("%T", w)
}

// bind returns w with its zone loaded and its text parsed, so that a search
// does it once.
func bind(w Window) (Window, error) {
	switch w := w.(type) {
	case nil:
		return nil, errors.New("window: nil; want a window")
	case interface{ bind() (Window, error) }:
		return w.bind()
	}
	return w, nil
}

// at asks w, which is bound, and refuses an answer that would stop the time.
func at(w Window, t time.Time) (State, error) {
	s, err := w.At(t)
	if err == nil && !s.Until.IsZero() && !s.Until.After(t) {
		err = fmt.Errorf("window: %s: asked at %v, says that it stays as it is until %v; want a later time, or zero for ever", Describe(w), t, s.Until)
	}
	return s, err
}

// bindAt asks a window that is not bound yet.
func bindAt(w Window, t time.Time) (State, error) {
	bound, err := bind(w)
	if err != nil {
		return State{}, err
	}
	return at(bound, t)
}

// A search for a change looks at so many steps at least, and so far ahead at
// least. Both are needed: dates can be far apart, and hours in two zones may
// meet only in the weeks of a year in which one has changed its clocks.
const (
	leastSteps = 1000
	leastAhead = 3 * 366 * 24 * time.Hour
)

// next returns what w is at t, and when it changes next in Until. If it finds no
// change, Until is how far it looked, or zero.
func next(w Window, t time.Time) (s State, changes bool, err error) {
	if w, err = bind(w); err != nil {
		return State{}, false, err
	}
	if s, err = at(w, t); err != nil {
		return State{}, false, err
	}
	for steps := 0; !s.Until.IsZero() && (steps < leastSteps || s.Until.Sub(t) < leastAhead); steps++ {
		then, err := at(w, s.Until)
		switch {
		case err != nil:
			return State{}, false, err
		case then.Open != s.Open:
			return s, true, nil
		}
		s.Until = then.Until
	}
	return s, false, nil
}
