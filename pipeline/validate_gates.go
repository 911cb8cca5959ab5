package pipeline

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/gate"
)

// together checks gates in different places that have to be open at the same
// time (G6): those a stage comes right after, and those of its environment. It
// leaves out gates with mistakes of their own, which are reported where they
// stand.
func (c *checker) together() {
	done := map[string]bool{}
	for i := range c.places {
		s, ok := c.places[i].step.(Stage)
		if !ok || c.urgent(int32(i)) {
			continue
		}
		before := c.rightBefore(int32(i))
		if len(before)+len(s.Environment.Gates) < 2 {
			continue
		}
		key := fmt.Sprint(before, s.Environment.Name)
		if done[key] {
			continue
		}
		done[key] = true
		var gates []gate.Gate
		for _, g := range before {
			gates = append(gates, c.places[g].step.(Gate).Require)
		}
		gates = append(gates, s.Environment.Gates...)
		if slices.ContainsFunc(gates, func(g gate.Gate) bool { return isNil(g) || guarded(func() error { return gate.Check(g) }) != nil }) {
			continue
		}
		c.hook(int32(i), "the gates that guard it", func() error { return gate.Check(gate.All(gates...)) })
	}
}

// urgent reports whether a step is in a way out, which no environment bars.
func (c *checker) urgent(i int32) bool {
	for ; i > 0; i = c.places[i].parent {
		switch c.places[c.places[i].parent].step.(type) {
		case OnFailure, Finally:
			if c.places[i].pos == 1 {
				return true
			}
		}
	}
	return false
}

// rightBefore returns the gates that a step comes after with nothing between.
func (c *checker) rightBefore(i int32) []int32 {
	var gates []int32
	for ; i > 0; i = c.places[i].parent {
		up, pos := c.places[i].parent, c.places[i].pos
		switch c.places[up].step.(type) {
		case Sequence:
			for k := i - 1; pos > 0; k, pos = k-1, pos-1 {
				if _, ok := c.places[k].step.(Gate); !ok {
					return gates
				}
				gates = append(gates, k) // a gate has no steps in it, so it is one place back
			}
		case Graph:
			edges := c.order(up)
			for _, p := range edges.prev[pos] {
				if _, ok := c.places[edges.at[p]].step.(Gate); ok {
					gates = append(gates, edges.at[p])
				}
			}
			if len(edges.prev[pos]) > 0 {
				return gates
			}
		}
	}
	return gates
}
