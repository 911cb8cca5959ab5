package machine

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// TestAllocations bounds what the machine allocates for a stage. What grows with
// the number of stages is one slice each, not one object for each stage.
func TestAllocations(t *testing.T) {
	for _, shape := range shapes {
		for _, n := range []int{100, 3000} {
			p := Build("shop", artifact.Digest{}, func(b *Builder) { shape.build(b, n) })
			events := make([]journal.Event, 0, 2*n+8)
			got := testing.AllocsPerRun(3, func() { take(p, &Environment{Name: "prod"}, events[:0]) }) / float64(n)
			if got > 1 {
				t.Errorf("%s of %d: %.2f allocations a stage; want at most 1", shape.name, n, got)
			}
		}
	}
}

// TestGatesBeforeAreLookedAtOnce has 30 layers of 10 gates before a stage. There
// are 10 to the 30 ways through them.
func TestGatesBeforeAreLookedAtOnce(t *testing.T) {
	const layers, width = 30, 10
	var stage int32
	p := Build("shop", artifact.Digest{}, func(b *Builder) {
		n := layers*width + 1
		g := Node{Kind: Group, After: make([][]int32, n), Needs: make([]int32, n)}
		for i := width; i < n; i++ {
			for k := range width {
				before := (i/width-1)*width + k
				g.After[before] = append(g.After[before], int32(i))
				g.Needs[i]++
			}
		}
		at := b.Add(-1, g)
		for i := range n - 1 {
			b.Add(at, Node{Kind: Gate, Name: fmt.Sprint("g", i)})
		}
		stage = b.Add(at, Node{Kind: Stage, Name: "deploy"})
	})
	seen := map[int32]int{}
	New("run-1", p).gatesBefore(stage, func(g int32) { seen[g]++ })
	if len(seen) != layers*width {
		t.Errorf("%d gates stand before the stage; want %d (G9)", len(seen), layers*width)
	}
	for g, times := range seen {
		if times != 1 {
			t.Fatalf("gate %d is looked at %d times; want once", g, times)
		}
	}
}
