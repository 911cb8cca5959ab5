package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestBeforeAgreesWithEveryRun compares Before, and what Validate says of
// artifacts, with all the runs that a small pipeline can have.
func TestBeforeAgreesWithEveryRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &grower{t: t, left: 6}
		p := Pipeline{Name: "shop", Steps: Sequence{g.step(0)}}
		for g.left > 0 && rapid.Bool().Draw(t, "more") {
			p.Steps = append(p.Steps, g.step(0))
		}
		if err := p.Validate(); err != nil {
			return // a gate to skip that bars nothing
		}
		runs := explore(p)
		for _, c := range g.names {
			certain := map[string]bool{}
			for s := range p.Before(c) {
				certain[Name(s)] = true
			}
			always := runs.before[c]
			if always == nil {
				continue // no run reaches it
			}
			for _, name := range g.names {
				if certain[name] != always[name] {
					t.Fatalf("%v: is %q always over when %q is reached? Before says %v, the runs say %v", p, name, c, certain[name], always[name])
				}
			}
		}
		checkFlow(t, p, g, runs)
	})
}

// checkFlow lets one step need what one stage makes.
func checkFlow(t *rapid.T, p Pipeline, g *grower, runs *runs) {
	if len(g.stages) < 2 {
		return
	}
	maker := rapid.SampledFrom(g.stages).Draw(t, "maker")
	user := rapid.SampledFrom(g.stages).Draw(t, "user")
	if maker == user || runs.before[user] == nil {
		return
	}
	p.Steps = rewrite(p.Steps, func(s Stage) Stage {
		switch s.Name {
		case maker:
			s.Produces = []string{"image"}
		case user:
			s.Consumes = []string{"image"}
		}
		return s
	}).(Sequence)
	err := p.Validate()
	if ok := err == nil; ok != runs.before[user][maker] {
		t.Fatalf("%v: is what %q makes always there for %q? Validate says %v, the runs say %v", p, maker, user, err, runs.before[user][maker])
	}
}

// rewrite returns s with its stages changed.
func rewrite(s Step, change func(Stage) Stage) Step {
	switch s := s.(type) {
	case Stage:
		return change(s)
	case Sequence:
		out := slices.Clone(s)
		for i := range out {
			out[i] = rewrite(out[i], change)
		}
		return out
	case Parallel:
		return Parallel(rewrite(Sequence(s), change).(Sequence))
	case Graph:
		s.Nodes = slices.Clone(s.Nodes)
		for i := range s.Nodes {
			s.Nodes[i].Step = rewrite(s.Nodes[i].Step, change)
		}
		return s
	case When:
		s.Do = rewrite(s.Do, change)
		return s
	case ForEach:
		body := rewrite(s.Body(probe), change)
		s.Body = func(string) Step { return body }
		// One body for all items makes one artifact for all of them, which
		// is another mistake; a When has the same flow.
		return When{Name: s.Name, If: always, Do: body}
	case OnFailure:
		return OnFailure{rewrite(s.Of, change), rewrite(s.Do, change)}
	case Finally:
		return Finally{rewrite(s.Of, change), rewrite(s.Do, change), 0}
	}
	return s
}

// A grower draws random trees.
type grower struct {
	t      *rapid.T
	left   int // leaves to draw
	names  []string
	stages []string
}

func (g *grower) name() string {
	name := string(rune('a' + len(g.names)))
	g.names = append(g.names, name)
	return name
}

func (g *grower) step(depth int) Step {
	kind := rapid.IntRange(0, 11).Draw(g.t, "kind")
	if depth > 3 || g.left < 2 {
		kind %= 3
	}
	switch kind {
	case 0, 1:
		g.left--
		name := g.name()
		g.stages = append(g.stages, name)
		return work(name)
	case 2:
		g.left--
		gate := ask(g.name())
		if rapid.Bool().Draw(g.t, "skip") {
			gate.OnReject = Skip
		}
		return gate
	case 3:
		return Sequence(g.some(depth))
	case 4:
		return Parallel(g.some(depth))
	case 5, 9, 10, 11:
		graph := Graph{}
		for k, s := range g.some(depth) {
			n := Node{Name: fmt.Sprint("n", k), Step: s}
			for before := range k {
				if rapid.Bool().Draw(g.t, "after") {
					n.After = append(n.After, fmt.Sprint("n", before))
				}
			}
			graph.Nodes = append(graph.Nodes, n)
		}
		return graph
	case 6:
		g.left--
		return When{g.name(), always, g.step(depth + 1)}
	case 7:
		g.left--
		name, body := g.name(), g.step(depth+1)
		return ForEach{name, regions, func(string) Step { return body }, 0}
	}
	of := g.step(depth + 1)
	do := g.step(depth + 1)
	if rapid.Bool().Draw(g.t, "finally") {
		return Finally{Of: of, Do: do}
	}
	return OnFailure{of, do}
}

func (g *grower) some(depth int) []Step {
	var steps []Step
	for range rapid.IntRange(1, 4).Draw(g.t, "steps") {
		if len(steps) == 0 || g.left > 0 {
			steps = append(steps, g.step(depth+1))
		}
	}
	return steps
}

// outcome is how a step ended. A When and a ForEach are decided as leaves are:
// passed takes what is in it, skipped does not.
type outcome int

const (
	running outcome = iota
	passed
	skipped
	failed
)

// runs is what was seen in every run of a pipeline: for each step that was
// reached, the named steps that were over whenever it was.
type runs struct {
	p      Pipeline
	seen   map[string]bool
	before map[string]map[string]bool
}

// explore tries every outcome of every step, in every order.
func explore(p Pipeline) *runs {
	r := &runs{p, map[string]bool{}, map[string]map[string]bool{}}
	r.from(map[string]outcome{})
	return r
}

func (r *runs) from(leaves map[string]outcome) {
	key := fmt.Sprint(leaves)
	if r.seen[key] {
		return
	}
	r.seen[key] = true
	m := moment{leaves: leaves, over: map[string]bool{}}
	m.eval(r.p.Steps)
	for _, name := range m.reached {
		if r.before[name] == nil {
			r.before[name] = maps.Clone(m.over)
		}
		maps.DeleteFunc(r.before[name], func(other string, _ bool) bool { return !m.over[other] })
	}
	for name, outcomes := range m.open {
		for _, out := range outcomes {
			next := maps.Clone(leaves)
			next[name] = out
			r.from(next)
		}
	}
}

// A moment is a run at some time: which steps have ended how.
type moment struct {
	leaves  map[string]outcome
	reached []string
	over    map[string]bool      // named steps that ended well
	open    map[string][]outcome // steps reached and not ended, and how they can end
}

// leaf returns how a step that was reached has ended.
func (m *moment) leaf(name string, outcomes ...outcome) outcome {
	m.reached = append(m.reached, name)
	out := m.leaves[name]
	if out == running {
		if m.open == nil {
			m.open = map[string][]outcome{}
		}
		m.open[name] = outcomes
	}
	return out
}

// eval returns how s, which is reached, has ended.
func (m *moment) eval(s Step) outcome {
	switch s := s.(type) {
	case Stage:
		out := m.leaf(s.Name, passed, failed)
		m.over[s.Name] = out == passed
		return out
	case Gate:
		outcomes := []outcome{passed, failed}
		if s.OnReject == Skip {
			outcomes = append(outcomes, skipped)
		}
		out := m.leaf(s.Name, outcomes...)
		m.over[s.Name] = out == passed
		return out
	case Sequence:
		for _, c := range s {
			out := m.eval(c)
			if _, gate := c.(Gate); out == running || out == failed || out == skipped && gate {
				return out
			}
		}
		return passed
	case Parallel:
		var nodes []Node
		for k, c := range s {
			nodes = append(nodes, Node{Name: fmt.Sprint(k), Step: c})
		}
		return m.eval(Graph{Nodes: nodes})
	case Graph:
		return m.graph(s)
	case When:
		return m.maybe(s.Name, s.Do)
	case ForEach:
		return m.maybe(s.Name, s.Body(probe))
	case OnFailure:
		of := m.eval(s.Of)
		if of == failed && m.begun(s.Of) && m.eval(s.Do) == running {
			return running
		}
		return of
	case Finally:
		of := m.eval(s.Of)
		if of == running {
			return running
		}
		if do := m.eval(s.Do); do == running || do == failed {
			return do
		}
		return of
	}
	panic(s)
}

func (m *moment) maybe(name string, s Step) outcome {
	out := m.leaf(name, passed, skipped)
	if out == passed {
		out = m.eval(s)
	}
	m.over[name] = out == passed || out == skipped
	return out
}

// graph takes each node whose predecessors have ended well. A node that follows
// a failed one, or a gate that was skipped, is let be.
func (m *moment) graph(g Graph) outcome {
	outs, all := map[string]outcome{}, passed
	for _, n := range g.Nodes {
		out, take := passed, true
		for _, before := range n.After {
			if outs[before] != passed {
				take, out = false, outs[before]
			}
			if outs[before] == running {
				break
			}
		}
		if take {
			out = m.eval(n.Step)
			if _, gate := n.Step.(Gate); out == skipped && !gate {
				out = passed
			}
		}
		outs[n.Name] = out
		switch {
		case out == running:
			all = running
		case out == failed && all != running:
			all = failed
		}
	}
	return all
}

// begun reports whether a stage in s was called.
func (m *moment) begun(s Step) bool {
	for _, c := range (Pipeline{Steps: Sequence{s}}).All() {
		if c, ok := c.(Stage); ok && slices.Contains(m.reached, c.Name) && m.leaves[c.Name] != running {
			return true
		}
	}
	return false
}
