package regulated

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// Tickets is a system for change tickets.
type Tickets interface {
	// Open returns the number of the ticket with the given key, and opens
	// one if there is none.
	Open(ctx context.Context, key, summary string) (number string, err error)

	// State returns what has become of a ticket.
	State(ctx context.Context, number string) (TicketState, error)
}

// A TicketState is how far a change ticket is.
type TicketState int

// The states of a ticket.
const (
	TicketOpen TicketState = iota
	TicketApproved
	TicketDeclined
)

// open opens a ticket. It may be called again: the key makes it one ticket.
type open struct{ Tickets }

func (o open) Describe() string { return "open a change ticket" }

func (o open) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	number, err := o.Open(ctx, in.Key, "deliver "+in.Artifacts["image"].String())
	return stage.Output{Values: map[string]any{"ticket": number}, Summary: number}, err
}

// approved is a gate that passes what has an approved ticket.
type approved struct{ Tickets }

func (g approved) Describe() string { return "approved change ticket" }

func (g approved) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	var number string
	if err := json.Unmarshal(req.Values["ticket"], &number); err != nil {
		return gate.Decision{}, fmt.Errorf("ticket %s: %w", req.Values["ticket"], err)
	}
	state, err := g.State(ctx, number)
	switch {
	case err != nil:
		return gate.Decision{}, err
	case state == TicketApproved:
		return gate.Passf("%s is approved", number), nil
	case state == TicketDeclined:
		return gate.Rejectf("%s is declined", number), nil
	}
	return gate.Waitf("%s is not approved", number).Until(req.Now.Add(time.Minute)), nil
}
