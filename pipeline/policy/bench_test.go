package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// layered returns a Graph of layers in which each node comes after three of the
// layer before, with all in production after a gate.
func layered(layers, width int) pipeline.Pipeline {
	g := graph(node(ask("release", two)))
	for l := range layers {
		for w := range width {
			after := []string{"release"}
			if l > 0 {
				after = nil
				for e := range 3 {
					after = append(after, fmt.Sprintf("s-%d-%d", l-1, (w+e)%width))
				}
			}
			g.Nodes = append(g.Nodes, node(deploy(production, fmt.Sprintf("s-%d-%d", l, w)), after...))
		}
	}
	return shop(g)
}

// row returns stages one after another, after a gate, each with a way back.
func row(n int) pipeline.Pipeline {
	steps := pipeline.Sequence{ask("release", two)}
	for i := range n {
		steps = append(steps, pipeline.OnFailure{Of: deploy(production, fmt.Sprint("s-", i)), Do: back(production, fmt.Sprint("b-", i))})
	}
	return shop(steps...)
}

// regions returns a wave of environments beside each other.
func regions(n int) pipeline.Pipeline {
	var wave pipeline.Parallel
	for i := range n {
		e := stage.Environment{Name: fmt.Sprint("r-", i)}
		wave = append(wave, pipeline.OnFailure{Of: deploy(e, fmt.Sprint("s-", i)), Do: back(e, fmt.Sprint("b-", i))})
	}
	return shop(wave)
}

func BenchmarkRequire(b *testing.B) {
	approved := policy.Each(inProduction, policy.Approved{Need: 2})
	for _, bench := range []struct {
		name string
		p    pipeline.Pipeline
		rule policy.Rule
	}{
		{"row of 1000, approved", row(1000), approved},
		{"row of 1000, all rules", row(1000), policy.Rules{policy.Each(inProduction, policy.Approved{}, policy.Verified{}, policy.Baked{For: time.Hour}, policy.WayBack{}, policy.BuiltOnce{}, policy.Alone{}), policy.LockOrder{}, policy.Reachable{Barred: 1}}},
		{"graph of 1000, approved", layered(50, 20), approved},
		{"1000 environments, lock order", regions(1000), policy.LockOrder{}},
		{"graph of 1000, alone", layered(50, 20), policy.Each(inProduction, policy.Alone{})},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				_ = bench.rule.Check(bench.p)
			}
		})
	}
}
