package pipelinetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Counterexample is a way to break a rule. There is no shorter one.
type Counterexample struct {
	Rule     string // its name
	Reason   string // how it is broken
	Timeline Timeline
	Script   string // for Replay: what happens, a line each

	others bool // there are runs of other pipelines than the first
}

// String returns the rule, how it is broken, the story, and what to put into a
// test to have it played.
func (c *Counterexample) String() string {
	var others string
	if c.others {
		others = ", others..."
	}
	return fmt.Sprintf("broken: %s: %s\n%v\npipelinetest.Run(t, pipelinetest.Replay(p, `\n%s`%s))\n", c.Rule, c.Reason, c.Timeline, c.Script, others)
}

// A teller tells what happens in a world. One thing happens a second, so that
// the clock counts them.
type teller struct {
	tale
	beats  int
	script strings.Builder
}

func (s *search) explain(id int32, last *move, why *wrong) *Counterexample {
	moves := s.path(id)
	if last != nil {
		moves = append(moves, *last)
	}
	w := newWorld(s)
	w.told = &teller{beats: -1}
	w.told.begin(worldBegins, new(cast))
	w.told.cast.learn(s.x.pipelines())
	for _, v := range moves {
		w.do(v)
	}
	return &Counterexample{Rule: why.rule, Reason: why.err.Error(), Timeline: w.told.told(), Script: w.told.script.String(), others: len(s.plans) > 1}
}

func (t *teller) now() time.Time { return worldBegins.Add(time.Duration(t.beats) * beat) }

// next tells of v, which happens to w a beat after what happened last.
func (t *teller) next(w *world, v move) {
	t.beats++
	what := v.outcome.String()
	switch v.outcome {
	case crashes, freezes, thaws:
	case starts:
		if pl := w.s.plans[v.node]; pl.nr > 0 {
			what = pl.prog.Pipeline + " " + what
		}
		what = w.s.names[v.run] + " " + what
	case cancels:
		what = w.s.names[v.run] + " " + what
	default:
		what = w.s.names[v.run] + " " + w.seats[v.run].m.Node(v.node).Name + " " + what
	}
	t.script.WriteString(what + "\n")
}

func (t *teller) say(l Line) {
	l.At = t.now()
	t.add(l)
}

func (t *teller) tell(run string, e journal.Event) {
	e.Time = t.now()
	if f, ok := e.Data.(*journal.Fault); ok && !f.Retry.IsZero() {
		again := *f
		again.Retry = e.Time
		e.Data = &again
	}
	t.tale.tell(entry{run: run, event: e})
}
