package window

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
)

// Fits is a [gate.Gate] that passes while more than For is left until In shuts.
// It keeps from beginning what cannot end before people go home.
type Fits struct {
	For time.Duration // has to be positive
	In  Window
}

// Decide implements [gate.Gate].
func (f Fits) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	if err := f.checkFor(); err != nil {
		return gate.Decision{}, err
	}
	return f.gate().Decide(ctx, req)
}

// Check reports all mistakes in f, and if For fits into In at no time.
func (f Fits) Check() error { return errors.Join(f.checkFor(), f.gate().Check()) }

// CheckWith reports if f never passes together with the windows before it.
func (f Fits) CheckWith(before []gate.Gate) error { return f.gate().CheckWith(before) }

// Describe returns For, and when In is open.
func (f Fits) Describe() string { return f.gate().Describe() }

func (f Fits) checkFor() error {
	if f.For <= 0 {
		return fmt.Errorf("window: Fits has For %v; want a duration that has to fit", f.For)
	}
	return nil
}

func (f Fits) gate() timed {
	return timed{roomy(f), fmt.Sprintf("%v left inside %s", f.For, Describe(f.In))}
}

func (f Fits) when() Window { return roomy(f) }

// roomy is the part of In at which more than For is left.
type roomy Fits

func (r roomy) At(t time.Time) (State, error) { return bindAt(r, t) }
func (r roomy) Check() error                  { return Check(r.In) }
func (r roomy) Describe() string              { return Fits(r).Describe() }

func (r roomy) bind() (Window, error) {
	in, err := bind(r.In)
	return room{in, r.For}, err
}

// room is a roomy that is bound.
type room struct {
	in     Window
	length time.Duration
}

func (r room) At(t time.Time) (State, error) {
	s, err := at(r.in, t)
	if err != nil || !s.Open {
		return s, err
	}
	for !s.Until.IsZero() && !s.Until.Add(-r.length).After(t) {
		then, err := at(r.in, s.Until)
		switch {
		case err != nil:
			return State{}, err
		case !then.Open:
			return State{Until: s.Until, Why: fmt.Sprintf("not more than %v left of %s", r.length, cmp.Or(s.Why, "the window"))}, nil
		}
		s.Until = then.Until
	}
	if !s.Until.IsZero() {
		s.Until = s.Until.Add(-r.length)
	}
	return s, nil
}
