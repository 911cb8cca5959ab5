package gate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/penstock/penstock/gate"
)

// shift is a gate that cannot pass together with another shift.
type shift struct {
	named
	mistake error
}

func (s shift) Check() error { return s.mistake }

func (s shift) CheckWith(before []gate.Gate) error {
	for _, g := range before {
		if other, ok := g.(shift); ok {
			return fmt.Errorf("%s never meets %s", s.named, other.named)
		}
	}
	return nil
}

func TestCheckReportsEachMistakeOnce(t *testing.T) {
	bad := errors.New("early: no hours")
	early, late, broken := shift{named: "early"}, shift{named: "late"}, shift{"early", bad}
	for _, tt := range []struct {
		name string
		gate gate.Gate
		want string
	}{
		{"nothing wrong", gate.All(early, gate.Any(named("a"), late)), ""},
		{"a gate that is nil", nil, "gate: nil; want a gate"},
		{"a nil part", gate.All(early, nil), "gate: nil; want a gate"},
		{"a nil alternative", gate.Any(early, nil), "gate: nil; want a gate"},
		{"a nil function", gate.Func(nil), "gate: Func is nil; want a function"},
		{"a gate that can never pass (G6)", gate.Any(), "gate: Any of no gates can never pass; give it one"},
		{"a mistake deep inside", gate.All(gate.Any(late, gate.All(broken))), "early: no hours"},
		{"two that never meet (G6)", gate.All(early, gate.All(named("a"), late)), "late never meets early"},
		{"two that need not meet", gate.Any(early, late), ""},
		{"all mistakes at once", gate.All(broken, gate.Any(), nil), "early: no hours\ngate: Any of no gates can never pass; give it one\ngate: nil; want a gate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := gate.Check(tt.gate); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Check = %q; want %q", got, tt.want)
			}
		})
	}
	if err := gate.Check(gate.Any(gate.All(broken))); !errors.Is(err, bad) {
		t.Errorf("Check = %v; want it open to errors.Is", err)
	}
}

func TestDescribeFallsBackToTheType(t *testing.T) {
	open := gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Passf("open"), nil })
	if got, want := gate.Describe(gate.All(open, gate.Any())), "all of (gate.Func; any of ())"; got != want {
		t.Errorf("Describe = %q; want %q", got, want)
	}
}
