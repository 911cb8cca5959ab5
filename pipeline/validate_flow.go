package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
)

// A cargo is what flows between steps: artifacts or values.
type cargo struct {
	what   string
	makes  func(Stage) []string
	needs  func(Step) []string
	check  func(name string) error
	brings func(Pipeline) []string
}

var artifactFlow = cargo{
	what:  "artifact",
	makes: func(s Stage) []string { return s.Produces },
	needs: func(s Step) []string {
		switch s := s.(type) {
		case Stage:
			return s.Consumes
		case Gate:
			return s.Subject
		}
		return nil
	},
	check:  func(name string) error { return artifact.Artifact{Name: name}.Check() },
	brings: func(p Pipeline) []string { return p.Given },
}

var valueFlow = cargo{
	what:  "value",
	makes: func(s Stage) []string { return s.Gives },
	needs: func(s Step) []string {
		switch s := s.(type) {
		case Stage:
			return s.Takes
		case Gate:
			return s.Takes
		}
		return nil
	},
	check:  checkValueName,
	brings: func(Pipeline) []string { return nil },
}

func checkValueName(name string) error {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("value %.*q: want a name of 1 to %d bytes without control characters", maxName+10, name, maxName)
	}
	return nil
}

// flow checks that what a step needs was made for certain before it is reached
// (R8), and that nothing is made twice.
func (c *checker) flow(f cargo) {
	given := map[string]bool{}
	for _, name := range f.brings(c.pipeline) {
		given[name] = true
	}
	makers := c.makers(f, given)
	known := slices.Sorted(maps.Keys(makers))
	pending := map[int32][]question{}
	for i := range c.places {
		at := int32(i)
		needs := f.needs(c.places[i].step)
		for k, name := range needs {
			switch maker, ok := makers[name]; {
			case slices.Contains(needs[:k], name):
				c.addf(at, "lists %s %q twice", f.what, name)
			case given[name]:
			case !ok:
				c.addf(at, "needs %s %q, which no step produces%s", f.what, name, c.Hint(name, known))
			default:
				c.before(f, question{maker, at, name}, pending)
			}
		}
	}
	for _, graph := range slices.Sorted(maps.Keys(pending)) {
		c.settle(f, graph, pending[graph])
	}
}

// makers returns the stage that makes each thing.
func (c *checker) makers(f cargo, given map[string]bool) map[string]int32 {
	makers := map[string]int32{}
	for i := range c.places {
		s, ok := c.places[i].step.(Stage)
		if !ok {
			continue
		}
		at := int32(i)
		for _, name := range f.makes(s) {
			if err := f.check(name); err != nil {
				c.addf(at, "%w", err)
				continue
			}
			first, twice := makers[name]
			switch {
			case twice && first == at:
				c.addf(at, "lists %s %q twice", f.what, name)
			case twice:
				c.addf(at, "produces %s %q, as stage %q at %s does; want a name of its own for each", f.what, name, Name(c.places[first].step), c.path(first))
			case given[name]:
				c.addf(at, "produces %s %q, which the trigger brings; take it out of Given or give it another name", f.what, name)
			default:
				makers[name] = at
			}
		}
	}
	c.eachItem(f)
	return makers
}

// A question is whether the stage first has made name when the step then is
// reached.
type question struct {
	first, then int32
	name        string
}

// before answers q, or adds it to those that a Graph has to answer.
func (c *checker) before(f cargo, q question, pending map[int32][]question) {
	graph := int32(-1)
	ok := c.certain(q.first, q.then, func(g, _, _ int32) bool { graph = g; return true })
	switch {
	case !ok:
		c.lacks(f, q)
	case graph >= 0:
		pending[graph] = append(pending[graph], q)
	}
}

// settle answers the questions about nodes of one Graph. It takes the nodes
// that make something 64 at a time, one bit for each, and hands their bits on
// along the edges.
func (c *checker) settle(f cargo, graph int32, questions []question) {
	edges := c.order(graph)
	sorted := edges.sorted()
	if len(sorted) < len(edges.prev) {
		return // a cycle is mistake enough
	}
	node := func(i int32) int32 { return c.places[c.toward(i, graph)].pos }
	var asked []question // not answered by a single edge
	for _, q := range questions {
		if !slices.Contains(edges.prev[node(q.then)], node(q.first)) {
			asked = append(asked, q)
		}
	}
	slices.SortStableFunc(asked, func(a, b question) int { return cmp.Compare(node(a.first), node(b.first)) })
	for len(asked) > 0 {
		bits := map[int32]uint64{}
		n := 0
		for n < len(asked) {
			first := node(asked[n].first)
			if bits[first] == 0 {
				if len(bits) == 64 {
					break
				}
				bits[first] = 1 << len(bits)
			}
			n++
		}
		have := make([]uint64, len(edges.prev))
		for _, k := range sorted {
			for _, p := range edges.prev[k] {
				have[k] |= have[p] | bits[p]
			}
		}
		for _, q := range asked[:n] {
			if have[node(q.then)]&bits[node(q.first)] == 0 {
				c.lacks(f, q)
			}
		}
		asked = asked[n:]
	}
}

// lacks reports that what a step needs may not be there.
func (c *checker) lacks(f cargo, q question) {
	c.addf(q.then, "needs %s %q, which stage %q at %s %s", f.what, q.name, Name(c.places[q.first].step), c.path(q.first), c.why(q))
}

// why says, as the end of a sentence, why a stage may not have made something.
func (c *checker) why(q question) string {
	if q.first == q.then {
		return "itself produces"
	}
	a, i, j := c.meet(q.first, q.then)
	switch c.places[a].step.(type) {
	case Sequence:
		if i > j {
			return "produces later; want it to come before"
		}
	case Parallel:
		return "produces at the same time; want it to come before"
	case Graph:
		if c.follows(q.first, i) {
			s := c.places[a].step.(Graph)
			return fmt.Sprintf("produces, but node %q does not come after node %q; list it in After", s.call(int(c.places[j].pos)), s.call(int(c.places[i].pos)))
		}
	case OnFailure, Finally:
		if i < j {
			return "may have failed to produce; want it to come before Of"
		}
		return "produces later; want it to come before"
	}
	// Nothing is wrong with the order, so there is a doubt on the way up.
	x := q.first
	for c.doubts()[x].kind == none {
		x = c.places[x].parent
	}
	up := Name(c.places[c.places[x].parent].step)
	switch d := c.doubts()[x]; d.kind {
	case whenTaken:
		return fmt.Sprintf("produces only if %q is taken; want both in one When", up)
	case whenAny:
		return fmt.Sprintf("produces only if %q has that item; want both in its Body", up)
	case whenOpen:
		return fmt.Sprintf("produces only if gate %q is not skipped; want both after it", Name(c.places[d.gate].step))
	}
	return "produces only if something fails; want it to come before"
}

// eachItem reports what the body of a ForEach would make for every item under
// one name. It looks at the body for a second item, and compares.
func (c *checker) eachItem(f cargo) {
	for i := range c.places {
		s, ok := c.places[i].step.(ForEach)
		if !ok || s.Body == nil || c.wrong[int32(i)] != nil {
			continue
		}
		made := map[string]int32{}
		for k := int32(i) + 1; k < c.places[i].end; k++ {
			if s, ok := c.places[k].step.(Stage); ok {
				for _, name := range f.makes(s) {
					made[name] = k
				}
			}
		}
		if len(made) == 0 {
			continue
		}
		body, err := bodyFor(s, probe+"-2")
		if err != nil {
			c.addf(int32(i), "Body(%q): %w", probe+"-2", err)
			continue
		}
		for _, other := range outlineOf(body).places {
			s, ok := other.step.(Stage)
			if !ok {
				continue
			}
			for _, name := range f.makes(s) {
				if at, same := made[name]; same {
					delete(made, name)
					c.addf(at, "produces %s %q for every item; want the item in its name", f.what, name)
				}
			}
		}
	}
}
