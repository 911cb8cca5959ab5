package machine

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// A Machine is the fold of the journal of one run. Make one with [Fold] or
// [New]. It may not be used by several goroutines at once.
type Machine struct {
	// What the journal says. They may be read and must not be changed.
	Run        string
	Begun      time.Time // zero if there is no event yet
	Over       time.Time // zero if the run has not ended
	Length     int       // of the journal
	Beginning  journal.Beginning
	Definition artifact.Digest // that the run goes on under
	Since      time.Time       // when it came under Definition
	Came       int             // length of the journal then
	Closed     int             // length of the journal when the run ended last; 0 if it never has
	Drains     bool            // a person said to go on under the definition it began with
	Owner      string          // executor that takes the run forward; empty if none does
	Epoch      int64           // of the newest claim
	Status     Status          // Pending until it is first claimed; final once the run has ended
	Reason     string          // why the run as a whole waits or has ended
	For        string          // what the run as a whole waits for
	Artifacts  artifact.Set    // produced so far, or given by the trigger
	Values     map[string]json.RawMessage
	lent       bool // Artifacts and Values are those of a copy too

	prog   *Program // nil: the events are only kept in books
	nodes  []Node   // of prog
	names  map[string]int32
	extra  []Node // bodies of ForEach nodes, and the nodes of a machine without a program
	states []state
	envs   []envState

	ready    []int32       // may have a command; see state.queued
	stops    []int32       // hooks to be stopped
	leaves   []int32       // environments to be given back
	inflight []int32       // hooks called, of which the outcome is not recorded
	locked   []int32       // stages that wait for an environment
	head     int           // of ready: what is before it was popped
	lapsing  int           // passes that lapse and have not been used
	lost     []int32       // gates of which the pass was withdrawn and not given again
	barred   []int32       // stages behind one of those; see Pop
	tickets  uint32        // given out for questions; see Command.Ticket
	latest   time.Time     // that the machine heard of
	behind   time.Duration // by how much the clock was set back, in all
	turned   bool          // it was since the last event
	timers   timers

	stopped    string             // why the run was canceled
	successor  string             // the run that superseded this one
	carried    map[string]carried // the steps of an older definition, by name; see adopt
	used       map[int32]bool     // gates with a stage behind them that was called under it
	broken     error              // what adopt could not do
	redone     []redo
	overridden []Override
	votes      map[string]bool // IDs of votes recorded
	said       int             // events that people had recorded; see CanSay

	base  artifact.Digest // of the input of a stage that is given nothing but the params
	made  int32           // node of the event that was made last
	keys  strings.Builder // memory for Call.Key
	calls []journal.Call  // memory for Call
}

// An Override is a person's word that lets a step pass.
type Override struct {
	Step, By, Reason string
	At               time.Time
}

// A phase is what can happen next to a node.
type phase uint8

const (
	idle    phase = iota // not reached
	active               // something in it is under way
	ready                // to be called, asked, decided
	waiting              // asked or tried; said not yet
	calling              // its hook is called
	unknown              // its hook was called by a process that died
	again                // to be called again later
	erred                // could not be done; is tried again later
	held                 // waits for a person
	ended                // has a final status
	dropped              // will not be reached
)

// A state is how far a node is.
type state struct {
	phase   phase
	status  Status // final if phase is ended
	worst   Status // of a group: of its children that ended
	begun   bool   // a stage in it was called
	stop    bool   // canceled
	queued  bool   // is in Machine.ready
	settled bool   // counts no longer for its environments
	failing bool   // of a group that fails fast: a child failed
	permit  bool   // of a stage: the gates of its environment let it begin
	polled  bool   // of a stage: the next call, or the one under way, goes on with one that asked to be called again
	locked  bool   // is in Machine.locked
	spoiled bool   // counts in envState.bad

	// Not recorded.
	asked uint32 // ticket of the question that is being answered; 0 if none
	stale bool   // something happened since it was asked
	blind bool   // of a stage: it cannot be observed
	fresh bool   // of a stage: where it is, no newer release is

	slot    int32 // of a stage that is called: its place in Machine.inflight, from 1
	born    int32 // length of the journal when it was reached; only in a machine without a program
	gen     int32 // times it was reset by a person
	attempt int32
	left    int32 // of a group: children that have not ended
	running int32 // of a group: children under way
	cursor  int32 // of a sequence and the like: position under way

	since   time.Time // reached
	started time.Time // first called
	end     time.Time
	reason  string
	more    *more
}

// more is what few nodes have.
type more struct {
	waits     string // journal.Wait.For
	recheck   time.Time
	wake      time.Time       // when to look again though nothing is recorded
	state     json.RawMessage // of a stage that asked to be called again
	votes     []gate.Vote
	subject   artifact.Digest
	lapses    time.Time // of a pass
	permitted time.Time // when the gates of its environment let a stage begin
	withdrawn bool      // the pass lapsed
	rejection *journal.Rejection
	stack     string
	tries     int       // errors since the stage was reached
	erring    time.Time // since when a gate gives only errors. Not recorded.
	take      bool      // of a When
	need      []int32   // of a group: how many have yet to succeed, by position
	queue     []int32   // of a group: positions that Max holds up
	kids      []int32   // of a ForEach
	listed    bool      // of a ForEach: its items are decided
	items     []string
	deadline  time.Time     // of a Finally that is in Do
	behind    time.Duration // of the machine, when recheck or deadline was set. Not recorded.
}

// An envState is what a run has to do with an exclusive environment.
type envState struct {
	name      string
	remaining int32 // stages there that may yet be taken
	held      bool
	aside     bool // held by a way out, which does not ask whether a newer release is there
	queued    bool
	token     int64
	previous  artifact.Set
	bad       int32 // stages there that did not succeed, or will not be reached because another did not
	righted   bool  // since then a way out succeeded there
}

// New returns the machine of a run that has not begun. A nil program makes a
// machine that keeps the books of any run but says nothing of what is next.
func New(run string, p *Program) *Machine {
	m := &Machine{Run: run, prog: p, Status: Pending}
	if p == nil {
		m.names = map[string]int32{}
		return m
	}
	m.nodes, m.names = p.nodes, p.names
	m.states = p.states()
	m.envs = make([]envState, len(p.envs))
	for i := range m.envs {
		m.envs[i].name = p.envs[i]
	}
	if p.nodes[0].uses > 0 {
		m.expect(0)
	}
	return m
}

// Release ends the use of m, of which the memory is used again by another machine
// of its program: a third of what a run of many steps takes.
func (m *Machine) Release() {
	states := m.states
	m.states = nil
	if m.prog != nil && states != nil {
		clear(states)
		m.prog.spare.Put(&states)
	}
}

// expect counts the environments that node i and what is in it may use.
func (m *Machine) expect(i int32) {
	n := m.node(i)
	for _, e := range n.envs {
		m.envs[e].remaining++
	}
	for _, c := range m.children(i) {
		if m.node(c).uses > 0 {
			m.expect(c)
		}
	}
}

func (m *Machine) node(i int32) *Node {
	if int(i) < len(m.nodes) {
		return &m.nodes[i]
	}
	return &m.extra[int(i)-len(m.nodes)]
}

func (m *Machine) children(i int32) []int32 {
	n := m.node(i)
	if n.Kind != ForEach {
		return n.Children
	}
	if x := m.states[i].more; x != nil {
		return x.kids
	}
	return nil
}

func (m *Machine) more(i int32) *more {
	s := &m.states[i]
	if s.more == nil {
		s.more = new(more)
	}
	return s.more
}

// lookup returns the node that an event is about. A machine without a program
// makes one.
func (m *Machine) lookup(e *journal.Event) (int32, bool) {
	if m.prog != nil && m.node(m.made).Name == e.Step {
		return m.made, true // most often it is the one that was just made
	}
	i, ok := m.names[e.Step]
	if m.prog != nil {
		return i, ok
	}
	if ok {
		m.loosen(i, e)
		return i, ok
	}
	n := Node{Kind: Stage, Name: e.Step, Parent: -1, Bound: -1}
	if k, sure := about(e.Kind); sure {
		n.Kind = k
	} else if e.Kind == journal.Waiting || e.Kind == journal.Voted {
		n.Kind = Gate
	}
	i = int32(len(m.extra))
	m.extra = append(m.extra, n)
	m.states = append(m.states, state{phase: ready, since: e.Time, born: int32(m.Length)})
	if e.Kind == journal.Overridden { // perhaps before it is reached
		m.states[i] = state{}
	}
	m.names[e.Step] = i
	return i, true
}

// loosen lets node i of a machine without a program take event e: what kind of
// node it is shows late, and so does that it was reached anew.
func (m *Machine) loosen(i int32, e *journal.Event) {
	s := &m.states[i]
	if k, sure := about(e.Kind); sure {
		m.extra[i].Kind = k
	}
	switch e.Kind {
	case journal.Overridden, journal.Failed:
		if s.phase == ended && s.more != nil && s.more.rejection != nil {
			s.phase = held // or it could not happen
		}
	}
	if e.Kind == journal.Withdrawn || e.Kind == journal.Retried || e.Kind == journal.Overridden {
		return
	}
	over := s.phase == ended || s.phase == idle || s.phase == active
	if over || s.phase == held && e.Kind != journal.Failed { // if it was held, it ended with others
		m.reset(i)
		s.phase, s.since, s.born = ready, e.Time, int32(m.Length)
	}
}

// about returns the kind of node that events of kind k are about, and false if
// there are several.
func about(k journal.Kind) (of Kind, sure bool) {
	switch k {
	case journal.Called, journal.Again, journal.Done, journal.Erred, journal.Held, journal.Permitted, journal.Took:
		return Stage, true
	case journal.Passed, journal.Rejected, journal.Withdrawn:
		return Gate, true
	case journal.Chosen:
		return When, true
	case journal.Listed:
		return ForEach, true
	}
	return 0, false
}

// Node returns the node with the given index.
func (m *Machine) Node(i int32) *Node { return m.node(i) }

// Find returns the index of the named step.
func (m *Machine) Find(step string) (int32, bool) {
	i, ok := m.names[step]
	return i, ok
}

// InFlight reports whether a hook is called of which the outcome is not
// recorded.
func (m *Machine) InFlight() bool { return len(m.inflight) > 0 }

// Calling reports whether the hook of node i is called in its given attempt. The
// node may be one of another definition.
func (m *Machine) Calling(i int32, attempt int) bool {
	if int(i) >= len(m.states) {
		return false
	}
	s := &m.states[i]
	return s.phase == calling && int(s.attempt) == attempt
}

// fly and land count the hooks that are called.
func (m *Machine) fly(i int32) {
	m.inflight = append(m.inflight, i)
	m.states[i].slot = int32(len(m.inflight))
}

func (m *Machine) land(i int32) {
	s := &m.states[i]
	if s.slot == 0 {
		return
	}
	last := m.inflight[len(m.inflight)-1]
	m.inflight[s.slot-1], m.states[last].slot = last, s.slot
	m.inflight, s.slot = m.inflight[:len(m.inflight)-1], 0
}
