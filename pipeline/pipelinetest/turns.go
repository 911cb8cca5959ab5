package pipelinetest

import (
	"slices"
	"sync"
)

// turns lets hooks act one at a time. All that want to act at one time have come
// when nothing moves any more; then the first in the order of the story goes.
// So which goroutine was faster does not show.
type turns struct {
	ring func() // somebody has come

	mu      sync.Mutex
	waiting []turn
	over    bool // nobody waits any more
}

// A turn is a step that waits.
type turn struct {
	Stage
	mayGo chan struct{}
}

// wait returns when it is the turn of s.
func (ts *turns) wait(s Stage) {
	t := turn{s, make(chan struct{})}
	ts.mu.Lock()
	if ts.over {
		ts.mu.Unlock()
		return
	}
	ts.waiting = append(ts.waiting, t)
	ts.mu.Unlock()
	ts.ring()
	<-t.mayGo
}

// next lets the first in the given order go, and reports whether there was one.
func (ts *turns) next(order func(a, b Stage) int) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.waiting) == 0 {
		return false
	}
	first := slices.MinFunc(ts.waiting, func(a, b turn) int { return order(a.Stage, b.Stage) })
	ts.waiting = slices.DeleteFunc(ts.waiting, func(t turn) bool { return t.mayGo == first.mayGo })
	close(first.mayGo)
	return true
}

// end lets everybody go.
func (ts *turns) end() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.over = true
	for _, t := range ts.waiting {
		close(t.mayGo)
	}
}
