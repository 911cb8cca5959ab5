package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock/penstock/pipeline"
)

// A scenario is all that a simulation depends on.
type scenario struct {
	Seed      uint64  // of what chance picks
	Trees     []int   // numbers of pipelines in the catalog
	Processes int     // that serve
	Runs      int     // that are started
	Acts      int     // percent of steps at which a person does something
	Steps     int     // for which things go wrong
	Faults    []fault // what goes wrong, in order of At
	OnDrift   pipeline.Drift
	Former    bool   // processes have the older definitions
	Careful   bool   // compare what processes think with the journal whenever a run rests
	Found     string `json:",omitempty"` // what a kept scenario found once
}

// A fault is one thing that goes wrong.
type fault struct {
	At   int    // step of the simulation
	Do   string // what
	To   int    // process, by place
	Size int64  // by what: of a clock in seconds, of a stop in milliseconds
}

// A fate is what becomes of one append.
type fate int

const (
	fine   fate = iota
	lost        // it fails
	stored      // it gets there, and an error is returned
	late        // an error is returned, and it gets there later, or not
)

// kinds are what can go wrong.
var kinds = [...]string{
	"kill", "power", "stop", "shutdown", "lost", "kept", "late", "person lost", "person kept",
	"blind", "numb", "clock", "skew", "swap", "deaf",
}

// faults are what is drawn from.
var faults = append(kinds[:], "kill", "kill", "stop")

// draw returns the scenario of a seed.
func draw(seed uint64) scenario {
	rng := rand.New(rand.NewPCG(seed, 3))
	tree := rng.IntN(trees / 2)
	s := scenario{
		Seed: seed, Trees: []int{2 * tree, 2*rng.IntN(trees/2) + 1},
		Processes: 2 + rng.IntN(3), Runs: 1 + rng.IntN(3), Acts: rng.IntN(8), Steps: 100 + rng.IntN(400),
		OnDrift: pipeline.Drift(rng.IntN(3)), Former: seed%3 > 0, Careful: seed%8 == 0,
	}
	at := 0
	for range 1 + rng.IntN(6) {
		at += rng.IntN(1 + s.Steps/4)
		f := fault{At: min(at, s.Steps-1), Do: faults[rng.IntN(len(faults))], To: rng.IntN(s.Processes)}
		switch f.Do {
		case "stop", "deaf":
			f.Size = rng.Int64N(60_000)
		case "skew":
			f.Size = rng.Int64N(80) - 40
		case "clock":
			f.Size = rng.Int64N(1 << uint(1+rng.IntN(28)))
			if rng.IntN(2) == 0 {
				f.Size = -f.Size
			}
		}
		s.Faults = append(s.Faults, f)
	}
	return s
}

// hit counts a fault that took effect.
func (w *world) hit(kind string) { w.count.faults[slices.Index(kinds[:], kind)]++ }

// meets reports whether a fault takes effect on p, if it does so at once.
func (f fault) meets(p *process) bool {
	switch f.Do {
	case "lost", "kept", "late", "person lost", "person kept", "blind", "numb":
		return false // but with the next append, read or renewal
	case "power":
		return true
	case "clock":
		return f.Size != 0
	case "stop", "skew", "deaf":
		return !p.dead && f.Size != 0
	}
	return !p.dead
}

// harm has a fault happen.
func (w *world) harm(f fault) {
	p := w.procs[f.To%len(w.procs)]
	w.say(p, "FAULT %s %d", f.Do, f.Size)
	if f.meets(p) {
		w.hit(f.Do)
	}
	switch f.Do {
	case "kill":
		w.kill(p)
	case "power":
		for _, p := range w.procs {
			w.kill(p)
		}
		w.disk.arrive(true)
	case "stop":
		p.resumes = w.now.Add(time.Duration(f.Size) * time.Millisecond)
	case "shutdown":
		p.shutdown()
	case "lost":
		p.fate = lost
	case "kept":
		p.fate = stored
	case "late":
		p.fate = late
	case "person lost":
		w.fate = lost
	case "person kept":
		w.fate = stored
	case "blind":
		p.blind++
	case "numb":
		p.numb += 3
	case "clock":
		w.set += time.Duration(f.Size) * time.Second
	case "skew":
		p.skew = time.Duration(f.Size) * time.Second
	case "swap":
		name := w.rng.IntN(len(names))
		w.version[name] = min(w.version[name]+1, versions-1)
		p.shutdown()
	case "deaf":
		p.watches = w.now.Add(time.Duration(f.Size) * time.Millisecond)
	}
}

// kill ends a process at once. Its hooks have taken effect or not.
func (w *world) kill(p *process) {
	if p.dead {
		return
	}
	for _, r := range p.lives() {
		for _, t := range r.flight {
			if t.begun && !t.plan.stale && w.is(50) {
				w.platform.effects[t.in.Key]++
			}
		}
	}
	p.dead, p.closing, p.closed = true, true, true
	p.live, p.ending, p.flush = nil, nil, nil
}
