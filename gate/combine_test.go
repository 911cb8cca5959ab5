package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func at(hour int) time.Time { return time.Date(2026, 3, 2, hour, 0, 0, 0, time.UTC) }

// says returns a gate that always answers d.
func says(d gate.Decision) gate.Gate {
	return gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return d, nil })
}

func fails(err error) gate.Gate {
	return gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Decision{}, err })
}

func waits(f gate.Waits, format string, args ...any) gate.Decision {
	d := gate.Waitf(format, args...)
	d.For = f
	return d
}

var (
	errDown = errors.New("tickets: connection refused")
	errSlow = errors.New("alarms: timeout")
	open    = says(gate.Passf("open"))
	till14  = says(gate.Passf("till two").Until(at(14)))
	till16  = says(gate.Passf("till four").Until(at(16)))
	never   = says(gate.Rejectf("vulnerable"))
	people  = says(waits(gate.ForApproval, "1 of 2 approvals"))
	check   = says(waits(gate.ForCheck, "ticket open").Until(at(13)))
	hours   = says(waits(gate.ForWindow, "opens at three").Until(at(15)))
	down    = fails(errDown)
	slow    = fails(errSlow)
)

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name string
		gate gate.Gate
		want gate.Decision
		errs []error
	}{
		{"all of nothing passes, with a reason (G11)", gate.All(), gate.Passf("nothing to wait for"), nil},
		{"all pass", gate.All(open, open), gate.Passf("open; open"), nil},
		{"a pass of all lapses with the first", gate.All(till16, open, till14), gate.Passf("till four; open; till two").Until(at(14)), nil},
		{"all wait for the one that waits", gate.All(till14, hours), waits(gate.ForWindow, "opens at three").Until(at(15)), nil},
		{"a person is waited for before a check before a window", gate.All(hours, check, people), waits(gate.ForApproval, "opens at three; ticket open; 1 of 2 approvals").Until(at(13)), nil},
		{"a check is waited for before a window", gate.All(hours, check), waits(gate.ForCheck, "opens at three; ticket open").Until(at(13)), nil},
		{"one rejection rejects all", gate.All(people, never), gate.Rejectf("vulnerable"), nil},
		{"an error does not hide a rejection after it", gate.All(down, never), gate.Rejectf("vulnerable"), nil},
		{"an error keeps all shut (G1)", gate.All(open, down, people), gate.Decision{}, []error{errDown}},
		{"all errors are told", gate.All(down, open, slow), gate.Decision{}, []error{errDown, errSlow}},

		{"any of nothing rejects, with a reason (G11)", gate.Any(), gate.Rejectf("no gate that could pass"), nil},
		{"any passes with one", gate.Any(people, till14, never), gate.Passf("till two").Until(at(14)), nil},
		{"a pass of any lapses with the last", gate.Any(till14, till16), gate.Passf("till four").Until(at(16)), nil},
		{"a pass for good outlasts others", gate.Any(till14, open, till16), gate.Passf("open"), nil},
		{"any waits for those that wait, not for those that reject", gate.Any(never, hours, check), waits(gate.ForCheck, "opens at three, or ticket open").Until(at(13)), nil},
		{"any rejects when all do", gate.Any(never, never), gate.Rejectf("vulnerable, and vulnerable"), nil},
		{"an error does not hide a pass after it", gate.Any(down, till14), gate.Passf("till two").Until(at(14)), nil},
		{"an error is not a rejection", gate.Any(never, down), gate.Decision{}, []error{errDown}},
		{"an error keeps any shut (G1)", gate.Any(people, down, slow), gate.Decision{}, []error{errDown, errSlow}},

		{"they nest", gate.All(gate.Any(never, till16), gate.Any(till14, hours)), gate.Passf("till four; till two").Until(at(14)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.gate.Decide(t.Context(), gate.Request{Now: noon})
			for _, want := range tt.errs {
				if !errors.Is(err, want) {
					t.Errorf("Decide: %v; want %v among the errors", err, want)
				}
			}
			if len(tt.errs) == 0 && err != nil {
				t.Errorf("Decide: %v", err)
			}
			if got != tt.want {
				t.Errorf("Decide = %+v; want %+v", got, tt.want)
			}
		})
	}
}

func TestWhatIsNoAnswerKeepsTheGateShut(t *testing.T) {
	for _, g := range []gate.Gate{
		gate.All(nil),
		gate.Any(nil),
		gate.All(says(gate.Decision{Verdict: 7})),
		gate.Any(says(gate.Decision{Verdict: -1})),
	} {
		if d, err := g.Decide(t.Context(), gate.Request{}); err == nil {
			t.Errorf("%s: Decide = %+v, nil; want an error", gate.Describe(g), d)
		}
	}
}

func TestGatesAreAskedInTheOrderGiven(t *testing.T) {
	var got []string
	asked := func(name string, d gate.Decision) gate.Gate {
		return gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			got = append(got, name)
			return d, nil
		})
	}
	g := gate.All(
		asked("static", gate.Waitf("no")), asked("approval", gate.Waitf("no")),
		gate.Any(asked("check", gate.Waitf("no")), asked("other check", gate.Waitf("no"))), asked("window", gate.Waitf("no")),
	)
	if _, err := g.Decide(t.Context(), gate.Request{}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"static", "approval", "check", "other check", "window"}; !slices.Equal(got, want) {
		t.Errorf("asked %q; want %q (E3)", got, want)
	}
}

func TestWalkYieldsWhatHasPassed(t *testing.T) {
	one, two, three := named("one"), named("two"), named("three")
	g := gate.All(one, gate.All(two, nil), gate.Any(three, one))

	var got []string
	for part := range gate.Walk(g) {
		got = append(got, gate.Describe(part))
	}
	want := []string{"all of (one; all of (two; <nil>); any of (three; one))", "one", "all of (two; <nil>)", "two", "any of (three; one)"}
	if !slices.Equal(got, want) {
		t.Errorf("Walk yields %q; want %q", got, want)
	}

	for part := range gate.Walk(g) {
		if part == one {
			break // must not panic
		}
	}
}

type named string

func (n named) Decide(context.Context, gate.Request) (gate.Decision, error) {
	return gate.Passf("%s", n), nil
}
func (n named) Describe() string { return string(n) }

func TestTextOfEnums(t *testing.T) {
	for _, tt := range []struct {
		of   fmt.Stringer
		want string
	}{
		{gate.Waiting, "waiting"}, {gate.Passed, "passed"}, {gate.Rejected, "rejected"}, {gate.Verdict(3), "Verdict(3)"}, {gate.Verdict(-1), "Verdict(-1)"},
		{gate.ForCheck, "check"}, {gate.ForApproval, "approval"}, {gate.ForWindow, "window"}, {gate.Waits(3), "Waits(3)"}, {gate.Waits(-1), "Waits(-1)"},
	} {
		if got := tt.of.String(); got != tt.want {
			t.Errorf("String() = %q; want %q", got, tt.want)
		}
	}
}
