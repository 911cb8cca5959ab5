package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

func nothing(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }

func open(context.Context, gate.Request) (gate.Decision, error) { return gate.Passf("open"), nil }

func always(context.Context, Facts) (bool, error) { return true, nil }

func regions(context.Context, Facts) ([]string, error) { return []string{"eu", "us"}, nil }

// work returns a stage that is in order.
func work(name string) Stage { return Stage{Name: name, Run: stage.Func(nothing)} }

// makes returns a stage that produces artifacts.
func makes(name string, artifacts ...string) Stage {
	s := work(name)
	s.Produces = artifacts
	return s
}

// needs returns a stage that consumes artifacts.
func needs(name string, artifacts ...string) Stage {
	s := work(name)
	s.Consumes = artifacts
	return s
}

func ask(name string) Gate { return Gate{Name: name, Require: gate.Func(open)} }

// optional returns a gate that is skipped when rejected.
func optional(name string) Gate {
	g := ask(name)
	g.OnReject = Skip
	return g
}

func with[T any](v T, change func(*T)) T { change(&v); return v }

func in(env stage.Environment, name string) Stage {
	return with(work(name), func(s *Stage) { s.Environment = env })
}

var errCheck = errors.New("no such cluster")

type hook struct {
	stage.Func
	check, describe func()
	err             error
}

func (h hook) Check() error {
	if h.check != nil {
		h.check()
	}
	return h.err
}

func (h hook) Describe() string {
	if h.describe != nil {
		h.describe()
	}
	return "a hook"
}

type badGate struct {
	gate.Func
	err error
}

func (g badGate) Check() error { return g.err }

type foreign struct{ Stage }

func shop(steps ...Step) Pipeline { return Pipeline{Name: "shop", Steps: steps} }

func TestValidateSaysWhatIsWrong(t *testing.T) {
	self := make(Sequence, 1)
	self[0] = self
	long := strings.Repeat("a", 129)
	staging := stage.Environment{Name: "staging"}
	for _, test := range []struct {
		name string
		p    Pipeline
		want string // lines
	}{
		{"nothing at all", Pipeline{}, "name: no name; want lower-case words joined by hyphens\nsteps: no steps; want at least one"},
		{"a name in capitals", Pipeline{Name: "Shop", Steps: Sequence{work("a")}}, `name: name "Shop": want lower-case words joined by hyphens`},
		{"a step name with spaces", shop(work("Go Live")), `steps[0]: stage "Go Live": name "Go Live": want lower-case words joined by hyphens`},
		{"a step name that ends in a hyphen", shop(work("go-")), `steps[0]: stage "go-": name "go-": want lower-case words joined by hyphens`},
		{"a step name that is too long", shop(work(long)), `steps[0]: stage "` + long + `": name of 129 bytes; want at most 128`},
		{"a step without a name", shop(work("")), `steps[0]: stage: no name; want lower-case words joined by hyphens`},
		{"a name used twice", shop(work("a"), Parallel{ask("a"), work("b")}),
			`steps[1][0]: gate "a": name is taken by steps[0]; it is the key of the step's record, so it has to be unique in the pipeline`},
		{"a name in a body that is used outside", shop(work("a"), ForEach{"each", regions, func(string) Step { return work("a") }, 0}),
			`steps[1].body: stage "a": name is taken by steps[0]; it is the key of the step's record, so it has to be unique in the pipeline`},

		{"a nil step", shop(work("a"), nil), `steps[1]: step is nil; want a step`},
		{"nil in an OnFailure", shop(OnFailure{}), "steps[0].of: step is nil; want a step\nsteps[0].do: step is nil; want a step"},
		{"nil in a Finally", shop(Finally{Of: work("a")}), "steps[0].do: step is nil; want a step"},
		{"a pointer to a step", shop(&Stage{Name: "a"}), `steps[0]: step is a *pipeline.Stage; want a pipeline.Stage, not a pointer`},
		{"a step of an unknown kind", shop(foreign{work("a")}), `steps[0]: step is a pipeline.foreign; want a kind of step that is listed at pipeline.Step`},
		{"an empty Sequence", shop(Sequence{}), `steps[0]: Sequence: no steps; want at least one`},
		{"an empty Parallel", shop(Parallel{}), `steps[0]: Parallel: no steps; want at least one`},
		{"an empty Graph", shop(Graph{}), `steps[0]: Graph: no steps; want at least one`},
		{"a Sequence that holds itself", shop(self), `steps` + strings.Repeat("[0]", 1000) + `: Sequence: nested more than 1000 deep; does a step hold itself?`},
		{"a huge pipeline", shop(make(Parallel, 100_001)), `steps: Sequence: more than 100000 steps; does a step hold itself?`},

		{"a stage without Run", shop(Stage{Name: "a"}), `steps[0]: stage "a": no Run; want a stage.Runner`},
		{"a stage whose Run is a nil function", shop(Stage{Name: "a", Run: stage.Func(nil)}), `steps[0]: stage "a": no Run; want a stage.Runner`},
		{"a hook that finds a mistake in itself", shop(Stage{Name: "a", Run: hook{err: errCheck}}), `steps[0]: stage "a": Run: no such cluster`},
		{"a Check that panics", shop(Stage{Name: "a", Run: hook{check: func() { panic("oh") }}}), `steps[0]: stage "a": Run: panic: oh`},
		{"a Describe that panics", shop(Stage{Name: "a", Run: hook{describe: func() { panic("oh") }}}), `steps[0]: stage "a": Run: Describe: panic: oh`},
		{"a mistake of several lines", shop(Stage{Name: "a", Run: hook{err: errors.Join(errCheck, errCheck)}}), "steps[0]: stage \"a\": Run: no such cluster\n\tno such cluster"},
		{"an OnFailure around nothing that is done (R5)", shop(OnFailure{Of: ask("g"), Do: work("a")}), `steps[0]: OnFailure: no stage in Of, so Do is never taken; want a stage there, or no OnFailure`},
		{"a negative Timeout", shop(with(work("a"), func(s *Stage) { s.Timeout = -time.Second })), `steps[0]: stage "a": Timeout of -1s; want 0 or more`},
		{"a Retry out of bounds", shop(with(work("a"), func(s *Stage) { s.Retry = Retry{10_001, -1, -1} })),
			"steps[0]: stage \"a\": Retry.Times of 10001; want 0 to 10000\nsteps[0]: stage \"a\": Retry.Wait of -1ns; want 0 or more\nsteps[0]: stage \"a\": Retry.Most of -1ns; want 0 or more"},
		{"a Retry that waits longer than it may", shop(with(work("a"), func(s *Stage) { s.Retry = Retry{1, time.Hour, 0} })), `steps[0]: stage "a": Retry.Wait of 1h0m0s is more than Retry.Most of 15m0s`},
		{"a Retry without Times", shop(with(work("a"), func(s *Stage) { s.Retry.Wait = time.Second })), `steps[0]: stage "a": Retry has waits but no Times, so it does not retry; want Times of 1 or more`},
		{"an Unknown out of range", shop(with(work("a"), func(s *Stage) { s.Unknown = 7 })), `steps[0]: stage "a": Unknown is 7; want CallAgain or AskPerson`},
		{"a Group that is too long", shop(with(work("a"), func(s *Stage) { s.Group = long })), `steps[0]: stage "a": Group of 129 bytes; want at most 128`},

		{"a gate without Require", shop(Gate{Name: "g"}, work("a")), `steps[0]: gate "g": no Require; want a gate.Gate`},
		{"a gate that never passes (G6)", shop(Gate{Name: "g", Require: badGate{err: errCheck}}, work("a")), `steps[0]: gate "g": Require: no such cluster`},
		{"a part of a gate that never passes (G6)", shop(Gate{Name: "g", Require: gate.All(gate.Func(open), badGate{err: errCheck})}, work("a")), `steps[0]: gate "g": Require: no such cluster`},
		{"a negative Expires", shop(with(ask("g"), func(g *Gate) { g.Expires = -1 }), work("a")), `steps[0]: gate "g": Expires of -1ns; want 0 or more`},
		{"OnReject and OnExpire out of range", shop(with(ask("g"), func(g *Gate) { g.OnReject, g.OnExpire = 3, 4 }), work("a")),
			"steps[0]: gate \"g\": OnReject is 3; want Fail, Skip or Hold\nsteps[0]: gate \"g\": OnExpire is 4; want Fail or Skip"},
		{"a gate that expires into Hold", shop(with(ask("g"), func(g *Gate) { g.Expires, g.OnExpire = 1, Hold }), work("a")),
			`steps[0]: gate "g": OnExpire is Hold; want Fail or Skip: a gate that stays shut has not expired`},
		{"OnExpire of a gate that never does", shop(with(ask("g"), func(g *Gate) { g.OnExpire = Skip }), work("a")), `steps[0]: gate "g": OnExpire without Expires, so it never expires; want a time in Expires`},
		{"a gate that is skipped in a Sequence of its own (G2)", shop(Sequence{optional("g")}, work("a")),
			`steps[0][0]: gate "g": can be skipped, but nothing comes after it in its own Sequence or Graph, so that to skip it is to let all through; want Fail, or what it guards right after it`},
		{"a gate that is skipped in a Graph where nothing comes after it (G2)", shop(Graph{Nodes: []Node{{Step: optional("g")}, {Step: work("a")}}}),
			`steps[0].nodes[0]: gate "g": can be skipped, but nothing comes after it in its own Sequence or Graph, so that to skip it is to let all through; want Fail, or what it guards right after it`},

		{"a When without anything", shop(When{Name: "w"}), "steps[0]: When \"w\": no If; want a condition\nsteps[0].do: step is nil; want a step"},
		{"a ForEach without anything", shop(ForEach{Name: "each", Max: -1}),
			"steps[0]: ForEach \"each\": no Items; want a function\nsteps[0]: ForEach \"each\": Max of -1; want 0 or more\nsteps[0]: ForEach \"each\": no Body; want a function"},
		{"a Body that gives nil", shop(ForEach{"each", regions, func(string) Step { return nil }, 0}), `steps[0].body: step is nil; want a step`},
		{"a Body that panics", shop(ForEach{"each", regions, func(string) Step { panic("no item") }, 0}), `steps[0]: ForEach "each": Body("item"): panic: no item`},
		{"a Body that makes one artifact for all items", shop(ForEach{"each", regions, func(item string) Step { return makes("a", "image", "log-"+item) }, 0}),
			`steps[0].body: stage "a": produces artifact "image" for every item; want the item in its name`},
		{"a Finally with a negative time", shop(Finally{work("a"), work("b"), -1}), `steps[0]: Finally: Within of -1ns; want 0 or more`},

		{"nodes that wait for each other", shop(Graph{Nodes: []Node{{Step: work("x")}, {Step: work("a"), After: []string{"c", "x"}}, {Step: work("b"), After: []string{"a"}}, {Step: work("c"), After: []string{"b"}}, {Step: work("d"), After: []string{"d"}}}}),
			"steps[0]: Graph: nodes wait for each other: a → b → c → a\nsteps[0]: Graph: nodes wait for each other: d → d"},
		{"a node after one that is not there", shop(Graph{Nodes: []Node{{Step: work("build")}, {Step: work("test"), After: []string{"biuld"}}}, Max: -1}),
			"steps[0]: Graph: Max of -1; want 0 or more\nsteps[0]: Graph: node \"test\" comes after \"biuld\", which is not in the Graph; did you mean \"build\"?"},
		{"a node listed twice", shop(Graph{Nodes: []Node{{Step: work("build")}, {Step: work("test"), After: []string{"build", "build"}}}}), `steps[0]: Graph: node "test": After lists "build" twice`},
		{"nodes with one name", shop(Graph{Nodes: []Node{{Step: work("a")}, {Name: "a", Step: work("b")}}}), `steps[0]: Graph: nodes[1]: name "a" is taken by nodes[0]; it has to be unique in the Graph`},
		{"a node without a name", shop(Graph{Nodes: []Node{{Step: Sequence{work("a")}}}}), `steps[0]: Graph: nodes[0]: no name, and none of its step to go by; want a Name`},
		{"a node with a bad name", shop(Graph{Nodes: []Node{{Name: "A b", Step: Sequence{work("a")}}}}), `steps[0]: Graph: nodes[0]: name "A b": want lower-case words joined by hyphens`},

		{"an environment without a name", shop(in(stage.Environment{Shared: true}, "a")), `steps[0]: stage "a": environment without a Name; want one, or no environment`},
		{"an environment with a bad name", shop(in(stage.Environment{Name: "eu/west"}, "a")), `steps[0]: stage "a": environment "eu/west": want a name of letters, digits, dots, hyphens and underscores`},
		{"an environment out of range", shop(in(stage.Environment{Name: "x", Tier: 9, Queue: 9}, "a")),
			"steps[0]: stage \"a\": environment \"x\": Tier is 9; want one of those in package stage\nsteps[0]: stage \"a\": environment \"x\": Queue is 9; want stage.Oldest or stage.Newest"},
		{"gates of an environment that are nil or never pass", shop(in(stage.Environment{Name: "x", Gates: []gate.Gate{nil, badGate{err: errCheck}}}, "a")),
			"steps[0]: stage \"a\": environment \"x\": Gates[0] is nil; want a gate.Gate\nsteps[0]: stage \"a\": environment \"x\": Gates[1]: no such cluster"},
		{"one environment defined in two ways", shop(in(staging, "a"), with(ask("g"), func(g *Gate) { g.Environment = with(staging, func(e *stage.Environment) { e.Shared = true }) }), in(with(staging, func(e *stage.Environment) { e.Gates = []gate.Gate{gate.Func(open)} }), "b")),
			"steps[1]: gate \"g\": environment \"staging\" has another Shared than at steps[0]; want one definition for one name\nsteps[2]: stage \"b\": environment \"staging\" has another list of Gates than at steps[0]; want one definition for one name"},
	} {
		t.Run(test.name, func(t *testing.T) { wantMistakes(t, test.p, test.want) })
	}
}

// wantMistakes compares what Validate says with lines.
func wantMistakes(t *testing.T, p Pipeline, want string) {
	t.Helper()
	err := p.Validate()
	if err == nil {
		t.Fatalf("Validate() = nil; want\n%s", want)
	}
	_, got, _ := strings.Cut(err.Error(), "\n")
	got = strings.ReplaceAll(got, "\n\t", "\n")[1:]
	if got != want {
		t.Errorf("Validate() says\n%s\nwant\n%s", got, want)
	}
}

func TestValidateTakesWhatIsInOrder(t *testing.T) {
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{gate.Func(open)}, Config: map[string]string{"size": "3"}}
	again := production
	again.Gates, again.Config = []gate.Gate{gate.Func(open)}, map[string]string{"size": "3"}
	p := Pipeline{
		Name:  "shop-2",
		Given: []string{"source"},
		Steps: Sequence{
			with(needs("build", "source"), func(s *Stage) { s.Produces, s.Gives = []string{"image"}, []string{"url"} }),
			Graph{Nodes: []Node{
				{Step: work("unit")},
				{Name: "checks", Step: Parallel{work("lint"), work("vet")}},
				{Step: with(needs("sign", "image"), func(s *Stage) { s.Produces = []string{"signature"} }), After: []string{"unit", "checks"}},
			}, Max: 2},
			When{Name: "nightly", If: always, Do: work("load-test")},
			ForEach{Name: "region", Items: regions, Body: func(item string) Step { return needs("copy-"+item, "image") }},
			with(optional("release"), func(g *Gate) {
				g.Subject, g.Takes, g.Environment = []string{"image", "signature"}, []string{"url"}, production
				g.Expires, g.OnExpire = time.Hour, Skip
			}),
			OnFailure{Of: Finally{Of: in(production, "deploy"), Do: work("notify")}, Do: in(again, "roll-back")},
		},
	}
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}

func TestMistakesAreOpenToErrorsIsAndAs(t *testing.T) {
	err := shop(work("a"), Stage{Name: "b", Run: hook{err: errCheck}}, nil).Validate()
	if !errors.Is(err, errCheck) {
		t.Errorf("errors.Is(%v, errCheck) = false; want what Check returned", err)
	}
	var m *Mistake
	if !errors.As(err, &m) || m.Path != "steps[1]" || m.Step != "b" {
		t.Errorf("errors.As gives %+v; want the mistake at steps[1]", m)
	}
	var all *multierror.Error
	if !errors.As(err, &all) || len(all.Errors) != 2 {
		t.Errorf("errors.As gives %v; want all of 2 mistakes", all)
	}
	want := "pipeline \"shop\" has 2 mistakes:\n\tsteps[1]: stage \"b\": Run: no such cluster\n\tsteps[2]: step is nil; want a step"
	if got := err.Error(); got != want {
		t.Errorf("Validate() says\n%s\nwant\n%s", got, want)
	}
}

// layered returns a Graph of layers in which each node comes after every node of
// the layer before, and needs what one of them and one of the first made.
func layered(layers, width, edges int) Pipeline {
	var g Graph
	for l := range layers {
		for w := range width {
			s := makes(fmt.Sprintf("s-%d-%d", l, w), fmt.Sprintf("a-%d-%d", l, w))
			s.Environment = stage.Environment{Name: fmt.Sprint("env-", w%10), Gates: []gate.Gate{gate.Func(open)}, Config: map[string]string{"size": "3"}}
			n := Node{}
			if l > 0 {
				for e := range edges {
					n.After = append(n.After, fmt.Sprintf("s-%d-%d", l-1, (w+e)%width))
				}
				s.Consumes = []string{fmt.Sprintf("a-%d-%d", l-1, w), fmt.Sprintf("a-%d-%d", max(0, l-width), w)}
				if l == 1 {
					s.Consumes = s.Consumes[:1]
				}
				if s.Consumes[0] == s.Consumes[len(s.Consumes)-1] {
					s.Consumes = s.Consumes[:1]
				}
			}
			n.Step = s
			g.Nodes = append(g.Nodes, n)
		}
	}
	return shop(g)
}

func BenchmarkValidate(b *testing.B) {
	for _, size := range []struct{ layers, width, edges int }{{100, 100, 3}, {100, 100, 100}} {
		p := layered(size.layers, size.width, size.edges)
		b.Run(fmt.Sprintf("%dx%dx%d", size.layers, size.width, size.edges), func(b *testing.B) {
			for b.Loop() {
				if err := p.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestValidateIsQuickOverManyMistakes guards that hints do not cost more than
// the rest: each of 5,000 names is unknown and like all of the others.
func TestValidateIsQuickOverManyMistakes(t *testing.T) {
	pad := strings.Repeat("a", 100)
	var all Parallel
	for i := range 5_000 {
		all = append(all, with(makes(fmt.Sprint("s-", i), fmt.Sprint(pad, i)), func(s *Stage) { s.Consumes = []string{fmt.Sprint(pad, i, "-x")} }))
	}
	var m *multierror.Error
	if err := shop(all).Validate(); !errors.As(err, &m) || len(m.Errors) != 5_000 {
		t.Errorf("Validate() finds %d mistakes; want 5000", len(m.Errors))
	}
}
