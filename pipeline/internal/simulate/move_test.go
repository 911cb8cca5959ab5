package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A move is one thing that can happen next in an interleaving. A process reads what
// others wrote in one move, and decides on that. In another it records what it has
// decided, if nobody was first, and decides what is next. A person reads and records
// in two.
type move struct {
	do     doing
	place  int // of the process, or -1
	person int // place among those who act, or -1
	live   int // place among those of the process; of a lease: number of its holder
	task   int // place among those of the live
}

// bounds are how often what slows things down happens yet.
type bounds struct {
	lapses int // of leases of processes that live
	deaths int
	breaks int // errors of hooks
}

// less returns what is left of b after m.
func (b bounds) less(w *world, m move) bounds {
	switch {
	case m.do == lapses && w.holder(m.live) != nil:
		b.lapses--
	case m.do == dies:
		b.deaths--
	case m.do == breaks && w.procs[m.place].lives()[m.live].flight[m.task].cause == nil:
		b.breaks--
	}
	return b
}

// A luck is a source of chance that leaves nothing to it.
type luck struct{ good bool }

func (l *luck) Uint64() uint64 {
	if l.good {
		return 1 << 50
	}
	return math.MaxUint64
}

// holder returns the process with the given number, if it lives.
func (w *world) holder(number int) *process {
	for _, p := range w.procs {
		if !p.dead && p.name == processName(number) {
			return p
		}
	}
	return nil
}

// moves are the things that can happen now. All that is due at some time is due:
// nothing is known of how long anything takes.
func (w *world) moves(left bounds) (all []move) {
	for k, p := range w.procs {
		if p.dead {
			all = append(all, move{do: restarts, place: k, person: -1})
			continue
		}
		all = w.movesOf(all, k, p, left)
	}
	for k, a := range w.pending {
		if place := w.placeOf(a); !a.waits && place >= 0 {
			all = append(all, move{do: wants, place: place, person: k})
		} else if !a.waits && a.via == nil {
			all = append(all, move{do: wants, place: -1, person: k})
		}
	}
	for number := 1; number <= w.born; number++ {
		lives := w.holder(number) != nil
		if w.disk.alive(processName(number), w.wall()) && (!lives || left.lapses > 0) && w.claims(processName(number)) {
			all = append(all, move{do: lapses, place: w.place(number), person: -1, live: number})
		}
	}
	return all
}

func (w *world) movesOf(all []move, k int, p *process, left bounds) []move {
	add := func(do doing, live, task int) { all = append(all, move{do, k, -1, live, task}) }
	for l, r := range p.lives() {
		for n, t := range r.flight {
			if t.due.IsZero() {
				continue
			}
			add(hooks, l, n)
			if t.begun && (t.cause != nil || left.breaks > 0) {
				add(breaks, l, n)
			}
		}
	}
	if len(p.lives()) > 0 && !p.beats.IsZero() && !w.disk.alive(p.name, w.wall()) {
		add(beats, 0, 0)
	}
	if left.deaths > 0 && w.claims(p.name) {
		add(dies, 0, 0)
	}
	if p.flush != nil {
		add(flushes, 0, 0)
		return all
	}
	if len(p.wait)+len(p.later) > 0 || p.mark < len(w.disk.grown) {
		add(loads, 0, 0)
	}
	if run, _ := p.next(); run != "" && !w.vain(p, run) {
		add(rings, 0, 0)
	}
	return all
}

// vain reports whether it leads nowhere that p looks at a run again: another one
// that lives takes it forward.
func (w *world) vain(p *process, run string) bool {
	m := w.audit.runs[run].m
	return p.foreign[run] && m.Owner != "" && m.Owner != p.name && w.disk.alive(m.Owner, w.wall())
}

// claims reports whether the named process has a run to take forward.
func (w *world) claims(name string) bool {
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil && b.m.Owner == name {
			return true
		}
	}
	return false
}

func (w *world) placeOf(a *act) int {
	for k, p := range w.procs {
		if p == a.via {
			return k
		}
	}
	return -1
}

func (w *world) place(number int) int {
	for k, p := range w.procs {
		if p.name == processName(number) {
			return k
		}
	}
	return -1
}

func processName(number int) string { return fmt.Sprint("x-", number) }

// move makes m happen.
func (w *world) move(m move) {
	w.count.steps++
	var p *process
	if m.place >= 0 {
		p = w.procs[m.place]
	}
	w.tell(p, m)
	switch m.do {
	case flushes:
		r := p.flush
		r.step()
		r.step() // carries out what is recorded
	case loads:
		for len(p.later) > 0 || p.mark < len(w.disk.grown) {
			p.watch()
		}
		for len(p.wait) > 0 {
			p.load()
		}
	case hooks:
		p.lives()[m.live].flight[m.task].step()
	case breaks:
		p.lives()[m.live].flight[m.task].fails()
	case rings:
		_, at := p.next()
		w.elapse(p, at)
		p.dispatch()
	case lapses:
		name := processName(m.live)
		w.disk.leases[name] = w.wall()
		if p != nil && p.name == name {
			p.until = w.now.Add(-1)
		}
	case dies:
		w.kill(p)
	case restarts:
		w.process(m.place)
	case wants:
		a := w.pending[m.person]
		if !a.begun && a.kind != journal.Voted {
			a.begin()
		}
		a.proceed()
	case beats:
		p.beat()
	}
	if p != nil && !p.dead {
		p.decide()
	}
}

// decide has gates asked and events made, up to where some are to be recorded.
func (p *process) decide() {
	for _, r := range slices.Clone(p.lives()) {
		for _, t := range slices.Clone(r.flight) {
			if t.do != machine.Call && !t.due.IsZero() {
				t.step()
			}
		}
	}
	for p.flush == nil || p.flush.at != appends {
		if p.flush == nil {
			k := slices.IndexFunc(p.live, func(r *live) bool { return r.poked })
			if k < 0 {
				return
			}
			p.flush = p.live[k]
		}
		p.flush.step()
	}
}

// fails has the hook return an error, and without effect if it was not told to end.
func (t *task) fails() {
	w := t.r.p.w
	t.plan.ends = errs
	w.luck.good = true
	t.step()
	w.luck.good = false
}

// elapse has it become t by the clock of p. Those who live have renewed their
// leases meanwhile.
func (w *world) elapse(p *process, t time.Time) {
	d := t.Sub(p.clock())
	if d <= 0 {
		return
	}
	for name, until := range w.disk.leases {
		if until.After(w.wall()) {
			w.disk.leases[name] = until.Add(d)
		}
	}
	w.now, p.until = w.now.Add(d), p.until.Add(d)
}

// tell adds a line on a move to the trace.
func (w *world) tell(p *process, m move) {
	if w.lines == nil {
		return
	}
	switch m.do {
	case flushes:
		w.say(p, "records what it has decided of %s", p.flush.id)
	case hooks, breaks:
		t := p.lives()[m.live].flight[m.task]
		what := "begins"
		switch {
		case m.do == breaks:
			what = "fails in"
		case t.begun:
			what = "returns from"
		}
		w.say(p, "%s %s of %s", what, t.n.Name, t.r.id)
	case wants:
		a := w.pending[m.person]
		w.say(p, "%s goes on to have recorded: %s %s of %s", a.who, a.kind, a.step, a.run)
	case lapses:
		w.say(nil, "the lease of %s ends", processName(m.live))
	default:
		w.say(p, "%s", map[doing]string{
			loads: "reads what has grown", rings: "is woken by an alarm",
			beats: "renews its lease", dies: "dies", restarts: "begins anew",
		}[m.do])
	}
}
