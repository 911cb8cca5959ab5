package simulate

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

const (
	leaseTerm = 15 * time.Second // Executor.Lease
	grace     = 10 * time.Second // Executor.Grace
	gather    = 50 * time.Millisecond
	trust     = time.Minute // for how long the clock is trusted not to be set
	maxLease  = time.Hour
)

// A process is one call of Serve: the server of package pipeline.
type process struct {
	w       *world
	name    string
	since   time.Time     // by its clock
	skew    time.Duration // of its clock
	current map[string]*definition
	known   []*definition
	onDrift pipeline.Drift

	live    []*live
	ending  []*live         // runs let go of while something was under way that has not ended yet
	foreign map[string]bool // runs that another executor takes forward
	rested  map[string]rest
	envs    map[string]*machine.Environment // as the store had them
	wait    []string                        // runs to be loaded
	alarms  map[string]time.Time            // by run, by its clock
	stills  map[string]stillness
	before  map[string]int       // runs that had not ended when it began
	ahead   map[string]time.Time // owners whose lease runs longer than one can; not by its clock
	last    time.Time            // when dispatch looked at its clock
	looked  time.Time            // the same, not by its clock
	bell    bool
	wakes   time.Time // when dispatch looks at the alarms; not by its clock
	mark    int       // of disk.grown
	watches time.Time // when it looks for changes
	later   []string  // what grew by what this process wrote, as far as is known
	until   time.Time // of the lease; not by its clock
	beats   time.Time // when the lease is renewed; zero if it is not

	flush   *live // what it decides and records just now
	closing bool  // no hook is called any more
	closed  bool  // nothing is recorded any more
	quits   time.Time
	resumes time.Time // until then it is stopped
	dead    bool

	fate  fate // of its next append
	blind int  // reads that fail
	numb  int  // renewals that fail
}

// A rest is how long the journal of a run was when it ceased to be live.
type rest struct {
	length int
	over   bool
}

// A stillness is since when a journal has not grown.
type stillness struct {
	length int
	since  time.Time
}

// clock returns what the clock of the process shows.
func (p *process) clock() time.Time { return p.w.wall().Add(p.skew) }

// paused reports whether the process is stopped, as by SIGSTOP.
func (p *process) paused() bool { return p.w.now.Before(p.resumes) }

// serve begins to serve.
func (p *process) serve() {
	p.foreign, p.rested = map[string]bool{}, map[string]rest{}
	p.envs, p.alarms = map[string]*machine.Environment{}, map[string]time.Time{}
	p.before = map[string]int{}
	p.stills, p.ahead = map[string]stillness{}, map[string]time.Time{}
	p.since, p.last, p.looked = p.clock(), p.clock(), p.w.now
	p.mark, p.watches = len(p.w.disk.grown), p.w.now
	p.wakes = p.w.now.Add(time.Hour)
	for _, name := range p.w.disk.order {
		if events := p.w.disk.events(name, 0); events[len(events)-1].Kind != journal.Ended {
			p.before[name] = 0
			p.noticed(name)
		}
	}
}

// program returns the compiled definition with the given digest.
func (p *process) program(name string, digest artifact.Digest) *machine.Program {
	if d := p.definition(name, digest); d != nil {
		return d.prog
	}
	return nil
}

func (p *process) definition(name string, digest artifact.Digest) *definition {
	for _, d := range p.known {
		if d.digest == digest && d.Name == name {
			return d
		}
	}
	return nil
}

// A brokenError says that the store failed.
type brokenError struct{ error }

func broken(err error) error {
	if err == nil || errors.Is(err, journal.ErrConflict) {
		return err
	}
	return brokenError{err}
}

// events reads a journal.
func (p *process) events(name string, from int) ([]journal.Event, error) {
	if p.blind > 0 {
		p.blind--
		p.w.hit("blind")
		return nil, errIO
	}
	return p.w.disk.events(name, from), nil
}

// fold returns the fold of a journal. It is for others too, and not to be changed.
func (p *process) fold(run string) (*machine.Machine, error) {
	events, err := p.events(run, 0)
	if err != nil {
		return nil, broken(err)
	}
	if len(events) == 0 {
		return nil, errors.New("no such run")
	}
	m, err := p.w.disk.fold(run, events, p.program)
	if err != nil {
		p.w.fail("J4: a journal is refused by %s: %v", p.name, err)
	}
	return m, err
}

func (p *process) grown(name string) (*machine.Environment, error) {
	env := p.envs[name]
	if env == nil {
		env = &machine.Environment{Name: name}
	}
	events, err := p.events(machine.Journal(name), env.Length)
	if err != nil {
		delete(p.envs, name)
		return nil, broken(err)
	}
	for i := range events {
		if err := env.Apply(&events[i]); err != nil {
			p.w.fail("I7: %v", err)
			return nil, err
		}
	}
	p.envs[name] = env
	p.w.disk.expire(env)
	return env, nil
}

// find returns the live of a run.
func (p *process) find(run string) *live {
	for _, r := range p.live {
		if r.id == run {
			return r
		}
	}
	return nil
}

// wake has a run looked at: something may have happened.
func (p *process) wake(run string) {
	if !slices.Contains(p.wait, run) {
		p.wait = append(p.wait, run)
	}
	p.bell = true
}

// alarm has a run woken at t, by its clock.
func (p *process) alarm(run string, t time.Time) {
	if t.IsZero() {
		return
	}
	if old, ok := p.alarms[run]; ok && !old.After(t) {
		return
	}
	p.alarms[run] = t
	p.bell = true
}

// next returns the run that is woken first.
func (p *process) next() (run string, at time.Time) {
	for _, r := range p.w.runs {
		if t, ok := p.alarms[r]; ok && (at.IsZero() || t.Before(at)) {
			run, at = r, t
		}
	}
	return run, at
}

// dispatch wakes the runs whose time has come.
func (p *process) dispatch() {
	p.bell = false
	now := p.clock()
	if passed, shown := p.w.now.Sub(p.looked), now.Sub(p.last); passed-shown >= time.Minute {
		for run := range p.alarms {
			p.alarms[run] = now
		}
	}
	p.last, p.looked = now, p.w.now
	for run, at := p.next(); run != "" && !at.After(now); run, at = p.next() {
		delete(p.alarms, run)
		delete(p.foreign, run)
		p.wake(run)
	}
	p.bell = false
	if run, at := p.next(); run != "" {
		p.wakes = p.w.now.Add(min(max(at.Sub(now), 0), trust))
	} else {
		p.wakes = time.Time{}
	}
}

// load looks at a run.
func (p *process) load() {
	run := p.wait[0]
	p.wait = p.wait[1:]
	if p.closing {
		return
	}
	if r := p.find(run); r != nil {
		r.inbox.stale, r.poked = true, true
		return
	}
	p.open(run)
}

// open makes a run live if it is for this executor to take forward.
func (p *process) open(run string) {
	if p.ends(run) {
		return
	}
	m, err := p.fold(run)
	if err != nil {
		p.suffer(err)
		return
	}
	if length, there := p.before[run]; there && length == 0 {
		p.before[run] = m.Length
	}
	if m.Status.Done() {
		return
	}
	if !p.free(m) {
		p.leave(run, p.clock().Add(leaseTerm/3))
		return
	}
	if !p.takes(m) {
		return
	}
	r := &live{p: p, id: run, m: m.Clone(), poked: true}
	p.live = append(p.live, r)
	delete(p.rested, run)
	delete(p.foreign, run)
	if m.Owner == p.name {
		if err := p.hold(); err != nil {
			p.broke(err)
		}
	}
}

func (p *process) suffer(err error) {
	if b := (brokenError{}); errors.As(err, &b) {
		p.broke(err)
	}
}

// broke stops the server: what the store does not take was not done.
func (p *process) broke(err error) {
	if p.closed {
		return
	}
	p.w.say(p, "gives up: %v", err)
	p.closed = true
	p.shutdown()
}

// shutdown ends Serve in peace, once the hooks have returned.
func (p *process) shutdown() {
	if p.closing {
		return
	}
	p.closing = true
	p.quits = p.w.now.Add(grace)
	for _, r := range p.live {
		for _, t := range r.flight {
			t.abort(errShutdown)
		}
	}
}

// quit ends the process if it shuts down and nothing is under way any more.
func (p *process) quit() bool {
	if !p.closing || p.flush != nil {
		return false
	}
	for _, r := range p.lives() {
		if (len(r.flight) > 0 || r.poked) && p.w.now.Before(p.quits) {
			return false
		}
	}
	p.closed, p.dead = true, true
	if !p.beats.IsZero() {
		p.w.disk.renew(p.name, p.clock())
	}
	p.w.say(p, "has shut down")
	return true
}

// leave has a run not looked at before t, for another executor takes it forward.
func (p *process) leave(run string, t time.Time) {
	p.foreign[run] = true
	p.alarm(run, t)
}

// watch notices what others append.
func (p *process) watch() {
	d := p.w.disk
	for _, name := range d.grown[p.mark:] {
		if !slices.Contains(p.later, name) {
			p.later = append(p.later, name)
		}
	}
	p.mark = len(d.grown)
	rest := p.later
	p.later = nil
	for _, name := range rest {
		if r := p.find(name); r != nil && r.wrote {
			r.wrote = false
			p.later = append(p.later, name)
			continue
		}
		p.noticed(name)
	}
	p.watches = p.w.now.Add(gather)
}

// noticed has the runs looked at that a journal is of interest to.
func (p *process) noticed(name string) {
	env, ok := strings.CutPrefix(name, machine.Journal(""))
	if !ok {
		if p.news(name) {
			p.wake(name)
		}
		return
	}
	if e, err := p.grown(env); err == nil {
		for _, run := range e.Next() {
			p.wake(run)
		}
	}
}

// news reports whether a run that has grown is to be looked at.
func (p *process) news(run string) bool {
	last, rested := p.rested[run]
	if last.over {
		delete(p.rested, run)
	}
	if p.foreign[run] || !rested {
		return !p.foreign[run]
	}
	return p.w.disk.length(run) > last.length
}

// append writes to the store, as far as nothing goes wrong with that.
func (p *process) append(batches []journal.Batch) error {
	f := p.fate
	p.fate = fine
	return p.w.disk.append(p, f, batches)
}
