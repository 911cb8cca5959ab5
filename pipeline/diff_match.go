package pipeline

import (
	"slices"

	"github.com/penstock/penstock/stage"
)

// A comparison is two pipelines, and which of their steps are the same.
type comparison struct {
	old, new *side
	guarded  map[int32][]string // by gate of new: environments with a stage that comes after it
	found    []finding
}

// A side is one of the two pipelines.
type side struct {
	Pipeline
	*outline
	mates        []int32 // by step: the same one on the other side, or -1; named steps only
	steady       []bool  // by step: it is on the other side, and has not moved past others
	urgent       []bool  // by step: it is in a way out, which no environment bars
	environments map[string]stage.Environment
	twins        map[string]string // names that environments have on the other side, if they are others
}

func sideOf(p Pipeline) *side {
	s := &side{Pipeline: p, outline: outlineOf(p.Steps), environments: map[string]stage.Environment{}, twins: map[string]string{}}
	s.mates = slices.Repeat([]int32{-1}, len(s.places))
	s.steady, s.urgent = make([]bool, len(s.places)), make([]bool, len(s.places))
	for i := range s.places {
		s.urgent[i] = s.out(int32(i))
		env := s.environment(int32(i))
		if _, known := s.environments[env.Name]; !known && !isZero(env) {
			s.environments[env.Name] = env
		}
	}
	return s
}

func compare(old, new Pipeline) *comparison {
	c := &comparison{old: sideOf(old), new: sideOf(new), guarded: map[int32][]string{}}
	c.byKey(func(_ *side, s Step) string {
		if Name(s) == "" {
			return ""
		}
		return kindOf(s) + " " + Name(s)
	})
	c.byKey(func(s *side, step Step) string { return nameless(step) })
	c.choices()
	c.settle()
	c.rename()
	return c
}

func (c *comparison) marry(old, new int32) { c.old.mates[old], c.new.mates[new] = new, old }

// byKey marries steps that have no mate yet and that have one key, in the order
// written. Those with an empty key are left alone.
func (c *comparison) byKey(key func(*side, Step) string) {
	waiting := map[string][]int32{}
	for i := range c.old.places {
		if k := key(c.old, c.old.places[i].step); k != "" && c.old.mates[i] < 0 {
			waiting[k] = append(waiting[k], int32(i))
		}
	}
	for i := range c.new.places {
		k := key(c.new, c.new.places[i].step)
		if k == "" || c.new.mates[i] >= 0 || len(waiting[k]) == 0 {
			continue
		}
		c.marry(waiting[k][0], int32(i))
		waiting[k] = waiting[k][1:]
	}
}

// nameless returns what a stage or a gate is without its name, or "" if that
// does not say enough to know it by. A gate that was taken for another one would
// hide that a guard was lost, so it has to say itself what it asks.
func nameless(s Step) string {
	d := digester{environments: map[string]stage.Environment{}}
	switch s := s.(type) {
	case Stage:
		if !speaks(s.Run) && len(s.Consumes)+len(s.Produces)+len(s.Takes)+len(s.Gives) == 0 {
			return ""
		}
		s.Name = ""
		d.step(s)
	case Gate:
		if !speaks(s.Require) {
			return ""
		}
		s.Name = ""
		d.step(s)
	}
	return string(d.form)
}

func speaks(hook any) bool {
	_, ok := hook.(interface{ Describe() string })
	return ok
}

// choices marries a When or a ForEach with another name to the one around the
// same step, innermost first.
func (c *comparison) choices() {
	for i := int32(len(c.new.places)) - 1; i >= 0; i-- {
		kind := kindOf(c.new.places[i].step)
		if (kind != "When" && kind != "ForEach") || c.new.mates[i] >= 0 {
			continue
		}
		for in := i + 1; in < c.new.places[i].end; in++ {
			at := c.new.mates[in]
			if at < 0 {
				continue
			}
			for at = c.old.places[at].parent; at >= 0; at = c.old.places[at].parent {
				if kindOf(c.old.places[at].step) == kind && c.old.mates[at] < 0 {
					c.marry(at, i)
					break
				}
			}
			break
		}
	}
}

// settle finds the most leaves that stand in one order on both sides. The
// others have moved.
func (c *comparison) settle() {
	var leaves []int32 // of new, as old would list the branches of a Parallel or a Graph
	first := c.firsts()
	var list func(i int32)
	list = func(i int32) {
		if c.new.leaf(i) {
			if c.new.mates[i] >= 0 {
				leaves = append(leaves, i)
			}
			return
		}
		kids := c.new.kids(i)
		switch c.new.places[i].step.(type) {
		case Parallel, Graph:
			slices.SortStableFunc(kids, func(a, b int32) int { return int(first[a]) - int(first[b]) })
		}
		for _, k := range kids {
			list(k)
		}
	}
	list(0)
	for _, i := range rising(leaves, c.new.mates) {
		c.new.steady[i], c.old.steady[c.new.mates[i]] = true, true
	}
}

// firsts returns, by step of new, the first place that a leaf in it has in old.
func (c *comparison) firsts() []int32 {
	first := slices.Repeat([]int32{int32(len(c.old.places))}, len(c.new.places))
	for i := int32(len(first)) - 1; i >= 0; i-- {
		if c.new.leaf(i) && c.new.mates[i] >= 0 {
			first[i] = c.new.mates[i]
		}
		if up := c.new.places[i].parent; up >= 0 {
			first[up] = min(first[up], first[i])
		}
	}
	return first
}

// rising returns a longest part of list of which the values rise. (Patience
// sorting.)
func rising(list, value []int32) []int32 {
	var tops []int32 // by length: the entry of list that ends a rising part with the lowest value
	before := make([]int32, len(list))
	for k := range list {
		n, _ := slices.BinarySearchFunc(tops, value[list[k]], func(top, v int32) int { return int(value[list[top]]) - int(v) })
		before[k] = -1
		if n > 0 {
			before[k] = tops[n-1]
		}
		if n == len(tops) {
			tops = append(tops, int32(k))
		} else {
			tops[n] = int32(k)
		}
	}
	if len(tops) == 0 {
		return nil
	}
	var out []int32
	for k := tops[len(tops)-1]; k >= 0; k = before[k] {
		out = append(out, list[k])
	}
	return out
}

// pairs calls f for each step of new that is in old, with both.
func (c *comparison) pairs(f func(old, new int32)) {
	for i, mate := range c.new.mates {
		if mate >= 0 {
			f(mate, int32(i))
		}
	}
}

// leaf reports whether the step at i is a Stage or a Gate.
func (s *side) leaf(i int32) bool {
	switch s.places[i].step.(type) {
	case Stage, Gate:
		return true
	}
	return false
}

// environment returns the environment of a Stage or a Gate.
func (s *side) environment(i int32) stage.Environment {
	switch step := s.places[i].step.(type) {
	case Stage:
		return step.Environment
	case Gate:
		return step.Environment
	}
	return stage.Environment{}
}

// out reports whether a step is in a way out, if it is known of the one above.
func (s *side) out(i int32) bool {
	at := &s.places[i]
	if at.parent < 0 || s.urgent[at.parent] {
		return at.parent >= 0
	}
	switch s.places[at.parent].step.(type) {
	case OnFailure, Finally:
		return at.pos == 1
	}
	return false
}
