package simulate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// An act is what a person wants to have recorded, through a process that serves
// or, if via is nil, through a program of their own. It is done in steps, between
// which others come in.
type act struct {
	w    *world
	id   string // found again in the journal
	who  string
	kind journal.Kind
	run  string
	step string
	via  *process

	begun   bool
	vote    gate.Vote
	waits   bool // for the reply of a live
	direct  bool // the live is gone
	err     error
	batch   *journal.Batch
	left    []journal.Batch // of environments, with batch
	acked   bool
	unknown bool // whether it is recorded
	over    bool
}

var errRefused = errors.New("refused")

var people = []string{"ann", "bob", "cid", "dan", "eve"}

func groupsOf(who string) []string {
	if who == "cid" || who == "dan" {
		return []string{"ops"}
	}
	return nil
}

// clock returns what the clock of whoever acts shows.
func (a *act) clock() time.Time {
	if a.via != nil {
		return a.via.clock()
	}
	return a.w.wall()
}

// fold reads the run. A program of a person knows all definitions. What is returned
// is for others too, and not to be changed.
func (a *act) fold() (*machine.Machine, error) {
	if a.via != nil {
		return a.via.fold(a.run)
	}
	return a.w.disk.fold(a.run, a.w.disk.events(a.run, 0), a.w.program)
}

// begin shows the voter what the vote is on.
func (a *act) begin() {
	a.begun = true
	if a.kind == journal.Voted {
		a.show()
	}
}

// make returns what is to be recorded.
func (a *act) make(m *machine.Machine, now time.Time) ([]journal.Event, error) {
	e := journal.Event{Kind: a.kind, Step: a.step, By: a.who, Data: &journal.Reason{Text: a.id}}
	switch a.kind {
	case journal.Voted:
		return a.cast(m, now)
	case journal.Stopped:
		return []journal.Event{e}, m.CanCancel()
	case journal.Retried:
		return []journal.Event{e}, m.CanRetry(a.step)
	case journal.Overridden:
		return []journal.Event{e}, m.CanOverride(a.step)
	case journal.Drained:
		if a.via != nil && a.via.program(m.Beginning.Pipeline, m.Definition) == nil {
			return nil, errRefused
		}
		return []journal.Event{e}, m.CanAdopt()
	case journal.Adopted:
		d := a.w.newest(m.Beginning.Pipeline)
		if a.via != nil {
			d = a.via.current[m.Beginning.Pipeline]
		}
		e.Step, e.Data = "", &journal.Adoption{Definition: d.digest, Text: a.id}
		return []journal.Event{e}, m.CanAdopt()
	}
	panic("simulate: no act of kind " + a.kind)
}

// show shows the voter what the vote is on.
func (a *act) show() {
	m, err := a.fold()
	if err != nil {
		a.end(err)
		return
	}
	i, err := m.CanVote(a.step)
	if err != nil {
		a.end(err)
		return
	}
	req := m.Request(i, a.clock())
	a.vote = gate.Vote{ID: a.id, By: a.who, Groups: groupsOf(a.who), Approve: !a.w.is(15), Subject: req.Subject}
	a.w.audit.shown(a, req)
}

// cast makes the event of a vote, which is eligible and on what is asked still.
func (a *act) cast(m *machine.Machine, now time.Time) ([]journal.Event, error) {
	if m.Voted(a.id) {
		return nil, nil
	}
	i, err := m.CanVote(a.step)
	if err != nil {
		return nil, err
	}
	req, v := m.Request(i, now), a.vote
	v.At = now
	g := required(m.Node(i))
	if g == nil || req.Subject != v.Subject {
		return nil, errRefused
	}
	if err := gate.Eligible(g, req, v); err != nil {
		return nil, err
	}
	return []journal.Event{{Kind: journal.Voted, Step: a.step, By: v.By, Data: &v}}, nil
}

func required(n *machine.Node) gate.Gate {
	switch s := n.Step.(type) {
	case *pipeline.Gate:
		return s.Require
	case *pipeline.Stage:
		return gate.All(s.Environment.Gates...)
	}
	return nil
}

// proceed takes the act on.
func (a *act) proceed() {
	switch {
	case a.via != nil && a.via.dead:
		a.unknown = a.waits || a.batch != nil
		a.end(errGone)
	case a.kind == journal.Began:
		a.start()
	case !a.begun:
		a.begin()
	case a.batch != nil:
		a.append()
	default:
		a.record()
	}
}

// start begins a run.
func (a *act) start() {
	d := a.w.newest(a.step)
	if a.via != nil {
		d = a.via.current[a.step]
	}
	a.batch = &journal.Batch{Journal: a.run, Events: []journal.Event{{Time: a.clock(), Kind: journal.Began, By: a.who, Data: &journal.Beginning{
		Pipeline: d.Name, Definition: d.digest, Actor: a.who, Authors: []string{"bob"}, Seed: a.w.rng.Uint64(),
	}}}}
	a.append()
}

// record has a process that takes the run forward record it, or reads the run.
func (a *act) record() {
	if a.via != nil && !a.via.closing && !a.direct {
		if r := a.via.find(a.run); r != nil {
			r.inbox.requests = append(r.inbox.requests, a)
			r.poked, a.waits = true, true
			return
		}
	}
	m, err := a.fold()
	if err != nil {
		a.end(err)
		return
	}
	now := a.clock()
	events, err := a.make(m, now)
	if err != nil || len(events) == 0 {
		a.acked = err == nil
		a.end(err)
		return
	}
	for i := range events {
		events[i].Time = now
	}
	a.batch = &journal.Batch{Journal: a.run, Length: m.Length, Events: events}
	if a.kind == journal.Adopted {
		a.giveWay(m, events)
	}
}

// giveWay has the run of m not wait for environments any longer.
func (a *act) giveWay(m *machine.Machine, events []journal.Event) {
	a.left = nil
	for _, name := range environments {
		e, j := &machine.Environment{Name: name}, machine.Journal(name)
		for _, ev := range a.w.disk.events(j, 0) {
			if err := e.Apply(&ev); err != nil {
				a.w.fail("I7: %v", err)
			}
		}
		if left := e.Without(m, events[0].Time, events); len(left) > 0 {
			a.left = append(a.left, journal.Batch{Journal: j, Length: e.Length, Events: left})
		}
	}
}

func (a *act) append() {
	var err error
	if a.via != nil {
		err = a.via.append(append([]journal.Batch{*a.batch}, a.left...))
	} else {
		f := a.w.fate
		a.w.fate = fine
		err = a.w.disk.append(nil, f, append([]journal.Batch{*a.batch}, a.left...))
	}
	switch {
	case errors.Is(err, journal.ErrConflict) && a.kind != journal.Began:
		a.batch, a.direct = nil, false // read it again
		return
	case errors.Is(err, journal.ErrConflict):
		err = nil // it was started before
	case err != nil:
		a.unknown = true
	}
	a.acked = err == nil
	a.end(err)
	if a.acked && a.via != nil {
		a.via.wake(a.run)
	}
}

// reply is what a live says to a request.
func (a *act) reply(err error) {
	a.waits = false
	if err == errGone {
		a.direct = true
		return
	}
	b := brokenError{}
	a.acked, a.unknown = err == nil, errors.As(err, &b)
	a.end(err)
}

func (a *act) end(err error) {
	a.over, a.err = true, err
	a.w.acted(a)
}

// acts has somebody do something.
func (w *world) acts() {
	a := &act{w: w, who: people[w.rng.IntN(len(people))], run: w.runs[w.rng.IntN(len(w.runs))]}
	if len(w.procs) > 0 && w.is(70) {
		if p := w.procs[w.rng.IntN(len(w.procs))]; !p.dead && !p.paused() {
			a.via = p
		}
	}
	b := w.audit.runs[a.run]
	if b == nil {
		return
	}
	step := func(fits func(v machine.View) bool) bool {
		var steps []string
		for v := range b.m.Views() {
			if fits(v) {
				steps = append(steps, v.Node.Name)
			}
		}
		if len(steps) > 0 {
			a.step = steps[w.rng.IntN(len(steps))]
		}
		return len(steps) > 0
	}
	voted := func(v machine.View) bool {
		return v.Node.Kind == machine.Gate && !v.Reached.IsZero() && v.Ended.IsZero()
	}
	bad := func(v machine.View) bool {
		return v.For == "hold" || v.Status == machine.Failed || v.Status == machine.Errored
	}
	ok := true
	switch k := w.rng.IntN(20); {
	case k < 9 && step(voted):
		a.kind = journal.Voted
	case k < 11:
		a.kind = journal.Stopped
	case k < 15 && step(bad):
		a.kind = journal.Retried
	case k < 17:
		a.kind, ok = journal.Overridden, step(func(v machine.View) bool { return v.Node.Kind == machine.Gate || v.Node.Guarded || v.For == "hold" })
	case k < 19:
		a.kind = journal.Adopted
	default:
		a.kind = journal.Drained
	}
	if ok {
		w.want(a)
	}
}

// want has an act done. Each has an ID of its own, but a vote of which it is not
// known whether it was recorded, and which is cast again.
func (w *world) want(a *act) {
	if a.kind == journal.Voted && len(w.again) > 0 && w.is(70) {
		old := w.again[0]
		w.again = w.again[1:]
		a.id, a.who, a.run, a.step = old.id, old.who, old.run, old.step
	}
	if a.id == "" {
		w.made++
		a.id = fmt.Sprint("act-", w.made)
	}
	w.pending = append(w.pending, a)
	w.say(a.via, "%s by %s on %s %s (%s)", a.kind, a.who, a.run, a.step, a.id)
}

// acted takes note of how an act ended.
func (w *world) acted(a *act) {
	w.pending = slices.DeleteFunc(w.pending, func(b *act) bool { return a == b })
	w.say(a.via, "%s: acknowledged %v, unknown %v, %v", a.id, a.acked, a.unknown, a.err)
	switch {
	case a.acked:
		w.count.acked++
		w.acks = append(w.acks, a)
	case a.unknown && a.kind == journal.Voted:
		w.again = append(w.again, a)
	}
}

// facts are what a vote or a pass is about.
type facts struct {
	gate       string
	round      int
	definition artifact.Digest
	artifacts  artifact.Digest
}
