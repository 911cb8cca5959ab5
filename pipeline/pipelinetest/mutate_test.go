package pipelinetest_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// everything has all that a mutant can be made of.
func everything() pipeline.Pipeline {
	never := func(context.Context, pipeline.Facts) (bool, error) { return false, errors.New("asked") }
	none := func(context.Context, pipeline.Facts) ([]string, error) { return nil, errors.New("asked") }
	image := []string{"image"}
	office := window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "09:00", To: "17:00"}
	freeze := window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-12-20", To: "2027-01-04"}, {From: "2027-05-01 12:00"}}}
	lunch := window.Weekly{Zone: "UTC", Days: window.Fri | window.Mon, From: "12:00", To: "13:00"}
	staging := stage.Environment{Name: "staging", Tier: stage.Staging, Queue: stage.Newest, Gates: []gate.Gate{
		window.Inside(window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "06:00"}),
	}}
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{
		window.Outside(freeze),
		gate.Any(window.Inside(window.All(office, window.Not(window.Any(lunch, freeze)))), approval.Quorum{Anyone: true}),
	}}
	at := func(e stage.Environment, name string, run stage.Runner) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: run, Environment: e, Consumes: image}
	}
	return pipeline.Pipeline{Name: "everything", Steps: pipeline.Sequence{
		pipeline.Parallel{
			pipeline.Stage{Name: "build", Run: must, Produces: []string{"image", "log"}, Gives: []string{"url"}},
			pipeline.Stage{Name: "lint", Run: must, Timeout: time.Minute, Group: "linters", Unknown: pipeline.AskPerson},
		},
		pipeline.Graph{FailFast: true, Max: 2, Nodes: []pipeline.Node{
			{Step: at(staging, "stage", rollout.Full{Via: cluster})},
			{Step: at(staging, "smoke", must), After: []string{"stage"}},
			{Name: "loads", Step: pipeline.Sequence{at(staging, "load", must)}, After: []string{"smoke", "stage"}},
		}},
		pipeline.Gate{
			Name: "release", Environment: production, Subject: image, Takes: []string{"url"}, Expires: time.Hour,
			Require: gate.All(
				approval.Quorum{MaxAge: time.Hour, Veto: true, Slots: []approval.Slot{{Need: 2, Group: "managers"}, {From: []string{"ann", "ben"}}}},
				window.Fits{For: 2 * time.Hour, In: office},
				&approval.Quorum{Need: 3, Group: "testers", AllowAuthor: true, AllowStarter: true},
			),
		},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				at(production, "canary", rollout.Canary{Via: cluster, Traffic: 10}),
				at(production, "bake", bake.Watch{For: time.Hour, Every: time.Minute, Tolerate: 1, Metrics: []bake.Metric{
					{Name: "errors", Source: prometheus, Want: bake.AtMost(0).TimesBaseline(1), MinCount: 40},
					{Name: "orders", Source: prometheus, Want: bake.Between(10, 100)},
				}}),
				at(production, "everybody", rollout.Full{Via: cluster}),
			},
			Do: at(production, "back", &rollout.Back{Via: cluster}),
		},
		pipeline.Finally{
			Of: pipeline.When{Name: "public", If: never, Do: pipeline.Stage{Name: "announce", Run: must}},
			Do: pipeline.ForEach{Name: "each", Items: none, Max: 1, Body: func(item string) pipeline.Step {
				return pipeline.Stage{Name: "clean", Run: must, Environment: stage.Environment{Name: "test-" + item, Tier: stage.Testing}}
			}},
		},
	}}
}

func whats(mutants []pipelinetest.Mutant) (all []string) {
	for _, m := range mutants {
		all = append(all, m.What)
	}
	return all
}

// TestMutantsOfEverything tells which mutants are made, in order, and what Diff
// finds that was done.
func TestMutantsOfEverything(t *testing.T) {
	const file = "testdata/mutants.txt"
	made := pipelinetest.Mutation{Pipeline: everything()}.Mutants()
	var lines strings.Builder
	for _, m := range made.Mutants {
		lines.WriteString(m.String() + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(lines.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), lines.String()); diff != "" {
		t.Errorf("other mutants are made than %s says (-want +got):\n%s", file, diff)
	}
	if made.Refused == 0 || made.Same == 0 {
		t.Errorf("%d refused, %d the same; want some of each, which shows that they are counted", made.Refused, made.Same)
	}
}

func TestEachMutantIsAPipelineOfItsOwn(t *testing.T) {
	original := everything()
	seen := map[string]bool{}
	for _, m := range (pipelinetest.Mutation{Pipeline: original}).Mutants().Mutants {
		if err := m.Pipeline.Validate(); err != nil {
			t.Errorf("%s: %v", m.What, err)
		}
		if len(m.Changes) == 0 {
			t.Errorf("%s: Diff finds nothing; want what changed", m.What)
		}
		if seen[m.What] {
			t.Errorf("%q twice; want a name for each", m.What)
		}
		seen[m.What] = true
	}
	fresh := everything()
	if changes := pipeline.Diff(fresh, original); len(changes) > 0 || fresh.Digest() != original.Digest() {
		t.Errorf("making mutants changed the pipeline: %v", changes)
	}
}

func TestMutantsAreTheSameEachTime(t *testing.T) {
	first := pipelinetest.Mutation{Pipeline: everything()}.Mutants()
	for range 3 {
		again := pipelinetest.Mutation{Pipeline: everything()}.Mutants()
		if diff := cmp.Diff(whats(first.Mutants), whats(again.Mutants)); diff != "" {
			t.Fatalf("other mutants than before (-before +now):\n%s", diff)
		}
		for i, m := range again.Mutants {
			if m.Pipeline.Digest() != first.Mutants[i].Pipeline.Digest() {
				t.Errorf("%s has another digest than before", m.What)
			}
		}
	}
}

// The body of a ForEach is changed for each item, and so are environments that
// are named after the item.
func TestAMutantOfAForEachIsOneForEachItem(t *testing.T) {
	made := pipelinetest.Mutation{Pipeline: everything()}.Mutants().Mutants
	for what, wrong := range map[string]func(pipeline.Stage) bool{
		"environment test-item: runs overlap there":                   func(s pipeline.Stage) bool { return !s.Environment.Shared },
		"stage clean: its environment test-item is dropped":           func(s pipeline.Stage) bool { return s.Environment.Name != "" },
		"environment test-item: is declared development, not testing": func(s pipeline.Stage) bool { return s.Environment.Tier != stage.Development },
	} {
		i := slices.Index(whats(made), what)
		if i < 0 {
			t.Fatalf("no mutant %q", what)
		}
		for _, s := range made[i].Pipeline.All() {
			each, ok := s.(pipeline.ForEach)
			if !ok {
				continue
			}
			for _, item := range []string{"eu", "us"} {
				if got := each.Body(item).(pipeline.Stage); wrong(got) {
					t.Errorf("%s: for %q it is %+v", what, item, got)
				}
			}
		}
	}
}

// A ready is a gate of somebody's own.
type ready struct{ all bool }

func (r ready) Decide(context.Context, gate.Request) (gate.Decision, error) {
	return gate.Decision{}, nil
}

func (r ready) Describe() string {
	if r.all {
		return "all teams are ready"
	}
	return "a team is ready"
}

// A checks is a hook of somebody's own.
type checks struct {
	stage.Runner
	strict bool
}

func (c checks) Describe() string {
	if c.strict {
		return "strict checks"
	}
	return "checks"
}

func TestHooksOfOnesOwnHaveMutants(t *testing.T) {
	production := productionPlace
	production.Gates = []gate.Gate{ready{all: true}}
	m := pipelinetest.Mutation{
		Pipeline: named(
			pipeline.Gate{Name: "go", Require: gate.All(ready{all: true}, approval.Quorum{Anyone: true})},
			pipeline.Stage{Name: "deploy", Run: checks{must, true}, Environment: production},
		),
		Gates: func(g gate.Gate) []pipelinetest.Variant[gate.Gate] {
			if g, ok := g.(ready); ok && g.all {
				return []pipelinetest.Variant[gate.Gate]{{What: "one team is enough", Instead: ready{}}}
			}
			return nil
		},
		Runners: func(r stage.Runner) []pipelinetest.Variant[stage.Runner] {
			if r, ok := r.(checks); ok && r.strict {
				return []pipelinetest.Variant[stage.Runner]{{What: "is not strict", Instead: checks{Runner: r.Runner}}}
			}
			return nil
		},
	}
	got := whats(m.Mutants().Mutants)
	for _, want := range []string{"gate go: one team is enough", "stage deploy: is not strict", "environment production: one team is enough"} {
		if !slices.Contains(got, want) {
			t.Errorf("mutants %q; want %q among them", got, want)
		}
	}
}

func TestAHalfBakeIsABake(t *testing.T) {
	short, whole := watch(time.Minute, time.Minute), watch(time.Hour, time.Minute)
	whole.MinSamples = 60 // more than half an hour has
	for _, w := range []bake.Watch{short, whole} {
		got := whats(pipelinetest.Mutation{Pipeline: named(pipeline.Stage{Name: "bake", Run: w})}.Mutants().Mutants)
		if !slices.ContainsFunc(got, func(what string) bool { return strings.HasPrefix(what, "stage bake: bakes for 30") }) {
			t.Errorf("mutants of %s are %q; want one that bakes for half the time", w.Describe(), got)
		}
	}
	got := whats(pipelinetest.Mutation{Pipeline: named(pipeline.Stage{Name: "bake", Run: watch(5*time.Second, time.Second)})}.Mutants().Mutants)
	if want := "stage bake: bakes for 2.5s, not 5s"; !slices.Contains(got, want) {
		t.Errorf("mutants are %q; want %q, all of half the time", got, want)
	}
}

// What a freeze is made of is dropped only if that makes the freeze shorter.
func TestNoMutantFreezesForLonger(t *testing.T) {
	first := window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2027-03-01", To: "2027-03-09"}}}
	office := window.Weekly{Zone: "UTC", Days: window.Weekdays}
	for _, tt := range []struct {
		freeze window.Window
		want   bool // a part is dropped
	}{
		{window.All(first, office), false}, // is in force where both are
		{window.Any(first, office), true},
	} {
		got := whats(pipelinetest.Mutation{Pipeline: named(pipeline.Gate{Name: "go", Require: window.Outside(tt.freeze)}, work("a"))}.Mutants().Mutants)
		if dropped := slices.Contains(got, "gate go: Mon-Fri 00:00-24:00 UTC does not count"); dropped != tt.want {
			t.Errorf("a freeze %s has a mutant without office hours: %t; want %t in %q", window.Describe(tt.freeze), dropped, tt.want, got)
		}
	}
}
