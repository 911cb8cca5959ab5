package pipelinetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A hook stands in for that of a stage.
type hook struct {
	l     *life
	of    pipeline.Stage
	inner stage.Runner // nil if what it gives is made up
}

// Describe returns what the hook of the pipeline says, so that the definition
// has its digest.
func (h *hook) Describe() string { return stage.Describe(h.of.Run) }

// Watches reports what the hook of the pipeline does.
func (h *hook) Watches() bool { return stage.Watches(h.of.Run) }

// Run implements [stage.Runner].
func (h *hook) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	stub := h.stub(in.Stage)
	if in.State == nil {
		pass(ctx, stub.Takes)
	}
	h.l.b.turns.wait(Stage{in.Run, in.Stage})
	if err := cmp.Or(h.l.alive(), context.Cause(ctx)); err != nil {
		return stage.Output{}, err
	}
	began := time.Now()
	f := h.l.b.fault(Stage{in.Run, in.Stage})
	out, err := f(h.l, ctx, func() (stage.Output, error) { return h.work(ctx, in, stub) })
	if time.Now().After(began) {
		h.l.b.turns.wait(Stage{in.Run, in.Stage})
	}
	return out, err
}

// Observe implements [stage.Observer].
func (h *hook) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	o, ok := h.runner(h.stub(in.Stage)).(stage.Observer)
	if !ok {
		return stage.Observation{}, fmt.Errorf("pipelinetest: stage %q has no Observe: %w", in.Stage, errors.ErrUnsupported)
	}
	h.l.b.turns.wait(Stage{in.Run, in.Stage})
	return o.Observe(ctx, in)
}

// stub returns the Stub for a stage by its name in the run, which has the items
// that it is for.
func (h *hook) stub(name string) Stub {
	if s, ok := h.l.b.Stubs[name]; ok {
		return s
	}
	return h.l.b.Stubs[base(name)]
}

func (h *hook) runner(s Stub) stage.Runner {
	if s.Run != nil {
		return s.Run
	}
	return h.inner
}

func (h *hook) work(ctx context.Context, in stage.Input, s Stub) (stage.Output, error) {
	if r := h.runner(s); r != nil {
		return r.Run(ctx, in)
	}
	var out stage.Output
	for _, name := range h.of.Produces {
		out.Artifacts = append(out.Artifacts, makeUp(name, in.Stage, in.Run))
	}
	for _, name := range h.of.Gives {
		if out.Values == nil {
			out.Values = map[string]any{}
		}
		v, ok := s.Gives[name]
		if !ok {
			v = name + " of " + in.Run
		}
		out.Values[name] = v
	}
	return out, nil
}

// makeUp returns an artifact that some stage or person has made for a run.
func makeUp(name, by, run string) artifact.Artifact {
	content := fmt.Appendf(nil, "%s of %s, run %s", name, by, run)
	return artifact.Artifact{Name: name, Digest: artifact.DigestBytes(content), Size: int64(len(content))}
}

// pass lets time pass, but not beyond the end of ctx.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// fault returns what happens to the next call of a stage.
func (b *bench) fault(s Stage) fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue := b.faults[s]
	if len(queue) == 0 {
		return func(_ *life, _ context.Context, do work) (stage.Output, error) { return do() }
	}
	b.faults[s] = queue[1:]
	return queue[0]
}

// A gauge is a metric that bakes watch.
type gauge struct {
	b    *bench
	name string
}

// Describe says which metric g is.
func (g gauge) Describe() string { return fmt.Sprintf("%q of the story", g.name) }

// many is measurements enough for any metric.
const many = 1_000_000

// Sample implements [stage.Source].
func (g gauge) Sample(ctx context.Context, q stage.Query) (stage.Sample, error) {
	if q.Artifacts.Digest() != q.Input.Previous.Digest() {
		g.b.mu.Lock()
		v, ok := g.b.values[reading{q.Input.Run, g.name}]
		g.b.mu.Unlock()
		if ok {
			return stage.Sample{Value: v, Count: many}, nil
		}
	}
	if v, ok := g.b.Metrics[g.name]; ok {
		return stage.Sample{Value: v, Count: many}, nil
	}
	return g.b.Platform.Source(g.name).Sample(ctx, q)
}
