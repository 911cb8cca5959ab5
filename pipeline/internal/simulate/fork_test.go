package simulate

import (
	"context"
	"maps"
	"slices"

	"github.com/penstock/penstock/internal/machine"
)

// fork returns a copy of w in which one process with those who act through it, by
// place, or one person without a process, by place among those who act, can go on;
// the others are those of w, and must not change. A negative place is nobody.
func (w *world) fork(process, person int) *world {
	c := *w
	c.ctx = context.WithValue(context.Background(), inside{}, &c)
	c.disk, c.platform, c.audit = w.disk.fork(&c), w.platform.fork(&c), w.audit.fork(&c)
	c.procs, c.begins = slices.Clone(w.procs), slices.Clone(w.begins)
	c.pending, c.acks, c.again = slices.Clone(w.pending), slices.Clip(w.acks), slices.Clip(w.again)
	c.can = nil
	switch {
	case process >= 0:
		c.forkProcess(process)
	case person >= 0:
		c.pending[person] = c.pending[person].fork(&c)
	}
	return &c
}

func (a *act) fork(w *world) *act {
	c := *a
	c.w = w
	return &c
}

func (d *disk) fork(w *world) *disk {
	c := *d
	c.w = w
	c.journals, c.leases = make(map[string]*paper, len(d.journals)), maps.Clone(d.leases)
	for name, j := range d.journals {
		c.journals[name] = &paper{slices.Clip(j.events), j.head, j.last}
	}
	c.order, c.grown, c.pending = slices.Clip(d.order), slices.Clip(d.grown), slices.Clone(d.pending)
	return &c
}

func (f *platform) fork(w *world) *platform {
	return &platform{w: w, effects: maps.Clone(f.effects), tokens: maps.Clone(f.tokens), fenced: f.fenced}
}

// fork shares the books, which are copied when something is written in them.
func (a *audit) fork(w *world) *audit {
	return &audit{w: w, runs: maps.Clone(a.runs), envs: forkEnvironments(a.envs), asked: maps.Clone(a.asked)}
}

func forkEnvironments(envs map[string]*machine.Environment) map[string]*machine.Environment {
	c := make(map[string]*machine.Environment, len(envs))
	for name, e := range envs {
		c[name] = e.Clone()
	}
	return c
}

// own returns the books of a run, to be written in.
func (a *audit) own(run string) *books {
	b := a.runs[run]
	if b == nil || b.of == a {
		return b
	}
	c := *b
	c.of, c.m = a, b.m.Clone()
	c.claims, c.calls, c.open, c.unknown = maps.Clone(b.claims), maps.Clone(b.calls), maps.Clone(b.open), maps.Clone(b.unknown)
	c.seen, c.done, c.anew, c.ids = maps.Clone(b.seen), maps.Clone(b.done), maps.Clone(b.anew), maps.Clone(b.ids)
	for step, who := range c.seen {
		c.seen[step] = slices.Clip(who)
	}
	c.votes = slices.Clip(b.votes)
	a.runs[run] = &c
	return &c
}

// forkProcess makes the process at a place, and those who act through it, those
// of w.
func (w *world) forkProcess(place int) {
	p := w.procs[place]
	c := *p
	c.w = w
	c.foreign, c.rested, c.alarms = maps.Clone(p.foreign), maps.Clone(p.rested), maps.Clone(p.alarms)
	c.stills, c.before, c.ahead = maps.Clone(p.stills), maps.Clone(p.before), maps.Clone(p.ahead)
	c.envs = forkEnvironments(p.envs)
	c.wait, c.later = slices.Clone(p.wait), slices.Clone(p.later)
	w.procs[place] = &c
	acts := map[*act]*act{}
	for k, a := range w.pending {
		if a.via == p {
			w.pending[k] = a.fork(w)
			w.pending[k].via = &c
			acts[a] = w.pending[k]
		}
	}
	c.live = make([]*live, len(p.live))
	for k, r := range p.live {
		c.live[k] = r.fork(&c, acts)
		if p.flush == r {
			c.flush = c.live[k]
		}
	}
	c.ending = make([]*live, len(p.ending))
	for k, r := range p.ending {
		c.ending[k] = r.fork(&c, acts)
	}
}

// fork copies r. Its tasks may be in several lists of it.
func (r *live) fork(p *process, acts map[*act]*act) *live {
	c := *r
	c.p, c.m, c.erring = p, r.m.Clone(), maps.Clone(r.erring)
	c.out, c.events, c.stops = slices.Clone(r.out), slices.Clip(r.events), slices.Clip(r.stops)
	copies := map[*task]*task{}
	tasks := func(from []*task) []*task {
		to := make([]*task, len(from))
		for k, t := range from {
			if copies[t] == nil {
				n := *t
				n.r = &c
				copies[t] = &n
			}
			to[k] = copies[t]
		}
		return to
	}
	box := func(b inbox) inbox {
		b.returned, b.requests = tasks(b.returned), slices.Clone(b.requests)
		for k, a := range b.requests {
			b.requests[k] = acts[a]
		}
		return b
	}
	c.flight, c.launch, c.inbox, c.work = tasks(r.flight), tasks(r.launch), box(r.inbox), box(r.work)
	c.entries = make([]*entry, len(r.entries))
	for k, e := range r.entries {
		c.entries[k] = &entry{e.env.Clone(), e.length, slices.Clip(e.events)}
	}
	return &c
}
