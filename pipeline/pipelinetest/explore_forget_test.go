package pipelinetest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// TestForgetFindsTheSame compares explorations of random pipelines that forget
// with those that do not: the same happens, and a fault is as near.
func TestForgetFindsTheSame(t *testing.T) {
	smaller := 0
	for seed := range uint64(100) {
		x := randomExploration(seed)
		all := events(t, x)
		if all.Fault == nil && !all.Complete {
			continue
		}
		x.Forget = true
		few := events(t, x)
		if all.Complete && few.States > all.States {
			t.Errorf("seed %d: %d states; want at most the %d of the whole exploration", seed, few.States, all.States)
		}
		if few.Paths != all.Paths || few.fault() != all.fault() || !slices.Equal(few.seen, all.seen) {
			t.Errorf("seed %d: %v\n%q\nwant what happens in the whole exploration: %v\n%q", seed, few.Explored, few.seen, all.Explored, all.seen)
		}
		if few.States < all.States {
			smaller++
		}
	}
	t.Logf("%d explorations are smaller", smaller)
}

// An occurrence is an exploration and what was seen in it, unless a rule was
// broken: then it depends on the order how much that is.
type occurrence struct {
	pipelinetest.Explored
	seen []string
}

// fault returns what rule is broken and how soon, or "".
func (o occurrence) fault() string {
	if o.Fault == nil {
		return ""
	}
	return fmt.Sprint(o.Depth, o.Fault.Rule)
}

func events(t *testing.T, x pipelinetest.Exploration) occurrence {
	seen := map[string]bool{}
	x.Rules = append(pipelinetest.Rules(), pipelinetest.Rule{Name: "all is seen", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		if e.Run != "" {
			seen[fmt.Sprint(e.Run, e.Kind, e.Step, s.Runs(), s.Status("r1"), s.Status("r2"), s.Holder("production"))] = true
		}
		return nil
	}})
	got, err := x.Search()
	if err != nil {
		t.Fatal(err)
	}
	if got.Fault != nil {
		clear(seen)
	}
	return occurrence{got, slices.Sorted(maps.Keys(seen))}
}

// randomExploration returns one that a seed decides.
func randomExploration(seed uint64) pipelinetest.Exploration {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 1))}
	x := pipelinetest.Exploration{States: 4000, Runs: 1 + d.IntN(2), Crashes: d.IntN(2), Retries: d.IntN(6) / 5, Overrides: d.IntN(6) / 5}
	x.Cancels, x.Freezes, x.Lapses = d.IntN(3) == 0, d.IntN(6) == 0, d.IntN(6) == 0
	x.Pipeline = named(makesImage, d.step(3))
	return x
}

// Dice make pipelines by chance.
type dice struct {
	*rand.Rand
	n int // steps that were named
}

func (d *dice) step(deep int) pipeline.Step {
	kind := d.IntN(10)
	if deep == 0 {
		kind = d.IntN(4)
	}
	switch kind {
	case 0, 1:
		s := work(d.name())
		s.Retry.Times = d.IntN(2)
		return s
	case 2:
		s := in([]stage.Environment{stagingPlace, productionPlace, {Name: "canary", Tier: stage.Production, Gates: guarded.Gates}}[d.IntN(3)], d.name())
		if d.IntN(2) == 0 { // releases take each other's place
			s.Run = rollout.Full{Via: cluster}
		}
		return s
	case 3:
		g := manager
		g.Name, g.OnReject = d.name(), []pipeline.Otherwise{pipeline.Fail, pipeline.Skip, pipeline.Hold}[d.IntN(3)]
		return pipeline.Sequence{g, work(d.name())}
	case 4, 5:
		return pipeline.Sequence{d.step(deep - 1), d.step(deep - 1)}
	case 6:
		return pipeline.Parallel{d.step(deep - 1), d.step(deep - 1)}
	case 7:
		return pipeline.Graph{FailFast: d.IntN(2) == 0, Max: d.IntN(3), Nodes: []pipeline.Node{
			{Name: "a", Step: d.step(0)}, {Name: "b", Step: d.step(deep - 1)}, {Name: "c", Step: d.step(0), After: []string{"a"}},
		}}
	case 8:
		return pipeline.OnFailure{Of: d.step(deep - 1), Do: d.step(0)}
	}
	return pipeline.Finally{Of: d.step(deep - 1), Do: work(d.name())}
}

func (d *dice) name() string {
	d.n++
	return fmt.Sprint("s", d.n)
}
