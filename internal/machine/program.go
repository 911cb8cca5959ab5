package machine

import (
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Program is a compiled tree: nodes in the order written, parents first. It
// is not changed by running it and may be shared.
type Program struct {
	Pipeline   string
	Definition artifact.Digest

	nodes []Node
	names map[string]int32 // of leaves and of When and ForEach nodes
	envs  []string         // exclusive environments, by Node.Envs
	spare sync.Pool        // of *[]state, all zero: from machines that were released
}

// states returns a state for each node.
func (p *Program) states() []state {
	if spare, ok := p.spare.Get().(*[]state); ok {
		return (*spare)[:len(p.nodes)]
	}
	return make([]state, len(p.nodes))
}

// A Kind says how a [Node] is taken.
type Kind uint8

// The kinds of node. A Parallel is a Group of which no child comes after another.
const (
	Stage Kind = iota
	Gate
	Sequence
	Group
	When
	ForEach
	OnFailure
	Finally
)

// A Node is one step of a [Program].
type Node struct {
	Kind   Kind
	Name   string // of a Stage, Gate, When or ForEach
	Parent int32  // -1 for the root
	Pos    int32  // among the children of Parent
	Urgent bool   // inside OnFailure.Do or Finally.Do: neither canceled nor held up by the gates of an environment
	Bound  int32  // innermost Finally in whose Do the node is, or -1
	Hasty  bool   // inside a Group that fails fast: its hook may be stopped while others go on

	Children []int32 // of an OnFailure or a Finally: Of, then Do

	// Of a Group.
	After    [][]int32 // by position: the positions that come after it; nil if none do
	Needs    []int32   // by position: how many have to succeed first
	Max      int       // children at a time; 0 means no limit. Also of a ForEach.
	FailFast bool

	// Of a Stage or a Gate.
	Environment string
	Exclusive   bool     // a Stage that has to hold Environment
	Guarded     bool     // a Stage whose Environment has gates
	Newest      bool     // the Queue of Environment
	Consumes    []string // artifacts given
	Produces    []string // artifacts given back
	Takes       []string // values given
	Gives       []string // values given back
	Timeout     time.Duration
	Retry       Retry
	Observes    bool // a Stage that can say whether it was done
	AskPerson   bool // a Stage that is not called again by itself after a crash
	OnReject    Otherwise
	OnExpire    Otherwise
	Expires     time.Duration
	Within      time.Duration // of a Finally

	// Expand adds the body of a ForEach for one item. An error is one of
	// the function that makes the body.
	Expand func(b *Builder, parent int32, item string) error

	// Step is what the node was compiled from. The machine does not look at it.
	Step any

	envs   []int32   // exclusive environments of a Stage; those that the body of a ForEach may use
	uses   int32     // number of envs entries in the subtree
	works  bool      // there is a stage in the subtree
	asks   bool      // there is a gate in the subtree, or what is known only when it is reached
	before [][]int32 // of a Group, by position: the positions that come before it; nil if none do
}

// Retry is how often and how fast to call again.
type Retry struct {
	Times int
	Wait  time.Duration
	Most  time.Duration
}

// An Otherwise says what becomes of a gate that does not pass.
type Otherwise uint8

// The values of Otherwise, in the order of the public ones.
const (
	Fail Otherwise = iota
	Skip
	Hold
)

// A Builder adds nodes to a [Program] or, for the body of a [ForEach], to a
// [Machine].
type Builder struct {
	nodes *[]Node
	base  int32 // index of the first node in nodes
	names map[string]int32
	env   func(name string) int32

	// Of a body.
	root *Node   // the ForEach, which is not changed
	at   int32   // its index
	kids []int32 // its children
}

// Build returns the program that f adds to.
func Build(pipeline string, definition artifact.Digest, f func(b *Builder)) *Program {
	p := &Program{Pipeline: pipeline, Definition: definition, names: map[string]int32{}}
	b := &Builder{nodes: &p.nodes, names: p.names, env: p.env}
	f(b)
	b.count(0)
	return p
}

func (p *Program) env(name string) int32 {
	for i, e := range p.envs {
		if e == name {
			return int32(i)
		}
	}
	p.envs = append(p.envs, name)
	return int32(len(p.envs) - 1)
}

// Add adds n as the last child of parent, or as the root if parent is -1, and
// returns its index. It sets Parent, Pos, Urgent, Bound and Hasty.
func (b *Builder) Add(parent int32, n Node) int32 {
	i := b.base + int32(len(*b.nodes))
	n.Parent, n.Bound = parent, -1
	switch {
	case parent < 0:
	case b.root != nil && parent == b.at:
		n.Pos, n.Urgent, n.Bound, n.Hasty = int32(len(b.kids)), b.root.Urgent, b.root.Bound, b.root.Hasty
		b.kids = append(b.kids, i)
	default:
		up := b.node(parent)
		n.Pos, n.Urgent, n.Bound, n.Hasty = int32(len(up.Children)), up.Urgent, up.Bound, up.Hasty || up.FailFast
		if n.Pos == 1 && (up.Kind == OnFailure || up.Kind == Finally) {
			n.Urgent = true
			if up.Kind == Finally {
				n.Bound = parent
			}
		}
		up.Children = append(up.Children, i)
	}
	if n.Kind == Stage && n.Exclusive {
		n.envs = []int32{b.env(n.Environment)}
	}
	*b.nodes = append(*b.nodes, n)
	if n.Name != "" {
		b.names[n.Name] = i
	}
	return i
}

// Uses says that the body of the ForEach i may hold the named environment.
func (b *Builder) Uses(i int32, environment string) {
	n := b.node(i)
	e := b.env(environment)
	for _, have := range n.envs {
		if have == e {
			return
		}
	}
	n.envs = append(n.envs, e)
}

func (b *Builder) node(i int32) *Node { return &(*b.nodes)[i-b.base] }

// count sets what the nodes from first on say of what is in them. Parents come
// before their children, so one pass from the end is enough.
func (b *Builder) count(first int32) {
	for i := b.base + int32(len(*b.nodes)) - 1; i >= first; i-- {
		n := b.node(i)
		n.uses += int32(len(n.envs))
		n.works = n.works || n.Kind == Stage
		n.asks = n.asks || n.Kind == Gate || n.Kind == When || n.Kind == ForEach
		n.precede()
		if n.Parent >= first && n.Parent >= b.base {
			up := b.node(n.Parent)
			up.uses += n.uses
			up.works, up.asks = up.works || n.works, up.asks || n.asks
		}
	}
}

// precede turns After round.
func (n *Node) precede() {
	if n.After == nil {
		return
	}
	n.before = make([][]int32, len(n.After))
	for before, after := range n.After {
		for _, pos := range after {
			n.before[pos] = append(n.before[pos], int32(before))
		}
	}
}
