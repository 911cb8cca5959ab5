package gate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// All returns a gate that passes when every one of gates passes, and rejects
// when any rejects. All() passes.
//
// The gates are asked in the order given, so put first what is cheap to ask:
// static checks, approvals, dynamic checks, windows. All of them are asked, and
// one that gives an error does not hide that another rejects. A pass holds
// until the first of theirs lapses.
func All(gates ...Gate) Gate { return all(gates) }

type all []Gate

func (g all) Parts() []Gate    { return g }
func (g all) Describe() string { return describeAll("all of", g) }

func (g all) Decide(ctx context.Context, req Request) (Decision, error) {
	a, err := ask(ctx, g, req)
	switch {
	case len(a.rejected) > 0:
		return a.rejected[0], nil
	case err != nil:
		return Decision{}, err
	case len(a.waiting) > 0:
		return wait(a.waiting, "; "), nil
	case len(a.passed) == 0:
		return Passf("nothing to wait for"), nil
	}
	return Passf("%s", reasons(a.passed, "; ")).Until(first(a.passed)), nil
}

// Any returns a gate that passes when one of gates passes, and rejects when
// every one rejects. Any() rejects.
//
// The gates are asked in the order given. One that gives an error does not hide
// that another passes. A pass holds until the last of theirs lapses.
func Any(gates ...Gate) Gate { return anyOf(gates) }

type anyOf []Gate

func (g anyOf) Describe() string                   { return describeAll("any of", g) }
func (g anyOf) Eligible(req Request, v Vote) error { return eligibleAt(g, req, v) }
func (g anyOf) Who(req Request) []string           { return whoOf(g, req) }

func (g anyOf) Check() error {
	if len(g) == 0 {
		return errors.New("gate: Any of no gates can never pass; give it one")
	}
	errs := make([]error, len(g))
	for i, part := range g {
		errs[i] = Check(part)
	}
	return errors.Join(errs...)
}

func (g anyOf) Decide(ctx context.Context, req Request) (Decision, error) {
	a, err := ask(ctx, g, req)
	switch {
	case len(a.passed) > 0:
		return longest(a.passed), nil
	case err != nil:
		return Decision{}, err
	case len(a.waiting) > 0:
		return wait(a.waiting, ", or "), nil
	case len(a.rejected) == 0:
		return Rejectf("no gate that could pass"), nil
	}
	return Rejectf("%s", reasons(a.rejected, ", and ")), nil
}

// answers are decisions by verdict, each in the order of the gates.
type answers struct{ waiting, passed, rejected []Decision }

func ask(ctx context.Context, gates []Gate, req Request) (a answers, err error) {
	var errs []error
	for i, g := range gates {
		if g == nil {
			errs = append(errs, fmt.Errorf("gate: number %d of %d is nil; want a gate", i+1, len(gates)))
			continue
		}
		d, err := g.Decide(ctx, req)
		switch {
		case err != nil:
			errs = append(errs, err)
		case d.Verdict == Waiting:
			a.waiting = append(a.waiting, d)
		case d.Verdict == Passed:
			a.passed = append(a.passed, d)
		case d.Verdict == Rejected:
			a.rejected = append(a.rejected, d)
		default:
			errs = append(errs, fmt.Errorf("gate: %s answered %v; want waiting, passed or rejected", Describe(g), d.Verdict))
		}
	}
	return a, errors.Join(errs...)
}

// wait combines decisions that wait. It waits for people first, for they have
// to be told; then for checks; a window opens by itself.
func wait(ds []Decision, sep string) Decision {
	out := Waitf("%s", reasons(ds, sep)).Until(first(ds))
	out.For = ForWindow
	for _, d := range ds {
		if urgency(d.For) > urgency(out.For) {
			out.For = d.For
		}
	}
	return out
}

func urgency(w Waits) int {
	switch w {
	case ForApproval:
		return 2
	case ForWindow:
		return 0
	}
	return 1
}

func reasons(ds []Decision, sep string) string {
	var texts []string
	for _, d := range ds {
		if d.Reason != "" {
			texts = append(texts, d.Reason)
		}
	}
	if len(texts) == 0 {
		return ds[0].Verdict.String()
	}
	return strings.Join(texts, sep)
}

// first returns the earliest Recheck that is not zero.
func first(ds []Decision) (t time.Time) {
	for _, d := range ds {
		if !d.Recheck.IsZero() && (t.IsZero() || d.Recheck.Before(t)) {
			t = d.Recheck
		}
	}
	return t
}

// longest returns the pass that lapses last.
func longest(ds []Decision) Decision {
	last := ds[0]
	for _, d := range ds[1:] {
		if !last.Recheck.IsZero() && (d.Recheck.IsZero() || d.Recheck.After(last.Recheck)) {
			last = d
		}
	}
	return last
}
