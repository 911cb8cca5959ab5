package pipelinetest

import (
	"cmp"
	"context"
	"fmt"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// Start starts a run of a pipeline. The script names the run by t.Key.
func Start(name string, t pipeline.Trigger) Action {
	who := cmp.Or(t.Actor, "nobody")
	return Action{
		text: fmt.Sprintf("%s starts %s as %s", who, name, t.Key),
		do:   func(b *bench) error { return b.start(name, t) },
	}
}

// A Person acts in a script. Groups are those that the host vouches for.
type Person struct {
	Name   string
	Groups []string
}

// Starts starts a run of a pipeline, which the script names by t.Key.
func (p Person) Starts(name string, t pipeline.Trigger) Action {
	t.Actor = cmp.Or(t.Actor, p.Name)
	return Start(name, t)
}

// Approves votes for a gate, when it is reached. Gate may also be a stage whose
// environment has gates. The vote is for what the gate asks then.
func (p Person) Approves(run, gate string) Action { return p.votes(run, gate, true, "") }

// Objects votes against a gate, when it is reached.
func (p Person) Objects(run, gate, comment string) Action { return p.votes(run, gate, false, comment) }

func (p Person) votes(run, step string, approve bool, comment string) Action {
	word := map[bool]string{true: "approves", false: "objects to"}[approve]
	a := p.does(run, fmt.Sprintf("%s %s %s", word, run, step), func(ctx context.Context, x *pipeline.Executor, id string) error {
		req, err := x.Ask(ctx, run, step)
		if err != nil {
			return err
		}
		return x.Vote(ctx, run, step, gate.Vote{ID: id, By: p.Name, Groups: p.Groups, Approve: approve, Comment: comment, Subject: req.Subject})
	})
	return a.WhenReached(run, step)
}

// Cancels cancels a run, when it begins.
func (p Person) Cancels(run, reason string) Action {
	return p.does(run, "cancels "+run, func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Cancel(ctx, run, p.Name, reason)
	})
}

// Retries has a step done anew, when the run has ended or the step waits for a
// person.
func (p Person) Retries(run, step, reason string) Action {
	a := p.does(run, "retries "+run+" "+step, func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Retry(ctx, run, step, p.Name, reason)
	})
	a.from = moment{what: retriable, run: run, step: step}
	return a
}

// Overrides lets steps of a run pass without what they ask for, as soon as the
// run begins.
func (p Person) Overrides(run, reason string, steps ...string) Action {
	return p.does(run, fmt.Sprintf("overrides %s %v", run, steps), func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Override(ctx, run, p.Name, reason, steps...)
	})
}

func (p Person) does(run, what string, do func(ctx context.Context, x *pipeline.Executor, id string) error) Action {
	return Action{
		text: p.Name + " " + what,
		from: moment{what: begins, run: run},
		do:   func(b *bench) error { return b.ask(do) },
	}
}
