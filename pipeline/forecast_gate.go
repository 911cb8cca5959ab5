package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// How often a step is asked about at most. Then its answer is taken to stay as it
// is: soon if it waits for a check, which tells of the present alone.
const (
	maxChecks = 100
	maxAsks   = 10_000
	maxVotes  = 3_000
)

// ask asks a gate, a condition or a ForEach, when it is its turn.
func (o *outlook) ask(r *actor, c machine.Command) {
	req := r.m.Request(c.Node, o.now)
	o.at(o.now, returns, r, c.Node, func() {
		if !r.m.Asked(c.Node, c.Ticket) {
			return
		}
		ctx, cancel := context.WithTimeout(o.ctx, answerWithin)
		defer cancel()
		r.mark(c.Node).times++
		if c.Do == machine.Choose || c.Do == machine.Items {
			o.settled(ctx, r, c.Node)
		} else {
			o.asked(ctx, r, c.Node, req)
		}
	})
}

// asked records what gate i answers.
func (o *outlook) asked(ctx context.Context, r *actor, i int32, req gate.Request) {
	var d gate.Decision
	err := guarded(func() (err error) {
		d, err = decide(ctx, o.a.require(r.m.Node(i)), req)
		return err
	})
	a := r.mark(i)
	a.no = err == nil && d.Verdict == gate.Rejected
	if err == nil && d.Verdict == gate.Waiting && a.voted.Equal(o.now) && o.vote(r, i) {
		return // people are asked together: what the gate says of the first vote alone is not what happens
	}
	o.answered(r, i, d, err, req)
}

// settled records what is decided about condition or ForEach i.
func (o *outlook) settled(ctx context.Context, r *actor, i int32) {
	var e journal.Event
	name := r.m.Node(i).Name
	err := guarded(func() (err error) {
		switch s := r.m.Node(i).Step.(type) {
		case *When:
			take, ok := of(o.a.If, name)
			if !ok {
				take, err = s.If(ctx, factsOf(r.m))
			}
			e = r.m.Chosen(i, take, o.now)
		case *ForEach:
			items, ok := of(o.a.Items, name)
			if !ok {
				items, err = s.Items(ctx, factsOf(r.m))
			}
			if err == nil {
				err = s.checkItems(items)
			}
			if err == nil {
				e, err = r.m.Listed(i, items, o.now)
			}
		}
		return err
	})
	if err != nil {
		o.answered(r, i, gate.Decision{}, err, gate.Request{})
		return
	}
	o.put(r, e)
}

// answered records the answer about step i, and has it asked again if it is to be.
func (o *outlook) answered(r *actor, i int32, d gate.Decision, err error, req gate.Request) {
	a, m := r.mark(i), r.m
	stays := a.times >= maxAsks || a.times >= maxChecks && (err != nil || d.For == gate.ForCheck)
	if stays && d.Verdict == gate.Waiting {
		d.Recheck = time.Time{}
	}
	at := m.AskAgain(i, d, err, o.now)
	if e, news := m.Decided(i, d, err, req.Subject, o.now); news {
		o.put(r, e)
	}
	if err == nil && d.Verdict == gate.Passed {
		return
	}
	if stays {
		at = time.Time{}
	}
	m.Defer(i, at)
	o.invite(r, i)
}

// invite has somebody vote on step i who can take it forward, if there is anybody.
func (o *outlook) invite(r *actor, i int32) {
	a := r.mark(i)
	if a.voting {
		return
	}
	_, who, ok := o.voter(r, i)
	if !ok {
		return
	}
	if d := a.delay; d != nil && d.Who == nil {
		d.Who = who
	}
	n := r.m.Node(i)
	a.voting = true
	o.at(r.waits[n.Name].asked.Add(o.a.patience(n)), votes, r, i, func() {
		a.voting = false
		o.vote(r, i)
	})
}

// vote has somebody vote on step i, if there is anybody who can take it forward.
func (o *outlook) vote(r *actor, i int32) bool {
	a := r.mark(i)
	v, _, ok := o.voter(r, i)
	if !ok || a.votes >= maxVotes {
		return false
	}
	a.votes++
	a.voted = o.now
	if a.delay != nil {
		a.delay.Votes++
	}
	o.put(r, journal.Event{Time: o.now, Kind: journal.Voted, Step: r.m.Node(i).Name, By: v.By, Data: &v})
	return true
}

// voter returns the vote of somebody who can take step i forward: of a member of
// a group, who is made up, or of a person who is named. Who are all of those.
func (o *outlook) voter(r *actor, i int32) (v gate.Vote, who []string, ok bool) {
	n := r.m.Node(i)
	if _, err := r.m.CanVote(n.Name); err != nil {
		return v, nil, false
	}
	g, req := o.a.require(n), r.m.Request(i, o.now)
	err := guarded(func() error {
		who = gate.Who(g, req)
		for _, name := range who {
			member := gate.Vote{By: fmt.Sprintf("%s %d", name, r.mark(i).votes+1), Groups: []string{name}}
			for _, v = range []gate.Vote{member, {By: name}} {
				v.Approve, v.At, v.Subject = true, o.now, req.Subject
				if gate.Eligible(g, req, v) == nil {
					ok = true
					return nil
				}
			}
		}
		return nil
	})
	return v, who, ok && err == nil
}
