package pipeline

import (
	"cmp"
	"container/heap"
	"strings"
	"time"
)

// A due is what happens at some time. What happens at one time happens in the
// order in which a story tells it: by kind, then by run, then as in the tree, then,
// for what a ForEach makes of one step, as they were heard of.
type due struct {
	at                      time.Time
	kind, run, order, heard int
	name                    string // of the step; decides between those that nobody has heard of
	do                      func()
}

// The kinds of due.
const (
	votes   = iota // a person does
	leaves         // a run of which nothing is known gives an environment back
	returns        // a hook does, or an answer comes
)

type dues []due

func (h dues) Len() int { return len(h) }
func (h dues) Less(i, j int) bool {
	d, e := &h[i], &h[j]
	return cmp.Or(d.at.Compare(e.at), d.kind-e.kind, d.run-e.run, d.order-e.order, d.heard-e.heard, strings.Compare(d.name, e.name)) < 0
}
func (h dues) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dues) Push(v any)   { *h = append(*h, v.(due)) }
func (h *dues) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	*h = (*h)[:last]
	return v
}

// at has something about node i of a run done at t, or now if that is past.
func (o *outlook) at(t time.Time, kind int, r *actor, i int32, do func()) {
	name := r.m.Node(i).Name
	o.push(due{at: t, kind: kind, run: r.place, order: r.order[taskOf(name)], heard: r.heard[name], name: name, do: do})
}

func (o *outlook) push(d due) {
	if d.at.Before(o.now) {
		d.at = o.now
	}
	heap.Push(&o.due, d)
}
