package machine

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// A grower draws trees.
type grower struct {
	t     *rapid.T
	left  int // leaves to draw
	leafs int
}

func drawTree(t *rapid.T) *spec {
	g := &grower{t: t, left: rapid.IntRange(1, 9).Draw(t, "leaves")}
	s := &spec{kind: "seq", opts: map[string]string{}}
	for g.left > 0 {
		s.kids = append(s.kids, g.tree(0, false))
	}
	return s
}

func (g *grower) name(prefix string) string {
	g.leafs++
	return fmt.Sprintf("%s%d", prefix, g.leafs)
}

func (g *grower) is(what string, percent int) bool {
	return rapid.IntRange(0, 99).Draw(g.t, what) < percent
}

func (g *grower) tree(depth int, body bool) *spec {
	s := &spec{opts: map[string]string{}}
	kind := rapid.IntRange(0, 12).Draw(g.t, "kind")
	if depth > 3 || g.left < 2 {
		kind %= 4
	}
	switch kind {
	case 0, 1, 2:
		g.left--
		s.name = g.name("s")
		g.stage(s)
	case 3:
		g.left--
		s.kind, s.name = "gate", g.name("g")
		if g.is("expires", 30) {
			s.opts["expires"] = "90m"
			s.opts["onexpire"] = rapid.SampledFrom([]string{"", "skip"}).Draw(g.t, "onexpire")
		}
		s.opts["onreject"] = rapid.SampledFrom([]string{"", "skip", "hold"}).Draw(g.t, "onreject")
	case 4:
		s.kind = "seq"
		s.kids = g.some(depth, body)
	case 5:
		s.kind = "par"
		s.kids = g.some(depth, body)
	case 6, 7:
		s.kind = "graph"
		s.kids = g.some(depth, body)
		g.graph(s)
	case 8:
		s.kind, s.name = "when", g.name("w")
		s.kids = []*spec{g.tree(depth+1, body)}
	case 9:
		s.kind, s.name = "each", g.name("e")
		s.kids = []*spec{g.tree(depth+1, true)}
		if g.is("max", 30) {
			s.opts["max"] = "1"
		}
	case 10, 11:
		s.kind = "onfail"
		s.kids = []*spec{g.tree(depth+1, body), g.tree(depth+1, body)}
	default:
		s.kind, s.opts["within"] = "finally", "30m"
		s.kids = []*spec{g.tree(depth+1, body), g.tree(depth+1, body)}
	}
	return s
}

func (g *grower) stage(s *spec) {
	if env := rapid.SampledFrom([]string{"", "", "", "prod", "test"}).Draw(g.t, "env"); env != "" {
		s.opts["env"] = env
		if g.is("guarded", 30) {
			s.opts["guarded"] = ""
		}
		if g.is("newest", 20) {
			s.opts["newest"] = ""
		}
	}
	switch rapid.IntRange(0, 5).Draw(g.t, "hook") {
	case 0:
		s.opts["observes"] = ""
	case 1:
		s.opts["askperson"] = ""
	case 2:
		s.opts["retry"], s.opts["wait"] = "2", "5m"
	}
}

func (g *grower) graph(s *spec) {
	if g.is("failfast", 30) {
		s.opts["failfast"] = ""
	}
	if g.is("max", 40) {
		s.opts["max"] = fmt.Sprint(rapid.IntRange(1, 2).Draw(g.t, "max"))
	}
	for k, c := range s.kids {
		c.opts["as"] = fmt.Sprint("n", k)
		var after []string
		for before := range k {
			if g.is("after", 35) {
				after = append(after, fmt.Sprint("n", before))
			}
		}
		if after != nil {
			c.opts["after"] = strings.Join(after, "+")
		}
	}
}

func (g *grower) some(depth int, body bool) []*spec {
	var kids []*spec
	for range rapid.IntRange(1, 4).Draw(g.t, "steps") {
		if kids == nil || g.left > 0 {
			kids = append(kids, g.tree(depth+1, body))
		}
	}
	return kids
}
