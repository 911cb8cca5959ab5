package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// graph checks the nodes of a Graph and the order between them.
func (c *checker) graph(at int32, g Graph) {
	c.some(at, len(g.Nodes))
	c.number(at, "Max", g.Max)
	first := make(map[string]int, len(g.Nodes))
	var known []string
	for k, n := range g.Nodes {
		name := n.name()
		if name == "" {
			c.addf(at, "nodes[%d]: no name, and none of its step to go by; want a Name", k)
			continue
		}
		if problem := nameProblem(n.Name); n.Name != "" && problem != "" {
			c.addf(at, "nodes[%d]: %s", k, problem)
		}
		if old, dup := first[name]; dup {
			c.addf(at, "nodes[%d]: name %q is taken by nodes[%d]; it has to be unique in the Graph", k, name, old)
			continue
		}
		first[name] = k
		known = append(known, name)
	}
	for k, n := range g.Nodes {
		seen := make(map[string]bool, len(n.After))
		for _, after := range n.After {
			if _, ok := first[after]; !ok {
				c.addf(at, "node %q comes after %q, which is not in the Graph%s", g.call(k), after, c.Hint(after, known))
			}
			if seen[after] {
				c.addf(at, "node %q: After lists %q twice", g.call(k), after)
			}
			seen[after] = true
		}
	}
	for _, cycle := range c.order(at).cycles() {
		names := make([]string, len(cycle))
		for i, k := range cycle {
			names[i] = g.call(int(k))
		}
		c.addf(at, "nodes wait for each other: %s", strings.Join(append(names, names[0]), " → "))
	}
}

// call returns what to call a node in a message.
func (g Graph) call(k int) string {
	if name := g.Nodes[k].name(); name != "" {
		return name
	}
	return fmt.Sprintf("nodes[%d]", k)
}

// cycles returns, for each set of nodes that wait for each other, one way round
// it, in the order that the nodes would be taken. It returns nil if every node
// can be reached.
func (o order) cycles() [][]int32 {
	stuck := o.stuck()
	var cycles [][]int32
	step := make([]int, len(o.prev)) // on the way back from a node, counting from 1
	for from := range o.prev {
		if !stuck[from] || step[from] != 0 {
			continue
		}
		// Each stuck node comes after another, so the way back over them
		// meets itself, or one that was seen from an earlier node.
		var way []int32
		at := int32(from)
		for step[at] == 0 {
			way = append(way, at)
			step[at] = len(way)
			at = o.prev[at][slices.IndexFunc(o.prev[at], func(p int32) bool { return stuck[p] })]
		}
		if begin := step[at] - 1; begin < len(way) && way[begin] == at {
			cycle := way[begin:]
			slices.Reverse(cycle)
			least := slices.Index(cycle, slices.Min(cycle))
			cycles = append(cycles, slices.Concat(cycle[least:], cycle[:least]))
		}
	}
	return cycles
}

// stuck says which nodes are never reached, since they come after a cycle or
// are in one.
func (o order) stuck() []bool {
	stuck := make([]bool, len(o.prev))
	for k := range stuck {
		stuck[k] = true
	}
	for _, k := range o.sorted() {
		stuck[k] = false
	}
	return stuck
}
