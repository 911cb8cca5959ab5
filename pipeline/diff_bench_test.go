package pipeline

import (
	"fmt"
	"slices"
	"testing"

	"github.com/penstock/penstock/stage"
)

// guardedChain returns n steps, one in two a gate.
func guardedChain(n int) Pipeline {
	var steps Sequence
	for i := range n / 2 {
		steps = append(steps, ask(fmt.Sprint("gate-", i)), in(stage.Environment{Name: fmt.Sprint("env-", i%100)}, fmt.Sprint("stage-", i)))
	}
	return shop(steps...)
}

func wide(n int) Pipeline {
	var a, b Parallel
	for i := range n / 2 {
		a, b = append(a, work(fmt.Sprint("a-", i))), append(b, in(stage.Environment{Name: "env"}, fmt.Sprint("b-", i)))
	}
	return shop(a, b)
}

func BenchmarkDiff(b *testing.B) {
	reversed := guardedChain(10_000)
	slices.Reverse(reversed.Steps)
	ungated := guardedChain(10_000)
	ungated.Steps = slices.DeleteFunc(ungated.Steps, func(s Step) bool { _, ok := s.(Gate); return ok })
	beside := wide(10_000)
	beside.Steps = Sequence{Parallel{beside.Steps[0], beside.Steps[1]}}
	graph := layered(100, 100, 3)
	fewer := layered(100, 100, 2)
	for _, bench := range []struct {
		name     string
		old, new Pipeline
	}{
		{"nothing", graph, layered(100, 100, 3)},
		{"an edge less at each node", graph, fewer},
		{"every gate less", guardedChain(10_000), ungated},
		{"all steps the other way round", guardedChain(10_000), reversed},
		{"5000 stages beside those they came after", wide(10_000), beside},
		{"all steps new", shop(), graph},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				Diff(bench.old, bench.new)
			}
		})
	}
}
