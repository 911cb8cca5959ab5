package pipelinetest

import (
	"cmp"
	"context"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
)

// Start starts a run of a pipeline. The script names the run by t.Key.
func Start(name string, t pipeline.Trigger) Action {
	return Action{
		text: sayTrigger(name, t),
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
func (p Person) Approves(run, gate string) Action {
	return p.votes(lineApproves, run, gate, "")
}

// Objects votes against a gate, when it is reached.
func (p Person) Objects(run, gate, comment string) Action {
	return p.votes(lineObjects, run, gate, comment)
}

func (p Person) votes(f form, run, step, comment string) Action {
	a := p.does(run, f.say(p.Name, run, step), comment, func(ctx context.Context, x *pipeline.Executor, id string) error {
		req, err := x.Ask(ctx, run, step)
		if err != nil {
			return err
		}
		return x.Vote(ctx, run, step, gate.Vote{ID: id, By: p.Name, Groups: p.Groups, Approve: f == lineApproves, Comment: comment, Subject: req.Subject})
	})
	return a.WhenReached(run, step)
}

// Cancels cancels a run, when it begins.
func (p Person) Cancels(run, reason string) Action {
	return p.does(run, lineCancels.say(p.Name, run), reason, func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Cancel(ctx, run, p.Name, reason)
	})
}

// Retries has a step done anew, when the run has ended or the step waits for a
// person.
func (p Person) Retries(run, step, reason string) Action {
	a := p.does(run, lineRetries.say(p.Name, run, step), reason, func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Retry(ctx, run, step, p.Name, reason)
	})
	a.from = moment{what: retriable, run: run, step: step}
	return a
}

// Overrides lets steps of a run pass without what they ask for, as soon as the
// run begins.
func (p Person) Overrides(run, reason string, steps ...string) Action {
	return p.does(run, lineOverrides.say(p.Name, run, steps), reason, func(ctx context.Context, x *pipeline.Executor, _ string) error {
		return x.Override(ctx, run, p.Name, reason, steps...)
	})
}

func (p Person) does(run, what, why string, do func(ctx context.Context, x *pipeline.Executor, id string) error) Action {
	return Action{
		text: what,
		why:  why,
		from: moment{what: begins, run: run},
		do:   func(b *bench) error { return b.ask(do) },
	}
}
