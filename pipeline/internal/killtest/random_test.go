package killtest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// draw returns the plot that chance draws from a seed: a pipeline of any shape,
// of which some stages go wrong at first, and people who see to that.
func draw(seed uint64) plot {
	from := uint64(0)
	pipelines := func(p *platform) []pipeline.Pipeline {
		d := drawer{platform: p, rnd: rand.New(rand.NewPCG(seed, from))}
		return []pipeline.Pipeline{{Name: "drawn", Given: []string{"image"}, Steps: d.sequence(3)}}
	}
	for pipelines(new(platform))[0].Validate() != nil {
		from++ // some are nonsense, such as a way out of what does nothing
	}
	return plot{
		name: fmt.Sprint("drawn from ", seed), pipelines: pipelines, runs: []string{"one"}, racy: true,
		deeds: []deed{
			begin("drawn", pipeline.Trigger{Key: "one", Artifacts: images("one")}),
			retryAll("one"),
		},
	}
}

type drawer struct {
	*platform
	rnd *rand.Rand
	n   int // steps with names
}

func (d *drawer) name(kind string) string {
	d.n++
	return fmt.Sprint(kind, "-", d.n)
}

func (d *drawer) sequence(depth int) (s pipeline.Sequence) {
	for range 1 + d.rnd.IntN(depth) {
		s = append(s, d.step(depth-1))
	}
	return s
}

// step draws a step, of which parts are at most so deep.
func (d *drawer) step(depth int) pipeline.Step {
	if depth == 0 || d.rnd.IntN(4) == 0 {
		return d.leaf()
	}
	switch d.rnd.IntN(7) {
	case 0:
		return d.sequence(depth)
	case 1:
		return pipeline.Parallel(d.sequence(depth + 1))
	case 2:
		return d.graph(depth)
	case 3:
		return pipeline.When{Name: d.name("when"), If: answer(d.rnd.IntN(2) == 0), Do: d.step(depth)}
	case 4:
		return d.forEach()
	case 5:
		return pipeline.OnFailure{Of: d.sequence(depth), Do: d.stage()}
	default:
		return pipeline.Finally{Of: d.sequence(depth), Do: d.stage()}
	}
}

func (d *drawer) graph(depth int) pipeline.Graph {
	g := pipeline.Graph{Max: d.rnd.IntN(3)}
	for k := range 2 + d.rnd.IntN(2) {
		n := pipeline.Node{Name: d.name("node"), Step: d.step(depth - 1)}
		for _, before := range g.Nodes[:k] {
			if d.rnd.IntN(2) == 0 {
				n.After = append(n.After, before.Name)
			}
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// forEach takes a stage for each region. Names in its body are those of one item.
func (d *drawer) forEach() pipeline.ForEach {
	body := d.stage()
	return pipeline.ForEach{Name: d.name("for-each"), Items: regions, Max: d.rnd.IntN(3), Body: func(string) pipeline.Step { return body }}
}

func (d *drawer) leaf() pipeline.Step {
	switch d.rnd.IntN(6) {
	case 0:
		return pipeline.Gate{Name: d.name("gate"), Require: d.gate()}
	case 1:
		s := d.stage()
		s.Run = stage.Func(d.flaw)
		return s
	case 2:
		s := d.stage()
		s.Run, s.Retry = stage.Func(d.errs), pipeline.Retry{Times: d.rnd.IntN(2)}
		return s
	}
	return d.stage()
}

func (d *drawer) gate() gate.Gate {
	switch d.rnd.IntN(3) {
	case 0:
		return gate.Func(soaked(d.pace))
	case 1:
		return approval.Quorum{Need: 2, From: voters}
	}
	return anyOne
}

// stage draws a stage that does its work.
func (d *drawer) stage() pipeline.Stage {
	s := d.platform.stage(d.name("stage"))
	switch d.rnd.IntN(5) {
	case 0:
		s.Run = stage.Poll(d.looks)
	case 1:
		s.Name = d.name("migrate")
		s.Unknown = pipeline.AskPerson
	}
	switch d.rnd.IntN(4) {
	case 0:
		s.Environment = stage.Environment{Name: "staging", Tier: stage.Staging}
	case 1:
		s.Environment = stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{anyOne}}
		s.Run, s.Consumes = observed{d.platform}, []string{"image"}
	}
	s.Timeout = time.Duration(d.rnd.IntN(2)) * time.Hour
	return s
}
