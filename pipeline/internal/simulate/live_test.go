package simulate

import (
	"errors"
	"slices"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A live is a run that something is done for, as in package pipeline.
type live struct {
	p      *process
	id     string
	m      *machine.Machine
	inbox  inbox
	poked  bool // there is something to flush
	gone   bool
	wanted bool // to be looked at when what is under way has ended
	flight []*task
	erring map[int32]bool
	out    []string // environments that it waits to enter

	// Of the flush under way.
	at       stop
	err      error // of what was recorded
	work     inbox
	events   []journal.Event
	entries  []*entry
	claiming bool
	launch   []*task
	stops    []int32

	conflicts int
	wrote     bool
}

// A stop is where a flush is interrupted by what others do.
type stop int

const (
	decides stop = iota
	holds        // the lease, before a claim
	appends
	carries // out what was recorded
)

// An inbox is what was delivered.
type inbox struct {
	returned []*task
	requests []*act
	stale    bool
}

func (b *inbox) empty() bool { return len(b.returned)+len(b.requests) == 0 && !b.stale }

func (b *inbox) add(c *inbox) {
	b.returned = append(b.returned, c.returned...)
	b.requests = append(b.requests, c.requests...)
	b.stale = b.stale || c.stale
	*c = inbox{}
}

var (
	errShutdown = errors.New("the executor shuts down")
	errFenced   = errors.New("another executor takes the run forward")
	errGone     = errors.New("the run is not live any more")
	errStopped  = errors.New("stopped")
)

// step takes the flush under way on to where others may come in between.
func (r *live) step() {
	p := r.p
	switch r.at {
	case decides:
		r.poked = false
		r.work.add(&r.inbox)
		err := r.decide(p.clock())
		switch {
		case err != nil || len(r.events) == 0 && !r.notes():
			r.end(err)
		case p.closed:
			r.end(errShutdown)
		case r.claiming:
			r.at = holds
		default:
			r.at = appends
		}
	case holds:
		if err := p.hold(); err != nil {
			r.end(broken(err))
			return
		}
		r.at = appends
	case appends:
		r.err = broken(p.append(r.batches()))
		r.wrote = r.err == nil
		r.at = carries
	case carries:
		r.end(r.err)
	}
}

func (r *live) notes() bool {
	return slices.ContainsFunc(r.entries, func(e *entry) bool { return len(e.events) > 0 })
}

func (r *live) batches() (all []journal.Batch) {
	if len(r.events) > 0 {
		all = append(all, journal.Batch{Journal: r.id, Length: r.m.Length - len(r.events), Events: r.events})
	}
	for _, e := range r.entries {
		if len(e.events) > 0 {
			all = append(all, journal.Batch{Journal: machine.Journal(e.env.Name), Length: e.length, Events: e.events})
		}
	}
	return all
}

// end does what follows once the flush is recorded, or is not.
func (r *live) end(err error) {
	r.at = decides
	wake := r.unlock(err == nil)
	if errors.Is(err, journal.ErrConflict) {
		if r.conflicts++; r.conflicts > 1000 {
			err = brokenError{err}
		} else if err = r.reload(); err == nil {
			return // and decide anew
		}
	} else if err == nil {
		r.conflicts = 0
		r.carryOut()
	}
	if err != nil {
		r.drop(err)
		return
	}
	r.work = inbox{}
	for _, run := range wake {
		if run != r.id {
			r.p.wake(run)
		}
	}
	if !r.inbox.empty() {
		return
	}
	r.rest()
	r.p.flush = nil
}

// carryOut does what was recorded.
func (r *live) carryOut() {
	for _, q := range r.work.requests {
		q.reply(q.err)
	}
	for _, t := range r.launch {
		if r.p.closing {
			continue // it stays called; the next executor finds out
		}
		r.flight = append(r.flight, t)
		t.launch()
	}
	r.launch = nil
	for _, i := range r.stops {
		for _, t := range r.flight {
			if t.node == i && t.do == machine.Call {
				t.abort(errStopped)
			}
		}
	}
}

// reload folds the journal anew after others appended to it.
func (r *live) reload() error {
	m, err := r.p.fold(r.id)
	if err != nil {
		return err
	}
	if m.Status.Done() {
		return errGone
	}
	if !r.p.free(m) {
		return errFenced
	}
	if err := r.outdated(m); err != nil {
		return err
	}
	if !r.p.takes(m) {
		return errGone
	}
	m = m.Clone()
	m.Succeed(r.m)
	r.m, r.erring = m, nil
	return nil
}

// rest sets the alarm, and ends r if there is nothing to do until something
// happens.
func (r *live) rest() {
	next := r.m.Next()
	if r.m.Status.Done() {
		next = time.Time{}
	}
	r.p.alarm(r.id, next)
	for i := range r.erring {
		if !r.m.Unanswered(i) {
			delete(r.erring, i)
		}
	}
	if len(r.flight) == 0 && r.m.Owner == "" && (len(r.erring) == 0 || r.m.Status.Done()) {
		r.retire()
	}
}

func (r *live) retire() {
	r.gone = true
	p := r.p
	p.live = slices.DeleteFunc(p.live, func(l *live) bool { return l == r })
	p.rested[r.id] = rest{r.m.Length, r.m.Status.Done()}
	p.w.audit.rested(r)
}

// drop ends r because it cannot go on.
func (r *live) drop(err error) {
	p := r.p
	r.work.add(&r.inbox)
	told := errGone
	if b := (brokenError{}); errors.As(err, &b) {
		told = b
	}
	for _, q := range r.work.requests {
		q.reply(told)
	}
	r.quit(err)
	p.w.say(p, "drops %s: %v", r.id, err)
	r.gone = true
	p.live = slices.DeleteFunc(p.live, func(l *live) bool { return l == r })
	p.rested[r.id] = rest{r.m.Length, r.m.Status.Done()}
	p.flush = nil
	switch {
	case errors.Is(err, errShutdown):
	case errors.Is(err, errGone):
		p.wake(r.id)
	case errors.Is(err, errFenced):
		p.w.count.fenced++
		p.leave(r.id, p.clock().Add(leaseTerm/3))
	default:
		p.suffer(err)
	}
}

// decide makes events of what was delivered and of what follows.
func (r *live) decide(now time.Time) error {
	r.events, r.launch, r.stops, r.claiming = nil, nil, nil, false
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
	if r.p.closing {
		return nil
	}
	for c := r.m.Pop(now); c.Do != machine.None; c = r.m.Pop(now) {
		if err := r.obey(c, now); err != nil {
			return err
		}
	}
	if r.m.SetBack() && !r.m.Next().IsZero() && !r.m.InFlight() {
		if err := r.own(now); err != nil {
			return err
		}
	}
	idle := len(r.flight)+len(r.launch) == 0
	if next := r.m.Next(); idle && r.m.Owner != "" && !r.m.Status.Done() && (next.IsZero() || next.Sub(now) > leaseTerm) {
		return r.emit(journal.Event{Time: now, Kind: journal.Released, By: r.p.name})
	}
	return nil
}

// catchUp reads what others appended.
func (r *live) catchUp() error {
	r.work.stale = false
	events, err := r.p.events(r.id, r.m.Length)
	if err != nil {
		return broken(err)
	}
	for i := range events {
		e := &events[i]
		if e.Kind == journal.Adopted || e.Kind == journal.Claimed && e.By != r.p.name {
			return journal.ErrConflict
		}
		if err := r.m.Apply(e); err != nil {
			r.p.w.fail("J4: %s cannot go on with %s: %v", r.p.name, r.id, err)
			return err
		}
	}
	for _, env := range r.out {
		r.m.Unlock(env)
	}
	r.out = nil
	return nil
}

// orphaned reports whether hooks are called of which nobody will say what they did.
func (r *live) orphaned() bool {
	return r.m.InFlight() && (r.m.Owner != r.p.name || len(r.flight)+len(r.work.returned) == 0)
}

func (r *live) own(now time.Time) error {
	r.claiming = true
	return r.put(journal.Event{Time: now, Kind: journal.Claimed, By: r.p.name, Epoch: r.m.Epoch + 1})
}

func (r *live) emit(events ...journal.Event) error {
	for _, e := range events {
		if r.m.Owner != r.p.name {
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

func (r *live) put(e journal.Event) error {
	r.events = append(r.events, e)
	err := r.m.Apply(&r.events[len(r.events)-1])
	if err != nil {
		r.p.w.fail("J7: the machine refuses what it made: %v", err)
	}
	return err
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
