package pipeline

import "slices"

// A doubt is why a step may not have ended well though the step above it has.
type doubt struct {
	kind doubtKind
	gate int32 // that may be skipped
}

type doubtKind uint8

const (
	none      doubtKind = iota
	whenTaken           // a When may not be taken
	whenAny             // a ForEach may have no items
	whenFails           // an OnFailure may have nothing to put right
	whenOpen            // a gate may be skipped, and what comes after it with it
)

// doubts returns the doubt about each step.
func (o *outline) doubts() []doubt {
	if o.loose != nil {
		return o.loose
	}
	o.loose = make([]doubt, len(o.places))
	for i := range o.places {
		at := &o.places[i]
		switch s := at.step.(type) {
		case Gate:
			if s.skips() {
				o.loose[i] = doubt{whenOpen, int32(i)}
			}
		case Sequence:
			o.looseSequence(int32(i))
		case Graph:
			o.looseGraph(int32(i), s)
		case When:
			o.doubtChild(int32(i), 0, whenTaken)
		case ForEach:
			o.doubtChild(int32(i), 0, whenAny)
		case OnFailure:
			o.doubtChild(int32(i), 1, whenFails)
		}
	}
	return o.loose
}

// skips reports whether the gate can end without having passed.
func (g Gate) skips() bool { return g.OnReject == Skip || g.OnExpire == Skip }

func (o *outline) doubtChild(i int32, pos int, kind doubtKind) {
	if kids := o.kids(i); pos < len(kids) {
		o.loose[kids[pos]] = doubt{kind: kind}
	}
}

// kids returns the indices of the children of step i.
func (o *outline) kids(i int32) []int32 {
	var kids []int32
	for c := i + 1; c < o.places[i].end; c = o.places[c].end {
		kids = append(kids, c)
	}
	return kids
}

// looseSequence notes that what follows a gate which may be skipped may not be
// taken.
func (o *outline) looseSequence(i int32) {
	skipped := doubt{}
	for _, c := range o.kids(i) {
		if skipped.kind != none {
			o.loose[c] = skipped
		} else if g, ok := o.places[c].step.(Gate); ok && g.skips() {
			skipped = doubt{whenOpen, c}
		}
	}
}

// looseGraph notes the same for the nodes that come after such a gate.
func (o *outline) looseGraph(i int32, s Graph) {
	if !slices.ContainsFunc(s.Nodes, func(n Node) bool { g, ok := n.Step.(Gate); return ok && g.skips() }) {
		return
	}
	edges := o.order(i)
	for pos, c := range edges.at {
		if g, ok := o.places[c].step.(Gate); !ok || !g.skips() {
			continue
		}
		for todo := []int32{int32(pos)}; len(todo) > 0; {
			at := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, to := range edges.next[at] {
				if d := &o.loose[edges.at[to]]; d.kind == none {
					*d = doubt{whenOpen, c}
					todo = append(todo, to)
				}
			}
		}
	}
}

// certain reports whether the step at p has ended well whenever the one at c is
// reached. For two nodes of a Graph it asks after.
func (o *outline) certain(p, c int32, after func(graph, first, then int32) bool) bool {
	if o.within(p, c) || o.within(c, p) {
		return false
	}
	a, i, j := o.meet(p, c)
	first, then := o.places[i].pos, o.places[j].pos
	switch o.places[a].step.(type) {
	case OnFailure:
		return first == 0 && o.leads(p, i, after)
	case Sequence:
		return first < then && o.follows(p, i)
	case Graph:
		return o.follows(p, i) && after(a, first, then)
	}
	return false
}

// meet returns the step that p and c are both in, and its children towards them.
func (o *outline) meet(p, c int32) (a, i, j int32) {
	for a = o.places[p].parent; !o.within(c, a); a = o.places[a].parent {
	}
	return a, o.toward(p, a), o.toward(c, a)
}

// toward returns the child of a that step i is in.
func (o *outline) toward(i, a int32) int32 {
	for o.places[i].parent != a {
		i = o.places[i].parent
	}
	return i
}

// follows reports whether p, in i, has ended well whenever i has.
func (o *outline) follows(p, i int32) bool {
	for loose := o.doubts(); p != i; p = o.places[p].parent {
		if loose[p].kind != none {
			return false
		}
	}
	return true
}

// leads reports whether p comes before each stage in of. If so it has ended
// well once any of them was begun, which is when an OnFailure takes its Do.
func (o *outline) leads(p, of int32, after func(graph, first, then int32) bool) bool {
	if _, ok := o.places[p].step.(Stage); ok {
		return false
	}
	for s := of; s < o.places[of].end; s++ {
		if _, ok := o.places[s].step.(Stage); ok && !o.certain(p, s, after) {
			return false
		}
	}
	return true
}

// An order is the edges of a Graph, by position of its nodes.
type order struct {
	prev [][]int32 // the nodes that each comes after
	next [][]int32 // the nodes that come after each
	at   []int32   // the place of each in the outline
}

// order returns the edges of the Graph at i.
func (o *outline) order(i int32) order {
	if edges, ok := o.orders[i]; ok {
		return edges
	}
	if o.orders == nil {
		o.orders = map[int32]order{}
	}
	edges := o.places[i].step.(Graph).order()
	edges.at = o.kids(i)
	o.orders[i] = edges
	return edges
}

// order returns the edges of g. It leaves out an After that names no node.
func (g Graph) order() order {
	names := make(map[string]int32, len(g.Nodes))
	for k, n := range g.Nodes {
		names[n.name()] = int32(k)
	}
	o := order{prev: make([][]int32, len(g.Nodes)), next: make([][]int32, len(g.Nodes))}
	for k, n := range g.Nodes {
		for _, after := range n.After {
			if at, ok := names[after]; ok {
				o.prev[k] = append(o.prev[k], at)
				o.next[at] = append(o.next[at], int32(k))
			}
		}
	}
	return o
}

// sorted returns the nodes so that each stands after those it comes after.
// Nodes of a cycle are left out.
func (o order) sorted() []int32 {
	sorted, need := make([]int32, 0, len(o.prev)), make([]int, len(o.prev))
	for k, prev := range o.prev {
		need[k] = len(prev)
		if len(prev) == 0 {
			sorted = append(sorted, int32(k))
		}
	}
	for done := 0; done < len(sorted); done++ {
		for _, then := range o.next[sorted[done]] {
			if need[then]--; need[then] == 0 {
				sorted = append(sorted, then)
			}
		}
	}
	return sorted
}

// name returns the name that After knows n by.
func (n Node) name() string {
	if n.Name != "" {
		return n.Name
	}
	return Name(n.Step)
}

// spread says which nodes can be reached over one edge or more.
func spread(edges [][]int32, from int32) []bool {
	reached := make([]bool, len(edges))
	for todo := []int32{from}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, to := range edges[at] {
			if !reached[to] {
				reached[to] = true
				todo = append(todo, to)
			}
		}
	}
	return reached
}

// A reach answers which nodes of a Graph come after which, for questions about
// what is before one step.
type reach struct {
	o      *outline
	before map[int32][]bool    // of the graphs around that step
	at     map[int32]int32     // where in them the step is
	later  map[[2]int32][]bool // of other graphs, by graph and node
}

func newReach(o *outline, c int32) *reach {
	r := &reach{o, map[int32][]bool{}, map[int32]int32{}, map[[2]int32][]bool{}}
	for i := c; i > 0; i = o.places[i].parent {
		a := o.places[i].parent
		if _, ok := o.places[a].step.(Graph); ok {
			r.at[a], r.before[a] = o.places[i].pos, spread(o.order(a).prev, o.places[i].pos)
		}
	}
	return r
}

func (r *reach) after(graph, first, then int32) bool {
	if at, ok := r.at[graph]; ok && at == then {
		return r.before[graph][first]
	}
	key := [2]int32{graph, first}
	if r.later[key] == nil {
		r.later[key] = spread(r.o.order(graph).next, first)
	}
	return r.later[key][then]
}
