package pipeline

import (
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"
)

// limits bounds how many stages are called at a time.
type limits struct {
	all    *limit // nil if there is none
	groups map[string]*limit
}

func (l *limits) init(x *Executor) {
	if x.Limit > 0 {
		l.all = newLimit(x.Limit)
	}
	l.groups = make(map[string]*limit, len(x.Groups))
	for name, n := range x.Groups {
		l.groups[name] = newLimit(n)
	}
}

// of returns the limits that a stage of the given group is under. They are
// taken in this order, so nobody waits in a circle.
func (l *limits) of(group string) []*limit {
	var out []*limit
	if g := l.groups[group]; g != nil {
		out = append(out, g)
	}
	if l.all != nil {
		out = append(out, l.all)
	}
	return out
}

// A limit is places that are given in the order asked. Nobody waits in a
// goroutine: who comes too late is told when there is a place for it.
type limit struct {
	places *semaphore.Weighted

	mu    sync.Mutex
	queue []waiter
}

type waiter struct {
	r    *live
	node int32
}

func newLimit(n int) *limit { return &limit{places: semaphore.NewWeighted(int64(n))} }

// take reports whether there is a place. If not, r is told of one later.
func (l *limit) take(r *live, node int32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 && l.places.TryAcquire(1) {
		return true
	}
	l.queue = append(l.queue, waiter{r, node})
	return false
}

// give gives a place to who waits longest, or back. It must not be called with
// the lock of a live held.
func (l *limit) give() {
	l.mu.Lock()
	if len(l.queue) == 0 {
		l.places.Release(1)
		l.mu.Unlock()
		return
	}
	w := l.queue[0]
	l.queue[0] = waiter{}
	l.queue = l.queue[1:]
	l.mu.Unlock()
	w.r.granted(w.node, l)
}

// A claim is the places that a stage has, and the one that it waits for.
type claim struct {
	need    []*limit
	have    int
	waiting bool
}

// place reports whether stage node may be called under the limits. If not, it
// is looked at again when there is a place.
func (r *live) place(node int32, group string) bool {
	l := &r.s.limits
	if l.all == nil && (group == "" || l.groups[group] == nil) {
		return true
	}
	c := r.claims[node]
	if c == nil {
		c = &claim{need: l.of(group)}
		if r.claims == nil {
			r.claims = map[int32]*claim{}
		}
		r.claims[node] = c
	}
	for !c.waiting && c.have < len(c.need) {
		if !c.need[c.have].take(r, node) {
			c.waiting = true
			return false
		}
		c.have++
	}
	return !c.waiting
}

// granted tells r that there is a place for a node of it.
func (r *live) granted(node int32, l *limit) {
	r.mu.Lock()
	c := r.claims[node]
	if c == nil || r.gone || !c.waiting || c.need[c.have] != l {
		r.mu.Unlock()
		l.give()
		return
	}
	c.waiting = false
	c.have++
	r.inbox.granted = append(r.inbox.granted, node)
	r.mu.Unlock()
	r.poke()
}

// tidy vacates the places of a node for which nothing is under way: a gate holds
// it up since it got them, or it is not to be called any more.
func (r *live) tidy(node int32) {
	c := r.claims[node]
	if c == nil || c.waiting {
		return
	}
	is := func(t *task) bool { return t.node == node }
	if !slices.ContainsFunc(r.launch, is) && !slices.ContainsFunc(r.flight, is) {
		r.vacate(node)
	}
}

// vacate returns the places of a node that is not called, or not any more.
// R.mu is held; the places are given back when it is not.
func (r *live) vacate(node int32) {
	c := r.claims[node]
	if c == nil {
		return
	}
	delete(r.claims, node)
	r.free = append(r.free, c.need[:c.have]...)
}
