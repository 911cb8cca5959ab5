package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// An audit reads each append as it becomes durable. It keeps books of its own
// beside the machine, so that a mistake of the machine shows.
type audit struct {
	w     *world
	runs  map[string]*books
	envs  map[string]*machine.Environment
	asked map[question]facts // what voters were shown
}

// A question is what a vote answers.
type question struct{ vote, subject string }

// books are what the journal of one run says.
type books struct {
	of       *audit
	m        *machine.Machine         // the fold, event by event
	claims   map[int64]string         // executors, by epoch
	calls    map[string]*journal.Call // the newest of each step
	open     map[string]bool          // steps called of which nothing is recorded
	unknown  map[string]bool          // steps called by a process that lost the run
	seen     map[string][]string      // who observed a step since it is unknown
	done     map[string]bool          // keys under which a success is recorded
	anew     map[string]bool          // steps that may have a new key
	artifact artifact.Digest          // that the run built
	votes    []journal.Event
	ids      map[string]int // what people did
	stopped  bool
	adopted  bool
}

func newAudit(w *world) *audit {
	return &audit{w: w, runs: map[string]*books{}, envs: map[string]*machine.Environment{}, asked: map[question]facts{}}
}

// appended takes note of an append that is durable from now on.
func (a *audit) appended(by *process, batches []journal.Batch) {
	for _, b := range batches {
		if name, ok := env(b.Journal); ok {
			for i := range b.Events {
				a.w.note(by, b.Journal, &b.Events[i])
			}
			a.visited(name, b.Events)
		}
	}
	for _, b := range batches {
		if _, ok := env(b.Journal); ok {
			continue
		}
		for i := range b.Events {
			a.w.count.events++
			a.w.note(by, b.Journal, &b.Events[i])
			a.event(by, b.Journal, &b.Events[i], batches)
		}
	}
}

func env(name string) (string, bool) {
	prefix := machine.Journal("")
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):], true
	}
	return "", false
}

func (a *audit) env(name string) *machine.Environment {
	if a.envs[name] == nil {
		a.envs[name] = &machine.Environment{Name: name}
	}
	return a.envs[name]
}

// visited applies events of an environment: one holder, tokens that only rise, and
// releases that only get newer, but on a way out.
func (a *audit) visited(name string, events []journal.Event) {
	e := a.env(name)
	for i := range events {
		token, release := e.Token, e.Release
		if err := e.Apply(&events[i]); err != nil {
			a.w.fail("I7: %v", err)
			return
		}
		if events[i].Kind == journal.Taken && e.Token <= token {
			a.w.fail("I7: token %d of %s after %d", e.Token, name, token)
		}
		if d, ok := events[i].Data.(*journal.Live); ok && e.Release != release && older(e.Release, release) && !d.Back {
			a.w.fail("I13: %s replaces in %s what %s has brought there, which was started later", e.Release.Run, name, release.Run)
		}
	}
}

// older reports whether visitor v was started before w. Neither may be nobody.
func older(v, w machine.Visitor) bool {
	if v.Run == "" || w.Run == "" {
		return false
	}
	return v.Started.Before(w.Started) || v.Started.Equal(w.Started) && v.Run < w.Run
}

// event takes the next event of a run.
func (a *audit) event(by *process, run string, e *journal.Event, with []journal.Batch) {
	if a.w.failure != nil {
		return
	}
	b := a.own(run)
	if b == nil {
		b = &books{
			of: a,
			m:  machine.New(run, a.w.program(e.Data.(*journal.Beginning).Pipeline, e.Data.(*journal.Beginning).Definition)), claims: map[int64]string{}, calls: map[string]*journal.Call{},
			open: map[string]bool{}, unknown: map[string]bool{}, seen: map[string][]string{}, done: map[string]bool{}, anew: map[string]bool{}, ids: map[string]int{},
		}
		a.runs[run] = b
	}
	if e.Epoch != 0 && e.Kind != journal.Claimed && (e.Epoch != b.m.Epoch || b.claims[e.Epoch] != by.id()) {
		a.w.fail("I6: %s %q of %s is recorded by %s under epoch %d; the newest is %d, of %s", e.Kind, e.Step, run, by.id(), e.Epoch, b.m.Epoch, b.claims[b.m.Epoch])
		return
	}
	a.before(b, by, run, e, with)
	if err := a.apply(b, run, e); err != nil {
		a.w.fail("J4: what was recorded of %s is refused: %v", run, err)
		return
	}
	b.after(e, by)
}

func (a *audit) apply(b *books, run string, e *journal.Event) (err error) {
	if e.Kind == journal.Adopted {
		b.m, err = machine.Fold(run, a.w.disk.events(run, 0)[:b.m.Length+1], a.w.program)
		return err
	}
	return b.m.Apply(e)
}

// before holds e against what was recorded before it.
func (a *audit) before(b *books, by *process, run string, e *journal.Event, with []journal.Batch) {
	i, _ := b.m.Find(e.Step)
	switch d := e.Data.(type) {
	case *journal.Call:
		a.call(b, by, b.m.Node(i), run, e, d)
	case *journal.Entry:
		there := slices.ContainsFunc(with, func(w journal.Batch) bool {
			return w.Journal == machine.Journal(d.Environment) && slices.ContainsFunc(w.Events, func(v journal.Event) bool {
				hold, ok := v.Data.(*journal.Hold)
				return ok && v.By == run && hold.Token == d.Token
			})
		})
		if !there {
			a.w.fail("I7: %s takes %s with token %d, and the environment does not know", run, d.Environment, d.Token)
		}
	case *journal.Pass:
		if e.Kind == journal.Passed {
			a.passed(b, b.m.Node(i), e)
		}
	}
}

// call holds the intent to call a hook against what was recorded before.
func (a *audit) call(b *books, by *process, n *machine.Node, run string, e *journal.Event, d *journal.Call) {
	old := b.calls[e.Step]
	unknown := b.unknown[e.Step] && old.Key == d.Key // another key is for other work
	switch {
	case b.done[d.Key]:
		a.w.fail("I3: %s of %s is called again under %s, under which it has succeeded", e.Step, run, d.Key)
	case b.open[e.Step]:
		a.w.fail("I3: %s of %s is called while it is called", e.Step, run)
	case old != nil && old.Key != d.Key && !b.anew[e.Step]:
		a.w.fail("I4: %s of %s is called under %s and then %s; nobody had it done anew", e.Step, run, old.Key, d.Key)
	case b.stopped && !n.Urgent:
		a.w.fail("I17: %s of %s is called after the run was canceled", e.Step, run)
	case unknown && n.Observes && !slices.Contains(b.seen[e.Step], by.id()):
		a.w.fail("I5: %s of %s is called again by %s, which has not observed it", e.Step, run, by.id())
	case unknown && n.AskPerson && !n.Observes:
		a.w.fail("I5: %s of %s is called again, and nobody was asked", e.Step, run)
	}
	if !n.Exclusive {
		return
	}
	if env := a.env(n.Environment); env.Holder.Run != run || env.Token != d.Token {
		a.w.fail("I7: %s of %s is called with token %d; %s is held by %q with token %d", e.Step, run, d.Token, n.Environment, env.Holder.Run, env.Token)
	}
}

// passed counts the approvals that a gate passes with (I11, I12).
func (a *audit) passed(b *books, n *machine.Node, e *journal.Event) {
	s := n.Step.(*pipeline.Gate)
	q, ok := s.Require.(approval.Quorum)
	if !ok {
		return
	}
	i, _ := b.m.Find(e.Step)
	now := facts{e.Step, b.m.View(i).Round, b.m.Definition, b.picked(n.Consumes)}
	last := map[string]bool{}
	for _, v := range b.votes {
		vote := v.Data.(*gate.Vote)
		if v.Step == e.Step && a.asked[question{vote.ID, vote.Subject.String()}] == now {
			last[vote.By] = vote.Approve
		}
	}
	have := 0
	for who, approves := range last {
		may := slices.Contains(q.From, who) || slices.Contains(groupsOf(who), q.Group)
		if approves && may && who != "bob" && who != b.m.Beginning.Actor {
			have++
		}
	}
	if have < max(q.Need, 1) {
		a.w.fail("I11, I12: gate %s of %s passes with %d approvals of what it is about now; want %d", e.Step, b.m.Run, have, q.Need)
	}
}

// picked returns the digest of the named artifacts, of which there is one.
func (b *books) picked(names []string) artifact.Digest {
	if len(names) == 0 || b.artifact.IsZero() {
		return artifact.Set(nil).Digest()
	}
	return artifact.Set{"image": {Name: "image", Digest: b.artifact}}.Digest()
}

// after notes what e says.
func (b *books) after(e *journal.Event, by *process) {
	switch d := e.Data.(type) {
	case *journal.Call:
		b.calls[e.Step], b.open[e.Step] = d, true
		delete(b.unknown, e.Step)
		delete(b.anew, e.Step)
	case *journal.Result:
		for _, art := range d.Artifacts {
			b.artifact = art.Digest
		}
	case *gate.Vote:
		b.votes = append(b.votes, *e)
		b.ids[d.ID]++
	case *journal.Adoption:
		b.ids[d.Text]++
		b.adopted = true
	case *journal.Reason:
		b.ids[d.Text]++
	}
	switch e.Kind {
	case journal.Began:
		b.ids[b.m.Run]++
	case journal.Claimed:
		b.claims[e.Epoch] = by.id()
		b.lose()
	case journal.Done:
		b.done[b.calls[e.Step].Key] = true
		b.closed(e.Step)
	case journal.Again, journal.Erred, journal.Failed, journal.Held:
		b.closed(e.Step)
	case journal.Stopped, journal.Superseded:
		b.stopped = true
	case journal.Retried, journal.Adopted:
		for step := range b.calls {
			b.anew[step] = true
		}
		delete(b.unknown, e.Step)
		if e.Kind == journal.Adopted {
			b.lose()
		}
	case journal.Overridden:
		delete(b.unknown, e.Step)
	}
}

// lose says that it is not known of what is called whether it was done.
func (b *books) lose() {
	for step := range b.open {
		b.unknown[step] = true
		delete(b.seen, step)
	}
	clear(b.open)
}

func (b *books) closed(step string) {
	delete(b.open, step)
	delete(b.unknown, step)
}

// calls holds a call of a hook, which is about to begin, against what is durable
// now (I4). One of a process that has lost the run is a zombie's: it cannot know.
func (a *audit) calls(t *task) {
	b := a.runs[t.in.Run]
	if b == nil {
		a.w.fail("I4: %s of %s is called, and there is no such run", t.in.Stage, t.in.Run)
		return
	}
	if b.m.Epoch != t.epoch {
		a.w.count.zombies++
		return
	}
	switch d := b.calls[t.in.Stage]; {
	case t.cause != nil && d != nil && d.Attempt > t.attempt: // its context is done; it was given up, and called anew
		a.w.count.zombies++
	case d == nil || d.Key != t.in.Key || d.Attempt != t.attempt || d.Token != t.in.Token:
		a.w.fail("I4: %s of %s is called under %s, attempt %d, token %d; what is recorded is %+v", t.in.Stage, t.in.Run, t.in.Key, t.attempt, t.in.Token, d)
	case b.done[t.in.Key]:
		a.w.fail("I3: %s of %s is called under %s after it has succeeded", t.in.Stage, t.in.Run, t.in.Key)
	}
}

// observed takes note that a stage was asked whether it was done.
func (a *audit) observed(t *task) {
	a.w.say(t.r.p, "observes %s of %s: %v, %v", t.in.Stage, t.in.Run, t.seen.Done, t.err)
	if b := a.own(t.in.Run); b != nil && b.unknown[t.in.Stage] {
		b.seen[t.in.Stage] = append(b.seen[t.in.Stage], t.r.p.name)
	}
}

// shown takes note of what a voter was shown.
func (a *audit) shown(v *act, req gate.Request) {
	b := a.runs[v.run]
	a.asked[question{v.id, req.Subject.String()}] = facts{req.Gate, req.Round, b.m.Definition, req.Artifacts.Digest()}
}

// rested compares what a process thinks of a run that rests with the fold of the
// journal (J7).
func (a *audit) rested(r *live) {
	if !a.w.s.Careful || a.w.failure != nil {
		return
	}
	b := a.runs[r.id]
	if r.m.Length != b.m.Length || r.m.Definition != b.m.Definition {
		return // others went on
	}
	a.same(fmt.Sprintf("what %s thinks of %s", r.p.name, r.id), r.m, b.m)
}

// refolded compares the fold of the journal with what was kept event by event.
// The journal is written as JSON and read back.
func (a *audit) refolded(run string) {
	b := a.runs[run]
	events := slices.Clone(a.w.disk.events(run, 0))
	for i := range events {
		line, err := events[i].MarshalJSON()
		if err == nil {
			events[i] = journal.Event{}
			err = events[i].UnmarshalJSON(line)
		}
		if err != nil {
			a.w.fail("J6: event %d of %s: %v", i, run, err)
			return
		}
	}
	m, err := machine.Fold(run, events, a.w.program)
	if err != nil {
		a.w.fail("J7: the journal of %s is refused: %v", run, err)
		return
	}
	a.same("the fold of "+run, m, b.m)
}

func (a *audit) same(what string, got, want *machine.Machine) {
	got, want = got.Clone(), want.Clone()
	got.Restart()
	want.Restart()
	if got.Hash(0) != want.Hash(0) {
		a.w.fail("J7: %s is not what is recorded", what)
		return
	}
	if have, should := seen(got), seen(want); !slices.Equal(have, should) {
		a.w.fail("J7: %s is not what is recorded:\n got %+v\nwant %+v", what, have, should)
	}
}

// A sight is what is seen of a step or, without a name, of a run.
type sight struct {
	name, waits, reason     string
	status                  machine.Status
	attempt, round, votes   int
	reached, started, ended time.Time
	more                    string // who lets the step pass, or what the run holds
	epoch                   int64
}

func seen(m *machine.Machine) (all []sight) {
	for v := range m.Views() {
		all = append(all, sight{
			name: v.Node.Name, waits: v.For, reason: v.Reason, status: v.Status, attempt: v.Attempt, round: v.Round, votes: len(v.Votes),
			reached: v.Reached.UTC(), started: v.Started.UTC(), ended: v.Ended.UTC(), more: v.Overridden,
		})
	}
	return append(all, sight{waits: m.For, reason: m.Reason, status: m.Status, more: strings.Join(m.Held(), " "), epoch: m.Epoch})
}
