package pipeline

import (
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

func TestValidateFollowsArtifactsAndValues(t *testing.T) {
	build, use := makes("build", "image"), needs("use", "image")
	lacks := func(path, why string) string {
		return path + `: stage "use": needs artifact "image", which stage "build" at ` + why
	}
	for _, test := range []struct {
		name string
		p    Pipeline
		want string // lines; empty if all is in order
	}{
		{"produced before", shop(build, use), ""},
		{"produced in a Sequence before", shop(Sequence{Sequence{build}}, Parallel{use, work("b")}), ""},
		{"produced by the trigger", Pipeline{Name: "shop", Given: []string{"image"}, Steps: Sequence{use}}, ""},
		{"produced by no step", shop(makes("build", "image", "log"), needs("use", "imgae")), `steps[1]: stage "use": needs artifact "imgae", which no step produces; did you mean "image"?`},
		{"produced by no step, and nothing is like it", shop(makes("build", "image", "log"), needs("use", "signature")), `steps[1]: stage "use": needs artifact "signature", which no step produces; there is "image", "log"`},
		{"produced by itself", shop(with(build, func(s *Stage) { s.Consumes = []string{"image"} })), `steps[0]: stage "build": needs artifact "image", which stage "build" at steps[0] itself produces`},
		{"produced later", shop(use, build), lacks("steps[0]", "steps[1] produces later; want it to come before")},
		{"produced by a sibling (R4)", shop(Parallel{build, use}), lacks("steps[0][1]", "steps[0][0] produces at the same time; want it to come before")},
		{"produced in a When (R8)", shop(When{"nightly", always, build}, use), lacks("steps[1]", `steps[0].do produces only if "nightly" is taken; want both in one When`)},
		{"produced and needed in one When", shop(When{"nightly", always, Sequence{build, use}}), ""},
		{"produced in a ForEach (R8a)", shop(ForEach{"each", regions, func(item string) Step { return makes("build", "image-"+item) }, 0}, needs("use", "image-item")),
			`steps[1]: stage "use": needs artifact "image-item", which stage "build" at steps[0].body produces only if "each" has that item; want both in its Body`},
		{"produced and needed for one item", shop(ForEach{"each", regions, func(item string) Step { return Sequence{makes("build", "image-"+item), needs("use", "image-"+item)} }, 0}), ""},
		{"produced by Of, needed by Do (R5)", shop(OnFailure{Of: build, Do: use}), lacks("steps[0].do", "steps[0].of may have failed to produce; want it to come before Of")},
		{"produced by Of, needed after", shop(OnFailure{Of: build, Do: work("undo")}, use), ""},
		{"produced by the way out", shop(OnFailure{Of: work("a"), Do: build}, use), lacks("steps[1]", "steps[0].do produces only if something fails; want it to come before")},
		{"produced by Of of a Finally, needed by its Do (R5)", shop(Finally{Of: build, Do: use}), lacks("steps[0].do", "steps[0].of may have failed to produce; want it to come before Of")},
		{"produced by Do of a Finally", shop(Finally{Of: work("a"), Do: build}, use), ""},
		{"produced by Do, needed by Of", shop(Finally{Of: use, Do: build}), lacks("steps[0].of", "steps[0].do produces later; want it to come before")},
		{"produced after a gate that may be skipped", shop(Sequence{optional("g"), build}, use), lacks("steps[1]", `steps[0][1] produces only if gate "g" is not skipped; want both after it`)},
		{"produced before a gate that may be skipped", shop(Sequence{build, optional("g"), work("a")}, use), ""},
		{"produced and needed after it", shop(Sequence{optional("g"), build, use}), ""},

		{"produced by a node that this one comes after", shop(Graph{Nodes: []Node{{Step: build}, {Step: work("a"), After: []string{"build"}}, {Step: use, After: []string{"a"}}}}), ""},
		{"produced by a node that this one does not come after", shop(Graph{Nodes: []Node{{Step: build}, {Step: use}}}), lacks("steps[0].nodes[1]", `steps[0].nodes[0] produces, but node "use" does not come after node "build"; list it in After`)},
		{"produced deep in a node", shop(Graph{Nodes: []Node{{Name: "make", Step: Parallel{build, work("a")}}, {Name: "ship", Step: Sequence{use}, After: []string{"make"}}}}), ""},
		{"produced in a node after a gate that may be skipped", shop(Graph{Nodes: []Node{{Step: optional("g")}, {Step: work("a"), After: []string{"g"}}, {Step: build, After: []string{"a"}}}}, use),
			lacks("steps[1]", `steps[0].nodes[2] produces only if gate "g" is not skipped; want both after it`)},
		{"a cycle hides what flows over it", shop(Graph{Nodes: []Node{{Step: work("a"), After: []string{"use"}}, {Step: build}, {Step: use, After: []string{"a"}}}}),
			"steps[0]: Graph: nodes wait for each other: a → use → a"},

		{"needed by a gate", shop(with(ask("g"), func(g *Gate) { g.Subject, g.Takes = []string{"image"}, []string{"url"} })),
			"steps[0]: gate \"g\": needs artifact \"image\", which no step produces\nsteps[0]: gate \"g\": needs value \"url\", which no step produces"},
		{"values flow as artifacts do", shop(When{"nightly", always, with(work("a"), func(s *Stage) { s.Gives = []string{"url"} })}, with(work("b"), func(s *Stage) { s.Takes = []string{"url"} })),
			`steps[1]: stage "b": needs value "url", which stage "a" at steps[0].do produces only if "nightly" is taken; want both in one When`},
		{"an artifact is no value", shop(build, with(work("b"), func(s *Stage) { s.Takes = []string{"image"} })), `steps[1]: stage "b": needs value "image", which no step produces`},

		{"produced twice", shop(build, makes("again", "image")), `steps[1]: stage "again": produces artifact "image", as stage "build" at steps[0] does; want a name of its own for each`},
		{"produced though the trigger brings it", Pipeline{Name: "shop", Given: []string{"image"}, Steps: Sequence{build}}, `steps[0]: stage "build": produces artifact "image", which the trigger brings; take it out of Given or give it another name`},
		{"given twice, and by a bad name", Pipeline{Name: "shop", Given: []string{"a", "a", "b/c"}, Steps: Sequence{build}},
			"given[1]: artifact \"a\" is listed at given[0] already\ngiven[2]: " + (artifact.Artifact{Name: "b/c"}).Check().Error()},
		{"listed twice", shop(makes("build", "image", "image"), needs("use", "image", "image")),
			"steps[0]: stage \"build\": lists artifact \"image\" twice\nsteps[1]: stage \"use\": lists artifact \"image\" twice"},
		{"names that cannot be", shop(makes("build", ""), with(work("a"), func(s *Stage) { s.Gives = []string{"a\nb"} })),
			"steps[0]: stage \"build\": " + (artifact.Artifact{}).Check().Error() + "\nsteps[1]: stage \"a\": value \"a\\nb\": want a name of 1 to 128 bytes without control characters"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want != "" {
				wantMistakes(t, test.p, test.want)
			} else if err := test.p.Validate(); err != nil {
				t.Errorf("Validate() = %v; want nil", err)
			}
		})
	}
}

// apart is a gate that cannot pass together with another of its kind.
type apart struct{ gate.Func }

func (apart) CheckWith(before []gate.Gate) error {
	for _, g := range before {
		if _, ok := g.(apart); ok {
			return errCheck
		}
	}
	return nil
}

func TestValidateChecksGatesTogether(t *testing.T) { // G6
	g := apart{open}
	production := stage.Environment{Name: "production", Gates: []gate.Gate{g}}
	deploy, first, second := in(production, "deploy"), Gate{Name: "first", Require: g}, Gate{Name: "second", Require: g}
	for _, test := range []struct {
		name string
		p    Pipeline
		want string
	}{
		{"a gate and those of the environment", shop(first, deploy), `steps[1]: stage "deploy": the gates that guard it: no such cluster`},
		{"two gates in a row", shop(first, second, work("a")), `steps[2]: stage "a": the gates that guard it: no such cluster`},
		{"once for all stages they guard", shop(first, Parallel{deploy, in(production, "deploy-2")}), `steps[1][0]: stage "deploy": the gates that guard it: no such cluster`},
		{"a gate around the Sequence", shop(first, Sequence{second, work("a")}), `steps[1][1]: stage "a": the gates that guard it: no such cluster`},
		{"a node after two gates", shop(Graph{Nodes: []Node{{Step: first}, {Step: second}, {Step: work("a"), After: []string{"first", "second"}}}}),
			`steps[0].nodes[2]: stage "a": the gates that guard it: no such cluster`},
		{"a stage between them", shop(first, work("a"), deploy), ""},
		{"a way out, which no gate bars (R5)", shop(first, OnFailure{Of: work("a"), Do: deploy}), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want != "" {
				wantMistakes(t, test.p, test.want)
			} else if err := test.p.Validate(); err != nil {
				t.Errorf("Validate() = %v; want nil", err)
			}
		})
	}
}
