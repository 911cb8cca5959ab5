package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAllYieldsEveryStepWithItsPath(t *testing.T) {
	p := shop(
		work("a"),
		Parallel{work("b"), Sequence{work("c"), nil}},
		Graph{Nodes: []Node{{Step: work("d")}, {Name: "x", Step: Sequence{work("e")}}}},
		When{"w", always, work("f")},
		ForEach{"each", regions, func(item string) Step { return work("g-" + item) }, 0},
		OnFailure{Of: work("h"), Do: Finally{Of: work("i"), Do: work("j")}},
		ForEach{"bad", regions, func(item string) Step { panic("no") }, 0},
	)
	var got []string
	for path, s := range p.All() {
		got = append(got, fmt.Sprintf("%s %s %s", path, kindOf(s), Name(s)))
	}
	want := []string{
		"steps Sequence ",
		"steps[0] stage a",
		"steps[1] Parallel ",
		"steps[1][0] stage b",
		"steps[1][1] Sequence ",
		"steps[1][1][0] stage c",
		"steps[1][1][1]  ",
		"steps[2] Graph ",
		"steps[2].nodes[0] stage d",
		"steps[2].nodes[1] Sequence ",
		"steps[2].nodes[1][0] stage e",
		"steps[3] When w",
		"steps[3].do stage f",
		"steps[4] ForEach each",
		"steps[4].body stage g-item",
		"steps[5] OnFailure ",
		"steps[5].of stage h",
		"steps[5].do Finally ",
		"steps[5].do.of stage i",
		"steps[5].do.do stage j",
		"steps[6] ForEach bad",
	}
	if !slices.Equal(got, want) {
		t.Errorf("All() yields\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range p.All() {
		break // a walk can be left
	}
}

func TestAllEndsThoughStepsHoldThemselves(t *testing.T) {
	self := make(Sequence, 2)
	self[0], self[1] = self, self
	var each func(string) Step
	each = func(string) Step { return ForEach{"each", regions, each, 0} }
	for _, p := range []Pipeline{shop(self), shop(each(""))} {
		n := 0
		for range p.All() {
			n++
		}
		if n > maxSteps+1 {
			t.Errorf("All() yields %d steps; want at most %d", n, maxSteps+1)
		}
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("Validate() = %v; want more than what is allowed", err)
		}
		p.Digest()
		_ = p.String()
	}
}

func TestBefore(t *testing.T) {
	gated := Sequence{ask("gate"), work("deploy"), work("bake")}
	for _, test := range []struct {
		name string
		p    Pipeline
		of   string
		want string
	}{
		{"the steps before it in a Sequence", shop(work("a"), work("b"), work("c")), "c", "a b"},
		{"every branch of a Parallel", shop(Parallel{work("a"), Sequence{ask("b"), work("c")}}, work("d")), "d", "a b c"},
		{"not its siblings in a Parallel", shop(work("a"), Parallel{work("b"), work("c")}), "c", "a"},
		{"what a node comes after, near and far", shop(Graph{Nodes: []Node{{Step: work("a")}, {Step: work("b"), After: []string{"a"}}, {Step: work("c"), After: []string{"b"}}, {Step: work("d")}}}), "c", "a b"},
		{"a When, but not what is in it", shop(When{"w", always, work("a")}, work("b")), "b", "w"},
		{"what is in a When with it", shop(When{"w", always, Sequence{work("a"), work("b")}}), "b", "a"},
		{"a ForEach, but not its body", shop(ForEach{"each", regions, func(string) Step { return work("a") }, 0}, work("b")), "b", "each"},
		{"what Of began with, in Do (R5)", shop(work("a"), OnFailure{Of: gated, Do: work("back")}), "back", "a gate"},
		{"not the gate of one branch of two, in Do", shop(OnFailure{Of: Parallel{gated, work("c")}, Do: work("back")}), "back", ""},
		{"the gate in a When that holds the only stages, in Do", shop(OnFailure{Of: When{"w", always, gated}, Do: work("back")}), "back", "gate"},
		{"nodes before every stage of a Graph, in Do", shop(OnFailure{Of: Graph{Nodes: []Node{{Step: ask("g")}, {Step: work("a"), After: []string{"g"}}, {Step: work("b"), After: []string{"a"}}}}, Do: work("back")}), "back", "g"},
		{"not Of, in Do of a Finally", shop(ask("a"), Finally{Of: gated, Do: work("clean")}), "clean", "a"},
		{"both parts of a Finally, after it", shop(Finally{Of: work("a"), Do: work("b")}, work("c")), "c", "a b"},
		{"not the way out, after it", shop(OnFailure{Of: work("a"), Do: work("b")}, work("c")), "c", "a"},
		{"a gate that may be skipped, next to it", shop(optional("g"), work("a")), "a", "g"},
		{"not a gate that may be skipped, further out", shop(Sequence{work("a"), optional("g"), work("b")}, work("c")), "c", "a"},
		{"nothing of a step that is not there", shop(work("a"), work("b")), "c", ""},
		{"nothing of a name used twice", shop(work("a"), work("b"), work("b")), "b", ""},
		{"nothing of no name", shop(work("a"), Sequence{work("b")}), "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for s := range test.p.Before(test.of) {
				got = append(got, Name(s))
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("Before(%q) of %v yields %q; want %q", test.of, test.p, got, test.want)
			}
		})
	}
}
