package bake

import (
	"errors"
	"fmt"
	"math"
)

// A Bound says which values of a metric are good. Make one with [AtMost],
// [AtLeast] or [Between]. The zero Bound is a mistake.
type Bound struct {
	set      bool
	min, max float64 // inclusive; infinite if there is none
	baseline bool    // min and max are multiples of the baseline's value
	slack    float64 // allowed beyond those multiples, in the unit of the metric
}

// AtMost is the bound of values up to and including max.
func AtMost(max float64) Bound { return Bound{set: true, min: math.Inf(-1), max: max} }

// AtLeast is the bound of values from min on.
func AtLeast(min float64) Bound { return Bound{set: true, min: min, max: math.Inf(1)} }

// Between is the bound of values from min up to and including max.
func Between(min, max float64) Bound { return Bound{set: true, min: min, max: max} }

// TimesBaseline returns b with its limits multiplied by the value that the
// metric has for what the environment held before the run. The value may be
// beyond them by slack, in the unit of the metric: without slack, one error is
// infinitely worse than a baseline with none.
//
// A baseline that cannot be measured makes a sample inconclusive, and so does a
// value below 0 on either side, for such a multiple means nothing. In an
// environment that held nothing there is no baseline: any measured value is
// then good, so watch other metrics too.
func (b Bound) TimesBaseline(slack float64) Bound {
	b.baseline, b.slack = true, slack
	return b
}

// Limits returns the least and the most that are good, infinite if there is no
// limit on that side. They are multiples if b is a bound TimesBaseline.
func (b Bound) Limits() (min, max float64) { return b.min, b.max }

// Baseline returns the slack of a bound TimesBaseline, and false for any other.
func (b Bound) Baseline() (slack float64, ok bool) { return b.slack, b.baseline }

// String returns a text such as "at most 1.2 × baseline".
func (b Bound) String() string {
	var s string
	switch {
	case !b.set:
		return "no bound"
	case math.IsInf(b.min, -1):
		s = fmt.Sprintf("at most %g", b.max)
	case math.IsInf(b.max, 1):
		s = fmt.Sprintf("at least %g", b.min)
	default:
		s = fmt.Sprintf("%g to %g", b.min, b.max)
	}
	if b.baseline {
		s += " × baseline"
	}
	if b.slack != 0 {
		s += fmt.Sprintf(", give or take %g", b.slack)
	}
	return s
}

func (b Bound) check() error {
	switch {
	case !b.set:
		return errors.New("no bound; want one such as bake.AtMost(0.01)")
	case math.IsNaN(b.min) || math.IsNaN(b.max) || b.min > b.max:
		return fmt.Errorf("bound of %v, which nothing keeps", b)
	case math.IsInf(b.min, 0) && math.IsInf(b.max, 0):
		return fmt.Errorf("bound of %v; want a finite one", b)
	case b.baseline && (b.max < 0 || b.min < 0 && !math.IsInf(b.min, -1)):
		return fmt.Errorf("bound of %v; want a multiple of 0 or more", b)
	case math.IsNaN(b.slack) || math.IsInf(b.slack, 0) || b.slack < 0:
		return fmt.Errorf("slack of %g; want 0 or more", b.slack)
	}
	return nil
}

// keeps reports whether v is good beside a baseline, which only a bound
// TimesBaseline looks at.
func (b Bound) keeps(v, baseline float64) bool {
	low, high := b.min, b.max
	if b.baseline {
		low, high = times(low, baseline)-b.slack, times(high, baseline)+b.slack
	}
	return low <= v && v <= high
}

// times is a multiple in which no limit stays none, also beside a baseline of 0.
func times(limit, baseline float64) float64 {
	if math.IsInf(limit, 0) {
		return limit
	}
	return limit * baseline
}
