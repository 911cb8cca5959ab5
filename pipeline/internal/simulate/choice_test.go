package simulate

import (
	"time"

	"github.com/penstock/penstock/internal/machine"
)

// A choice is one thing that can happen next.
type choice struct {
	do doing
	p  *process
	t  *task
	a  *act
}

type doing uint8

const (
	flushes doing = iota
	loads
	dispatches
	watches
	beats
	hooks
	abandons
	quits
	restarts
	wants

	// Only in interleavings.
	rings  // an alarm
	lapses // a lease: its holder was stopped for too long
	dies
	breaks // a hook: it returns an error
)

// choices are the things that can happen now.
func (w *world) choices() []choice {
	w.can = w.can[:0]
	for k, p := range w.procs {
		switch {
		case p.dead:
			if !w.now.Before(w.begins[k]) {
				w.can = append(w.can, choice{do: restarts, p: p})
			}
		case !p.paused():
			w.ofProcess(p)
		}
	}
	for _, t := range w.strays {
		if !t.due.After(w.now) && !t.r.p.paused() {
			w.can = append(w.can, choice{do: hooks, t: t})
		}
	}
	for _, a := range w.pending {
		if !a.waits && (a.via == nil || !a.via.paused()) || a.via != nil && a.via.dead {
			w.can = append(w.can, choice{do: wants, a: a})
		}
	}
	return w.can
}

func (w *world) ofProcess(p *process) {
	due := func(t time.Time) bool { return !t.IsZero() && !t.After(w.now) }
	for _, r := range p.lives() {
		for _, t := range r.flight {
			switch {
			case due(t.due):
				w.can = append(w.can, choice{do: hooks, p: p, t: t})
			case !t.due.IsZero() && due(t.deaf):
				w.can = append(w.can, choice{do: abandons, p: p, t: t})
			}
		}
	}
	if due(p.beats) {
		w.can = append(w.can, choice{do: beats, p: p})
	}
	if p.flush != nil {
		w.can = append(w.can, choice{do: flushes, p: p})
		return
	}
	for _, r := range p.live {
		if r.poked {
			w.can = append(w.can, choice{do: flushes, p: p})
			break
		}
	}
	if p.closing {
		w.can = append(w.can, choice{do: quits, p: p})
		return
	}
	if len(p.wait) > 0 {
		w.can = append(w.can, choice{do: loads, p: p})
	}
	if p.bell || due(p.wakes) {
		w.can = append(w.can, choice{do: dispatches, p: p})
	}
	if due(p.watches) && (len(p.later) > 0 || p.mark < len(w.disk.grown)) {
		w.can = append(w.can, choice{do: watches, p: p})
	}
}

// step has one thing happen, and reports whether there was one.
func (w *world) step() bool {
	w.count.steps++
	w.disk.arrive(false)
	can := w.choices()
	live := false
	for _, c := range can {
		live = live || c.do != quits
	}
	if !live {
		for _, c := range can { // a process that can only wait for its end
			if c.p.quit() {
				w.down(c.p)
				return true
			}
		}
		return false
	}
	c := can[w.rng.IntN(len(can))]
	w.hash = machine.Mix(w.hash, uint64(c.do), uint64(len(can)))
	w.happen(c)
	return true
}

func (w *world) happen(c choice) {
	p := c.p
	switch c.do {
	case flushes:
		if p.flush == nil {
			p.flush = w.pick(p)
		}
		p.flush.step()
	case loads:
		p.load()
	case dispatches:
		p.dispatch()
	case watches:
		p.watch()
	case beats:
		p.beat()
	case hooks:
		c.t.step()
		w.forget(c.t)
	case abandons:
		c.t.abandon()
	case quits:
		if p.quit() {
			w.down(p)
		}
	case restarts:
		for k := range w.procs {
			if w.procs[k] == p {
				w.process(k)
			}
		}
	case wants:
		c.a.proceed()
	}
}

func (w *world) pick(p *process) *live {
	var poked []*live
	for _, r := range p.live {
		if r.poked {
			poked = append(poked, r)
		}
	}
	return poked[w.rng.IntN(len(poked))]
}

// forget drops a stray hook that has returned.
func (w *world) forget(t *task) {
	for k, s := range w.strays {
		if s == t && t.due.IsZero() {
			w.strays = append(w.strays[:k], w.strays[k+1:]...)
			return
		}
	}
}

// down has a process that is dead begin anew after a while.
func (w *world) down(p *process) {
	for k := range w.procs {
		if w.procs[k] == p {
			w.begins[k] = w.now.Add(w.upTo(time.Minute))
		}
	}
}
