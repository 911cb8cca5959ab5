package policy_test

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
)

func TestWaysAsTheyAreRead(t *testing.T) {
	var many pipeline.Sequence
	for i := range 40 {
		many = append(many, do(fmt.Sprint("s", i)))
	}
	last := do("last")
	optionalFirst := graph(node(optional("maybe", open)), node(do("more"), "maybe"), node(do("other")))
	for _, tt := range []struct {
		name string
		p    pipeline.Pipeline
		want string
	}{
		{"few steps", shop(many[:13:13], last), "s0 → s1 → s2 → s3 → s4 → s5 → s6 → s7 → s8 → s9 → s10 → s11 → s12 → last begins"},
		{"many steps", shop(many, last), "s0 → s1 → s2 → s3 → s4 → s5 → s6 → … 27 more … → s34 → s35 → s36 → s37 → s38 → s39 → last begins"},
		{"all branches, one after another", shop(pipeline.Parallel{many[0], many[1]}, last), "s0 → s1 → last begins"},
		{"all nodes, in their order", shop(graph(node(many[0], "s1"), node(many[1])), last), "s1 → s0 → last begins"},
		{"without what is skipped", shop(optionalFirst, last), "maybe is skipped → other → last begins"},
		{"to a gate", shop(many[0], ask("last", open), many[1]), "s0 → last is reached"},
		{"into a loop", shop(pipeline.ForEach{Name: "each", Items: some, Body: func(string) pipeline.Step { return last }}), "each has an item → last begins"},
		{"past a gate that stays shut", shop(pipeline.Finally{Of: pipeline.Gate{Name: "g", Require: open, OnReject: pipeline.Hold}, Do: last}), "g is canceled → last begins"},
		{"past a graph", shop(pipeline.Finally{Of: graph(node(many[0], "s1"), node(many[1])), Do: last}), "s1 fails → last begins"},
		{"past a condition", shop(pipeline.Finally{Of: when("w", many[0]), Do: last}), "w is not taken → last begins"},
	} {
		if way, ok := policy.Around(tt.p, "last", func(policy.Mark) bool { return false }); !ok || way.String() != tt.want {
			t.Errorf("%s: the way is %v, %v; want %v", tt.name, way, ok, tt.want)
		}
	}
	if way, ok := policy.Around(shop(last), "lsat", func(policy.Mark) bool { return false }); ok {
		t.Errorf("Around a step that is not there = %v; want none", way)
	}
}

// TestAroundWhatMustNotBegin: the way leaves out what is good, so a step that must not
// have been begun is canceled.
func TestAroundWhatMustNotBegin(t *testing.T) {
	p := shop(pipeline.Finally{Of: do("deploy"), Do: do("last")})
	way, _ := policy.Around(p, "last", func(m policy.Mark) bool { return pipeline.Name(m.Step) == "deploy" })
	if got, want := way.String(), "deploy is canceled → last begins"; got != want {
		t.Errorf("the way is %v; want %v", got, want)
	}
}
