package pipelinetest

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
)

// RunFor is Run, but reports to tb.
func RunFor(t *testing.T, tb testing.TB, s Story) *Result { return run(t, tb, s, 0) }

// ParseAction returns the Action of a line of a scenario.
var ParseAction = parseAction

// StandIn returns p as the executor of a story gets it.
func StandIn(s Story, p pipeline.Pipeline) pipeline.Pipeline {
	l := &life{b: newBench(s, 0)}
	return l.stand(p)
}

// ConfirmFor is Confirm, but reports to tb.
func ConfirmFor(t *testing.T, tb testing.TB, x Exploration, c *Counterexample) { confirm(t, tb, x, c) }

// PlainLines returns what a timeline says, to compare it with another.
func PlainLines(t Timeline) []string { return plainLines(t) }
