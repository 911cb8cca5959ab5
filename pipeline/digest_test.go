package pipeline

import (
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

type described string

func (d described) Describe() string { return string(d) }

type describedRunner struct {
	stage.Func
	described
}

type describedGate struct {
	gate.Func
	described
}

// everyKind returns a pipeline with one step of each kind.
func everyKind() Pipeline {
	production := stage.Environment{Name: "production", Tier: stage.Production,
		Gates:  []gate.Gate{describedGate{open, "no freeze"}},
		Config: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}}
	return Pipeline{
		Name:  "shop",
		Given: []string{"source", "notes"},
		Steps: Sequence{
			Stage{Name: "build", Run: describedRunner{nothing, "make"}, Produces: []string{"image", "log"}, Gives: []string{"url", "size"}},
			Graph{Nodes: []Node{{Step: work("unit")}, {Step: work("lint")}, {Step: work("sign"), After: []string{"unit", "lint"}}}, Max: 2},
			Gate{Name: "release", Require: gate.All(describedGate{open, "two people"}), Subject: []string{"image", "log"}, Takes: []string{"url"}, Environment: production},
			When{"nightly", always, work("load")},
			ForEach{"region", regions, func(item string) Step { return work("copy-" + item) }, 3},
			OnFailure{
				Of: Finally{Of: Parallel{in(production, "deploy"), work("watch")}, Do: work("tell"), Within: time.Hour},
				Do: in(production, "roll-back"),
			},
		},
	}
}

func TestDigestIsThatOfTheDefinition(t *testing.T) { // R2
	want := everyKind().Digest()
	build := func(change func(*Stage)) func(*Pipeline) {
		return func(p *Pipeline) { p.Steps[0] = with(p.Steps[0].(Stage), change) }
	}
	graph := func(change func(*Graph)) func(*Pipeline) {
		return func(p *Pipeline) { p.Steps[1] = with(p.Steps[1].(Graph), change) }
	}
	release := func(change func(*Gate)) func(*Pipeline) {
		return func(p *Pipeline) { p.Steps[2] = with(p.Steps[2].(Gate), change) }
	}
	production := func(change func(*stage.Environment)) func(*Pipeline) {
		return release(func(g *Gate) { change(&g.Environment) })
	}
	for _, test := range []struct {
		name   string
		same   bool
		change func(*Pipeline)
	}{
		{"nothing", true, func(*Pipeline) {}},
		{"the body of a hook", true, build(func(s *Stage) { s.Run = describedRunner{nil, "make"} })},
		{"a Timeout, a Retry, a Group, an Unknown", true, build(func(s *Stage) {
			s.Timeout, s.Retry, s.Group, s.Unknown = time.Hour, Retry{Times: 3}, "builders", AskPerson
		})},
		{"the order in which names are listed", true, build(func(s *Stage) { s.Produces, s.Gives = []string{"log", "image"}, []string{"size", "url"} })},
		{"the order of Given", true, func(p *Pipeline) { p.Given = []string{"notes", "source"} }},
		{"the order of After", true, graph(func(g *Graph) { g.Nodes[2].After = []string{"lint", "unit"} })},

		{"the name of the pipeline", false, func(p *Pipeline) { p.Name = "shop-2" }},
		{"Given", false, func(p *Pipeline) { p.Given = nil }},
		{"the name of a step", false, build(func(s *Stage) { s.Name = "compile" })},
		{"what a hook says of itself", false, build(func(s *Stage) { s.Run = describedRunner{nothing, "bazel"} })},
		{"the type of a hook that says nothing", false, build(func(s *Stage) { s.Run = stage.Func(nothing) })},
		{"what is produced", false, build(func(s *Stage) { s.Produces = []string{"image"} })},
		{"what is consumed and not produced", false, build(func(s *Stage) { s.Produces, s.Consumes = nil, s.Produces })},
		{"what is given", false, build(func(s *Stage) { s.Gives = []string{"url"} })},
		{"what is taken", false, build(func(s *Stage) { s.Takes = []string{"notes"} })},
		{"the environment of a stage", false, build(func(s *Stage) { s.Environment.Name = "ci" })},
		{"an edge", false, graph(func(g *Graph) { g.Nodes[2].After = []string{"unit"} })},
		{"FailFast", false, graph(func(g *Graph) { g.FailFast = true })},
		{"Max", false, graph(func(g *Graph) { g.Max = 1 })},
		{"what a gate decides by", false, release(func(g *Gate) { g.Require = gate.All(describedGate{open, "one person"}) })},
		{"what is decided on", false, release(func(g *Gate) { g.Subject = nil })},
		{"what becomes of a gate that is rejected", false, release(func(g *Gate) { g.OnReject = Hold })},
		{"when a gate expires", false, release(func(g *Gate) { g.Expires = time.Hour })},
		{"a tier", false, production(func(e *stage.Environment) { e.Tier = stage.Staging })},
		{"a queue", false, production(func(e *stage.Environment) { e.Queue = stage.Newest })},
		{"Shared", false, production(func(e *stage.Environment) { e.Shared = true })},
		{"a gate of an environment", false, production(func(e *stage.Environment) { e.Gates = nil })},
		{"the configuration of an environment", false, production(func(e *stage.Environment) { e.Config = map[string]string{"a": "1"} })},
		{"the order of steps", false, func(p *Pipeline) { p.Steps[3], p.Steps[4] = p.Steps[4], p.Steps[3] }},
		{"a Sequence around a step", false, func(p *Pipeline) { p.Steps[0] = Sequence{p.Steps[0]} }},
		{"the kind of a step", false, func(p *Pipeline) {
			p.Steps[5] = OnFailure{Of: Finally{Of: Sequence(p.Steps[5].(OnFailure).Of.(Finally).Of.(Parallel)), Do: work("tell"), Within: time.Hour}, Do: p.Steps[5].(OnFailure).Do}
		}},
		{"a body", false, func(p *Pipeline) {
			p.Steps[4] = ForEach{"region", regions, func(item string) Step { return work("move-" + item) }, 3}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := everyKind()
			test.change(&p)
			if got := p.Digest(); (got == want) != test.same {
				t.Errorf("Digest() after the change is the same: %v; want %v", got == want, test.same)
			}
		})
	}
}

// TestDigestStays guards that a definition keeps its digest from one version of
// this package to the next: else every run under way would be adrift (R2).
func TestDigestStays(t *testing.T) {
	const want = "sha256:0f79d45fbef7b4a90a2182f091cc74ecc1d43bf10f26fa065802c25a7454dd73"
	for range 10 { // whatever the order of maps
		if got := everyKind().Digest().String(); got != want {
			t.Fatalf("Digest() = %s; want %s", got, want)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	p := layered(100, 100, 3)
	for b.Loop() {
		p.Digest()
	}
}
