package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A definition is a pipeline with its program.
type definition struct {
	pipeline.Pipeline
	digest artifact.Digest
	prog   *machine.Program
}

// versions of one pipeline, oldest first: each edits the one before.
const versions = 3

// The names of the pipelines of a simulation. They share environments.
var names = [...]string{"shop", "site"}

// A catalog keeps the pipelines that were drawn, for drawing is slow. Simulations
// of several goroutines may share one.
type catalog [trees]struct {
	once     sync.Once
	versions []*definition
}

// get returns the versions of the tree with the given number.
func (c *catalog) get(number int) []*definition {
	tree := &c[number]
	tree.once.Do(func() { tree.versions = drawn(number) })
	return tree.versions
}

func drawn(number int) (all []*definition) {
	rng := rand.New(rand.NewPCG(uint64(number), 1))
	for len(all) < versions {
		g := &grower{rng: rng, left: 1 + rng.IntN(8)}
		steps := g.steps()
		if len(all) > 0 {
			steps = g.edit(all[len(all)-1].Steps)
		}
		p := pipeline.Pipeline{Name: names[number%len(names)], Steps: steps}
		if p.Validate() != nil { // such as an environment that a tree uses in two ways
			continue
		}
		all = append(all, &definition{p, p.Digest(), p.Program()})
	}
	return all
}

// A grower draws trees.
type grower struct {
	rng   *rand.Rand
	left  int // leaves to draw
	leafs int
	built bool // a stage gives the artifact
}

func (g *grower) is(percent int) bool { return g.rng.IntN(100) < percent }

func (g *grower) name(prefix string) string {
	g.leafs++
	return fmt.Sprint(prefix, g.leafs)
}

func (g *grower) steps() pipeline.Sequence {
	var s pipeline.Sequence
	if g.is(70) {
		g.built = true
		s = append(s, pipeline.Stage{Name: "build", Run: worker{}, Produces: []string{"image"}})
	}
	for g.left > 0 {
		s = append(s, g.tree(0, ""))
	}
	return s
}

// edit returns steps in which one is new, and perhaps one is gone.
func (g *grower) edit(steps pipeline.Sequence) pipeline.Sequence {
	g.left, g.leafs = 1, 100+g.rng.IntN(1000)
	g.built = pipeline.Name(steps[0]) == "build"
	steps = slices.Clone(steps)
	if len(steps) > 2 && g.is(50) {
		steps = slices.Delete(steps, 1, 2)
	}
	return slices.Insert(steps, 1+g.rng.IntN(len(steps)), g.tree(9, ""))
}

func (g *grower) tree(depth int, suffix string) pipeline.Step {
	kind := g.rng.IntN(13)
	if depth > 2 || g.left < 2 {
		kind %= 5
	}
	switch kind {
	case 0, 1, 2:
		return g.stage(suffix)
	case 3, 4:
		return g.gate(suffix)
	case 5:
		return pipeline.Sequence(g.some(depth, suffix))
	case 6:
		return pipeline.Parallel(g.some(depth, suffix))
	case 7, 8:
		return g.graph(depth, suffix)
	case 9:
		return pipeline.When{Name: g.name("w"), If: whether, Do: g.tree(depth+1, suffix)}
	case 10:
		return g.forEach(depth)
	case 11:
		return pipeline.OnFailure{Of: pipeline.Sequence{g.stage(suffix), g.tree(depth+1, suffix)}, Do: g.wayOut(suffix)}
	}
	return pipeline.Finally{Of: g.tree(depth+1, suffix), Do: g.wayOut(suffix), Within: 30 * time.Minute}
}

func (g *grower) some(depth int, suffix string) []pipeline.Step {
	var steps []pipeline.Step
	for range 1 + g.rng.IntN(3) {
		if steps == nil || g.left > 0 {
			steps = append(steps, g.tree(depth+1, suffix))
		}
	}
	return steps
}

func (g *grower) graph(depth int, suffix string) pipeline.Step {
	var s pipeline.Graph
	s.FailFast, s.Max = g.is(30), g.rng.IntN(3)
	for k, step := range g.some(depth, suffix) {
		n := pipeline.Node{Name: fmt.Sprint("n", k), Step: step}
		for before := range k {
			if g.is(40) {
				n.After = append(n.After, fmt.Sprint("n", before))
			}
		}
		s.Nodes = append(s.Nodes, n)
	}
	return s
}

func (g *grower) forEach(depth int) pipeline.Step {
	seed, leafs, left := g.rng.Uint64(), g.leafs, g.left
	s := pipeline.ForEach{Name: g.name("e"), Items: items, Max: g.rng.IntN(2)}
	grow := func() (*grower, pipeline.Step) {
		body := &grower{rng: rand.New(rand.NewPCG(seed, 2)), left: min(2, left), leafs: leafs + 1, built: g.built}
		return body, body.tree(depth+2, "")
	}
	body, _ := grow()
	g.leafs, g.left = body.leafs, g.left-1
	s.Body = func(string) pipeline.Step { _, step := grow(); return step }
	return s
}

func (g *grower) wayOut(suffix string) pipeline.Step {
	back := g.stage(suffix).(pipeline.Stage)
	if g.is(70) {
		return back
	}
	return pipeline.Sequence{back, g.stage(suffix)}
}

var (
	prod   = stage.Environment{Name: "prod", Tier: stage.Production, Gates: []gate.Gate{door{"freeze"}}}
	test   = stage.Environment{Name: "test", Tier: stage.Testing, Queue: stage.Newest}
	uat    = stage.Environment{Name: "uat", Tier: stage.Staging}
	shared = stage.Environment{Name: "lab", Tier: stage.Development, Shared: true}
)

func (g *grower) stage(suffix string) pipeline.Step {
	g.left--
	s := pipeline.Stage{Name: g.name("s"), Run: worker{}}
	switch g.rng.IntN(9) {
	case 0, 1:
		s.Environment = prod
	case 2:
		s.Environment = test
	case 3, 4:
		s.Environment = uat
	case 5:
		s.Environment = shared
	}
	if g.built && g.is(60) {
		s.Consumes = []string{"image"}
	}
	switch g.rng.IntN(6) {
	case 0, 1:
		s.Run = observer{}
	case 2:
		s.Unknown = pipeline.AskPerson
	case 3:
		s.Retry = pipeline.Retry{Times: 2, Wait: 5 * time.Minute}
	}
	if g.is(20) {
		s.Timeout = 2 * time.Minute
	}
	return s
}

func (g *grower) gate(suffix string) pipeline.Step {
	g.left--
	s := pipeline.Gate{Name: g.name("g"), Require: door{"check"}, OnReject: pipeline.Otherwise(g.rng.IntN(3))}
	if g.is(60) {
		q := approval.Quorum{Need: 1 + g.rng.IntN(2), Group: "ops", From: []string{"ann", "bob"}, Veto: g.is(20)}
		if g.is(20) {
			q.MaxAge = 4 * time.Hour
		}
		s.Require = q
	}
	if g.built && g.is(60) {
		s.Subject = []string{"image"}
	}
	if g.is(30) {
		s.Expires, s.OnExpire = 24*time.Hour, pipeline.Otherwise(g.rng.IntN(2))
	}
	return s
}

// What pipelines plug in finds the simulation that it is in by its context.

type inside struct{}

func within(ctx context.Context) *world { return ctx.Value(inside{}).(*world) }

// A worker is a hook. What it does is up to the platform; see [hook].
type worker struct{}

func (worker) Run(context.Context, stage.Input) (stage.Output, error) {
	panic("simulate: hooks are called in two steps, by the platform")
}

func (worker) Describe() string { return "works" }

// An observer is a worker that can say whether it was done.
type observer struct{ worker }

func (observer) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	return within(ctx).platform.observe(in)
}

// A door is a gate that is open or not as chance has it.
type door struct{ what string }

func (d door) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	return within(ctx).platform.decide(req)
}

func (d door) Describe() string { return d.what }

func whether(ctx context.Context, _ pipeline.Facts) (bool, error) {
	return within(ctx).platform.choose()
}

func items(ctx context.Context, _ pipeline.Facts) ([]string, error) {
	return within(ctx).platform.list()
}
