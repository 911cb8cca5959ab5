package simulate

import (
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// state returns a number for how w goes on: the journals by what they say, who is
// alive, and how far each process and each person is. When something happened does
// not count, and neither does how much.
func (w *world) state() uint64 {
	h := uint64(1)
	for _, run := range w.runs {
		h = w.disk.state(h, run)
	}
	for _, name := range environments {
		h = w.disk.state(h, machine.Journal(name))
		h = machine.Mix(h, uint64(w.platform.tokens[name]), 3)
	}
	var effects uint64 // the order of a map is chance
	for key, n := range w.platform.effects {
		effects += machine.Mix(text(4, key), uint64(n), 5)
	}
	h = machine.Mix(h, effects, 6)
	for number := range w.born {
		h = machine.Mix(h, flags(w.disk.alive(processName(number+1), w.wall())), 32)
	}
	for _, p := range w.procs {
		h = p.state(w, h)
	}
	for _, a := range w.pending {
		h = a.state(h)
	}
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil {
			h = b.state(h)
		}
	}
	return h
}

var environments = []string{prod.Name, test.Name, uat.Name}

func (d *disk) state(h uint64, name string) uint64 {
	if j := d.journals[name]; j != nil {
		h = machine.Mix(h, j.head, uint64(len(j.events)))
	}
	return machine.Mix(h, 0, 7)
}

// state adds what an auditor knows that the journal does not say.
func (b *books) state(h uint64) uint64 {
	var seen uint64
	for step, who := range b.seen {
		for _, name := range who {
			seen += text(text(8, step), name)
		}
	}
	return machine.Mix(h, seen, 9)
}

func (a *act) state(h uint64) uint64 {
	h = machine.Mix(text(h, a.id), flags(a.begun, a.waits, a.direct, a.batch != nil), 10)
	if a.begun && a.kind == journal.Voted {
		h = text(h, a.vote.Subject.String())
	}
	if a.batch != nil {
		h = events(machine.Mix(h, uint64(a.batch.Length), 11), a.batch.Events)
	}
	return h
}

func events(h uint64, all []journal.Event) uint64 {
	for i := range all {
		h = content(h, &all[i])
	}
	return machine.Mix(h, uint64(len(all)), 12)
}

// state adds how far p is, in w: p.w may be a world before it.
func (p *process) state(w *world, h uint64) uint64 {
	h = text(machine.Mix(h, flags(p.dead, p.closing, p.closed, p.flush != nil), 13), p.name)
	if p.dead {
		return h
	}
	for _, r := range p.live {
		h = machine.Mix(r.state(w.wall(), h), flags(p.flush == r), 14)
	}
	for _, r := range p.ending {
		h = machine.Mix(r.state(w.wall(), h), flags(r.wanted), 33)
	}
	for _, run := range p.wait {
		h = text(h, run)
	}
	h = machine.Mix(h, 0, 15)
	for _, run := range w.runs {
		last, rested := p.rested[run]
		at, alarmed := p.alarms[run]
		h = machine.Mix(h, flags(p.foreign[run], rested, last.over, alarmed), uint64(last.length))
		for _, other := range w.runs {
			if t, ok := p.alarms[other]; ok && alarmed {
				h = machine.Mix(h, flags(at.Before(t)), 16)
			}
		}
	}
	for _, name := range environments {
		if e := p.envs[name]; e != nil {
			h = machine.Mix(h, uint64(e.Length), 17)
		}
	}
	news := map[string]bool{}
	for _, name := range w.disk.grown[p.mark:] {
		news[name] = true
	}
	for _, name := range p.later {
		news[name] = true
		h = text(h, name)
	}
	var grown uint64
	for name := range news {
		grown += text(18, name)
	}
	return machine.Mix(h, grown, 19)
}

func (r *live) state(now time.Time, h uint64) uint64 {
	h = machine.Mix(text(h, r.id), r.m.Hash(uint64(r.m.Length)), 20)
	h = machine.Mix(h, r.due(now), uint64(r.at))
	h = machine.Mix(h, flags(r.poked, r.claiming, r.wrote, r.err != nil, r.m.Owner == r.p.name, r.m.SetBack()), 21)
	h = events(r.work.state(r.inbox.state(h)), r.events)
	for _, e := range r.entries {
		h = events(machine.Mix(text(h, e.env.Name), uint64(e.length), 22), e.events)
	}
	for _, t := range r.launch {
		h = t.state(h)
	}
	h = machine.Mix(h, 0, 23)
	for _, t := range r.flight {
		h = t.state(h)
	}
	for _, i := range r.stops {
		h = machine.Mix(h, uint64(i), 24)
	}
	for _, name := range r.out {
		h = text(h, name)
	}
	var erring uint64
	for i := range r.erring {
		erring += machine.Mix(25, uint64(i), 26)
	}
	return machine.Mix(h, erring, 27)
}

// due returns how far off the next thing is that the run waits for, as far as
// that makes a difference.
func (r *live) due(now time.Time) uint64 {
	switch next := r.m.Next(); {
	case next.IsZero():
		return 0
	case !next.After(now):
		return 1
	case next.Sub(now) <= leaseTerm:
		return 2
	}
	return 3
}

func (b *inbox) state(h uint64) uint64 {
	for _, t := range b.returned {
		h = t.state(h)
	}
	for _, a := range b.requests {
		h = text(h, a.id)
	}
	return machine.Mix(h, flags(b.stale), 28)
}

func (t *task) state(h uint64) uint64 {
	h = machine.Mix(h, uint64(t.do)|uint64(t.node)<<8|uint64(t.attempt)<<32, flags(t.begun, t.due.IsZero(), t.cause != nil, t.err != nil, t.left, t.plan.stale))
	h = machine.Mix(h, uint64(t.plan.ends), uint64(t.epoch))
	if t.do == machine.Ask || t.do == machine.Permit {
		h = machine.Mix(text(h, t.req.Subject.String()), uint64(len(t.req.Votes)), uint64(t.decision.Verdict))
	}
	return text(h, t.in.Key)
}

func flags(all ...bool) (n uint64) {
	for i, f := range all {
		if f {
			n |= 1 << i
		}
	}
	return n
}

// content returns a number for what e says, but for when.
func content(h uint64, e *journal.Event) uint64 {
	h = text(text(text(machine.Mix(h, uint64(e.Epoch), 1), string(e.Kind)), e.Step), e.By)
	switch d := e.Data.(type) {
	case *journal.Call:
		return text(machine.Mix(h, uint64(d.Attempt), uint64(d.Token)), d.Key)
	case *journal.Hold:
		return machine.Mix(h, uint64(d.Token), 29)
	case *gate.Vote:
		return text(machine.Mix(text(h, d.ID), flags(d.Approve), 30), d.Subject.String())
	}
	return text(h, words(e.Data))
}

// text mixes s into h.
func text(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return machine.Mix(h, uint64(len(s)), 2)
}
