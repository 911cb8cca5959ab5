package machine

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// shapes are trees of n stages.
var shapes = []struct {
	name  string
	build func(b *Builder, n int)
}{
	{"chain", func(b *Builder, n int) {
		at := b.Add(-1, Node{Kind: Sequence})
		stagesIn(b, at, n)
	}},
	{"fan", func(b *Builder, n int) {
		at := b.Add(-1, Node{Kind: Group})
		stagesIn(b, at, n)
	}},
	{"narrow", func(b *Builder, n int) { // a fan that is taken four at a time
		at := b.Add(-1, Node{Kind: Group, Max: 4})
		stagesIn(b, at, n)
	}},
	{"layers", func(b *Builder, n int) { stagesIn(b, layers(b, -1, n), n) }},
	{"layers-under-a-window", func(b *Builder, n int) { // a pass that lapses is there all the time
		at := b.Add(-1, Node{Kind: Group})
		b.Add(at, Node{Kind: Gate, Name: "window"})
		stagesIn(b, layers(b, at, n), n)
	}},
	{"tree", func(b *Builder, n int) { tree(b, -1, 0, n) }},
	{"environment", func(b *Builder, n int) {
		at := b.Add(-1, Node{Kind: Sequence})
		for i := range n {
			b.Add(at, Node{Kind: Stage, Name: fmt.Sprint("s", i), Environment: "prod", Exclusive: true})
		}
	}},
}

func stagesIn(b *Builder, at int32, n int) {
	for i := range n {
		b.Add(at, Node{Kind: Stage, Name: fmt.Sprint("s", i)})
	}
}

// layers adds a graph for n nodes in layers of ten, each of which comes after
// three of the layer before.
func layers(b *Builder, parent int32, n int) int32 {
	g := Node{Kind: Group, After: make([][]int32, n), Needs: make([]int32, n)}
	for i := 10; i < n; i++ {
		for k := range 3 {
			before := i/10*10 - 10 + (i+k)%10
			g.After[before] = append(g.After[before], int32(i))
			g.Needs[i]++
		}
	}
	return b.Add(parent, g)
}

// tree adds Sequences of two halves, the first of which is a Parallel of two.
func tree(b *Builder, parent int32, from, n int) {
	if n == 1 {
		b.Add(parent, Node{Kind: Stage, Name: fmt.Sprint("s", from)})
		return
	}
	kind := Sequence
	if parent >= 0 && b.node(parent).Kind == Sequence {
		kind = Group
	}
	at := b.Add(parent, Node{Kind: kind})
	tree(b, at, from, n/2)
	tree(b, at, from+n/2, n-n/2)
}

// take takes a run to its end with hooks that return in the order called, and
// returns its journal.
func take(p *Program, env *Environment, events []journal.Event) []journal.Event {
	m := New("run-1", p)
	now := epoch
	put := func(e journal.Event) {
		e.Epoch = m.Epoch
		if e.Kind == journal.Claimed {
			e.Epoch++
		}
		events = append(events, e)
		if err := m.Apply(&events[len(events)-1]); err != nil {
			panic(err)
		}
	}
	put(journal.Event{Time: now, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop"}})
	put(journal.Event{Time: now, Kind: journal.Claimed, By: "x"})
	var calls []int32
	for !m.Status.Done() {
		c := m.Pop(now)
		switch c.Do {
		case Call:
			put(m.Called(c.Node, now))
			calls = append(calls, c.Node)
		case Ask:
			m.Asked(c.Node, c.Ticket)
			put(journal.Event{Time: now, Kind: journal.Passed, Step: m.Node(c.Node).Name, Data: &journal.Pass{Lapses: now.AddDate(0, 0, 1)}})
		case Enter:
			run, _ := m.Entering(c.Node, env, now)
			put(run[0])
		case Leave:
			run, _ := m.Leaving(env, now)
			put(run[0])
		case Finish:
			put(m.Finished(now))
		case None:
			put(m.Returned(calls[0], stage.Output{}, nil, "", now))
			calls = calls[1:]
		default:
			panic(c.Do)
		}
	}
	return events
}

// BenchmarkRun measures what a stage costs in the machine: to call it and to
// take what it returned. It must not grow with the number of stages.
func BenchmarkRun(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{100, 1000, 10_000} {
			p := Build("shop", artifact.Digest{}, func(b *Builder) { shape.build(b, n) })
			events := make([]journal.Event, 0, 2*n+8)
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					take(p, &Environment{Name: "prod"}, events[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/stage")
			})
		}
	}
}

// BenchmarkFold measures what an event costs to read again.
func BenchmarkFold(b *testing.B) {
	for _, shape := range shapes {
		for _, n := range []int{100, 10_000} {
			p := Build("shop", artifact.Digest{}, func(b *Builder) { shape.build(b, n) })
			events := take(p, &Environment{Name: "prod"}, nil)
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Fold("run-1", events, func(string, artifact.Digest) *Program { return p }); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
			})
		}
	}
}

// BenchmarkBuild measures what a node costs to compile.
func BenchmarkBuild(b *testing.B) {
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Build("shop", artifact.Digest{}, func(b *Builder) { shape.build(b, 10_000) })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/node")
		})
	}
}
