package pipelinetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A world is a state of an exploration: some runs, the environments, and what
// may yet go wrong. At rest, nothing more follows by itself.
//
// Worlds share what is the same in them: a seat or an environment is copied
// before something happens to it.
type world struct {
	s         *search
	seats     []*seat                // by run; nil for one that was not started, and so for those after it
	envs      []*machine.Environment // by place in things.envs; nil for one in which nothing happened
	owned     uint                   // seats that no other world has, a bit each
	crashes   int                    // that may yet be
	retries   int
	overrides int
	frozen    bool    // no gates of an environment pass
	beats     int     // that were played; see now
	wrong     *wrong  // the rule that was broken on the way here
	told      *teller // nil if nobody listens
}

// A wrong is a rule that is broken.
type wrong struct {
	rule string
	err  error
}

var worldBegins = time.Date(2000, time.January, 3, 9, 0, 0, 0, time.UTC)

// now returns what the clock shows. It goes on by so little each time something
// happens that nothing is over but what is good for the moment only.
func (w *world) now() time.Time { return worldBegins.Add(time.Duration(w.beats)) }

func newWorld(s *search) *world {
	return &world{s: s, crashes: s.x.Crashes, retries: s.x.Retries, overrides: s.x.Overrides, seats: make([]*seat, s.x.Runs+len(s.x.Others))}
}

// copyTo makes c a copy of w, in the memory that c has.
func (w *world) copyTo(c *world) {
	seats, envs := append(c.seats[:0], w.seats...), append(c.envs[:0], w.envs...)
	*c = *w
	c.seats, c.envs, c.owned, c.wrong = seats, envs, 0, nil
}

// own returns the seat of run k for something to happen to it.
func (w *world) own(k int) *seat {
	if w.owned&(1<<k) == 0 {
		t := w.s.freshSeat()
		if w.seats[k] != nil {
			w.seats[k].copyTo(t)
		}
		w.seats[k] = t
		w.owned |= 1 << k
	}
	return w.seats[k]
}

// hash returns a number that worlds have in which the same may happen.
func (w *world) hash() uint64 {
	h := machine.Mix(1, uint64(w.crashes)|uint64(w.retries)<<8|uint64(w.overrides)<<16, 0)
	if w.frozen {
		h = machine.Mix(h, 1, 12)
	}
	for k, t := range w.seats {
		if t == nil {
			break
		}
		if w.owned&(1<<k) != 0 {
			t.rest(w.forgets())
		}
		h = machine.Mix(h, t.hash, 11)
	}
	for i, e := range w.envs {
		if e == nil {
			continue
		}
		h = machine.Mix(h, e.Hash(2), uint64(i))
	}
	return h
}

// forgets reports whether how a step ended does not matter any more, once
// nothing depends on it: nobody can have it done anew.
func (w *world) forgets() bool { return w.s.x.Forget && w.retries == 0 && !w.s.x.Lapses }

// reckon has the hashes of all runs set anew if that was the last retry.
func (w *world) reckon() {
	for k := 0; k < len(w.seats) && w.seats[k] != nil && w.forgets(); k++ {
		w.own(k)
	}
}

// put records an event of run k.
func (w *world) put(k int, e journal.Event) {
	t := w.own(k)
	w.s.event = e
	ev := &w.s.event
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
		at.part = t.plan.part(t.m, i)
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
	for k, t := range w.seats {
		if w.owned&(1<<k) == 0 {
			continue // nothing happened to it
		}
		t.m.Tick(w.now())
		if c := t.m.Pop(w.now()); c.Do != machine.None {
			w.obey(k, c)
			return true
		}
	}
	return false
}

func (w *world) obey(k int, c machine.Command) {
	m, now := w.seats[k].m, w.now()
	switch c.Do {
	case machine.Call:
		w.put(k, w.about(k, journal.Called, c.Node, w.s.call(m.Attempt(c.Node)+1)))
	case machine.Enter:
		env := w.env(m.Node(c.Node).Environment)
		run, there := m.Entering(c.Node, env, now)
		w.visit(env, there)
		for _, e := range run {
			w.put(k, e)
		}
	case machine.Leave:
		env := w.env(c.Env)
		run, there := m.Leaving(env, now)
		w.visit(env, there)
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
	return journal.Event{Time: w.now(), Kind: kind, Step: m.Node(i).Name, Epoch: m.Epoch, Data: data}
}

// env returns the named environment for something to happen to it.
func (w *world) env(name string) *machine.Environment {
	i := w.s.things.environment(name)
	for len(w.envs) <= i {
		w.envs = append(w.envs, nil)
	}
	if w.envs[i] == nil {
		w.envs[i] = &machine.Environment{Name: name}
	} else {
		w.envs[i] = w.envs[i].Clone()
	}
	return w.envs[i]
}

// visit records events of an environment and wakes those who wait for it.
func (w *world) visit(env *machine.Environment, events []journal.Event) {
	for i := range events {
		if err := env.Apply(&events[i]); err != nil {
			w.broken("an environment takes what follows from a run", fmt.Errorf("%s: %w", env.Name, err))
		}
	}
	if len(events) == 0 {
		return
	}
	for _, run := range env.Next() {
		if k := w.s.index(run); run != events[0].By && !w.seats[k].m.Status.Done() {
			w.own(k).m.Unlock(env.Name)
		}
	}
}
