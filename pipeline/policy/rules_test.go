package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

var (
	a = stage.Environment{Name: "a"}
	b = stage.Environment{Name: "b"}
	c = stage.Environment{Name: "c"}
)

func named(name string, steps ...pipeline.Step) pipeline.Pipeline {
	p := shop(steps...)
	p.Name = name
	return p
}

func TestLockOrder(t *testing.T) { // E1
	// held is to be in one environment before, while and after one is in another.
	held := func(name string, outer, inner stage.Environment) pipeline.Pipeline {
		return named(name, in(outer, "come"), in(inner, "visit"), in(outer, "leave"))
	}
	shared := b
	shared.Shared = true
	for _, tt := range []struct {
		name string
		all  []pipeline.Pipeline
		want string // in the reason
	}{
		{"one order", []pipeline.Pipeline{held("x", a, b), held("y", b, c), held("z", a, c)}, ""},
		{"one after another, never both", []pipeline.Pipeline{named("x", in(a, "one"), in(b, "two")), named("y", in(b, "one"), in(a, "two"))}, ""},
		{"two orders", []pipeline.Pipeline{held("x", a, b), held("y", b, a)},
			`a run of "x" is in "a" since "come", until "leave", and waits for "b" at "visit"; a run of "y" is in "b" since "come", until "leave", and waits for "a" at "visit"`},
		{"two orders, one Shared", []pipeline.Pipeline{held("x", a, shared), held("y", shared, a)}, ""},
		{"three in a circle", []pipeline.Pipeline{held("x", a, b), held("y", b, c), held("z", c, a)}, `a run of "z" is in "c"`},
		{"two runs of one pipeline", []pipeline.Pipeline{named("x", pipeline.Parallel{in(a, "a1"), in(b, "b1")}, in(a, "a2"), in(b, "b2"))},
			`a run of "x" is in "a" since "a1", until "a2", and waits for "b" at "b1"; a run of "x" is in "b" since "b1", until "b2", and waits for "a" at "a1"`},
		{"branches that end by themselves", []pipeline.Pipeline{named("x", pipeline.Parallel{in(a, "a1"), in(b, "b1")})}, ""},
		{"kept by a way out", []pipeline.Pipeline{named("x", pipeline.OnFailure{Of: pipeline.Sequence{in(a, "come"), in(b, "visit")}, Do: in(a, "undo")}), held("y", b, a)},
			`until "undo", and waits for "b"`},
		{"held already", []pipeline.Pipeline{named("x", in(b, "first"), in(a, "come"), in(b, "visit"), in(a, "leave")), held("y", a, c)}, ""},
		{"come by a way out, and then not there", []pipeline.Pipeline{
			named("x", pipeline.Sequence{pipeline.OnFailure{Of: do("try"), Do: in(a, "undo")}, in(b, "visit"), in(a, "leave")}), held("y", b, a),
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := policy.RequireAll(tt.all, policy.LockOrder{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("RequireAll = %v; want %q", err, tt.want)
			}
		})
	}
	if err := (policy.LockOrder{}).Check(held("x", a, b)); err != nil {
		t.Errorf("Check = %v; want nil", err)
	}
}

func TestReachable(t *testing.T) { // G6
	few := approval.Quorum{Need: 2, From: []string{"ada", "bob"}}
	d := deploy(production, "deploy")
	for _, tt := range []struct {
		name   string
		barred int
		p      pipeline.Pipeline
		want   string
	}{
		{"enough people", 1, shop(ask("g", approval.Quorum{From: []string{"ada", "bob"}}), d), ""},
		{"a group", 3, shop(ask("g", two), d), ""},
		{"nobody is barred", 0, shop(ask("g", few), d), ""},
		{"authors may approve", 1, shop(ask("g", approval.Quorum{Need: 2, From: []string{"ada", "bob"}, AllowAuthor: true, AllowStarter: true}), d), ""},
		{"not enough without one", 1, shop(do("x"), ask("g", few), d, do("tell")), `steps[1]: "g": want a gate that can pass; not if ada may not vote: approval: 2 approvals needed from bob, only 1 named; one person approves once, so this can never pass; stages "deploy", "tell" are never begun`},
		{"not enough without two", 2, shop(ask("g", approval.Quorum{Need: 2, From: []string{"ada", "bob", "eve"}}), d), `steps[0]: "g": want a gate that can pass; not if ada and bob may not vote: approval: 2 approvals needed from eve, only 1 named; one person approves once, so this can never pass; stage "deploy" is never begun`},
		{"nobody left", 3, shop(ask("g", few), d), `steps[0]: "g": want a gate that can pass; not if ada and bob may not vote: approval: quorum names nobody who may approve; want Group, From or Anyone; stage "deploy" is never begun`},
		{"in slots", 1, shop(ask("g", approval.Quorum{Slots: []approval.Slot{{From: []string{"ada"}}, {Group: "ops"}}}), d), `steps[0]: "g": want a gate that can pass; not if ada may not vote: approval: slot 1 of 2 names nobody who may approve; want Group, From or Anyone; stage "deploy" is never begun`},
		{"at an environment, once", 1, shop(deploy(guarded(production, few), "one"), deploy(guarded(production, few), "two")), `steps[0]: "one" in "production": want a gate that can pass; not if ada may not vote: approval: 2 approvals needed from bob, only 1 named; one person approves once, so this can never pass; stages "one", "two" are never begun`},
		{"around a condition", 1, shop(when("careful", ask("g", few)), d), `steps[0].do: "g": want a gate that can pass; not if ada may not vote: approval: 2 approvals needed from bob, only 1 named; one person approves once, so this can never pass`},
	} {
		t.Run(tt.name, func(t *testing.T) { wantBroken(t, tt.p, tt.want, policy.Reachable{Barred: tt.barred}) })
	}
	never := shop(ask("g", gate.Any()), do("s1"), do("s2"), do("s3"), do("s4"), do("s5"), do("s6"), do("s7"))
	want := `"s5" and 2 more stages are never begun`
	if err := (policy.Reachable{}).Check(never); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Check = %v; want %q", err, want)
	}
}

func TestSome(t *testing.T) {
	rule := policy.Some(policy.Environments("production"))
	if err := policy.Require(shop(deploy(production, "deploy")), rule); err != nil {
		t.Errorf("Require = %v; want nil", err)
	}
	wantBroken(t, shop(deploy(staging, "stage"), do("x")), `want a stage in one of the environments that the rule is for; the environments are "staging"`, rule)
	wantBroken(t, shop(do("x")), `want a stage in one of the environments that the rule is for; no stage has an environment`, rule)
}

func TestRequireReportsEverything(t *testing.T) {
	x, y := named("x", deploy(production, "one"), deploy(production, "two")), named("y", deploy(production, "three"))
	rules := policy.Rules{policy.Each(inProduction, policy.Approved{}, policy.WayBack{}), policy.LockOrder{}}
	err := policy.RequireAll([]pipeline.Pipeline{x, y}, rules, policy.Func(func(p pipeline.Pipeline) error { return errors.New("no owner") }))
	if got := count(err); got != 8 {
		t.Fatalf("RequireAll finds %d violations; want 8:\n%v", got, err)
	}
	want := `pipeline "y" breaks policies in 3 places:
	steps[0]: "three" in "production": want an approval not by an author or the starter
		way: three begins
	steps[0]: "three" in "production": want a way back; it is in no OnFailure
	no owner`
	if !strings.Contains(err.Error(), want) {
		t.Errorf("RequireAll says\n%v\nwant in it\n%s", err, want)
	}
}

func TestRequireProvesNothingOfMistakes(t *testing.T) {
	bad := pipeline.Pipeline{Name: "Bad"}
	if err := policy.Require(bad); err == nil || err.Error() != bad.Validate().Error() {
		t.Errorf("Require = %v; want what Validate says", err)
	}
	var m *pipeline.Mistake
	if err := policy.RequireAll([]pipeline.Pipeline{bad, bad}); !errors.As(err, &m) {
		t.Errorf("RequireAll = %v; want mistakes", err)
	}
}

// TestRulesOfWhatIsNotValid guards that a rule by itself ends, whatever it is
// asked about.
func TestRulesOfWhatIsNotValid(t *testing.T) {
	self := make(pipeline.Sequence, 2)
	self[0], self[1] = self, deploy(production, "a")
	for _, p := range []pipeline.Pipeline{
		{},
		{Steps: pipeline.Sequence{nil, pipeline.OnFailure{}, pipeline.Finally{}, pipeline.When{}, pipeline.ForEach{}, pipeline.Gate{}, pipeline.Stage{}, deploy(production, "a")}},
		{Steps: pipeline.Sequence{deploy(production, "a"), deploy(production, "a")}},
		{Steps: pipeline.Sequence{graph(node(deploy(production, "a"), "b", "x"), node(deploy(production, "b"), "a"))}},
		{Steps: pipeline.Sequence{pipeline.ForEach{Name: "e", Body: func(item string) pipeline.Step {
			if item != "item" {
				panic("no item")
			}
			return deploy(production, "a")
		}}}},
		{Steps: pipeline.Sequence{pipeline.Finally{Of: graph(node(do("x"), "x")), Do: deploy(production, "a")}}},
		{Steps: self[1:]},
	} {
		for _, r := range []policy.Rule{
			policy.Each(policy.Everywhere, policy.Approved{}, policy.Verified{}, policy.Baked{}, policy.Under(open), policy.WayBack{}, policy.BuiltOnce{}, policy.Alone{}),
			policy.LockOrder{}, policy.Reachable{Barred: 9}, policy.Some(policy.Everywhere),
		} {
			_ = r.Check(p)
		}
		policy.Around(p, "a", func(policy.Mark) bool { return false })
	}
}

// A program lists rules where package pipeline wants something to check.
var (
	_ interface{ Check(pipeline.Pipeline) error } = policy.Rules{}
	_ interface {
		CheckAll([]pipeline.Pipeline) error
	} = policy.Rules{}
)

func TestConditionsDescribeThemselves(t *testing.T) {
	for _, tt := range []struct {
		c    policy.Condition
		want string
	}{
		{policy.Approved{}, "an approval not by an author or the starter"},
		{policy.Approved{Need: 3, AllowStarter: true}, "3 approvals, none by an author"},
		{policy.Approved{Need: 3, AllowAuthor: true}, "3 approvals, none by the starter"},
		{policy.Approved{Group: "ops", AllowAuthor: true, AllowStarter: true}, `an approval from group "ops"`},
		{policy.Verified{In: stage.Testing}, "a verification in tier testing"},
		{policy.Baked{For: time.Hour}, "a bake of 1h0m0s"},
		{policy.Under(two, open), "an environment with gates " + two.Describe() + " and gate.Func"},
		{policy.Not(policy.All(policy.WayBack{}, policy.Alone{})), "not (a way back, and no other stage to change the environment at the same time)"},
	} {
		if got := tt.c.Describe(); got != tt.want {
			t.Errorf("%T.Describe() = %q; want %q", tt.c, got, tt.want)
		}
	}
}

// TestRunnersOfOnesOwn: what is not known to deploy or to go back is said to.
func TestRunnersOfOnesOwn(t *testing.T) {
	push := func(s pipeline.Stage) bool { return strings.HasPrefix(s.Name, "push") }
	rule := policy.Each(inProduction, policy.Verified{Deploys: push})
	if err := policy.Require(shop(in(staging, "push-it"), in(staging, "test"), in(production, "push")), rule); err != nil {
		t.Errorf("Require = %v; want nil", err)
	}
	if err := policy.Require(shop(in(staging, "push-it"), in(production, "push")), rule); err == nil {
		t.Error("Require = nil; want a violation, for nothing is tested")
	}
	beside := shop(pipeline.Parallel{in(production, "push-a"), in(production, "push-b")})
	if err := policy.Require(beside, policy.Each(inProduction, policy.Alone{Deploys: push})); err == nil {
		t.Error("Require = nil; want a violation, for both deploy")
	}
}

func TestANilIsNoProof(t *testing.T) {
	everywhere := policy.Where(policy.Everywhere)
	const amongThem = "a nil among what Each is given; want a Where and conditions"
	for _, tt := range []struct {
		name string
		rule policy.Rule
		want string
	}{
		{"no rule", nil, "a rule that is nil; want a Rule"},
		{"no function", policy.Func(nil), "a rule that is nil; want a Rule"},
		{"no rule among others", policy.Rules{policy.LockOrder{}, nil}, "a rule that is nil; want a Rule"},
		{"for no environments", policy.Each(nil, policy.Verified{}), amongThem},
		{"some of no environments", policy.Some(nil), "a nil is what Some is given; want a Where"},
		{"no condition", policy.Each(everywhere, policy.Verified{}, nil), amongThem},
		{"no condition among several", policy.Each(everywhere, policy.All(policy.Verified{}, nil)), amongThem},
		{"no condition among others that hold", policy.Each(everywhere, policy.Any(policy.Alone{}, nil)), amongThem},
		{"not no condition", policy.Each(everywhere, policy.Not(nil)), amongThem},
		{"not several, one of them none", policy.Each(everywhere, policy.Not(policy.All(nil))), amongThem},
		{"a condition without a function", policy.Each(everywhere, policy.That("anything", nil)), amongThem},
		{"something before without a function", policy.Each(everywhere, policy.After("anything", nil)), amongThem},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := policy.Require(shop(do("test")), tt.rule)
			if want := "pipeline \"shop\" breaks a policy:\n\t" + tt.want; err == nil || err.Error() != want {
				t.Errorf("Require = %v; want %s", err, want)
			}
		})
	}
	for _, c := range []policy.Condition{policy.All(nil), policy.Any(policy.Alone{}, nil), policy.Not(nil), policy.Not(policy.Any(nil))} {
		asked := policy.That("what it is made of", func(at policy.Place) error { return c.Holds(at) })
		err := policy.Require(shop(deploy(production, "deploy")), policy.Each(everywhere, asked))
		if want := "want a Condition; it is nil"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Holds of %s = %v; want %s", c.Describe(), err, want)
		}
	}
}
