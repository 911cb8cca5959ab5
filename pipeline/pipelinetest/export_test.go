package pipelinetest

import (
	"cmp"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage/stagetest"
)

// RunFor is Run, but reports to tb.
func RunFor(t *testing.T, tb testing.TB, s Story) *Result { return run(t, tb, s, 0) }

// ParseAction returns the Action of a line of a scenario.
var ParseAction = parseAction

// ParseScenario returns the story of a text, and the text with a timeline in it.
func ParseScenario(text string, base Story) (s Story, tell func(Timeline) string, err error) {
	sc, err := parseScenario("story.txt", text, base)
	return sc.story, sc.tell, err
}

// PlayScenario is what Scenarios does with one file, but reports to tb.
func PlayScenario(t *testing.T, tb testing.TB, file string, update bool, base Story) {
	playScenario(t, tb, file, update, base)
}

// MainTo is Main, but prints to w.
func (c *Coverage) MainTo(w io.Writer, m interface{ Run() int }, pipelines ...pipeline.Pipeline) int {
	return c.main(m, w, pipelines)
}

// StandIn returns p as the executor of a story gets it.
func StandIn(s Story, p pipeline.Pipeline) pipeline.Pipeline {
	l := &life{b: newBench(s, 0)}
	return l.stand(p)
}

// ConfirmFor is Confirm, but reports to tb.
func ConfirmFor(t *testing.T, tb testing.TB, x Exploration, c *Counterexample) { confirm(t, tb, x, c) }

// PlainLines returns what a timeline says, to compare it with another.
func PlainLines(t Timeline) []string { return plainLines(t) }

// RunRecorded is RunFor, and returns the journals too.
func RunRecorded(t *testing.T, tb testing.TB, s Story) (*Result, journal.Store) {
	s.Lasts, s.Platform = cmp.Or(s.Lasts, twoWeeks), new(stagetest.Platform)
	var r *Result
	var store journal.Store
	synctest.Test(t, func(*testing.T) {
		time.Sleep(time.Until(s.Begin))
		b := newBench(s, 0)
		r, _ = b.play()
		store = &b.book.journals
	})
	r.t = tb
	return r, store
}
