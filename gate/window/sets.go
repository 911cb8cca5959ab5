package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// All returns a Window that is open when every one of windows is.
func All(windows ...Window) Window { return all(windows) }

// Any returns a Window that is open when one of windows is.
func Any(windows ...Window) Window { return anyOf(windows) }

// Not returns a Window that is open when w is not. Office hours that are not on
// a holiday are All(office, Not(holidays)).
func Not(w Window) Window { return not{w} }

type (
	all   []Window
	anyOf []Window
	not   struct{ w Window }
)

func (a all) At(t time.Time) (State, error)   { return bindAt(a, t) }
func (a anyOf) At(t time.Time) (State, error) { return bindAt(a, t) }
func (n not) At(t time.Time) (State, error)   { return bindAt(n, t) }

func (a all) Check() error   { return checkEach("All", a) }
func (a anyOf) Check() error { return checkEach("Any", a) }
func (n not) Check() error   { return Check(n.w) }

func (a all) Parts() []Window   { return a }
func (a anyOf) Parts() []Window { return a }
func (n not) Parts() []Window   { return []Window{n.w} }

func (a all) Describe() string   { return "all of (" + describeEach(a) + ")" }
func (a anyOf) Describe() string { return "any of (" + describeEach(a) + ")" }
func (n not) Describe() string   { return "outside " + Describe(n.w) }

func checkEach(name string, windows []Window) error {
	if len(windows) == 0 {
		return fmt.Errorf("window: %s of no windows; want at least one", name)
	}
	errs := make([]error, len(windows))
	for i, w := range windows {
		errs[i] = Check(w)
	}
	return errors.Join(errs...)
}

func describeEach(windows []Window) string {
	texts := make([]string, len(windows))
	for i, w := range windows {
		texts[i] = Describe(w)
	}
	return strings.Join(texts, "; ")
}

func (n not) bind() (Window, error) {
	bound, err := bind(n.w)
	return outside{bound}, err
}

func (a all) bind() (Window, error) {
	if len(a) == 0 {
		return nil, a.Check()
	}
	bound := make(common, len(a))
	var errs []error
	for i, w := range a {
		var err error
		bound[i], err = bind(w)
		errs = append(errs, err)
	}
	return bound, errors.Join(errs...)
}

// bind uses that one of several is open unless all of them are shut.
func (a anyOf) bind() (Window, error) {
	if len(a) == 0 {
		return nil, a.Check()
	}
	shut := make(all, len(a))
	for i, w := range a {
		shut[i] = Not(w)
	}
	return Not(shut).(not).bind()
}

// outside is a Not that is bound.
type outside struct{ w Window }

func (o outside) At(t time.Time) (State, error) {
	s, err := at(o.w, t)
	s.Open = !s.Open
	return s, err
}

// common is an All that is bound.
type common []Window

// At is open until the first of its windows may shut. If it is shut, it stays so
// until the last of those that are shut may open.
func (c common) At(t time.Time) (State, error) {
	s := State{Open: true}
	var whys []string
	for _, w := range c {
		part, err := at(w, t)
		switch {
		case err != nil:
			return State{}, err
		case !part.Open:
			if s.Open || later(part.Until, s.Until) {
				s = part
			}
		case s.Open:
			if later(s.Until, part.Until) {
				s.Until = part.Until
			}
			if part.Why != "" && !slices.Contains(whys, part.Why) {
				whys = append(whys, part.Why)
			}
		}
	}
	if s.Open {
		s.Why = strings.Join(whys, ", ")
	}
	return s, nil
}

// later reports whether a is after b; zero is never, and after all.
func later(a, b time.Time) bool {
	return !b.IsZero() && (a.IsZero() || a.After(b))
}
