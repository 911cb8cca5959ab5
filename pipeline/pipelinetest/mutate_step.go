package pipelinetest

import (
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// step returns what can be made of s, with sentences that name it. It is the same
// for steps that differ in the item of a ForEach alone.
func (m *mutator) step(s pipeline.Step) (vs variants[pipeline.Step]) {
	switch s := s.(type) {
	case pipeline.Stage:
		return m.stage(s)
	case pipeline.Gate:
		return m.gateStep(s)
	case pipeline.Sequence:
		return m.sequence(s)
	case pipeline.Parallel:
		for k, one := range s {
			if kindOf(one) != "" {
				vs.add(pipeline.Parallel(without(s, k)), "%s is dropped", m.call(one))
			}
		}
	case pipeline.Graph:
		return m.graph(s)
	case pipeline.When:
		vs.add(s.Do, "%s is always taken", m.call(s))
	case pipeline.ForEach:
		if s.Max > 0 {
			every := s
			every.Max = 0
			vs.add(every, "%s takes all items at a time, not %d", m.call(s), s.Max)
		}
	case pipeline.OnFailure:
		return m.onFailure(s)
	case pipeline.Finally:
		vs.add(s.Of, "after %s, however it ended, nothing is done; %s is dropped", m.call(s.Of), m.call(s.Do))
		vs.add(pipeline.Sequence{s.Of, s.Do}, "%s is done only after the success of %s", m.call(s.Do), m.call(s.Of))
	}
	return vs
}

// sequence drops steps, and takes them in another order. A drop of what has no
// name is left out, for it is many at a time.
func (m *mutator) sequence(s pipeline.Sequence) (vs variants[pipeline.Step]) {
	for k, one := range s {
		if kindOf(one) != "" {
			vs.add(pipeline.Sequence(without(s, k)), "%s is dropped", m.call(one))
		}
		if k+1 == len(s) {
			break
		}
		next := s[k+1]
		swapped := slices.Clone(s)
		swapped[k], swapped[k+1] = next, one
		vs.add(swapped, "%s comes before %s", m.call(next), m.call(one))
		vs.add(slices.Replace(slices.Clone(s), k, k+2, pipeline.Step(pipeline.Parallel{one, next})), "%s does not wait for %s", m.call(next), m.call(one))
		if _, ok := one.(pipeline.Gate); ok {
			vs = append(vs, m.late(s, k)...)
		}
	}
	return vs
}

// late has the gate at k asked when what it guards has begun, or is over.
func (m *mutator) late(s pipeline.Sequence, k int) (vs variants[pipeline.Step]) {
	g := s[k]
	vs.add(append(pipeline.Sequence(without(s, k)), g), "%s is asked last", m.call(g))
	var first []int
	var begun pipeline.Step
	m.walk(s[k+1], nil, func(path []int, one pipeline.Step) {
		if _, ok := one.(pipeline.Stage); ok && begun == nil {
			first, begun = path, one
		}
	})
	if begun != nil {
		after := at(s[k+1], first, func(one pipeline.Step) pipeline.Step { return pipeline.Sequence{one, g} })
		vs.add(slices.Replace(slices.Clone(s), k, k+2, after), "%s is asked after %s", m.call(g), m.call(begun))
	}
	return vs
}

func without[T any](s []T, k int) []T { return slices.Delete(slices.Clone(s), k, k+1) }

// graph drops nodes and edges.
func (m *mutator) graph(s pipeline.Graph) (vs variants[pipeline.Step]) {
	named := remade(s, func(_ int, one pipeline.Step) pipeline.Step { return one }).(pipeline.Graph)
	for k, n := range named.Nodes {
		if kindOf(n.Step) != "" {
			vs.add(bridged(named, k), "%s is dropped", m.call(n.Step))
		}
		for j, before := range n.After {
			free := named
			free.Nodes = slices.Clone(named.Nodes)
			free.Nodes[k].After = without(n.After, j)
			vs.add(free, "%s does not wait for %s", m.call(n.Step), before)
		}
	}
	if s.FailFast {
		slow := s
		slow.FailFast = false
		vs.add(slow, "when one of %s fails, the others go on", m.call(s))
	}
	if s.Max > 0 {
		wide := s
		wide.Max = 0
		vs.add(wide, "all of %s are taken at a time, not %d", m.call(s), s.Max)
	}
	return vs
}

// bridged returns g without node k. What came after it comes after what it came
// after.
func bridged(g pipeline.Graph, k int) pipeline.Graph {
	gone := g.Nodes[k]
	g.Nodes = without(g.Nodes, k)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		at := slices.Index(n.After, gone.Name)
		if at < 0 {
			continue
		}
		n.After = without(n.After, at)
		for _, before := range gone.After {
			if !slices.Contains(n.After, before) {
				n.After = append(n.After, before)
			}
		}
	}
	return g
}

// onFailure takes the way out away, for all of it or for a step at either end.
func (m *mutator) onFailure(s pipeline.OnFailure) (vs variants[pipeline.Step]) {
	vs.add(s.Of, "after a failure of %s nothing is done; %s is dropped", m.call(s.Of), m.call(s.Do))
	of, ok := s.Of.(pipeline.Sequence)
	if !ok || len(of) < 2 {
		return vs
	}
	first, last := of[0], of[len(of)-1]
	short := s
	short.Of = of[1:]
	vs.add(pipeline.Sequence{first, short}, "after a failure of %s nothing is done", m.call(first))
	short.Of = of[:len(of)-1]
	vs.add(pipeline.Sequence{short, last}, "after a failure of %s nothing is done", m.call(last))
	return vs
}
