package pipelinetest

import (
	"cmp"
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
	rank  []int // nil until it is asked for
}

// wait returns when it is the turn of s.
func (ts *turns) wait(s Stage) {
	t := turn{Stage: s, mayGo: make(chan struct{})}
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

// next lets the one with the lowest rank go, and reports whether there was one.
func (ts *turns) next(rank func(Stage) []int) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if len(ts.waiting) == 0 {
		return false
	}
	for i := range ts.waiting {
		if t := &ts.waiting[i]; t.rank == nil {
			t.rank = rank(t.Stage)
		}
	}
	first := slices.MinFunc(ts.waiting, func(a, b turn) int {
		return cmp.Or(slices.Compare(a.rank, b.rank), cmp.Compare(a.Name, b.Name))
	})
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
