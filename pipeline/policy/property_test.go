package policy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
)

// A grower makes random trees of a few steps.
type grower struct {
	t    *rapid.T
	left int // steps
	made int
}

func (g *grower) name() string { g.made++; return fmt.Sprintf("s%d", g.made) }

func (g *grower) step(depth int) pipeline.Step {
	g.left--
	kind := 0
	if depth > 0 && g.left > 1 {
		kind = rapid.IntRange(0, 9).Draw(g.t, "kind")
	}
	switch kind {
	case 1:
		return ask(g.name(), open)
	case 2, 3:
		return pipeline.Sequence(g.steps(depth))
	case 4:
		return pipeline.Parallel(g.steps(depth))
	case 5:
		return g.graph(depth)
	case 6:
		return pipeline.When{Name: g.name(), If: always, Do: g.step(depth - 1)}
	case 7:
		body := g.step(depth - 1)
		return pipeline.ForEach{Name: g.name(), Items: some, Body: func(string) pipeline.Step { return body }, Max: 1}
	case 8:
		// Validate wants a stage in Of.
		return pipeline.OnFailure{Of: pipeline.Sequence{g.step(depth - 1), do(g.name())}, Do: g.step(depth - 1)}
	case 9:
		return pipeline.Finally{Of: g.step(depth - 1), Do: g.step(depth - 1)}
	}
	if rapid.Bool().Draw(g.t, "gate") {
		gate := ask(g.name(), open)
		if rapid.Bool().Draw(g.t, "skip") {
			gate.OnReject = pipeline.Skip
		}
		return gate
	}
	return do(g.name())
}

func (g *grower) steps(depth int) []pipeline.Step {
	var steps []pipeline.Step
	for range rapid.IntRange(1, 3).Draw(g.t, "steps") {
		if steps = append(steps, g.step(depth-1)); g.left <= 0 {
			break
		}
	}
	return steps
}

func (g *grower) graph(depth int) pipeline.Graph {
	var made pipeline.Graph
	for _, s := range g.steps(depth) {
		n := pipeline.Node{Name: g.name(), Step: s}
		for _, before := range made.Nodes {
			if rapid.Bool().Draw(g.t, "after") {
				n.After = append(n.After, before.Name)
			}
		}
		made.Nodes = append(made.Nodes, n)
	}
	return made
}

func randomTree(t *rapid.T) pipeline.Pipeline {
	g := &grower{t: t, left: 7}
	return pipeline.Pipeline{Name: "random", Steps: g.steps(4)}
}

// TestAroundIsExact compares Around with an oracle that goes every way, with
// and without steps done anew (R7).
func TestAroundIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomTree(t)
		o := oracleOf(p)
		good := map[string]bool{} // a step has ended well, or with "+" a stage was begun
		for _, s := range o.steps {
			if pipeline.Name(s) != "" && rapid.IntRange(0, 3).Draw(t, "good") == 0 {
				good[pipeline.Name(s)] = true
			}
			if _, ok := s.(pipeline.Stage); ok && rapid.IntRange(0, 5).Draw(t, "begun") == 0 {
				good[pipeline.Name(s)+"+"] = true
			}
		}
		for retries := range 2 {
			around := map[string]bool{}
			o.explore(retries, func(i int, w world) {
				if s, ok := o.steps[i].(pipeline.Stage); ok && good[s.Name+"+"] {
					return
				}
				for k, s := range o.steps {
					name := pipeline.Name(s)
					if name != "" && (w.was[k] && good[name] || w.began[k] && good[name+"+"]) {
						return
					}
				}
				around[pipeline.Name(o.steps[i])] = true
			})
			for _, s := range o.steps {
				name := pipeline.Name(s)
				if name == "" {
					continue
				}
				way, got := policy.Around(p, name, func(m policy.Mark) bool {
					key := pipeline.Name(m.Step)
					if m.Begun {
						key += "+"
					}
					return good[key]
				})
				if got {
					if why := o.follow(way, good); why != "" {
						t.Fatalf("%v\nAround %q without %v = %v, which cannot be gone: %s", p, name, slices.Sorted(maps.Keys(good)), way, why)
					}
				}
				if got != around[name] {
					t.Fatalf("%v\nAround %q without %v = %v, %v; going every way with %d retries: %v", p, name, slices.Sorted(maps.Keys(good)), way, got, retries, around[name])
				}
			}
		}
	})
}

// TestAroundAgreesWithBefore: a step is on every way just if there is none
// around it.
func TestAroundAgreesWithBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomTree(t)
		for _, s := range p.All() {
			name := pipeline.Name(s)
			if name == "" {
				continue
			}
			if _, ok := policy.Around(p, name, func(policy.Mark) bool { return false }); !ok {
				t.Fatalf("%v\nthere is no way at all to %q", p, name)
			}
			var before []string
			for b := range p.Before(name) {
				before = append(before, pipeline.Name(b))
			}
			for _, b := range p.All() {
				other := pipeline.Name(b)
				if other == "" || other == name {
					continue
				}
				way, around := policy.Around(p, name, func(m policy.Mark) bool { return !m.Begun && pipeline.Name(m.Step) == other })
				if want := !slices.Contains(before, other); around != want {
					t.Fatalf("%v\nAround %q without %q = %v, %v; Before has %q", p, name, other, way, around, before)
				}
				if around && strings.Contains(way.String()+" ", other+" → ") {
					t.Fatalf("%v\nthe way %v to %q is not one without %q", p, way, name, other)
				}
			}
		}
	})
}

// follow goes a way and says why it cannot be gone, or where something good
// happens on it, or "".
func (o *oracle) follow(way policy.Way, good map[string]bool) string {
	var w world
	o.enter(&w, 0)
	for k, m := range way {
		i := slices.IndexFunc(o.steps, func(s pipeline.Step) bool { return pipeline.Name(s) == m.Step })
		if w.at[i] != active {
			o.giveUp(&w, way[k:])
		}
		if w.at[i] != active || !o.atStart(&w, i) {
			return m.Step + " is not reached"
		}
		if _, ok := o.steps[i].(pipeline.Stage); ok && m.Did != "is canceled" {
			w.at[i], w.began[i] = begun, true
		}
		if k == len(way)-1 {
			return ""
		}
		switch m.Did {
		case "is taken", "has an item":
			o.enter(&w, o.in[i][0])
		case "succeeds", "passes":
			o.end(&w, i, well)
		case "is not taken", "has no items", "is skipped":
			o.end(&w, i, skipped)
		case "fails", "is rejected":
			o.end(&w, i, bad)
		case "is canceled":
			w.canceled = true
			o.cancel(&w)
		default:
			return m.Step + " " + m.Did
		}
		if w.was[i] && good[m.Step] || w.began[i] && good[m.Step+"+"] {
			return m.Step + " is good"
		}
	}
	return "it is empty"
}

// giveUp ends what goes on beside a way, which the way leaves out.
func (o *oracle) giveUp(w *world, rest policy.Way) {
	for i, s := range o.steps {
		name := pipeline.Name(s)
		if w.at[i] == active && name != "" && o.atStart(w, i) && !slices.ContainsFunc(rest, func(m policy.Move) bool { return m.Step == name }) {
			o.end(w, i, bad)
		}
	}
}
