package bake

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/penstock/penstock/stage"
)

// patience is how long a Source may take for one answer.
const patience = 30 * time.Second

// A Metric is a bound on a [stage.Source].
type Metric struct {
	Name     string // for people, such as "error rate"
	Source   stage.Source
	Want     Bound
	Over     time.Duration // each sample measures so much time; 0 means the time since the sample before
	MinCount int           // fewer measurements than this are inconclusive; 0 means 1
	Past     bool          // Source can measure times that are past; else samples missed while no process ran are inconclusive
}

func (m Metric) check() error {
	var errs []error
	refuse := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("bake: metric %q: %w", m.Name, fmt.Errorf(format, args...)))
	}
	if m.Name == "" {
		refuse("no name; want one for people, such as %q", "error rate")
	}
	if err := m.Want.check(); err != nil {
		refuse("%w", err)
	}
	if m.Over < 0 {
		refuse("measured over %v; want 0 or more", m.Over)
	}
	if m.MinCount < 0 {
		refuse("at least %d measurements; want 0 or more", m.MinCount)
	}
	if m.Source == nil {
		refuse("no Source")
	} else if err := stage.Check(m.Source); err != nil {
		refuse("%w", err)
	}
	return errors.Join(errs...)
}

func (m Metric) String() string {
	s := fmt.Sprintf("%s %v by %s", m.Name, m.Want, stage.Describe(m.Source))
	if m.Over > 0 {
		s += fmt.Sprintf(" over %v", m.Over)
	}
	if m.MinCount > 1 {
		s += fmt.Sprintf(" from %d measurements", m.MinCount)
	}
	if m.Past {
		s += ", also of the past"
	}
	return s
}

// judge takes a sample. A bad one is a clause that says how it missed the
// bound; the error says why it is inconclusive.
func (m Metric) judge(ctx context.Context, in stage.Input, from, to time.Time) (bad string, err error) {
	if m.Over > 0 {
		from = to.Add(-m.Over)
	}
	v, err := m.measure(ctx, stage.Query{Input: in, Artifacts: in.Artifacts, From: from, To: to})
	if err != nil {
		return "", fmt.Errorf("%s %w", m.Name, err)
	}
	if !m.Want.baseline {
		return m.verdict(v, 0, ""), nil
	}
	if v < 0 {
		return "", fmt.Errorf("%s is %g, below 0", m.Name, v)
	}
	if len(in.Previous) == 0 {
		return "", nil // the first deployment ever
	}
	base, err := m.measure(ctx, stage.Query{Input: in, Artifacts: in.Previous, From: from, To: to})
	if err != nil {
		return "", fmt.Errorf("%s of the baseline %w", m.Name, err)
	}
	if base < 0 {
		return "", fmt.Errorf("%s of the baseline is %g, below 0", m.Name, base)
	}
	return m.verdict(v, base, fmt.Sprintf(" beside a baseline of %.6g", base)), nil
}

func (m Metric) verdict(v, base float64, beside string) (bad string) {
	if m.Want.keeps(v, base) {
		return ""
	}
	text := fmt.Sprintf("%.6g", v)
	if short, _ := strconv.ParseFloat(text, 64); m.Want.keeps(short, base) {
		text = fmt.Sprint(v) // so close to the bound that it takes all digits
	}
	return fmt.Sprintf("%s is %s%s; want %v", m.Name, text, beside, m.Want)
}

// measure returns a value that means something. The error goes on after the
// name of a metric.
func (m Metric) measure(ctx context.Context, q stage.Query) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := m.Source.Sample(ctx, q)
	switch least := max(1, m.MinCount); {
	case err != nil:
		return 0, fmt.Errorf("cannot be measured: %w", err)
	case s.Count <= 0:
		return 0, errors.New("has no data")
	case s.Count < least:
		return 0, fmt.Errorf("has %d measurements of the %d it needs", s.Count, least)
	case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
		return 0, fmt.Errorf("is %g, which is no measurement", s.Value)
	}
	return s.Value, nil
}
