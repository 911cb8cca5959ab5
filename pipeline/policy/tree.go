package policy

import (
	"strings"

	"github.com/penstock/penstock/pipeline"
)

// A tree is the steps of a pipeline as [pipeline.Pipeline.All] yields them,
// parents first. Steps are known by their index in it.
type tree struct {
	pipeline pipeline.Pipeline
	at       []spot
	named    map[string]int // -1 for a name that more than one step has
	earlier  map[[2]int][]uint64
}

// A spot is where a step stands.
type spot struct {
	step   pipeline.Step
	path   string
	up     int // -1 for the root
	pos    int // among the steps in up
	end    int // index after the last step in it
	in     []int
	after  [][]int // of a Graph: by position, the positions of the nodes that each comes right after
	wayOut bool    // in the Do of an OnFailure or a Finally
}

func treeOf(p pipeline.Pipeline) *tree {
	t := &tree{pipeline: p, named: map[string]int{}, earlier: map[[2]int][]uint64{}}
	var above []int // the steps around, outermost first
	for path, s := range p.All() {
		for len(above) > 0 && !strings.HasPrefix(path, t.at[above[len(above)-1]].path) {
			above = t.leave(above)
		}
		i := len(t.at)
		at := spot{step: s, path: path, up: -1}
		if len(above) > 0 {
			at.up = above[len(above)-1]
			at.pos = len(t.at[at.up].in)
			at.wayOut = t.at[at.up].wayOut || at.pos == 1 && twofold(t.at[at.up].step)
			t.at[at.up].in = append(t.at[at.up].in, i)
		}
		if g, ok := s.(pipeline.Graph); ok {
			at.after = edges(g)
		}
		if name := pipeline.Name(s); name != "" {
			if _, twice := t.named[name]; twice {
				t.named[name] = -1
			} else {
				t.named[name] = i
			}
		}
		t.at = append(t.at, at)
		above = append(above, i)
	}
	for len(above) > 0 {
		above = t.leave(above)
	}
	return t
}

// leave ends the innermost of the steps around.
func (t *tree) leave(above []int) []int {
	t.at[above[len(above)-1]].end = len(t.at)
	return above[:len(above)-1]
}

// twofold reports whether s is made of an Of and a Do, which is a way out.
func twofold(s pipeline.Step) bool {
	switch s.(type) {
	case pipeline.OnFailure, pipeline.Finally:
		return true
	}
	return false
}

// edges returns, for each node of g, the positions of those it comes right
// after. It leaves out an After that names no node, which Validate refuses.
func edges(g pipeline.Graph) [][]int {
	at := make(map[string]int, len(g.Nodes))
	for k, n := range g.Nodes {
		name := n.Name
		if name == "" {
			name = pipeline.Name(n.Step)
		}
		at[name] = k
	}
	after := make([][]int, len(g.Nodes))
	for k, n := range g.Nodes {
		for _, name := range n.After {
			if before, ok := at[name]; ok {
				after[k] = append(after[k], before)
			}
		}
	}
	return after
}

// before returns the positions of the nodes of Graph i that come before the one
// at pos, each after those that it comes after itself.
func (t *tree) before(i, pos int) []int {
	var order []int
	seen := make([]bool, len(t.at[i].in))
	seen[pos] = true
	var visit func(k int)
	visit = func(k int) {
		for _, b := range t.at[i].after[k] {
			if !seen[b] {
				seen[b] = true
				visit(b)
				order = append(order, b)
			}
		}
	}
	visit(pos)
	return order
}

// comesAfter reports whether, of the nodes of Graph i, the one at then comes
// after the one at first. It keeps what it finds out, for a question about each
// pair of stages.
func (t *tree) comesAfter(i, then, first int) bool {
	key := [2]int{i, then}
	set, ok := t.earlier[key]
	if !ok {
		set = make([]uint64, len(t.at[i].in)/64+1)
		for _, b := range t.before(i, then) {
			set[b/64] |= 1 << (b % 64)
		}
		t.earlier[key] = set
	}
	return set[first/64]&(1<<(first%64)) != 0
}

// find returns the one step with the given name.
func (t *tree) find(name string) (int, bool) {
	i, ok := t.named[name]
	return i, ok && i >= 0
}

// meet returns the innermost step that steps i and j are both in, and its
// positions towards them. Neither may be in the other.
func (t *tree) meet(i, j int) (up, first, then int) {
	for up = t.at[i].up; !t.within(j, up); up = t.at[up].up {
	}
	return up, t.toward(i, up), t.toward(j, up)
}

// toward returns the position in step up of what leads to step i.
func (t *tree) toward(i, up int) int {
	for t.at[i].up != up {
		i = t.at[i].up
	}
	return t.at[i].pos
}

// within reports whether step i is step up or in it.
func (t *tree) within(i, up int) bool { return up <= i && i < t.at[up].end }

// follows reports whether step j is reached only when step i has ended or will
// not be reached any more.
func (t *tree) follows(j, i int) bool {
	if t.within(i, j) || t.within(j, i) {
		return false
	}
	up, first, then := t.meet(i, j)
	switch t.at[up].step.(type) {
	case pipeline.Sequence, pipeline.OnFailure, pipeline.Finally:
		return first < then
	case pipeline.Graph:
		return t.comesAfter(up, then, first)
	}
	return false
}
