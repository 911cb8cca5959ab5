package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// answerWithin bounds the time that a gate or a condition may take to answer.
const answerWithin = time.Minute

// A task is one call of a hook, or one question.
type task struct {
	r       *live
	do      machine.Do
	node    int32
	name    string
	attempt int
	ticket  uint32
	ctx     context.Context
	cancel  context.CancelCauseFunc // nil if ctx is that of the run
	timeout time.Duration           // of a call; 0 means none
	timer   *time.Timer             // ends the patience with a deaf hook
	told    *telling                // nil if nobody listens
	secrets *secrets

	// What is called or asked.
	hook any         // *Stage, *Gate, *When or *ForEach
	in   stage.Input // of a stage
	*asking

	// What came back.
	out   stage.Output
	err   error
	stack string // of a hook that panicked or ended its goroutine
	left  bool   // the executor shut down before it was done: it stays called

	// Under r.mu.
	place     int // in r.flight; -1 once it has landed
	returned  bool
	stopped   bool
	abandoned bool // nobody waits for it any more
}

// An asking is what is asked of a gate, a condition or a ForEach, or of a
// stage that may have been done, and the answer.
type asking struct {
	req      gate.Request
	facts    Facts
	seen     stage.Observation
	decision gate.Decision
	take     bool
	items    []string
}

var (
	errTimeout = errors.New("timed out")
	errStopped = errors.New("stopped")
	errGoexit  = errors.New("ended its goroutine instead of returning")
)

// call makes a task of the hook of stage i and records the intent (J3). If a call of
// before was told to end and goes on, the stage is looked at again when it has (I3).
func (r *live) call(i int32, now time.Time) error {
	if r.stopping > 0 && slices.ContainsFunc(r.flight, func(t *task) bool { return t.node == i && t.do == machine.Call }) {
		return nil
	}
	n := r.m.Node(i)
	s := n.Step.(*Stage)
	if !r.place(i, s.Group) {
		if e, news := r.m.Stays(i, journal.Wait{For: "capacity", Text: "stages are called as often at a time as may be"}, now); news {
			return r.emit(e)
		}
		return nil
	}
	told := r.trace.calling(r, i, now)
	e := r.m.Called(i, now)
	if err := r.emit(e); err != nil {
		return err
	}
	c := e.Data.(*journal.Call)
	t := r.task(machine.Command{Do: machine.Call, Node: i}, n)
	t.told = told
	t.attempt, t.timeout = c.Attempt, s.Timeout
	r.input(t, n, s, c.Key)
	r.context(t, n)
	r.launch = append(r.launch, t)
	return nil
}

// task returns a task for a command.
func (r *live) task(c machine.Command, n *machine.Node) *task {
	if len(r.spare) == 0 {
		r.more = min(2*r.more+1, 64)
		block := make([]task, r.more)
		for i := range block {
			r.spare = append(r.spare, &block[i])
		}
	}
	last := len(r.spare) - 1
	t := r.spare[last]
	r.spare = r.spare[:last]
	*t = task{}
	t.r, t.do, t.node, t.ticket, t.name, t.hook, t.ctx = r, c.Do, c.Node, c.Ticket, n.Name, n.Step, r.ctx
	return t
}

// input sets what the hook of a stage is given.
func (r *live) input(t *task, n *machine.Node, s *Stage, key string) {
	m := r.m
	in := &t.in // zero: a composite literal would be made elsewhere and copied
	in.Pipeline, in.Run, in.Stage = m.Beginning.Pipeline, m.Run, n.Name
	in.Key, in.Attempt = key, t.attempt
	in.Environment, in.Token, in.Previous = s.Environment, m.Token(t.node), m.Previous(t.node)
	in.Artifacts, in.Values, in.Params = m.Pick(n.Consumes), m.Take(n.Takes), m.Beginning.Params
	in.Started, in.State = m.Started(t.node)
	in.Logger = r.s.x.log
	if r.s.x.Secrets != nil {
		t.secrets = &secrets{resolve: r.s.x.Secrets, mask: &r.s.x.masked}
		in.Secrets = t.secrets.get
		in.Logger = slog.New(maskedLog{r.s.x.log.Handler(), t.secrets})
	}
}

// context gives the hook of a stage a context of its own if it may end alone.
func (r *live) context(t *task, n *machine.Node) {
	parent := r.ctx
	if n.Urgent {
		parent = r.s.hooks // a way out is not canceled with the run (R5)
	}
	t.ctx = parent
	if t.timeout > 0 || n.Hasty || n.Urgent {
		t.ctx, t.cancel = context.WithCancelCause(parent)
	}
}

// ask makes a task of a question.
func (r *live) ask(c machine.Command, now time.Time) {
	n := r.m.Node(c.Node)
	t := r.task(c, n)
	t.asking = new(asking)
	t.timeout = answerWithin
	t.ctx, t.cancel = context.WithCancelCause(r.s.hooks)
	switch c.Do {
	case machine.Ask, machine.Permit:
		t.req = r.m.Request(c.Node, now)
	case machine.Observe:
		t.attempt = r.m.Attempt(c.Node)
		r.input(t, n, n.Step.(*Stage), r.m.Key(c.Node))
	default:
		t.facts = factsOf(r.m)
	}
	r.launch = append(r.launch, t)
}

// loop runs t, and then what the one who delivers it is given to run.
func (t *task) loop() {
	for t != nil {
		t = t.run()
	}
}

// run calls the hook and delivers what it did. A hook that ends its goroutine
// ends this one too, so what is left to do is done in another.
func (t *task) run() (next *task) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			t.err, t.stack = fmt.Errorf("panicked: %v", v), string(debug.Stack())
			next = t.finish()
			return
		}
		t.err, t.stack = errGoexit, "the hook called runtime.Goexit, perhaps through the FailNow of a test"
		go t.finish().loop()
	}()
	if t.timeout > 0 {
		t.r.mu.Lock()
		t.timer = time.AfterFunc(t.timeout, t.expire)
		t.r.mu.Unlock()
	}
	t.invoke(t.traced())
	t.plain()
	returned = true
	return t.finish()
}

// invoke calls the hook.
func (t *task) invoke(ctx context.Context) {
	switch t.do {
	case machine.Call:
		t.out, t.err = t.hook.(*Stage).Run.Run(ctx, t.in)
	case machine.Observe:
		t.seen, t.err = t.hook.(*Stage).Run.(stage.Observer).Observe(ctx, t.in)
	case machine.Ask:
		t.decision, t.err = decide(ctx, t.hook.(*Gate).Require, t.req)
	case machine.Permit:
		t.decision, t.err = decide(ctx, gate.All(t.hook.(*Stage).Environment.Gates...), t.req)
	case machine.Choose:
		t.take, t.err = t.hook.(*When).If(ctx, t.facts)
	case machine.Items:
		f := t.hook.(*ForEach)
		if t.items, t.err = f.Items(ctx, t.facts); t.err == nil {
			t.err = f.checkItems(t.items)
		}
	}
}

// finish delivers what came back, unless nobody waits for it.
func (t *task) finish() (next *task) {
	r := t.r
	switch {
	case t.secrets == nil:
	case t.asking == nil:
		t.clean(&t.out)
	default:
		t.clean(&t.seen.Output)
	}
	r.mu.Lock()
	t.returned = true
	t.told.stop()
	abandoned := t.abandoned
	if t.timer != nil {
		t.timer.Stop()
	}
	if t.ctx.Err() != nil && !abandoned {
		t.interrupted(context.Cause(t.ctx))
	}
	if t.cancel != nil {
		t.cancel(nil)
	}
	if abandoned {
		r.mu.Unlock()
		return nil
	}
	next = r.advance(t)
	r.s.end()
	return next
}

// interrupted notes that the context ended before the hook did. What it
// returned after its time was up counts as not done; what it did when the run
// was canceled or the executor shut down, counts if it is done.
func (t *task) interrupted(cause error) {
	switch {
	case errors.Is(cause, errShutdown):
		t.left = t.err != nil || t.do != machine.Call
	case errors.Is(cause, errTimeout):
		t.err = fmt.Errorf("%w after %v", errTimeout, t.timeout)
	}
}

// expire ends the time of a hook, and gives it up if it does not return then.
func (t *task) expire() {
	t.abort(errTimeout)
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	if !t.returned && !t.stopped {
		t.timer = time.AfterFunc(t.r.s.x.Grace, t.abandon)
	}
}

// abort cancels the context of a task.
func (t *task) abort(cause error) {
	if t.cancel != nil {
		t.cancel(cause)
	}
}

// stop cancels the hook of node i. R.mu is held.
func (r *live) stop(i int32) {
	for _, t := range r.flight {
		if t.node == i && t.do == machine.Call && !t.returned {
			t.stop(errStopped)
		}
	}
}

// stop cancels the context of a task, and gives it up if it does not return (R6).
// R.mu is held.
func (t *task) stop(cause error) {
	if t.stopped {
		return
	}
	if t.cancel == nil {
		t.r.cancel(cause) // it has the context that all of the run have
	} else {
		t.abort(cause)
	}
	t.stopped = true
	t.r.stopping++
	t.timer = time.AfterFunc(t.r.s.x.Grace, t.abandon)
}

// abandon delivers, in place of a hook that does not listen, that it could not
// be done. What the hook returns later is not looked at.
func (t *task) abandon() {
	r := t.r
	r.mu.Lock()
	if t.returned || t.abandoned {
		r.mu.Unlock()
		return
	}
	t.abandoned = true
	cause := context.Cause(t.ctx)
	why := fmt.Errorf("%w; the hook did not return within %v after that", cause, r.s.x.Grace)
	if errors.Is(cause, errTimeout) {
		why = fmt.Errorf("%w after %v; the hook did not return within %v after that", cause, t.timeout, r.s.x.Grace)
	}
	told := t.told
	told.stop()
	t.told = nil
	u := &task{r: r, asking: new(asking), do: t.do, node: t.node, name: t.name, attempt: t.attempt, ticket: t.ticket, ctx: t.ctx, hook: t.hook, stopped: t.stopped, returned: true, told: told, err: why}
	u.place = t.place
	r.flight[u.place] = u
	r.mu.Unlock()
	r.s.log.Warn("a hook does not listen to its context and is left behind", "run", r.id, "step", t.name)
	if next := r.deliver(u); next != nil {
		go next.loop()
	}
	r.s.end()
}
