package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// grown returns a random pipeline. Each stage and gate says something of itself
// and may be in an environment.
func grown(t *rapid.T) Pipeline {
	g := &grower{t: t, left: 8}
	p := shop(g.step(0))
	for g.left > 0 {
		p.Steps = append(p.Steps, g.step(0))
	}
	p.Steps = rewrite(p.Steps, func(s Stage) Stage {
		s.Run = describedRunner{nothing, described("does " + s.Name)}
		switch rapid.IntRange(0, 3).Draw(t, "environment") {
		case 0:
			s.Environment = stage.Environment{Name: "staging", Tier: stage.Staging}
		case 1:
			s.Environment = stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{describedGate{open, "no freeze"}}}
		}
		return s
	}).(Sequence)
	return p
}

// edits change a definition at one place.
var edits = map[string]func(t *rapid.T, p *Pipeline){
	"another step order": func(t *rapid.T, p *Pipeline) {
		p.Steps = slices.Clone(p.Steps)
		i := rapid.IntRange(0, len(p.Steps)-1).Draw(t, "from")
		j := rapid.IntRange(0, len(p.Steps)-1).Draw(t, "to")
		p.Steps[i], p.Steps[j] = p.Steps[j], p.Steps[i]
	},
	"one step less": func(t *rapid.T, p *Pipeline) {
		i := rapid.IntRange(0, len(p.Steps)-1).Draw(t, "at")
		p.Steps = slices.Delete(slices.Clone(p.Steps), i, i+1)
	},
	"one step more": func(t *rapid.T, p *Pipeline) {
		i := rapid.IntRange(0, len(p.Steps)).Draw(t, "at")
		add := rapid.SampledFrom([]Step{ask("extra"), work("extra"), in(stage.Environment{Name: "production", Tier: stage.Production}, "extra")}).Draw(t, "step")
		p.Steps = slices.Insert(slices.Clone(p.Steps), i, add)
	},
	"a group": func(t *rapid.T, p *Pipeline) {
		i := rapid.IntRange(0, len(p.Steps)-1).Draw(t, "at")
		p.Steps = slices.Clone(p.Steps)
		p.Steps[i] = rapid.SampledFrom([]Step{
			Sequence{p.Steps[i]}, Parallel{p.Steps[i]}, Graph{Nodes: []Node{{Name: "one", Step: p.Steps[i]}}},
			When{"maybe", always, p.Steps[i]}, OnFailure{p.Steps[i], work("back")}, Finally{p.Steps[i], work("tell"), 0},
		}).Draw(t, "group")
	},
	"no groups": func(t *rapid.T, p *Pipeline) {
		var flat Sequence
		for _, s := range p.All() {
			switch s.(type) {
			case Stage, Gate:
				flat = append(flat, s)
			}
		}
		p.Steps = flat
	},
	"another stage": func(t *rapid.T, p *Pipeline) {
		n, at := 0, rapid.IntRange(0, 3).Draw(t, "stage")
		change := rapid.SampledFrom([]func(*Stage){
			func(s *Stage) { s.Name += "-2" },
			func(s *Stage) { s.Run = describedRunner{nothing, "another"} },
			func(s *Stage) { s.Environment = stage.Environment{Name: "testing", Tier: stage.Testing} },
			func(s *Stage) { s.Produces = []string{"image"} },
			func(s *Stage) { s.Consumes = []string{"image"} },
			func(s *Stage) { s.Gives = []string{"url"} },
			func(s *Stage) { s.Takes = []string{"url"} },
			func(s *Stage) { s.Timeout = time.Hour },
		}).Draw(t, "change")
		p.Steps = rewrite(p.Steps, func(s Stage) Stage {
			if n++; n-1 == at {
				change(&s)
			}
			return s
		}).(Sequence)
	},
	"another production": func(t *rapid.T, p *Pipeline) {
		change := rapid.SampledFrom([]func(*stage.Environment){
			func(e *stage.Environment) { e.Name = "live" },
			func(e *stage.Environment) { e.Tier = stage.Undeclared },
			func(e *stage.Environment) { e.Gates = nil },
			func(e *stage.Environment) { e.Queue = stage.Newest },
			func(e *stage.Environment) { e.Shared = true },
			func(e *stage.Environment) { e.Config = map[string]string{"size": "3"} },
		}).Draw(t, "change")
		p.Steps = rewrite(p.Steps, func(s Stage) Stage {
			if s.Environment.Name == "production" {
				change(&s.Environment)
			}
			return s
		}).(Sequence)
	},
}

func count(c Changes, e Effect) (n int) {
	for _, d := range c {
		if d.Effect == e {
			n++
		}
	}
	return n
}

func TestDiffOfRandomEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := grown(t)
		q := p
		names := []string{}
		for name := range edits {
			names = append(names, name)
		}
		slices.Sort(names)
		var done []string
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			name := rapid.SampledFrom(names).Draw(t, "edit")
			if len(q.Steps) > 0 {
				edits[name](t, &q)
				done = append(done, name)
			}
		}
		if got := Diff(q, q); got != nil {
			t.Fatalf("Diff of %v and itself =\n%v\nwant nothing", q, got)
		}
		there, back := Diff(p, q), Diff(q, p)
		if p.Digest() != q.Digest() && (len(there) == 0 || len(back) == 0) {
			t.Fatalf("Diff of %v and %v, which have different digests, = %q, and back %q; want changes", p, q, there, back)
		}
		if count(there, Weaker) != count(back, Stronger) || count(there, Stronger) != count(back, Weaker) {
			t.Fatalf("after %v, Diff of %v\nand %v =\n%v\n\nand back\n%v\n\nwant what is weaker there to be stronger back", done, p, q, there, back)
		}
		for _, d := range there {
			if !slices.Contains(aspects, d.Kind) || d.Text == "" || strings.ContainsAny(d.Text, "\n\r") || strings.Contains(d.Text, "%!") || strings.Contains(d.Text, "  ") {
				t.Fatalf("Diff of %v and %v has %+v; want a known kind and one line of text", p, q, d)
			}
		}
		if again := Diff(p, q); fmt.Sprint(again) != fmt.Sprint(there) {
			t.Fatalf("Diff = %v, and then %v; want the same", there, again)
		}
	})
}

func TestWhatIsWatchedIsWhatIsBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := grown(t)
		o := outlineOf(p.Steps)
		var at [64]int32
		bit := map[string]int{}
		for k := range at {
			at[k] = -1
		}
		for i := range o.places {
			switch o.places[i].step.(type) {
			case Stage, Gate:
				at[len(bit)] = int32(i)
				bit[Name(o.places[i].step)] = len(bit)
			}
		}
		w := newWatch(o)
		for range 2 { // it can be asked again
			w.look(at)
		}
		for name, k := range bit {
			var want uint64
			for s := range p.Before(name) {
				if b, leaf := bit[Name(s)]; leaf {
					want |= 1 << b
				}
			}
			if got := w.before[at[k]]; got != want {
				t.Fatalf("%v: before %q are leaves %b; Before says %b", p, name, got, want)
			}
		}
	})
}
