package pipeline

import (
	"errors"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// settle makes an event of what a task did.
func (r *live) settle(t *task, now time.Time) error {
	r.land(t)
	if t.left {
		return nil
	}
	m, i := r.m, t.node
	if t.do == machine.Call {
		return r.settleCall(t, now)
	}
	if !m.Asked(i, t.ticket) {
		return nil
	}
	delete(r.erring, i)
	if t.err != nil && t.do == machine.Observe && errors.Is(t.err, errors.ErrUnsupported) {
		m.Blind(i)
		return nil
	}
	if t.err == nil {
		switch t.do {
		case machine.Observe:
			e, done := m.Observed(i, t.seen, now)
			if !done {
				m.Blind(i) // call it again
				return nil
			}
			return errors.Join(r.deployed(t, t.seen.Output, now), r.emit(e))
		case machine.Choose:
			return r.emit(m.Chosen(i, t.take, now))
		case machine.Items:
			e, err := m.Listed(i, t.items, now)
			if err == nil {
				return r.emit(e)
			}
			t.err = err
		}
	}
	if t.err != nil {
		r.errs(i)
	}
	if t.do == machine.Permit && t.err == nil && t.decision.Verdict == gate.Passed && m.Queues(i) {
		e, err := r.environment(m.Node(i).Environment)
		if err != nil {
			return err
		}
		if m.Barred(i, e.env) { // nothing is recorded, or executors would tell each other the same for ever
			r.linger(e)
			return nil
		}
	}
	at := m.AskAgain(i, t.decision, t.err, now)
	if e, news := m.Decided(i, t.decision, t.err, t.req.Subject, now); news {
		if err := r.emit(e); err != nil {
			return err
		}
	}
	if t.err != nil || t.decision.Verdict != gate.Passed {
		m.Defer(i, at)
	}
	return nil
}

// errs notes that a question about node i could not be answered.
func (r *live) errs(i int32) {
	if r.erring == nil {
		r.erring = map[int32]bool{}
	}
	r.erring[i] = true
}

func (r *live) settleCall(t *task, now time.Time) error {
	if !r.m.Calling(t.node, t.attempt) {
		t.told.came(new(journal.Event))
		r.m.Again(t.node) // which may wait for this
		return nil        // the places may be those of a later call
	}
	r.vacate(t.node)
	e := r.m.Returned(t.node, t.out, t.err, t.stack, now)
	t.told.came(&e)
	if err := r.deployed(t, t.out, now); err != nil {
		return err
	}
	return r.emit(e)
}

// deployed records what a stage made live, also if it failed.
func (r *live) deployed(t *task, out stage.Output, now time.Time) error {
	env := r.m.Node(t.node).Environment
	if out.Live == nil || env == "" || out.Traffic < 0 || out.Traffic > 100 {
		return nil
	}
	e, err := r.environment(env)
	if err != nil {
		return err
	}
	return e.note(r.m.Deployed(t.node, out, now))
}

// land takes t out of those that are under way, if it is among them still. Their
// order does not matter.
func (r *live) land(t *task) {
	if t.place < 0 {
		return
	}
	last := len(r.flight) - 1
	moved := r.flight[last]
	r.flight[t.place], moved.place = moved, t.place
	r.flight[last] = nil
	r.flight = r.flight[:last]
	t.place = -1
	if t.stopped {
		r.stopping--
	}
}

// recycle keeps t for use again.
func (r *live) recycle(t *task) {
	if !t.abandoned && !t.stopped && t.timer == nil {
		r.spare = append(r.spare, t)
	}
}
