package pipeline

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/internal/person"
	"github.com/penstock/penstock/pipeline/journal"
)

// What people and programs may do to a run. Each method appends events to its
// journal, or says why not with an error for which errors.Is(err, ErrRefused).

// Bounds of what is recorded on behalf of people.
const (
	maxTrigger  = 256 << 10 // bytes of all fields of a Trigger
	perEntry    = 8         // bytes that one author or param takes besides, so that empty ones count too
	maxComment  = 4 << 10   // bytes of a reason, a comment or a name
	maxOverride = 1000      // steps that one override names
)

// Start begins a run of the named pipeline and returns its ID at once. If a run
// with the ID t.Key was started before, Start does nothing, whatever else t says;
// if that run is of another pipeline, errors.Is(err, [ErrRefused]).
func (x *Executor) Start(ctx context.Context, pipeline string, t Trigger) (id string, err error) {
	if err := x.init(); err != nil {
		return "", err
	}
	d, err := x.named(pipeline)
	if err != nil {
		return "", err
	}
	if id = t.Key; id == "" {
		id = newID(time.Now())
	}
	if err := errors.Join(checkID(id), d.checkTrigger(&t)); err != nil {
		return "", err
	}
	e := d.began(t, time.Now().UTC(), seed())
	err = x.store.Append(ctx, journal.Batch{Journal: id, Events: []journal.Event{e}})
	if errors.Is(err, journal.ErrConflict) {
		return id, x.sameRun(ctx, id, pipeline)
	}
	if err != nil {
		return "", fmt.Errorf("pipeline: start of a run of %q: %w", pipeline, err)
	}
	x.wake(id)
	return id, nil
}

// began returns the first event of a run.
func (d *definition) began(t Trigger, now time.Time, seed uint64) journal.Event {
	return journal.Event{Time: now, Kind: journal.Began, By: t.Actor, Data: &journal.Beginning{
		Pipeline: d.Name, Definition: d.digest,
		Cause: string(t.Cause), Actor: t.Actor, ActorKind: string(t.ActorKind),
		Authors: slices.Clone(t.Authors), Params: maps.Clone(t.Params), Artifacts: maps.Clone(t.Artifacts),
		Seed: seed,
	}}
}

// sameRun reports whether the run that was started before with a key is of the
// same pipeline.
func (x *Executor) sameRun(ctx context.Context, id, pipeline string) error {
	r, err := x.Run(ctx, id)
	if a := (*journal.ArchivedError)(nil); errors.As(err, &a) {
		r.Pipeline, err = a.Pipeline, nil
	}
	if err == nil && r.Pipeline != pipeline {
		err = refused("run %q was started before, of pipeline %q", id, r.Pipeline)
	}
	return err
}

// newID returns an ID that sorts by time.
func newID(now time.Time) string {
	return "run_" + strconv.FormatInt(now.UnixMilli(), 36) + strings.ToLower(rand.Text()[:12])
}

func seed() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

func (d *definition) checkTrigger(t *Trigger) error {
	size := len(t.Actor) + len(t.Cause) + len(t.ActorKind)
	for _, a := range t.Authors {
		size += len(a) + perEntry
	}
	for k, v := range t.Params {
		size += len(k) + len(v) + perEntry
	}
	for k, a := range t.Artifacts {
		size += 2*len(k) + len(a.URI) + len(a.MediaType) + 80
	}
	var errs []error
	for _, a := range t.Authors {
		if err := person.Check(a); err != nil {
			errs = append(errs, fmt.Errorf("pipeline: trigger: author %.140q: user ID with %w", a, err))
		}
	}
	if err := person.Check(t.Actor); t.Actor != "" && err != nil {
		errs = append(errs, fmt.Errorf("pipeline: trigger: actor %.140q: user ID with %w", t.Actor, err))
	}
	if size > maxTrigger {
		errs = append(errs, fmt.Errorf("pipeline: trigger of %d bytes; want at most %d", size, maxTrigger))
	}
	if err := t.Artifacts.Check(); err != nil {
		errs = append(errs, fmt.Errorf("pipeline: trigger: %w", err))
	}
	for _, name := range d.Given {
		if _, ok := t.Artifacts[name]; !ok {
			errs = append(errs, fmt.Errorf("pipeline: trigger without artifact %q, which pipeline %q is given", name, d.Name))
		}
	}
	return errors.Join(errs...)
}

// Ask returns what a voter on the named gate is shown. Gate may also be a
// stage whose environment has gates.
func (x *Executor) Ask(ctx context.Context, run, gate string) (gate.Request, error) {
	req, _, err := x.question(ctx, run, gate)
	return req, err
}

// question returns what the named gate is asked now.
func (x *Executor) question(ctx context.Context, run, name string) (gate.Request, gate.Gate, error) {
	if err := x.init(); err != nil {
		return gate.Request{}, nil, err
	}
	m, err := x.fold(ctx, run)
	if err != nil {
		return gate.Request{}, nil, err
	}
	i, err := m.CanVote(name)
	if err != nil {
		return gate.Request{}, nil, refused("run %s: %w", run, err)
	}
	return m.Request(i, time.Now()), require(m.Node(i)), nil
}

// require returns the gate that node n is or, if it is a stage, those of its
// environment. It is nil if the definition is not there.
func require(n *machine.Node) gate.Gate {
	switch s := n.Step.(type) {
	case *Gate:
		return s.Require
	case *Stage:
		return gate.All(s.Environment.Gates...)
	}
	return nil
}

// Vote records v on the named gate of a run. Set v.Subject to the
// [gate.Request.Subject] that the voter was shown; see [Executor.Ask]. A v.At
// that is zero, or still to come, means now. Voting again with one v.ID is
// recorded once.
//
// A vote that cannot count is refused: on a gate that was not reached or has
// ended, on another subject, or by a person who is not eligible. So is the 101st of
// one person on one gate in one round, and whatever people do to a run that is
// recorded ten thousand times already, but for the first Cancel.
func (x *Executor) Vote(ctx context.Context, run, gateName string, v gate.Vote) error {
	switch {
	case v.By == "":
		return refused("a vote by nobody; want the ID of a person in By")
	case v.Subject.IsZero():
		return refused("a vote on no subject; want the Subject that Ask returns, so that it is known what was voted on")
	case len(v.By)+len(v.Comment)+len(v.ID)+len(strings.Join(v.Groups, "")) > 4*maxComment:
		return refused("a vote of more than %d bytes", 4*maxComment)
	case v.At.UTC().Year() < 1:
		return refused("a vote of the year %d; want no time, or when it was cast", v.At.UTC().Year())
	}
	if err := x.init(); err != nil {
		return err
	}
	if done, err := x.votedBefore(ctx, run, v.ID); done || err != nil {
		return err
	}
	req, g, err := x.question(ctx, run, gateName)
	if err != nil {
		return err
	}
	if v.At.IsZero() || v.At.After(req.Now) {
		v.At = req.Now
	}
	v.At, v.Groups = v.At.UTC(), slices.Clone(v.Groups)
	another := fmt.Errorf("a vote by %q on gate %q was for another subject, %s: what would pass has changed, or the gate was asked anew; look again", v.By, gateName, v.Subject.Short())
	switch {
	case g == nil:
		return refused("run %s waits because its definition has changed; adopt it or drain it first", run)
	case req.Subject != v.Subject:
		return refused("run %s: %w", run, another)
	}
	if err := guarded(func() error { return gate.Eligible(g, req, v) }); err != nil {
		return refused("a vote by %q on gate %q: %w", v.By, gateName, err)
	}
	return x.record(ctx, run, func(m *machine.Machine, now time.Time) ([]journal.Event, error) {
		if m.Voted(v.ID) {
			return nil, nil
		}
		i, err := m.CanVote(gateName)
		if err != nil {
			return nil, err
		}
		if m.Request(i, now).Subject != v.Subject {
			return nil, another
		}
		events := []journal.Event{{Kind: journal.Voted, Step: gateName, By: v.By, Data: &v}}
		return events, m.CanSay(events)
	})
}

func (x *Executor) votedBefore(ctx context.Context, run, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	m, err := x.fold(ctx, run)
	return err == nil && m.Voted(id), err
}

// Cancel stops a run: no stage is begun any more, those that are under way get
// their contexts canceled, and what stands in [OnFailure] and [Finally] is
// still done.
func (x *Executor) Cancel(ctx context.Context, run, by, reason string) error {
	return x.person(ctx, run, by, reason, func(m *machine.Machine) ([]journal.Event, error) {
		return []journal.Event{{Kind: journal.Stopped, Data: &journal.Reason{Text: reason}}}, m.CanCancel()
	})
}

// Retry has a step done anew that failed or is held, and the steps after it.
// Gates among them open a new round, in which older votes do not count. A
// canceled run cannot be retried.
func (x *Executor) Retry(ctx context.Context, run, step, by, reason string) error {
	return x.person(ctx, run, by, reason, func(m *machine.Machine) ([]journal.Event, error) {
		return []journal.Event{{Kind: journal.Retried, Step: step, Data: &journal.Reason{Text: reason}}}, m.CanRetry(step)
	})
}

// Override lets the named gates of one run pass without, also before they are
// reached; of a stage, those of its environment, or that it waits for a person.
// It needs a reason, and stays visible wherever the run is shown.
func (x *Executor) Override(ctx context.Context, run, by, reason string, steps ...string) error {
	if reason == "" || len(steps) == 0 {
		return refused("an override of %q without a reason; want both the steps and why", steps)
	}
	if len(steps) > maxOverride {
		return refused("an override of %d steps; want at most %d", len(steps), maxOverride)
	}
	return x.person(ctx, run, by, reason, func(m *machine.Machine) ([]journal.Event, error) {
		var events []journal.Event
		var errs []error
		for _, step := range steps {
			errs = append(errs, m.CanOverride(step))
			events = append(events, journal.Event{Kind: journal.Overridden, Step: step, Data: &journal.Reason{Text: reason}})
		}
		return events, errors.Join(errs...)
	})
}

// Adopt lets a run go on that waits because its definition has changed, under
// the new one. Steps that were done stay done, by their names. Votes are void. Stages
// that are under way all the same are told to end, and called anew once they have, or
// after Grace.
func (x *Executor) Adopt(ctx context.Context, run, by, reason string) error {
	return x.person(ctx, run, by, reason, func(m *machine.Machine) ([]journal.Event, error) {
		d := x.current[m.Beginning.Pipeline]
		if d == nil {
			return nil, fmt.Errorf("there is no pipeline %q any more", m.Beginning.Pipeline)
		}
		return []journal.Event{{Kind: journal.Adopted, Data: &journal.Adoption{Definition: d.digest, Text: reason}}}, m.CanAdopt()
	})
}

// Drain lets a run go on that waits because its definition has changed, under
// the one that it has, which must be in Former.
func (x *Executor) Drain(ctx context.Context, run, by, reason string) error {
	return x.person(ctx, run, by, reason, func(m *machine.Machine) ([]journal.Event, error) {
		if x.program(m.Beginning.Pipeline, m.Definition) == nil {
			return nil, fmt.Errorf("this executor does not have definition %s any more; put it in Former", m.Definition.Short())
		}
		return []journal.Event{{Kind: journal.Drained, Data: &journal.Reason{Text: reason}}}, m.CanAdopt()
	})
}

// person records what a person asked for.
func (x *Executor) person(ctx context.Context, run, by, reason string, f func(m *machine.Machine) ([]journal.Event, error)) error {
	if err := person.Check(by); err != nil {
		return refused("by %.140q: user ID with %w", by, err)
	}
	if len(by) > maxComment || len(reason) > maxComment {
		return refused("a user ID of %d bytes and a reason of %d; want at most %d each", len(by), len(reason), maxComment)
	}
	return x.record(ctx, run, func(m *machine.Machine, _ time.Time) ([]journal.Event, error) {
		events, err := f(m)
		for i := range events {
			events[i].By = by
		}
		return events, errors.Join(err, m.CanSay(events))
	})
}

// record appends the events that f makes from the state of a run. F may be
// called several times: when others appended first it decides again (J1).
func (x *Executor) record(ctx context.Context, run string, f func(m *machine.Machine, now time.Time) ([]journal.Event, error)) error {
	if err := x.init(); err != nil {
		return err
	}
	for tries := conflicts(0); ; {
		if done, err := x.recordLive(ctx, run, f); done {
			return err
		}
		m, err := x.fold(ctx, run)
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		events, err := f(m, now)
		if err != nil {
			return refused("run %s: %w", run, err)
		}
		if len(events) == 0 {
			return nil
		}
		for i := range events {
			events[i].Time = now
		}
		batches := []journal.Batch{{Journal: run, Length: m.Length, Events: events}}
		if events[0].Kind == journal.Adopted {
			var envs environments
			envs.init(x)
			left, err := envs.giveWay(ctx, m, events)
			if err != nil {
				return err
			}
			batches = append(batches, left...)
		}
		err = x.store.Append(ctx, batches...)
		if errors.Is(err, journal.ErrConflict) {
			if err = tries.another(err); err == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("pipeline: run %s: %w", run, err)
		}
		x.wake(run)
		return nil
	}
}

// Environment returns what is known of an environment: who is inside, who
// waits, what is live and what was. Of one that no run has come to yet that is
// its name alone, and no error: another program may be the first.
func (x *Executor) Environment(ctx context.Context, name string) (Environment, error) {
	if err := x.init(); err != nil {
		return Environment{}, err
	}
	e := &machine.Environment{Name: name}
	if err := x.growEnvironment(ctx, e); err != nil {
		return Environment{}, err
	}
	return environmentOf(e), nil
}

// growEnvironment applies what was appended to the journal of e since.
func (x *Executor) growEnvironment(ctx context.Context, e *machine.Environment) error {
	events, err := x.store.Events(ctx, machine.Journal(e.Name), e.Length)
	if err != nil {
		return fmt.Errorf("pipeline: environment %s: %w", e.Name, broken(err))
	}
	for i := range events {
		if err := e.Apply(&events[i]); err != nil {
			return fmt.Errorf("pipeline: %w", err)
		}
	}
	return nil
}
