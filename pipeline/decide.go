package pipeline

import (
	"errors"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// decide makes events of what was delivered and of what follows.
func (r *live) decide(now time.Time) error {
	r.events, r.launch, r.stops, r.claiming = r.events[:0], r.launch[:0], r.stops[:0], false
	if r.work.stale {
		if err := r.catchUp(); err != nil {
			return err
		}
	}
	if r.orphaned() {
		if err := r.own(now); err != nil {
			return err
		}
	}
	r.m.Tick(now)
	for _, t := range r.work.returned {
		if err := r.settle(t, now); err != nil {
			return err
		}
	}
	for _, q := range r.work.requests {
		if err := r.oblige(q, now); err != nil {
			return err
		}
	}
	for _, i := range r.work.granted {
		r.m.Again(i)
	}
	if r.s.closing.Load() {
		return nil
	}
	if err := r.pull(now); err != nil {
		return err
	}
	for _, i := range r.work.granted {
		r.tidy(i)
	}
	for _, t := range r.work.returned {
		r.tidy(t.node)
	}
	if r.m.SetBack() && !r.m.Next().IsZero() && !r.m.InFlight() { // calls would be lost by a claim, and tell the time when they end
		if err := r.own(now); err != nil { // so that the journal says when
			return err
		}
	}
	if next := r.m.Next(); r.idle() && r.m.Owner != "" && !r.m.Status.Done() && (next.IsZero() || next.Sub(now) > r.s.x.Lease) {
		return r.emit(journal.Event{Time: now, Kind: journal.Released, By: r.s.name})
	}
	return nil
}

// catchUp reads what others appended, and has environments tried again that they
// may have left.
func (r *live) catchUp() error {
	r.work.stale = false
	events, err := r.s.x.store.Events(r.s.store, r.id, r.m.Length)
	if err != nil {
		return broken(err)
	}
	for i := range events {
		e := &events[i]
		if e.Kind == journal.Adopted || e.Kind == journal.Claimed && e.By != r.s.name {
			return journal.ErrConflict // more than this flush has to be decided anew
		}
		if err := r.m.Apply(e); err != nil {
			return err
		}
	}
	for _, env := range r.outside {
		r.m.Unlock(env)
	}
	r.outside = r.outside[:0]
	return nil
}

// orphaned reports whether hooks are called of which nobody will say what they
// did: who called them died, or let go of the run.
func (r *live) orphaned() bool {
	return r.m.InFlight() && (r.m.Owner != r.s.name || len(r.flight)+len(r.work.returned) == 0)
}

// own records that this executor takes the run forward (J4).
func (r *live) own(now time.Time) error {
	r.claiming = true
	return r.put(&journal.Event{Time: now, Kind: journal.Claimed, By: r.s.name, Epoch: r.m.Epoch + 1})
}

// emit adds events of this executor, which owns the run from then on.
func (r *live) emit(events ...journal.Event) error {
	for i := range events {
		e := &events[i]
		if r.m.Owner != r.s.name {
			if err := r.own(e.Time); err != nil {
				return err
			}
		}
		e.Epoch = r.m.Epoch
		if err := r.put(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *live) put(e *journal.Event) error {
	r.events = append(r.events, *e)
	return r.m.Apply(&r.events[len(r.events)-1])
}

// pull does what the machine says is next, as far as that is to record it, and
// makes tasks of the rest.
func (r *live) pull(now time.Time) error {
	for {
		c := r.m.Pop(now)
		if c.Do == machine.None {
			return nil
		}
		if err := r.obey(c, now); err != nil {
			return err
		}
	}
}

func (r *live) obey(c machine.Command, now time.Time) error {
	switch c.Do {
	case machine.Call:
		return r.call(c.Node, now)
	case machine.Stop:
		r.stops = append(r.stops, c.Node)
	case machine.Enter:
		e, err := r.environment(r.m.Node(c.Node).Environment)
		if err != nil {
			return err
		}
		run, env := r.m.Entering(c.Node, e.env, now)
		if err := errors.Join(e.note(env...), r.emit(run...)); err != nil {
			return err
		}
		if e.env.Holder.Run != r.id {
			r.linger(e)
		}
	case machine.Leave:
		e, err := r.environment(c.Env)
		if err != nil {
			return err
		}
		run, env := r.m.Leaving(e.env, now)
		return errors.Join(e.note(env...), r.emit(run...))
	case machine.Withdraw, machine.Refuse, machine.Wait:
		return r.emit(r.m.Simple(c, now))
	case machine.Abandon:
		events, nodes := r.m.Abandoned(c.Node, now)
		r.stops = append(r.stops, nodes...)
		return r.emit(events...)
	case machine.Finish:
		return r.emit(r.m.Finished(now))
	default:
		r.ask(c, now)
	}
	return nil
}
