package pipelinetest

import (
	"slices"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A role is what an exploration knows of a step.
type role struct {
	env      int // in things.envs, or -1
	tier     stage.Tier
	watches  bool      // its environment is only watched
	wayOut   bool      // it is in a Do
	consumes artifacts // of a stage; of a gate, those that it decides on
	produces artifacts
	deploys  stage.Runner // of a stage that does; see via
	outcomes []Outcome
}

// Artifacts is a set of artifacts, by their places in things.artifacts.
type artifacts uint64

// Things are what all pipelines of an exploration share, by name.
type things struct {
	envs      []string
	artifacts []string
}

// A plan is what is known of the steps of a pipeline. It grows with the items
// of a ForEach.
type plan struct {
	*things
	nr     int // in search.plans
	runs   int // that are started
	prog   *machine.Program
	parts  map[string]*role // by name of step
	static []*role          // by node, as far as they are in prog
	tests  []int32          // nodes of those in tier staging, but for ways out
	gated  artifacts        // some gate decides on
	given  []string         // artifacts that are there before a run
	only   map[string][]Outcome
}

func newPlan(p pipeline.Pipeline, nr, runs int, shared *things, only map[string][]Outcome) *plan {
	pl := &plan{things: shared, nr: nr, runs: runs, prog: p.Program(), parts: map[string]*role{}, given: p.Given, only: only}
	m := machine.New("", pl.prog)
	for i := range int32(m.Size()) {
		n := m.Node(i)
		part := pl.make(n)
		pl.static = append(pl.static, part)
		if part.tier == stage.Staging && !part.wayOut {
			pl.tests = append(pl.tests, i)
		}
		if n.Kind == machine.Gate && !n.Urgent {
			pl.gated |= part.consumes
		}
	}
	return pl
}

// part returns what is known of node i of m.
func (pl *plan) part(m *machine.Machine, i int32) *role {
	if int(i) < len(pl.static) {
		return pl.static[i]
	}
	n := m.Node(i)
	if p, ok := pl.parts[n.Name]; ok {
		return p
	}
	p := pl.make(n)
	pl.parts[n.Name] = p
	return p
}

func (pl *plan) make(n *machine.Node) *role {
	p := &role{env: -1, wayOut: n.Urgent}
	if n.Kind == machine.Stage && n.Environment != "" {
		p.env = pl.environment(n.Environment)
	}
	switch s := n.Step.(type) {
	case *pipeline.Stage:
		p.tier, p.watches = s.Environment.Tier, stage.Watches(s.Run)
		p.consumes, p.produces = pl.set(s.Consumes), pl.set(s.Produces)
		p.deploys = via(s.Run, obedient)
		p.outcomes = outcomesOf["stage"]
	case *pipeline.Gate:
		p.outcomes = outcomesOf["gate"]
		if p.consumes = pl.set(s.Subject); p.consumes == 0 {
			p.consumes = ^artifacts(0) // it decides on the run as a whole
		}
	case *pipeline.When:
		p.outcomes = outcomesOf["when"]
	case *pipeline.ForEach:
		p.outcomes = outcomesOf["for-each"]
	}
	if only, ok := pl.only[base(n.Name)]; ok {
		p.outcomes = only
	}
	return p
}

func (t *things) environment(name string) int {
	i := slices.Index(t.envs, name)
	if i < 0 {
		i = len(t.envs)
		t.envs = append(t.envs, name)
	}
	return i
}

func (t *things) set(names []string) (set artifacts) {
	for _, name := range names {
		i := slices.Index(t.artifacts, name)
		if i < 0 {
			i = len(t.artifacts)
			t.artifacts = append(t.artifacts, name)
		}
		set |= 1 << i
	}
	return set
}

// first returns the name of an artifact in set.
func (t *things) first(set artifacts) string {
	for i, name := range t.artifacts {
		if set&(1<<i) != 0 {
			return name
		}
	}
	return ""
}

// precious reports whether an environment is in tier production, or of a tier
// that is not declared.
func (pl *plan) precious(env int) bool {
	for _, p := range pl.static {
		if p.env == env {
			return p.tier == stage.Production || p.tier == stage.Undeclared
		}
	}
	for _, p := range pl.parts {
		if p.env == env {
			return p.tier == stage.Production || p.tier == stage.Undeclared
		}
	}
	return false
}
