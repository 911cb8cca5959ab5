package pipeline

import (
	"container/heap"
	"time"
)

// alarms says when to look at runs that nothing is done for now.
type alarms struct {
	heap alarmHeap
	at   map[string]time.Time // by run; an entry of heap that disagrees is stale
}

type alarm struct {
	at  time.Time
	run string
}

// set has run due at t, unless it is before, and reports whether it is the
// first then.
func (a *alarms) set(run string, t time.Time) bool {
	if old, ok := a.at[run]; ok && !old.After(t) {
		return false
	}
	if a.at == nil {
		a.at = map[string]time.Time{}
	}
	a.at[run] = t
	heap.Push(&a.heap, alarm{t, run})
	return a.heap[0].run == run
}

// trust is for how long it is taken that the clock is not set, and that the machine
// does not sleep, while runs wait for a time.
const trust = time.Minute

// setBack reports whether the clock was set back between two looks at it: it
// shows that less time has passed than has, by more than clocks differ.
func setBack(shown, passed time.Duration) bool { return passed-shown >= time.Minute }

// ring has all runs due now.
func (a *alarms) ring(now time.Time) {
	for run := range a.at {
		a.set(run, now)
	}
}

// next returns when the first run is due, or the zero Time if none is.
func (a *alarms) next() time.Time {
	for len(a.heap) > 0 {
		if first := a.heap[0]; a.at[first.run].Equal(first.at) {
			return first.at
		}
		heap.Pop(&a.heap)
	}
	return time.Time{}
}

// due takes the runs out that are due.
func (a *alarms) due(now time.Time) (runs []string) {
	for t := a.next(); !t.IsZero() && !t.After(now); t = a.next() {
		first := heap.Pop(&a.heap).(alarm)
		delete(a.at, first.run)
		runs = append(runs, first.run)
	}
	return runs
}

type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(v any)        { *h = append(*h, v.(alarm)) }
func (h *alarmHeap) Pop() any {
	last := len(*h) - 1
	v := (*h)[last]
	(*h)[last] = alarm{}
	*h = (*h)[:last]
	return v
}
