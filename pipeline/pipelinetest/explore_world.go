package pipelinetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A world is a state of an exploration: some runs, the environments, and what
// may yet go wrong. At rest, nothing more follows by itself.
type world struct {
	s       *search
	seats   []seat // by run
	envs    []machine.Environment
	crashes int // that may yet be
	retries int
	wrong   *wrong  // the rule that was broken on the way here
	told    *teller // nil if nobody listens
	event   journal.Event
}

// A seat is a run, and what the rules have to remember of it.
type seat struct {
	m        *machine.Machine
	begun    bool
	marks    []mark    // by node
	verified artifacts // a stage in tier staging has succeeded with them as they are
	decided  artifacts // a gate has let them through as they are
	touched  []touch   // by environment
}

// A mark is what was done with a step.
type mark uint8

const (
	called    mark = 1 << iota // its hook has not returned
	succeeded                  // since a person had something done anew
)

// A touch is what a run did to an environment.
type touch uint8

const (
	untouched touch = iota
	changed         // a stage was called there
	wayBack         // then one in a way out
)

// A wrong is a rule that is broken.
type wrong struct {
	rule string
	err  error
}

var worldBegins = time.Date(2000, time.January, 3, 9, 0, 0, 0, time.UTC)

// clock returns what the clock of run k shows, always. A later run is newer.
func clock(k int) time.Time { return worldBegins.Add(time.Duration(k) * time.Minute) }

func newWorld(s *search) *world {
	w := &world{s: s, crashes: s.x.Crashes, retries: s.x.Retries}
	for range s.x.Runs {
		w.seats = append(w.seats, seat{m: new(machine.Machine)})
	}
	return w
}

// copyTo makes c a copy of w, in the memory that c has.
func (w *world) copyTo(c *world) {
	for k := range w.seats {
		from, to := &w.seats[k], &c.seats[k]
		to.begun, to.verified, to.decided = from.begun, from.verified, from.decided
		to.marks = append(to.marks[:0], from.marks...)
		to.touched = append(to.touched[:0], from.touched...)
		if from.begun {
			from.m.CopyTo(to.m)
		}
	}
	c.envs = c.envs[:0]
	for i := range w.envs {
		if c.envs = c.envs[:min(cap(c.envs), i+1)]; len(c.envs) <= i {
			c.envs = append(c.envs, machine.Environment{})
		}
		queue := c.envs[i].Queue[:0]
		c.envs[i] = w.envs[i]
		c.envs[i].Queue = append(queue, w.envs[i].Queue...)
	}
	c.crashes, c.retries, c.wrong, c.told = w.crashes, w.retries, nil, w.told
}

// hash returns a number that worlds have in which the same may happen.
func (w *world) hash() uint64 {
	h := machine.Mix(1, uint64(w.crashes), uint64(w.retries))
	for k := range w.seats {
		t := &w.seats[k]
		if !t.begun {
			break // and so are those after it
		}
		h = t.m.Hash(h)
		h = machine.Mix(h, uint64(t.verified), uint64(t.decided))
		h = mixBytes(h, t.marks)
		h = mixBytes(h, t.touched)
	}
	for i := range w.envs {
		e := &w.envs[i]
		order := uint64(w.s.index(e.Holder.Run) + 1)
		for _, v := range e.Queue {
			order = order*16 + uint64(w.s.index(v.Run)+1)
		}
		h = machine.Mix(h, order, uint64(i))
	}
	return h
}

func mixBytes[T ~uint8](h uint64, all []T) uint64 {
	var word uint64
	for i, b := range all {
		if word = word<<8 | uint64(b); i%8 == 7 {
			h, word = machine.Mix(h, word, 10), 0
		}
	}
	return machine.Mix(h, word, uint64(len(all)))
}

// put records an event of run k.
func (w *world) put(k int, e journal.Event) {
	t := &w.seats[k]
	w.event = e
	ev := &w.event
	if w.told != nil {
		w.told.tell(w.s.names[k], *ev)
	}
	i, about := int32(-1), false
	if ev.Step != "" {
		i, about = t.m.Find(ev.Step)
	}
	if err := t.m.Apply(ev); err != nil {
		w.broken("the machine takes what follows from it", err)
		return
	}
	for len(t.marks) < t.m.Size() {
		t.marks = append(t.marks, 0)
	}
	at := Event{Run: w.s.names[k], Kind: ev.Kind, Step: ev.Step, run: k, node: i}
	if about {
		at.part = w.s.plan.part(t.m, i)
	}
	w.judge(at)
	t.note(at)
}

// judge asks the rules what they say of an event, of which nothing is noted yet.
// A story that is told goes on to where it rests.
func (w *world) judge(e Event) {
	for i := range w.s.x.Rules {
		if w.wrong != nil || w.told != nil {
			return
		}
		if err := w.s.x.Rules[i].Holds(State{w}, e); err != nil {
			w.broken(w.s.x.Rules[i].Name, err)
		}
	}
}

func (w *world) broken(rule string, err error) {
	if w.wrong == nil {
		w.wrong = &wrong{rule, err}
	}
}

// note keeps what the rules have to remember of an event.
func (t *seat) note(e Event) {
	switch p := e.part; e.Kind {
	case journal.Claimed:
		for i := range t.marks {
			t.marks[i] &^= called
		}
	case journal.Retried:
		for i := range t.marks {
			t.marks[i] &^= succeeded
		}
	case journal.Called:
		t.marks[e.node] |= called
		t.touch(p)
	case journal.Done:
		t.marks[e.node] = succeeded
		if p.tier == stage.Staging && !p.wayOut {
			t.verified |= p.consumes
		}
		t.verified, t.decided = t.verified&^p.produces, t.decided&^p.produces
	case journal.Failed, journal.Erred, journal.Held:
		t.marks[e.node] &^= called
	case journal.Passed:
		t.decided |= p.consumes
	}
}

// touch notes that a stage is called.
func (t *seat) touch(p *explorePart) {
	if p.env < 0 {
		return
	}
	for len(t.touched) <= p.env {
		t.touched = append(t.touched, untouched)
	}
	switch at := &t.touched[p.env]; {
	case p.wayOut && *at != untouched:
		*at = wayBack
	case !p.watches:
		*at = changed
	}
}

var errRestless = errors.New("the machine always has something more to do")

// settle does all that follows by itself.
func (w *world) settle() {
	for range 100_000 {
		if w.wrong != nil {
			return
		}
		if !w.step() {
			w.judge(Event{})
			return
		}
	}
	w.broken("a run comes to rest", errRestless)
}

// step does what the first run that has something to do has to do next.
func (w *world) step() bool {
	for k := range w.seats {
		t := &w.seats[k]
		if !t.begun {
			return false
		}
		t.m.Tick(clock(k))
		if c := t.m.Pop(clock(k)); c.Do != machine.None {
			w.obey(k, c)
			return true
		}
	}
	return false
}

func (w *world) obey(k int, c machine.Command) {
	m, now := w.seats[k].m, clock(k)
	switch c.Do {
	case machine.Call:
		w.put(k, w.about(k, journal.Called, c.Node, w.s.call(m.Attempt(c.Node)+1)))
	case machine.Enter:
		env := w.env(m.Node(c.Node).Environment)
		run, there := m.Entering(c.Node, env, now)
		w.visit(k, env, there)
		for _, e := range run {
			w.put(k, e)
		}
	case machine.Leave:
		env := w.env(c.Env)
		run, there := m.Leaving(env, now)
		w.visit(k, env, there)
		for _, e := range run {
			w.put(k, e)
		}
	case machine.Withdraw, machine.Refuse, machine.Wait:
		w.put(k, m.Simple(c, now))
	case machine.Abandon:
		events, _ := m.Abandoned(c.Node, now)
		for _, e := range events {
			w.put(k, e)
		}
	case machine.Finish:
		w.put(k, m.Finished(now))
	}
}

// about returns an event about a node of run k.
func (w *world) about(k int, kind journal.Kind, i int32, data any) journal.Event {
	m := w.seats[k].m
	return journal.Event{Time: clock(k), Kind: kind, Step: m.Node(i).Name, Epoch: m.Epoch, Data: data}
}

// env returns the named environment.
func (w *world) env(name string) *machine.Environment {
	i := w.s.plan.environment(name)
	for len(w.envs) <= i {
		w.envs = append(w.envs, machine.Environment{Name: w.s.plan.envs[len(w.envs)]})
	}
	return &w.envs[i]
}

// visit records events of an environment and wakes those who wait for it.
func (w *world) visit(k int, env *machine.Environment, events []journal.Event) {
	for i := range events {
		if err := env.Apply(&events[i]); err != nil {
			w.broken("an environment takes what follows from a run", fmt.Errorf("%s: %w", env.Name, err))
		}
	}
	for other := range w.seats {
		if t := &w.seats[other]; len(events) > 0 && other != k && t.begun && !t.m.Status.Done() {
			t.m.Unlock(env.Name)
		}
	}
}
