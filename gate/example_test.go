package gate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
)

// A gate of one's own is a function of what is known. It gets the time in the
// request, and says when to ask again.
func ExampleFunc() {
	settled := gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		over := req.Since.Add(time.Hour)
		if req.Now.Before(over) {
			return gate.Waitf("settles until %s", over.Format(time.TimeOnly)).Until(over), nil
		}
		return gate.Passf("settled for an hour"), nil
	})

	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{began, began.Add(time.Hour)} {
		d, _ := settled.Decide(context.Background(), gate.Request{Since: began, Now: now})
		fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	}
	// Output:
	// waiting: settles until 10:00:00
	// passed: settled for an hour
}

func ticket(closed bool) gate.Gate {
	return gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		if !closed {
			return gate.Waitf("ticket is open").Until(req.Now.Add(time.Minute)), nil
		}
		return gate.Passf("ticket is closed"), nil
	})
}

func alarm(ringing bool) gate.Gate {
	return gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
		if ringing {
			return gate.Rejectf("an alarm rings"), nil
		}
		return gate.Passf("no alarm"), nil
	})
}

func ExampleAll() {
	for _, g := range []gate.Gate{
		gate.All(ticket(true), alarm(false)),
		gate.All(ticket(false), alarm(false)),
		gate.All(ticket(false), alarm(true)),
	} {
		d, _ := g.Decide(context.Background(), gate.Request{})
		fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	}
	// Output:
	// passed: ticket is closed; no alarm
	// waiting: ticket is open
	// rejected: an alarm rings
}

func ExampleAny() {
	for _, g := range []gate.Gate{
		gate.Any(ticket(false), alarm(false)),
		gate.Any(ticket(false), alarm(true)),
		gate.Any(alarm(true)),
	} {
		d, _ := g.Decide(context.Background(), gate.Request{})
		fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	}
	// Output:
	// passed: no alarm
	// waiting: ticket is open
	// rejected: an alarm rings
}

// Mistakes are found before anything runs.
func ExampleCheck() {
	fmt.Println(gate.Check(gate.All(alarm(false), gate.Any())))
	// Output: gate: Any of no gates can never pass; give it one
}

// A description says what a gate decides by. It is part of what an approver
// approves.
func ExampleDescribe() {
	fmt.Println(gate.Describe(gate.All(named("ticket closed"), gate.Any(named("no alarm"), named("alarm acknowledged")))))
	// Output: all of (ticket closed; any of (no alarm; alarm acknowledged))
}

// Whether a person may vote is known before they try.
func ExampleEligible() {
	g := gate.All(named("ticket closed"), team{"ana", "bo"})
	fmt.Println(gate.Eligible(g, gate.Request{}, gate.Vote{By: "ana"}))
	fmt.Println(gate.Eligible(g, gate.Request{}, gate.Vote{By: "cy"}))
	fmt.Println(gate.Eligible(named("ticket closed"), gate.Request{}, gate.Vote{By: "ana"}))
	// Output:
	// <nil>
	// stranger: "cy" not in [ana bo]
	// gate: takes no votes, so nobody can vote on it
}

func ExampleWho() {
	g := gate.All(named("ticket closed"), team{"ana", "bo"})
	fmt.Println(gate.Who(g, gate.Request{}))
	// Output: [ana bo]
}

// A program looks through a gate for the gates it insists on.
func ExampleWalk() {
	g := gate.All(team{"ana"}, gate.Any(team{"bo"}, alarm(false)))
	for part := range gate.Walk(g) {
		if people, ok := part.(team); ok {
			fmt.Println("always approved by", people[0])
		}
	}
	// Output: always approved by ana
}
