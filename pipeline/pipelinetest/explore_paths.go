package pipelinetest

import (
	"fmt"
	"math"
)

// A graph is how the states of a search lead to each other, as far as they were
// looked at. State 0 is the one in which nothing has begun.
type graph struct {
	to    []int32 // what leads on from state 0, then from state 1, …
	first []int   // by state: where its part of to begins
}

// next says that the next state is looked at.
func (g *graph) next() { g.first = append(g.first, len(g.to)) }

// leads says that something leads from the state that is looked at to another.
func (g *graph) leads(to int32) { g.to = append(g.to, to) }

// from returns the states that state i leads to, once for each thing that may
// happen in it.
func (g *graph) from(i int) []int32 {
	end := len(g.to)
	if i+1 < len(g.first) {
		end = g.first[i+1]
	}
	return g.to[g.first[i]:end]
}

// paths returns the number of ways from state 0 to states that lead nowhere, +Inf
// if one can go round and round. All states have to have been looked at.
//
// A state is counted when all that lead to it are, and one on a round never is.
// No number on the way is larger than the sum, so that is exact up to 2⁵³.
func (g *graph) paths() (sum float64) {
	before := make([]int32, len(g.first)) // that lead there and are not counted yet
	for _, to := range g.to {
		before[to]++
	}
	ways := make([]float64, len(g.first))
	ways[0] = 1
	ready, counted := []int32{0}, 0
	for ; len(ready) > 0; counted++ {
		at := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		all := g.from(int(at))
		if len(all) == 0 {
			sum += ways[at]
		}
		for _, to := range all {
			ways[to] += ways[at]
			if before[to]--; before[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	if counted < len(g.first) {
		return math.Inf(1)
	}
	return min(sum, math.MaxFloat64)
}

// pathsText says how many paths there are.
func pathsText(n float64) string {
	switch {
	case math.IsInf(n, 1):
		return "paths without number"
	case n == 1:
		return "1 path"
	case n > 1<<53:
		return fmt.Sprintf("about %.3g paths", n)
	}
	return fmt.Sprintf("%.0f paths", n)
}
