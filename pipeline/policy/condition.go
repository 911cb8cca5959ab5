package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline"
)

// A Condition is what [Each] requires of a stage.
//
// Holds returns nil if it is so. Else it returns why not, best as a
// [*Violation] with a Reason and, if it found one, a Way. What that leaves
// empty is filled in. Describe says what is wanted, as the end of a sentence
// that begins with "want".
type Condition interface {
	Holds(at Place) error
	Describe() string
}

// That is a Condition of your own. See [Place.Around] for what f may want to
// ask.
func That(want string, f func(at Place) error) Condition {
	if f == nil {
		return missing{}
	}
	return that{want, f}
}

type that struct {
	want string
	f    func(Place) error
}

func (c that) Holds(at Place) error { return c.f(at) }
func (c that) Describe() string     { return c.want }

// After is the Condition that on every way to the stage a step that good accepts
// has ended well: not the same one on each, perhaps.
func After(want string, good func(pipeline.Step) bool) Condition {
	if good == nil {
		return missing{}
	}
	return after{want, good}
}

type after struct {
	want string
	good func(pipeline.Step) bool
}

func (c after) Holds(at Place) error { return sought(at, c) }
func (c after) Describe() string     { return c.want }

func (c after) seek(Place) func(Mark) error {
	return func(m Mark) error {
		if m.Begun || !c.good(m.Step) {
			return errOther
		}
		return nil
	}
}

// A seeker is a condition that something has happened on every way to a stage.
type seeker interface {
	Condition

	// seek returns a function that says whether a mark is what is wanted:
	// nil if it is, errOther if it is something else, and else why it falls
	// short.
	seek(at Place) func(Mark) error
}

var errOther = errors.New("something else")

// sought reports whether what c seeks has happened on every way.
func sought(at Place, c seeker) error {
	seek := c.seek(at)
	way, around := at.Around(func(m Mark) bool { return seek(m) == nil })
	if !around {
		return nil
	}
	var short []string
	for _, m := range way {
		if m.mark.Step == nil {
			continue
		}
		for _, m := range m.mark.before() {
			if err := seek(m); !errors.Is(err, errOther) && !slices.Contains(short, err.Error()) {
				short = append(short, err.Error())
			}
		}
	}
	return &Violation{Reason: strings.Join(short, "; "), Way: way}
}

// before returns the marks that come with m, in order.
func (m Mark) before() []Mark {
	if _, ok := m.Step.(pipeline.Stage); !ok || m.Begun {
		return []Mark{m}
	}
	begun := m
	begun.Begun = true
	return []Mark{begun, m}
}

// All is the Condition that each one of some conditions holds. All() holds.
func All(conditions ...Condition) Condition { return all(given(conditions)) }

type all []Condition

func (c all) Describe() string { return join(c, ", and ") }

func (c all) Holds(at Place) error {
	var found []*Violation
	for _, part := range c {
		for _, v := range violations(part.Holds(at)) {
			found = append(found, at.fill(v, part))
		}
	}
	return broken(found)
}

// Any is the Condition that one of some conditions holds. Any() does not.
//
// Of conditions that something has happened before ([After], [AfterStep],
// [Passed], [Approved], [Verified], [Baked], and Any of these) another one may hold
// on each way. Of the others one has to hold on all ways.
func Any(conditions ...Condition) Condition { return anyOf(given(conditions)) }

type anyOf []Condition

func (c anyOf) Describe() string { return join(c, ", or ") }

func (c anyOf) Holds(at Place) error {
	if err := mistake(at, c); err != nil {
		return err
	}
	var seekers anyOf
	var short []string
	var way Way
	for _, part := range c {
		if isSeeker(part) {
			seekers = append(seekers, part)
			continue
		}
		found := violations(part.Holds(at))
		if len(found) == 0 {
			return nil
		}
		for _, v := range found {
			if way == nil {
				way = v.Way
			}
			if v.Reason != "" {
				short = append(short, v.Reason)
			}
		}
	}
	if len(seekers) > 0 {
		err := sought(at, seekers)
		if err == nil {
			return nil
		}
		v := err.(*Violation)
		way = v.Way
		if v.Reason != "" {
			short = slices.Insert(short, 0, v.Reason)
		}
	}
	return &Violation{Reason: strings.Join(short, "; "), Way: way}
}

func (c anyOf) seek(at Place) func(Mark) error {
	seeks := make([]func(Mark) error, len(c))
	for k, part := range c {
		seeks[k] = part.(seeker).seek(at)
	}
	return func(m Mark) error {
		why := errOther
		for _, seek := range seeks {
			err := seek(m)
			if err == nil {
				return nil
			}
			if why == errOther {
				why = err
			}
		}
		return why
	}
}

// isSeeker reports whether c is a condition that something has happened before.
func isSeeker(c Condition) bool {
	if a, ok := c.(anyOf); ok {
		return !slices.ContainsFunc(a, func(part Condition) bool { return !isSeeker(part) })
	}
	_, ok := c.(seeker)
	return ok
}

// Not is the Condition that c does not hold. That there is a way to the stage
// on which something has not happened is not that it never has.
func Not(c Condition) Condition { return not{given([]Condition{c})[0]} }

type not struct{ c Condition }

func (c not) Describe() string { return "not " + c.c.Describe() }

func (c not) Holds(at Place) error {
	if err := mistake(at, c); err != nil {
		return err
	}
	if c.c.Holds(at) != nil {
		return nil
	}
	return &Violation{Reason: "it holds here"}
}

func join(conditions []Condition, sep string) string {
	texts := make([]string, len(conditions))
	for i, c := range conditions {
		texts[i] = c.Describe()
	}
	if len(texts) == 0 {
		return "one of no conditions"
	}
	return fmt.Sprintf("(%s)", strings.Join(texts, sep))
}
