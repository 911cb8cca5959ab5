package gate

import (
	"errors"
	"fmt"
	"strings"
)

// Check reports all mistakes in g that can be seen before it is asked: those
// that the methods Check of g and of its Parts report, those that CheckWith
// reports, and gates that are nil. It returns nil if there are none.
//
// CheckWith is called with the gates before it in the order of [Walk], so that
// what is wrong between two gates is reported once. To check gates that guard
// one stage in different places, check them with [All].
func Check(g Gate) error {
	var c checker
	c.visit(g)
	return errors.Join(c.errs...)
}

type checker struct {
	before []Gate
	errs   []error
}

func (c *checker) visit(g Gate) {
	if g == nil {
		c.errs = append(c.errs, errors.New("gate: nil; want a gate"))
		return
	}
	if own, ok := g.(interface{ Check() error }); ok {
		c.errs = append(c.errs, own.Check())
	}
	if with, ok := g.(interface{ CheckWith([]Gate) error }); ok {
		c.errs = append(c.errs, with.CheckWith(c.before))
	}
	c.before = append(c.before, g)
	for _, p := range parts(g) {
		c.visit(p)
	}
}

// Describe returns what g says it decides by, in one line, or its type if it
// has no method Describe() string.
func Describe(g Gate) string {
	if d, ok := g.(interface{ Describe() string }); ok {
		return d.Describe()
	}
	return fmt.Sprintf("%T", g)
}

func describeAll(prefix string, gates []Gate) string {
	texts := make([]string, len(gates))
	for i, g := range gates {
		texts[i] = Describe(g)
	}
	return prefix + " (" + strings.Join(texts, "; ") + ")"
}
