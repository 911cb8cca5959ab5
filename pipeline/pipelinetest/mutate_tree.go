package pipelinetest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A mutator makes mutants.
type mutator struct {
	Mutation
	sites  []*site
	makers map[string]pipeline.Stage // by artifact
}

func newMutator(m Mutation) *mutator {
	made := &mutator{Mutation: m, makers: map[string]pipeline.Stage{}}
	made.sites = made.environments()
	for _, s := range m.Pipeline.All() {
		if s, ok := s.(pipeline.Stage); ok {
			for _, name := range s.Produces {
				made.makers[name] = s
			}
		}
	}
	return made
}

// variants are made by saying what is done, and what is there instead.
type variants[T any] []Variant[T]

func (vs *variants[T]) add(instead T, format string, args ...any) {
	*vs = append(*vs, Variant[T]{fmt.Sprintf(format, args...), instead})
}

// into adds variants of a part: each as it is when put makes a whole of it.
func into[P, T any](vs *variants[T], parts []Variant[P], put func(P) T) {
	for _, v := range parts {
		*vs = append(*vs, Variant[T]{v.What, put(v.Instead)})
	}
}

// all returns what can be made of the pipeline, valid or not.
func (m *mutator) all() (vs variants[pipeline.Pipeline]) {
	m.walk(m.Pipeline.Steps, nil, func(path []int, s pipeline.Step) {
		for k, v := range m.step(s) {
			// In a ForEach it is made anew for each item.
			instead := at(m.Pipeline.Steps, path, func(s pipeline.Step) pipeline.Step {
				if vs := m.step(s); k < len(vs) {
					return vs[k].Instead
				}
				return s
			})
			vs.add(m.with(instead), "%s", v.What)
		}
	})
	for _, e := range m.sites {
		for k, v := range m.environment(e.Environment) {
			instead := pipeline.Step(m.Pipeline.Steps)
			for _, path := range e.at {
				instead = at(instead, path, func(s pipeline.Step) pipeline.Step {
					if vs := m.environment(environmentOf(s)); k < len(vs) {
						return placed(s, vs[k].Instead)
					}
					return s
				})
			}
			vs.add(m.with(instead), "environment %s: %s", e.Name, v.What)
		}
	}
	return vs
}

// with returns the pipeline with other steps.
func (m *mutator) with(s pipeline.Step) pipeline.Pipeline {
	p := m.Pipeline
	p.Steps = s.(pipeline.Sequence)
	return p
}

// item is what the bodies of a ForEach are looked at with.
const item = "item"

// walk calls f for s and each step in it, parents first, with the indices that
// lead there.
func (m *mutator) walk(s pipeline.Step, path []int, f func(path []int, s pipeline.Step)) {
	f(path, s)
	if each, ok := s.(pipeline.ForEach); ok {
		m.walk(each.Body(item), append(slices.Clip(path), 0), f)
		return
	}
	remade(s, func(k int, child pipeline.Step) pipeline.Step {
		m.walk(child, append(slices.Clip(path), k), f)
		return child
	})
}

// remade returns a copy of s with what f makes of each step right below.
func remade(s pipeline.Step, f func(k int, child pipeline.Step) pipeline.Step) pipeline.Step {
	switch s := s.(type) {
	case pipeline.Sequence:
		return pipeline.Sequence(remadeAll(s, f))
	case pipeline.Parallel:
		return pipeline.Parallel(remadeAll(s, f))
	case pipeline.Graph:
		s.Nodes = slices.Clone(s.Nodes)
		for k := range s.Nodes {
			n := &s.Nodes[k]
			n.Name = cmp.Or(n.Name, pipeline.Name(n.Step)) // what comes after it knows it by that
			n.Step = f(k, n.Step)
		}
		return s
	case pipeline.When:
		s.Do = f(0, s.Do)
		return s
	case pipeline.ForEach:
		body := s.Body
		s.Body = func(item string) pipeline.Step { return f(0, body(item)) }
		return s
	case pipeline.OnFailure:
		s.Of, s.Do = f(0, s.Of), f(1, s.Do)
		return s
	case pipeline.Finally:
		s.Of, s.Do = f(0, s.Of), f(1, s.Do)
		return s
	}
	return s
}

func remadeAll(steps []pipeline.Step, f func(k int, child pipeline.Step) pipeline.Step) []pipeline.Step {
	steps = slices.Clone(steps)
	for k, s := range steps {
		steps[k] = f(k, s)
	}
	return steps
}

// at returns a copy of s with what f makes of the step to which path leads.
func at(s pipeline.Step, path []int, f func(pipeline.Step) pipeline.Step) pipeline.Step {
	if len(path) == 0 {
		return f(s)
	}
	return remade(s, func(k int, child pipeline.Step) pipeline.Step {
		if k != path[0] {
			return child
		}
		return at(child, path[1:], f)
	})
}

// call returns what a sentence calls a step: its name, or those of the first and
// the last in it.
func (m *mutator) call(s pipeline.Step) string {
	if kind := kindOf(s); kind != "" {
		return kind + " " + pipeline.Name(s)
	}
	var first, last string
	m.walk(s, nil, func(_ []int, s pipeline.Step) {
		if name := pipeline.Name(s); name != "" {
			first, last = cmp.Or(first, name), name
		}
	})
	if first == last {
		return first
	}
	return first + " … " + last
}

// A site is an environment, and the steps that name it.
type site struct {
	stage.Environment
	at [][]int
}

// environments returns those that steps name, by name.
func (m *mutator) environments() (sites []*site) {
	known := map[string]*site{}
	m.walk(m.Pipeline.Steps, nil, func(path []int, s pipeline.Step) {
		e := environmentOf(s)
		if e.Name == "" {
			return
		}
		if known[e.Name] == nil {
			known[e.Name] = &site{Environment: e}
		}
		known[e.Name].at = append(known[e.Name].at, path)
	})
	for _, name := range sorted(known) {
		sites = append(sites, known[name])
	}
	return sites
}

func environmentOf(s pipeline.Step) stage.Environment {
	switch s := s.(type) {
	case pipeline.Stage:
		return s.Environment
	case pipeline.Gate:
		return s.Environment
	}
	return stage.Environment{}
}

// placed returns s with another environment.
func placed(s pipeline.Step, e stage.Environment) pipeline.Step {
	switch s := s.(type) {
	case pipeline.Stage:
		s.Environment = e
		return s
	case pipeline.Gate:
		s.Environment = e
		return s
	}
	return s
}
