package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A task is one call of a hook, or one question. The call begins, and returns
// when it is due, and anything can happen between.
type task struct {
	r       *live
	do      machine.Do
	node    int32
	n       *machine.Node // as the definition has it that the run went on under then
	attempt int
	ticket  uint32
	in      stage.Input
	epoch   int64 // of the claim under which it was called
	req     gate.Request

	begun bool
	due   time.Time // when it begins, and then when it returns
	plan  plan      // what it does; of a call that has begun
	cause error     // why its context is done
	deaf  time.Time // when the patience with it ends, if its context is done

	out      stage.Output
	err      error
	stack    string
	left     bool
	seen     stage.Observation
	decision gate.Decision
	take     bool
	items    []string
}

var (
	errTimeout = errors.New("timed out")
	errNet     = errors.New("the network is down")
)

// call makes a task of the hook of stage i and records the intent (J3), once no call
// of before goes on (I3).
func (r *live) call(i int32, now time.Time) error {
	if slices.ContainsFunc(r.flight, func(t *task) bool { return t.node == i && t.do == machine.Call }) {
		return nil
	}
	e := r.m.Called(i, now)
	if err := r.emit(e); err != nil {
		return err
	}
	t := &task{r: r, do: machine.Call, node: i, n: r.m.Node(i), epoch: r.m.Epoch}
	t.attempt = e.Data.(*journal.Call).Attempt
	t.input(e.Data.(*journal.Call).Key)
	r.launch = append(r.launch, t)
	return nil
}

// input sets what the hook of a stage is given.
func (t *task) input(key string) {
	m, n := t.r.m, t.n
	in := &t.in
	in.Pipeline, in.Run, in.Stage = m.Beginning.Pipeline, m.Run, n.Name
	in.Key, in.Attempt = key, t.attempt
	in.Environment, in.Token, in.Previous = n.Step.(*pipeline.Stage).Environment, m.Token(t.node), m.Previous(t.node)
	in.Artifacts = m.Pick(n.Consumes)
	in.Started, in.State = m.Started(t.node)
}

// ask makes a task of a question.
func (r *live) ask(c machine.Command, now time.Time) {
	t := &task{r: r, do: c.Do, node: c.Node, n: r.m.Node(c.Node), ticket: c.Ticket}
	switch c.Do {
	case machine.Ask, machine.Permit:
		t.req = r.m.Request(c.Node, now)
	case machine.Observe:
		t.attempt = r.m.Attempt(c.Node)
		t.input(r.m.Key(c.Node))
	}
	r.launch = append(r.launch, t)
}

// launch has the hook called soon.
func (t *task) launch() {
	t.due = t.r.p.w.now
	if t.r.p.w.is(10) {
		t.due = t.due.Add(t.r.p.w.upTo(2 * time.Second))
	}
}

// abort cancels the context of t. A hook that does not listen is given up after
// a while.
func (t *task) abort(cause error) {
	if t.cause != nil {
		return
	}
	w := t.r.p.w
	t.cause = cause
	if t.begun && !t.plan.deaf && t.due.After(w.now) {
		t.due = w.now.Add(w.upTo(time.Second))
	}
	t.deaf = w.now.Add(grace)
}

// step begins the call, or has it return.
func (t *task) step() {
	w := t.r.p.w
	if t.do != machine.Call {
		t.answer()
		t.deliver()
		return
	}
	if !t.begun {
		t.begun = true
		t.plan = w.platform.call(t)
		t.due = w.now.Add(t.plan.takes)
		if s := t.stage(); s.Timeout > 0 && t.plan.takes > s.Timeout {
			t.due = w.now.Add(s.Timeout) // when its context ends
		}
		if t.cause != nil && !t.plan.deaf {
			t.due = w.now
		}
		return
	}
	timedOut := t.cause == nil && t.stage().Timeout > 0 && t.plan.takes > t.stage().Timeout
	t.out, t.stack, t.err = w.platform.returns(t)
	switch {
	case timedOut:
		t.err = fmt.Errorf("%w after %v", errTimeout, t.stage().Timeout)
	case errors.Is(t.cause, errShutdown):
		t.left = t.err != nil
	}
	t.deliver()
}

func (t *task) stage() *pipeline.Stage { return t.n.Step.(*pipeline.Stage) }

// abandon delivers, in place of a hook that does not listen, that it could not
// be done. It goes on all the same.
func (t *task) abandon() {
	w := t.r.p.w
	w.say(t.r.p, "leaves %s of %s behind", t.in.Stage, t.in.Run)
	w.strays = append(w.strays, &task{r: t.r, do: t.do, node: t.node, n: t.n, attempt: t.attempt, in: t.in, epoch: t.epoch, begun: true, due: t.due, plan: t.plan})
	t.err = fmt.Errorf("%w; the hook did not return within %v after that", t.cause, grace)
	t.left = errors.Is(t.cause, errShutdown)
	t.deliver()
}

// deliver hands over what t did, unless nobody waits for it.
func (t *task) deliver() {
	t.due = time.Time{}
	if t.r.gone {
		t.r.ended(t)
		return
	}
	t.r.inbox.returned = append(t.r.inbox.returned, t)
	t.r.poked = true
}

// answer asks what is a question.
func (t *task) answer() {
	w, n := t.r.p.w, t.n
	ctx := w.ctx
	switch t.do {
	case machine.Observe:
		t.seen, t.err = n.Step.(*pipeline.Stage).Run.(stage.Observer).Observe(ctx, t.in)
		w.audit.observed(t)
	case machine.Ask:
		t.decision, t.err = decide(ctx, n.Step.(*pipeline.Gate).Require, t.req)
	case machine.Permit:
		t.decision, t.err = decide(ctx, gate.All(n.Step.(*pipeline.Stage).Environment.Gates...), t.req)
	case machine.Choose:
		t.take, t.err = n.Step.(*pipeline.When).If(ctx, pipeline.Facts{})
	case machine.Items:
		t.items, t.err = n.Step.(*pipeline.ForEach).Items(ctx, pipeline.Facts{})
	}
}

// decide asks g. An answer that is to be asked for again at once is none.
func decide(ctx context.Context, g gate.Gate, req gate.Request) (gate.Decision, error) {
	d, err := g.Decide(ctx, req)
	if err == nil && !d.Recheck.IsZero() && !d.Recheck.After(req.Now) {
		err = errors.New("gate: it says to ask again at once")
	}
	return d, err
}

// settle makes an event of what a task did.
func (r *live) settle(t *task, now time.Time) error {
	r.land(t)
	if t.left {
		return nil
	}
	m, i := r.m, t.node
	if t.do == machine.Call {
		if !m.Calling(i, t.attempt) {
			m.Again(i) // which may wait for this
			return nil
		}
		e := m.Returned(i, t.out, t.err, t.stack, now)
		return errors.Join(r.deployed(i, t.out, now), r.emit(e))
	}
	if !m.Asked(i, t.ticket) {
		return nil
	}
	delete(r.erring, i)
	if t.err == nil {
		switch t.do {
		case machine.Observe:
			e, done := m.Observed(i, t.seen, now)
			if !done {
				m.Blind(i)
				return nil
			}
			return errors.Join(r.deployed(i, t.seen.Output, now), r.emit(e))
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
		if r.erring == nil {
			r.erring = map[int32]bool{}
		}
		r.erring[i] = true
	}
	if t.do == machine.Permit && t.err == nil && t.decision.Verdict == gate.Passed && m.Queues(i) {
		e, err := r.environment(m.Node(i).Environment)
		if err != nil {
			return err
		}
		if m.Barred(i, e.env) {
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

// land takes t out of those that are under way.
func (r *live) land(t *task) {
	for k, other := range r.flight {
		if other == t {
			r.flight = append(r.flight[:k:k], r.flight[k+1:]...)
			return
		}
	}
}

// deployed records what a stage made live, also if it failed.
func (r *live) deployed(i int32, out stage.Output, now time.Time) error {
	env := r.m.Node(i).Environment
	if out.Live == nil || env == "" || out.Traffic < 0 || out.Traffic > 100 {
		return nil
	}
	e, err := r.environment(env)
	if err != nil {
		return err
	}
	return e.note(r.m.Deployed(i, out, now))
}

// oblige makes the events that somebody asked for.
func (r *live) oblige(q *act, now time.Time) error {
	events, err := q.make(r.m, now)
	if err != nil {
		q.err = errGone
		return nil
	}
	q.err = nil
	for _, e := range events {
		if e.Kind == journal.Adopted {
			q.err = errGone
			return nil
		}
		e.Time = now
		if err := r.put(e); err != nil {
			return err
		}
	}
	return nil
}

// image returns the artifact that a stage builds under a key.
func image(key string) artifact.Artifact {
	return artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte(key))}
}
