package pipeline

import (
	"strings"
	"testing"
)

func TestStringDrawsEachKindOfStep(t *testing.T) {
	self := make(Sequence, 1)
	self[0] = self
	for _, test := range []struct {
		p    Pipeline
		want string
	}{
		{shop(), "shop: "},
		{shop(work("a"), ask("g"), work("b")), "shop: a → ⟨g⟩ → b"},
		{shop(Parallel{work("a"), Sequence{work("b"), work("c")}}), "shop: (a ∥ (b → c))"},
		{shop(Graph{Nodes: []Node{{Step: work("a")}, {Step: work("b")}, {Name: "both", Step: Parallel{work("c"), work("d")}, After: []string{"a", "b"}}}}), "shop: {a, b, both=(c ∥ d) ← a b}"},
		{shop(When{"nightly", always, work("a")}), "shop: nightly?a"},
		{shop(ForEach{"region", regions, func(item string) Step { return Sequence{work("copy-" + item), work("check")} }, 0}), "shop: region*(copy-item → check)"},
		{shop(OnFailure{Of: Sequence{work("a"), work("b")}, Do: work("c")}), "shop: [(a → b) ⤺ c]"},
		{shop(Finally{Of: work("a"), Do: work("b")}), "shop: [a ⇥ b]"},
		{shop(nil, &Stage{Name: "a"}), "shop: nil → *pipeline.Stage"},
		{shop(self), "shop: " + strings.Repeat("(", 1000) + strings.Repeat(")", 1000) + " …"},
	} {
		if got := test.p.String(); got != test.want {
			t.Errorf("String() = %q; want %q", got, test.want)
		}
	}
}
