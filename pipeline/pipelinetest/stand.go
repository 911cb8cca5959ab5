package pipelinetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// stand returns p with everything in it that acts or is asked replaced by what
// stands in for it in this life. It has the digest of p.
func (l *life) stand(p pipeline.Pipeline) pipeline.Pipeline {
	p.Steps = l.steps(p.Steps)
	return p
}

func (l *life) steps(steps []pipeline.Step) []pipeline.Step {
	out := make([]pipeline.Step, len(steps))
	for i, s := range steps {
		out[i] = l.step(s)
	}
	return out
}

func (l *life) step(s pipeline.Step) pipeline.Step {
	switch s := s.(type) {
	case pipeline.Stage:
		s.Run = &hook{l: l, of: s, inner: l.runner(s)}
		s.Environment = l.environment(s.Environment)
		return s
	case pipeline.Gate:
		s.Require = l.gate(s.Name, s.Require)
		s.Environment = l.environment(s.Environment)
		return s
	case pipeline.Sequence:
		return pipeline.Sequence(l.steps(s))
	case pipeline.Parallel:
		return pipeline.Parallel(l.steps(s))
	case pipeline.Graph:
		s.Nodes = slices.Clone(s.Nodes)
		for i := range s.Nodes {
			s.Nodes[i].Step = l.step(s.Nodes[i].Step)
		}
		return s
	case pipeline.When:
		decide := s.If
		s.If = func(ctx context.Context, f pipeline.Facts) (bool, error) {
			l.b.turns.wait(Stage{f.Run, s.Name})
			return decide(ctx, f)
		}
		s.Do = l.step(s.Do)
		return s
	case pipeline.ForEach:
		list, body := s.Items, s.Body
		s.Items = func(ctx context.Context, f pipeline.Facts) ([]string, error) {
			l.b.turns.wait(Stage{f.Run, s.Name})
			return list(ctx, f)
		}
		s.Body = func(item string) pipeline.Step { return l.step(body(item)) }
		return s
	case pipeline.OnFailure:
		s.Of, s.Do = l.step(s.Of), l.step(s.Do)
		return s
	case pipeline.Finally:
		s.Of, s.Do = l.step(s.Of), l.step(s.Do)
		return s
	}
	panic(fmt.Sprintf("pipelinetest: a step of kind %T, which this package does not know", s))
}

// runner returns what does the work of a stage.
func (l *life) runner(s pipeline.Stage) stage.Runner {
	if slices.Contains(l.b.Real, base(s.Name)) {
		return s.Run
	}
	if watch, ok := s.Run.(bake.Watch); ok {
		watch.Metrics = slices.Clone(watch.Metrics)
		for i := range watch.Metrics {
			watch.Metrics[i].Source = gauge{l.b, watch.Metrics[i].Name}
		}
		return watch
	}
	return via(s.Run, l.b.Platform)
}

func (l *life) environment(e stage.Environment) stage.Environment {
	if len(e.Gates) == 0 {
		return e
	}
	if g, ok := l.b.Gates[e.Name]; ok {
		e.Gates = []gate.Gate{&lock{l, g, -1}}
		return e
	}
	e.Gates = slices.Clone(e.Gates)
	for i, g := range e.Gates {
		e.Gates[i] = &lock{l, g, i}
	}
	return e
}

func (l *life) gate(name string, g gate.Gate) gate.Gate {
	if other, ok := l.b.Gates[name]; ok {
		return &lock{l, other, -1}
	}
	return &lock{l, g, 0}
}

// A lock is a gate that is asked in its turn.
type lock struct {
	l *life
	gate.Gate
	place int // among the gates of the environment, or 0; below 0 if the gate only stands in
}

func (k *lock) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	k.l.b.turns.wait(Stage{req.Run, req.Gate})
	d, err := k.Gate.Decide(ctx, req)
	if k.place >= 0 {
		k.l.b.answered(ctx, k, req, d, err)
	}
	return d, err
}

func (k *lock) Describe() string                             { return gate.Describe(k.Gate) }
func (k *lock) Who(req gate.Request) []string                { return gate.Who(k.Gate, req) }
func (k *lock) Eligible(req gate.Request, v gate.Vote) error { return gate.Eligible(k.Gate, req, v) }

// Parts returns those of the gate, so that the definition has its digest.
func (k *lock) Parts() []gate.Gate {
	if g, ok := k.Gate.(interface{ Parts() []gate.Gate }); ok {
		return g.Parts()
	}
	return nil
}
