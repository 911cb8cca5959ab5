package policy_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// A script makes the hooks, gates and conditions of a tree do what they do on a
// way. What is not on it fails, is rejected, is not taken.
type script struct {
	mu       sync.Mutex
	did      map[string]string // by name of the step
	happened []string          // names of the steps in the order in which they were reached, with "+" when they ended well
}

// reach notes that a step was reached, and returns what it does.
func (x *script) reach(name string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.happened = append(x.happened, name)
	if did := x.did[name]; did == "succeeds" || did == "passes" {
		x.happened = append(x.happened, name+"+")
	}
	return x.did[name]
}

// bind returns s with hooks that follow the script.
func (x *script) bind(s pipeline.Step) pipeline.Step {
	all := func(steps []pipeline.Step) []pipeline.Step {
		bound := make([]pipeline.Step, len(steps))
		for i, c := range steps {
			bound[i] = x.bind(c)
		}
		return bound
	}
	switch s := s.(type) {
	case pipeline.Stage:
		s.Run = stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			if x.reach(s.Name) == "succeeds" {
				return stage.Output{}, nil
			}
			return stage.Output{}, stage.Failf("not on the way")
		})
		return s
	case pipeline.Gate:
		s.Subject = nil
		s.Require = gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			if x.reach(s.Name) == "passes" {
				return gate.Passf("on the way"), nil
			}
			return gate.Rejectf("not on the way"), nil
		})
		return s
	case pipeline.Sequence:
		return pipeline.Sequence(all(s))
	case pipeline.Parallel:
		return pipeline.Parallel(all(s))
	case pipeline.Graph:
		g := pipeline.Graph{Nodes: slices.Clone(s.Nodes)}
		for i := range g.Nodes {
			g.Nodes[i].Step = x.bind(g.Nodes[i].Step)
		}
		return g
	case pipeline.When:
		s.Do = x.bind(s.Do)
		s.If = func(context.Context, pipeline.Facts) (bool, error) { return x.reach(s.Name) == "is taken", nil }
		return s
	case pipeline.ForEach:
		body := x.bind(s.Body("item"))
		s.Body = func(string) pipeline.Step { return body }
		s.Items = func(context.Context, pipeline.Facts) ([]string, error) {
			if x.reach(s.Name) == "has an item" {
				return []string{"eu"}, nil
			}
			return nil, nil
		}
		return s
	case pipeline.OnFailure:
		return pipeline.OnFailure{Of: x.bind(s.Of), Do: x.bind(s.Do)}
	case pipeline.Finally:
		return pipeline.Finally{Of: x.bind(s.Of), Do: x.bind(s.Do)}
	}
	return s
}

// run has an executor take the pipeline to its end.
func (x *script) run(t *testing.T, p pipeline.Pipeline) {
	p.Steps = x.bind(p.Steps).(pipeline.Sequence)
	synctest.Test(t, func(t *testing.T) {
		ex := pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Log: slog.New(slog.DiscardHandler)}
		id, err := ex.Start(t.Context(), p.Name, pipeline.Trigger{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- ex.Serve(ctx) }()
		for r, err := range ex.Watch(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Status.Done() {
				break
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestExecutorGoesTheWay has the executor go each way that is found in random
// trees: it gets to the step, and nothing good happened before.
func TestExecutorGoesTheWay(t *testing.T) {
	trees := rapid.Custom(randomTree)
	ways := 0
	for seed := range 300 {
		p := trees.Example(seed)
		if bound := (&script{}).bind(p.Steps).(pipeline.Sequence); (pipeline.Pipeline{Name: p.Name, Steps: bound}).Validate() != nil {
			continue
		}
		for path, s := range p.All() {
			target := pipeline.Name(s)
			if target == "" {
				continue
			}
			good := func(name string) bool { return (len(name)+int(name[len(name)-1]))%3 == seed%3 }
			way, ok := policy.Around(p, target, func(m policy.Mark) bool {
				switch m.Step.(type) {
				case pipeline.Stage, pipeline.Gate:
					return !m.Begun && good(pipeline.Name(m.Step))
				}
				return false
			})
			if !ok {
				continue
			}
			ways++
			x := &script{did: map[string]string{}}
			for _, m := range way {
				x.did[m.Step] = m.Did
			}
			x.run(t, p)
			before := slices.IndexFunc(x.happened, func(name string) bool { return name == target })
			if before < 0 {
				t.Fatalf("%v\nthe way %v does not lead to %s (%s): %q", p, way, target, path, x.happened)
			}
			for _, name := range x.happened[:before] {
				if name, ok := strings.CutSuffix(name, "+"); ok && good(name) {
					t.Fatalf("%v\non the way %v to %s, %s ended well", p, way, target, name)
				}
			}
		}
	}
	if ways < 300 {
		t.Errorf("%d ways were gone; want more to see much", ways)
	}
}
