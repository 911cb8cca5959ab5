package pipelinetest

import (
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// A Counterexample is a way to break a rule. There is no shorter one.
type Counterexample struct {
	Rule     string // its name
	Reason   string // how it is broken
	Timeline Timeline
}

// String returns the rule, how it is broken, and the story.
func (c *Counterexample) String() string {
	return fmt.Sprintf("broken: %s: %s\n%v", c.Rule, c.Reason, c.Timeline)
}

// A teller tells what happens in a world. One thing happens a minute, so that
// the clock counts them.
type teller struct {
	tale
	minute int
}

func (s *search) explain(id int32, last *move, why *wrong) *Counterexample {
	moves := s.path(id)
	if last != nil {
		moves = append(moves, *last)
	}
	w := newWorld(s)
	w.told = &teller{minute: -1}
	w.told.begin(worldBegins, new(cast))
	w.told.cast.learn([]pipeline.Pipeline{s.x.Pipeline})
	for _, v := range moves {
		w.do(v)
	}
	return &Counterexample{Rule: why.rule, Reason: why.err.Error(), Timeline: w.told.told()}
}

func (t *teller) now() time.Time { return worldBegins.Add(time.Duration(t.minute) * time.Minute) }

func (t *teller) next(move) { t.minute++ }

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
