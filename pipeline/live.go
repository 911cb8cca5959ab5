package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A live is a run that something is done for. Hooks that have returned deliver
// what they did; whoever finds nobody flushing does it: what was delivered
// becomes events, the machine says what is next, and outcomes and the intents
// that follow from them are recorded at once. So a chain of stages costs one
// Append each, in one goroutine.
type live struct {
	s  *server
	id string

	mu       sync.Mutex
	m        *machine.Machine // with what this flush decided, while it is recorded
	inbox    inbox
	flushing bool
	gone     bool    // not live any more: deliver to the next one
	flight   []*task // begun, and not returned
	stopping int     // of flight, told to end
	queue    queue   // those of flight of which the hook is not called yet
	spare    []*task // for use again
	more     int     // tasks made at a time, when there are none
	ctx      context.Context
	cancel   context.CancelCauseFunc
	claims   map[int32]*claim // of nodes that are under limits
	free     []*limit         // places to be given back when mu is not held
	erring   map[int32]bool   // nodes of which the last answer was an error
	outside  []string         // environments that it waits to enter
	trace    tracing

	// Of the flush under way.
	work     inbox
	events   []journal.Event
	batches  []journal.Batch
	entries  []*entry
	locked   bool // the environments are
	claiming bool // the run is
	launch   []*task
	stops    []int32

	conflicts conflicts   // since something was recorded
	wrote     atomic.Bool // something was recorded since this was last looked at
}

// An inbox is what was delivered.
type inbox struct {
	returned []*task
	requests []*request
	granted  []int32
	stale    bool // the Store may have news
}

func (b *inbox) empty() bool {
	return len(b.returned)+len(b.requests)+len(b.granted) == 0 && !b.stale
}

// add moves what is in c to the end of b.
func (b *inbox) add(c *inbox) {
	if b.empty() {
		*b, *c = *c, *b
		return
	}
	b.returned = append(b.returned, c.returned...)
	b.requests = append(b.requests, c.requests...)
	b.granted = append(b.granted, c.granted...)
	b.stale = b.stale || c.stale
	c.clear()
}

func (b *inbox) clear() {
	clear(b.returned)
	clear(b.requests)
	b.returned, b.requests, b.granted, b.stale = b.returned[:0], b.requests[:0], b.granted[:0], false
}

var (
	errFenced = errors.New("another executor takes the run forward")
	errGone   = errors.New("the run is not live any more")
)

func newLive(s *server, m *machine.Machine) *live {
	r := &live{s: s, id: m.Run, m: m}
	r.ctx, r.cancel = context.WithCancelCause(s.hooks)
	r.trace.begin(r)
	return r
}

// poke looks whether there is something to do. What there is to call is called
// in a goroutine of its own.
func (r *live) poke() {
	if t := r.deliver(nil); t != nil {
		go t.loop()
	}
}

// refresh has r read what others appended, and reports whether r is live.
func (r *live) refresh() bool {
	r.mu.Lock()
	r.inbox.stale = true
	gone := r.gone
	r.mu.Unlock()
	if !gone {
		r.poke()
	}
	return !gone
}

// deliver takes what a task did, if there is one, and flushes unless somebody
// does. It returns a task for the caller to run.
func (r *live) deliver(t *task) (next *task) {
	r.mu.Lock()
	return r.advance(t)
}

// advance is deliver with r.mu held, which it unlocks.
func (r *live) advance(t *task) (next *task) {
	if r.gone {
		if t != nil {
			r.trace.returned(t, r.trace.lost)
			r.ended(t)
		}
		next = r.take()
		r.release()
		return next
	}
	if t != nil {
		r.inbox.returned = append(r.inbox.returned, t)
	}
	if r.flushing {
		next = r.take()
		r.mu.Unlock()
		return next
	}
	r.flushing = true
	if t != nil && len(r.flight) > 1 {
		// Let others that are about to return be recorded with t.
		r.mu.Unlock()
		runtime.Gosched()
		r.mu.Lock()
	}
	for r.flushing {
		r.hire()
		r.flush()
	}
	next = r.take()
	r.release()
	return next
}

// release unlocks mu and does what must not be done while it is held.
func (r *live) release() {
	free, later := r.free, r.trace.later
	r.free, r.trace.later = nil, nil
	r.mu.Unlock()
	for _, l := range free {
		l.give()
	}
	for _, tell := range later {
		_ = guarded(func() error { tell(); return nil }) // what listens panicked (I18)
	}
}

// flush takes what was delivered forward once. R.mu is held, but not while the
// Store is written to. Flushing is false after it if there was nothing more.
func (r *live) flush() {
	r.work.add(&r.inbox)
	err := r.decide(time.Now().UTC().Round(0))
	if err == nil {
		err = r.record()
	}
	wake := r.unlock(err == nil)
	switch {
	case err == nil:
		r.conflicts = 0
		r.carryOut()
	case errors.Is(err, journal.ErrConflict):
		if err = r.conflicts.another(err); err == nil {
			err = r.reload()
		}
		if err == nil {
			return
		}
	}
	if err != nil {
		r.drop(err)
		return
	}
	r.work.clear()
	for _, run := range wake {
		if run != r.id {
			r.s.wake(run)
		}
	}
	if !r.inbox.empty() {
		return
	}
	r.rest()
	r.flushing = false
}

// record appends what was decided. R.mu is not held meanwhile.
func (r *live) record() error {
	r.batches = r.batches[:0]
	if len(r.events) > 0 {
		r.batches = append(r.batches, journal.Batch{Journal: r.id, Length: r.m.Length - len(r.events), Events: r.events})
	}
	for _, e := range r.entries {
		if len(e.events) > 0 {
			r.batches = append(r.batches, journal.Batch{Journal: machine.Journal(e.env.Name), Length: e.length, Events: e.events})
		}
	}
	if len(r.batches) == 0 {
		return nil
	}
	if r.s.closed.Load() {
		return errShutdown
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	if r.claiming {
		if err := r.s.lease.hold(r.s.store); err != nil {
			return broken(err)
		}
	}
	err := r.s.x.store.Append(r.s.store, r.batches...)
	if errors.Is(err, journal.ErrInput) {
		return err // the fault of this run
	}
	r.wrote.Store(err == nil)
	return broken(err)
}

// carryOut does what was recorded.
func (r *live) carryOut() {
	for _, q := range r.work.requests {
		q.reply <- q.err
	}
	for _, t := range r.work.returned {
		r.trace.returned(t, nil)
		r.recycle(t)
	}
	r.trace.recorded(r)
	for _, t := range r.launch {
		if !r.s.begin() {
			r.vacate(t.node) // it stays called; the next executor finds out
			continue
		}
		t.place = len(r.flight)
		r.flight = append(r.flight, t)
		r.queue.tasks = append(r.queue.tasks, t)
	}
	for _, i := range r.stops { // one of them may have been launched just now
		r.stop(i)
	}
}

// reload folds the journal anew after others appended to it. What was delivered
// stays to be decided; what was about to be called is not.
func (r *live) reload() error {
	for _, t := range r.launch {
		r.vacate(t.node)
		t.abort(nil)
	}
	m, err := r.s.x.fold(r.s.store, r.id)
	if err != nil {
		return err
	}
	if m.Status.Done() {
		return errGone
	}
	if free, err := r.s.free(m); err != nil || !free {
		return errors.Join(errFenced, err)
	}
	if err := r.outdated(m); err != nil {
		return err
	}
	if !r.s.current(m) {
		return errGone
	}
	m.Succeed(r.m)
	r.m, r.erring = m, nil // others may have asked since, and m does not know since when it errs
	return nil
}

// outdated returns why r has to let go of what is under way, now that the run is as
// m says, and nil if it goes on. Calls were begun by the owner, and everything by the
// numbers of the nodes, which are others once the run was adopted.
func (r *live) outdated(m *machine.Machine) error {
	called := func(t *task) bool { return t.do == machine.Call }
	switch {
	case m.Owner != r.s.name && slices.ContainsFunc(r.flight, called):
		return errFenced
	case m.Came != r.m.Came && len(r.flight)+len(r.claims) > 0:
		return errGone
	}
	return nil
}

// idle reports whether nothing is under way.
func (r *live) idle() bool { return len(r.flight)+len(r.launch)+len(r.claims) == 0 }

// rest sets the alarm, and ends r if there is nothing to do until something
// happens.
func (r *live) rest() {
	next := r.m.Next()
	if r.m.Status.Done() {
		next = time.Time{}
	}
	r.s.alarm(r.id, next)
	if len(r.erring) > 0 {
		maps.DeleteFunc(r.erring, func(i int32, _ bool) bool { return !r.m.Unanswered(i) })
	}
	if r.idle() && r.m.Owner == "" && (len(r.erring) == 0 || r.m.Status.Done()) { // the machine knows since when it errs
		r.retire()
		r.m.Release() // nothing is under way that would look at it
	}
}

// retire ends r. What is delivered later is lost.
func (r *live) retire() {
	r.gone = true
	r.cancel(nil)
	r.s.mu.Lock()
	if r.s.live[r.id] == r {
		delete(r.s.live, r.id)
		r.s.rested[r.id] = rest{r.m.Length, r.m.Status.Done()}
		if len(r.flight) > 0 {
			r.s.ending[r.id] = false
		}
	}
	r.s.mu.Unlock()
}

// drop ends r because it cannot go on: somebody else does, or the journal
// cannot be read, or the Store takes nothing.
func (r *live) drop(err error) {
	r.work.add(&r.inbox)
	told := errGone
	if b := (*brokenError)(nil); errors.As(err, &b) {
		told = fmt.Errorf("pipeline: run %s: %w", r.id, b.err) // it may be recorded: not to be tried again
	}
	for _, q := range r.work.requests {
		q.reply <- told
	}
	for node := range r.claims {
		r.vacate(node)
	}
	for _, t := range r.work.returned {
		r.trace.returned(t, err)
		r.land(t)
	}
	for _, t := range r.flight {
		t.stop(err)
	}
	r.trace.lost = err
	r.retire()
	r.flushing = false
	switch {
	case errors.Is(err, errShutdown):
	case errors.Is(err, errGone):
		r.s.wake(r.id)
	case errors.Is(err, errFenced):
		r.s.log.Warn("the run was taken over; its hooks are stopped", "run", r.id, "error", err)
		r.s.leave(r.id, time.Now().Add(r.s.x.Lease/3))
	default:
		r.s.suffer(r.id, err)
	}
}
