package machine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A world drives a machine as an executor does, but with a clock that stands
// still, hooks that return when they are told to, and no goroutines. What a
// machine is given to apply has been written as JSON and read back.
type world struct {
	programs map[artifact.Digest]*Program
	m        *Machine
	events   []journal.Event
	now      time.Time
	envs     map[string]*Environment
	asked    []Command // questions that were not answered
	calls    []call    // hooks called that have not returned
	trace    strings.Builder
	last     map[string]int64 // the newest token of each environment
	full     map[int32]bool   // stages for whose calls there is no place
	visits   []visit          // events of environments
}

type call struct {
	node    int32
	attempt int
	stopped bool
}

// A visit is an event of an environment, and how long the journal of the run
// was when both were recorded at once.
type visit struct {
	env    string
	event  journal.Event
	length int
}

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newWorld(trees ...*spec) *world {
	w := &world{programs: map[artifact.Digest]*Program{}, now: epoch, envs: map[string]*Environment{}, last: map[string]int64{}}
	for _, s := range trees {
		p := s.program()
		w.programs[p.Definition] = p
	}
	p := trees[0].program()
	w.m = New("run-1", p)
	w.put(journal.Event{Time: w.now, Kind: journal.Began, Data: &journal.Beginning{
		Pipeline: "shop", Definition: p.Definition, Actor: "ann", Params: map[string]string{"size": "<2>"}, Seed: 7,
	}})
	w.claim("x1")
	return w
}

func (w *world) say(format string, args ...any) { fmt.Fprintf(&w.trace, format+"\n", args...) }

func (w *world) program(_ string, d artifact.Digest) *Program { return w.programs[d] }

// reread returns e as it is read from a journal.
func reread(e journal.Event) journal.Event {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	var out journal.Event
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// put records events. That one is refused is a mistake of the machine.
func (w *world) put(events ...journal.Event) {
	for _, e := range events {
		w.events = append(w.events, reread(e))
		if err := w.m.Apply(&e); err != nil {
			panic(fmt.Sprintf("an event that the machine made is refused: %v", err))
		}
		if e.Kind == journal.Took {
			d := e.Data.(*journal.Entry)
			if d.Token <= w.last[d.Environment] {
				panic(fmt.Sprintf("token %d of %s after %d", d.Token, d.Environment, w.last[d.Environment]))
			}
			w.last[d.Environment] = d.Token
		}
	}
}

// emit records events of an executor, which claims the run first if nobody has it.
func (w *world) emit(events ...journal.Event) {
	for _, e := range events {
		if w.m.Owner == "" {
			w.claim("x")
		}
		e.Epoch = w.m.Epoch
		w.put(e)
	}
}

// note records events of an environment, together with the next of the run.
func (w *world) note(env string, events ...journal.Event) {
	length := len(w.events) + 1
	if w.m.Owner == "" {
		length++ // for the claim
	}
	for _, e := range events {
		e := reread(e)
		w.visits = append(w.visits, visit{env, e, length})
		if err := w.env(env).Apply(&e); err != nil {
			panic(fmt.Sprintf("an event that the machine made is refused: %v", err))
		}
	}
}

func (w *world) env(name string) *Environment {
	if w.envs[name] == nil {
		w.envs[name] = &Environment{Name: name}
	}
	return w.envs[name]
}

func (w *world) claim(by string) {
	w.put(journal.Event{Time: w.now, Kind: journal.Claimed, By: by, Epoch: w.m.Epoch + 1})
}

func (w *world) fold() *Machine {
	m, err := Fold(w.m.Run, w.events, w.program)
	if err != nil {
		panic(fmt.Sprintf("a journal that the machine made is refused: %v", err))
	}
	return m
}

// crash goes on with what another process reads.
func (w *world) crash() {
	w.m = w.fold()
	w.asked, w.calls = nil, nil
	if w.m.Status.Done() {
		return
	}
	w.claim(fmt.Sprintf("x%d", w.m.Epoch+1))
}

// adopt goes on under another tree. As long as nobody has the definition of a
// run, it does not wait for environments.
func (w *world) adopt(s *spec) {
	p := s.program()
	w.programs[p.Definition] = p
	w.put(journal.Event{Time: w.now, Kind: journal.Waiting, Data: &journal.Wait{For: "drift"}})
	e := journal.Event{Time: w.now, Kind: journal.Adopted, By: "bob", Data: &journal.Adoption{Definition: p.Definition}}
	for _, name := range slices.Sorted(maps.Keys(w.envs)) {
		w.note(name, w.env(name).Without(w.m, w.now, []journal.Event{e})...)
	}
	w.events = append(w.events, reread(e))
	w.crash()
}

// cut goes on with the first n events, as if the others had not been recorded.
func (w *world) cut(n int) {
	w.events = w.events[:n]
	visits := w.visits
	w.visits, w.envs, w.last, w.full = nil, map[string]*Environment{}, map[string]int64{}, nil
	for _, v := range visits {
		if v.length > n {
			break
		}
		w.visits = append(w.visits, v)
		if err := w.env(v.env).Apply(&v.event); err != nil {
			panic(err)
		}
	}
	for name, env := range w.envs {
		w.last[name] = env.Token
	}
	w.crash()
}

// pull does what the machine says is next.
func (w *world) pull() {
	w.m.Tick(w.now)
	for range 100_000 {
		c := w.m.Pop(w.now)
		if c.Do == None {
			return
		}
		w.obey(c)
	}
	panic("the machine always has something more to do")
}

var questions = map[Do]string{Ask: "ask", Permit: "permit", Observe: "observe", Choose: "choose", Items: "items"}

func (w *world) obey(c Command) {
	n := w.m.Node(c.Node)
	switch c.Do {
	case Call:
		w.call(c.Node)
	case Stop:
		w.say("stop %s", n.Name)
		for k := range w.calls {
			if w.calls[k].node == c.Node {
				w.calls[k].stopped = true
			}
		}
	case Enter:
		w.enter(c.Node)
	case Leave:
		w.leave(c.Env)
	case Withdraw:
		w.say("withdraw %s: %s", n.Name, c.Text)
		w.emit(w.m.Simple(c, w.now))
	case Refuse:
		w.say("refuse %s: %s", n.Name, c.Text)
		w.emit(w.m.Simple(c, w.now))
	case Wait:
		w.say("hold %s: %s", n.Name, c.Text)
		w.emit(w.m.Simple(c, w.now))
	case Abandon:
		events, _ := w.m.Abandoned(c.Node, w.now)
		for _, e := range events {
			w.say("abandon %s", e.Step)
			w.emit(e)
			w.returned(e.Step)
		}
	case Finish:
		e := w.m.Finished(w.now)
		d := e.Data.(*journal.End)
		w.say("end %s", strings.TrimSuffix(d.Status+": "+d.Text, ": "))
		w.emit(e)
	default:
		w.say("%s %s", questions[c.Do], n.Name)
		w.asked = append(w.asked, c)
	}
}

func (w *world) call(i int32) {
	if err := w.callable(i); err != nil {
		panic(fmt.Sprintf("%s is called, but %v", w.m.Node(i).Name, err))
	}
	if w.calling(i) >= 0 {
		panic("a stage is called that is called already: " + w.m.Node(i).Name)
	}
	if w.full[i] {
		if e, news := w.m.Stays(i, journal.Wait{For: "capacity", Text: "no place"}, w.now); news {
			w.say("wait %s for capacity", e.Step)
			w.emit(e)
		}
		return
	}
	e := w.m.Called(i, w.now)
	d := e.Data.(*journal.Call)
	w.emit(e)
	w.calls = append(w.calls, call{node: i, attempt: d.Attempt})
	text := fmt.Sprintf("call %s", w.m.Node(i).Name)
	if d.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", d.Attempt)
	}
	if strings.Count(d.Key, "/") > 1 {
		text += ", key " + d.Key
	}
	if d.Token > 0 {
		text += fmt.Sprintf(", token %d", d.Token)
	}
	if _, state := w.m.Started(i); state != nil {
		text += fmt.Sprintf(", state %s", state)
	}
	w.say("%s", text)
}

func (w *world) calling(i int32) int {
	return slices.IndexFunc(w.calls, func(c call) bool { return c.node == i })
}

// returned forgets the call of a step.
func (w *world) returned(step string) {
	i, _ := w.m.Find(step)
	if k := w.calling(i); k >= 0 {
		w.calls = slices.Delete(w.calls, k, k+1)
	}
}

func (w *world) enter(i int32) {
	name := w.m.Node(i).Environment
	run, env := w.m.Entering(i, w.env(name), w.now)
	w.note(name, env...)
	for _, e := range run {
		switch d := e.Data.(type) {
		case *journal.Entry:
			w.say("enter %s", name)
		case *journal.Wait:
			w.say("wait %s for %s: %s", e.Step, d.For, d.Text)
		case *journal.Successor:
			w.say("give way to %s", d.Run)
		}
	}
	w.emit(run...)
}

func (w *world) leave(name string) {
	run, env := w.m.Leaving(w.env(name), w.now)
	w.note(name, env...)
	w.emit(run...)
	for _, e := range env {
		if d, ok := e.Data.(*journal.Departure); ok && d.Succeeded {
			w.say("leave %s in good order", name)
			return
		}
	}
	w.say("leave %s", name)
}

// settle records what the hook of a stage gave back.
func (w *world) settle(step string, out stage.Output, err error, stack string) error {
	i, ok := w.m.Find(step)
	if !ok {
		return fmt.Errorf("no step %q", step)
	}
	k := w.calling(i)
	if k < 0 {
		return fmt.Errorf("%s is not called", step)
	}
	attempt := w.calls[k].attempt
	w.calls = slices.Delete(w.calls, k, k+1)
	if !w.m.Calling(i, attempt) {
		return nil
	}
	if out.Live != nil {
		w.note(w.m.Node(i).Environment, w.m.Deployed(i, out, w.now))
	}
	w.emit(w.m.Returned(i, out, err, stack, w.now))
	return nil
}

// question takes the question out that was asked about a step.
func (w *world) question(step string, kinds ...Do) (c Command, wanted bool, err error) {
	for k, c := range w.asked {
		if w.m.Node(c.Node).Name == step && slices.Contains(kinds, c.Do) {
			w.asked = slices.Delete(w.asked, k, k+1)
			return c, w.m.Asked(c.Node, c.Ticket), nil
		}
	}
	return c, false, fmt.Errorf("%s is not asked", step)
}

// decide answers a gate, or the gates of an environment, or says that another
// question could not be answered.
func (w *world) decide(step string, d gate.Decision, problem error) error {
	c, wanted, err := w.question(step, Ask, Permit, Choose, Items, Observe)
	if err != nil || !wanted {
		return err
	}
	subject := w.m.Request(c.Node, w.now).Subject
	at := w.m.AskAgain(c.Node, d, problem, w.now)
	if e, news := w.m.Decided(c.Node, d, problem, subject, w.now); news {
		w.emit(e)
	}
	if problem != nil || d.Verdict != gate.Passed {
		w.m.Defer(c.Node, at)
	}
	return nil
}

// choose answers a condition.
func (w *world) choose(step string, take bool) error {
	c, wanted, err := w.question(step, Choose)
	if err == nil && wanted {
		w.emit(w.m.Chosen(c.Node, take, w.now))
	}
	return err
}

// list answers a ForEach.
func (w *world) list(step string, items []string) error {
	i, _ := w.m.Find(step)
	e, problem := w.m.Listed(i, items, w.now)
	if problem != nil {
		w.say("  %v", problem)
		return w.decide(step, gate.Decision{}, problem)
	}
	_, wanted, err := w.question(step, Items)
	if err == nil && wanted {
		w.emit(e)
	}
	return err
}

// observe says what was found out of a stage.
func (w *world) observe(step string, o stage.Observation) error {
	c, wanted, err := w.question(step, Observe)
	if err != nil || !wanted {
		return err
	}
	if e, done := w.m.Observed(c.Node, o, w.now); done {
		w.emit(e)
		return nil
	}
	w.m.Blind(c.Node)
	return nil
}

// by makes an event of a person, unless the machine says no.
func (w *world) by(who string, k journal.Kind, step string, data any, err error) error {
	if err == nil {
		w.put(journal.Event{Time: w.now, Kind: k, Step: step, By: who, Data: data})
	}
	return err
}
