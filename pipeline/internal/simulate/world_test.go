package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A world is one simulation.
type world struct {
	s        scenario
	ctx      context.Context
	rng      *rand.Rand
	luck     *luck         // in an interleaving: what rng takes
	now      time.Time     // never set
	set      time.Duration // by how much clocks were set
	version  [2]int        // of each pipeline, that a process gets when it begins
	defs     [2][]*definition
	disk     *disk
	platform *platform
	audit    *audit
	procs    []*process // by place; a new one takes the place of one that is dead
	begins   []time.Time
	born     int
	runs     []string
	pending  []*act
	acks     []*act
	again    []*act
	made     int
	fate     fate // of the next append by the program of a person
	strays   []*task
	calm     bool // nothing goes wrong any more
	count    count

	can     []choice // memory
	hash    uint64
	lines   *strings.Builder // nil if nobody reads
	failure error
}

// A count is what was done, in numbers.
type count struct {
	steps, events, calls, fenced, zombies, lost, acked, ended, parked, circles, hours int

	faults [len(kinds)]int // by kind, that took effect
}

// harmed returns how many faults took effect.
func (c *count) harmed() (n int) {
	for _, k := range c.faults {
		n += k
	}
	return n
}

// never returns a kind of fault that did not take effect, or "".
func (c *count) never() string {
	if k := slices.Index(c.faults[:], 0); k >= 0 {
		return kinds[k]
	}
	return ""
}

func (c *count) add(d count) {
	c.steps += d.steps
	c.events += d.events
	c.calls += d.calls
	for k, n := range d.faults {
		c.faults[k] += n
	}
	c.fenced += d.fenced
	c.zombies += d.zombies
	c.lost += d.lost
	c.acked += d.acked
	c.ended += d.ended
	c.parked += d.parked
	c.circles += d.circles
	c.hours += d.hours
}

func (c count) String() string {
	var by strings.Builder
	for k, n := range c.faults {
		fmt.Fprintf(&by, ", %s %d", kinds[k], n)
	}
	return fmt.Sprintf("%d faults (%s), %d runs of pipelines ended after %d events and %d calls of hooks, of which %d by zombies; %d acts of people acknowledged, %d by runs that were parked; %d ended in a circle of runs; %d lives fenced, %d appends lost; %d steps, %d hours",
		c.harmed(), by.String()[2:], c.ended, c.events, c.calls, c.zombies, c.acked, c.parked, c.circles, c.fenced, c.lost, c.steps, c.hours)
}

var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newWorld(s scenario, all *catalog) *world {
	var defs [len(names)][]*definition
	for _, number := range s.Trees {
		defs[number%len(names)] = all.get(number)
	}
	return worldOf(s, defs, rand.NewPCG(s.Seed, 4))
}

func worldOf(s scenario, defs [len(names)][]*definition, chance rand.Source) *world {
	w := &world{s: s, defs: defs, rng: rand.New(chance), now: begin}
	w.ctx = context.WithValue(context.Background(), inside{}, w)
	w.disk, w.platform, w.audit = newDisk(w), newPlatform(w), newAudit(w)
	for k := range s.Runs {
		w.runs = append(w.runs, fmt.Sprint("run-", k+1))
	}
	w.procs, w.begins = make([]*process, s.Processes), make([]time.Time, s.Processes)
	for k := range w.procs {
		w.process(k)
	}
	return w
}

// process begins a process at a place.
func (w *world) process(k int) {
	w.born++
	p := &process{w: w, name: processName(w.born), onDrift: w.s.OnDrift, current: map[string]*definition{}}
	for i, name := range names {
		p.current[name] = w.defs[i][w.version[i]]
		from := 0
		if !w.s.Former {
			from = w.version[i]
		}
		p.known = append(p.known, w.defs[i][from:w.version[i]+1]...)
	}
	w.procs[k] = p
	w.say(p, "begins")
	p.serve()
}

// wall returns what clocks show that have no skew.
func (w *world) wall() time.Time { return w.now.Add(w.set) }

func (w *world) is(percent int) bool { return w.rng.IntN(100) < percent }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *world) program(name string, digest artifact.Digest) *machine.Program {
	for _, defs := range w.defs {
		for _, d := range defs {
			if d.digest == digest && d.Name == name {
				return d.prog
			}
		}
	}
	return nil
}

// newest returns the definition that a process that begins now would have.
func (w *world) newest(name string) *definition {
	for i := range names {
		if names[i] == name {
			return w.defs[i][w.version[i]]
		}
	}
	panic("simulate: no pipeline " + name)
}

func (p *process) id() string {
	if p == nil {
		return "people"
	}
	return p.name
}

// say adds a line to the trace.
func (w *world) say(p *process, format string, args ...any) {
	if w.lines == nil {
		return
	}
	fmt.Fprintf(w.lines, "%6d %s %-6s ", w.count.steps, w.now.Sub(begin).Round(time.Millisecond), p.id())
	fmt.Fprintf(w.lines, format+"\n", args...)
}

// note adds an event to the trace.
func (w *world) note(by *process, run string, e *journal.Event) {
	w.mix(run, string(e.Kind), e.Step, e.By)
	w.hash = machine.Mix(w.hash, uint64(e.Time.UnixNano()), uint64(e.Epoch))
	if w.lines != nil {
		w.say(by, "%s: %s %s %s epoch %d at %s %s", run, e.Kind, e.Step, e.By, e.Epoch, e.Time.Format("2006-01-02T15:04:05.999"), words(e.Data))
	}
}

func words(data any) string {
	switch d := data.(type) {
	case *journal.Reason:
		return d.Text
	case *journal.Wait:
		return "for " + d.For + ": " + d.Text
	case *journal.Call:
		return fmt.Sprintf("%s attempt %d token %d", d.Key, d.Attempt, d.Token)
	case *journal.End:
		return d.Status + ": " + d.Text
	case *journal.Fault:
		return d.Text
	}
	return ""
}

func (w *world) mix(all ...string) {
	for _, s := range all {
		for i := range len(s) {
			w.hash = w.hash*31 + uint64(s[i])
		}
		w.hash = machine.Mix(w.hash, uint64(len(s)), 1)
	}
}

// fail notes the first invariant that is broken.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
		w.say(nil, "BROKEN %v", w.failure)
	}
}

// next returns when something can happen that cannot now, or the zero Time. With
// quiet, that processes look at their clocks does not count.
func (w *world) next(quiet bool) (at time.Time) {
	sooner := func(t time.Time) {
		if t.After(w.now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for k, p := range w.procs {
		if p.dead {
			sooner(w.begins[k])
			continue
		}
		if p.paused() {
			sooner(p.resumes)
			continue
		}
		for _, r := range p.lives() {
			for _, t := range r.flight {
				sooner(t.due)
				if !t.due.IsZero() {
					sooner(t.deaf)
				}
			}
		}
		if !quiet {
			sooner(p.wakes)
		}
		sooner(p.beats)
		if p.closing {
			sooner(p.quits)
		}
		if len(p.later) > 0 || p.mark < len(w.disk.grown) {
			sooner(p.watches)
		}
	}
	for _, t := range w.strays {
		sooner(t.due)
	}
	for _, p := range w.disk.pending {
		sooner(p.at)
	}
	return at
}

// pass has time pass until something can happen, and reports whether there is
// such a time.
func (w *world) pass() bool {
	at := w.next(false)
	if !at.IsZero() {
		w.now = at
	}
	return !at.IsZero()
}

// play runs the simulation: for a while things go wrong, then nothing does.
func (w *world) play() {
	faults := w.s.Faults
	for k := 0; k < w.s.Steps && w.failure == nil; k++ {
		for len(faults) > 0 && faults[0].At <= k {
			w.harm(faults[0])
			faults = faults[1:]
		}
		if k < w.s.Runs*20 && k%20 == 0 {
			w.start(k / 20)
		}
		if len(w.pending) < 3 && w.is(w.s.Acts) {
			w.acts()
		}
		if w.is(2) {
			w.now = w.now.Add(w.upTo(20 * time.Second))
		}
		if !w.step() && !w.pass() {
			if w.is(20) {
				w.acts()
			}
			w.now = w.now.Add(w.upTo(time.Hour))
		}
	}
	w.heal()
	w.count.hours = int(w.now.Sub(begin).Hours())
}

func (w *world) start(k int) {
	a := &act{w: w, kind: journal.Began, who: people[w.rng.IntN(len(people))], run: w.runs[k], id: w.runs[k], step: names[w.rng.IntN(len(names))]}
	w.say(nil, "start of %s", a.run)
	w.pending = append(w.pending, a)
}
