package pipelinetest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// small is a small pipeline, and the few mutants that it has.
func small() pipeline.Pipeline {
	return named(pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Anyone: true}}, work("deploy"))
}

// mutate reports to a recorder.
func mutate(m pipelinetest.Mutation) (pipelinetest.Mutated, string) {
	rec := new(reporter)
	var got pipelinetest.Mutated
	over := make(chan bool)
	go func() {
		defer close(over)
		got = pipelinetest.Mutate(rec, m)
	}()
	<-over
	return got, rec.String()
}

// needs is a check that finds everything but who may approve.
func needs(t testing.TB, p pipeline.Pipeline) {
	g, ok := p.Steps[0].(pipeline.Gate)
	if !ok || len(p.Steps) < 2 {
		t.Fatal("no gate first,\nand then a stage")
	}
	if need := g.Require.(approval.Quorum).Need; need != 2 {
		t.Errorf("gate %s needs %d; want 2", g.Name, need)
	}
	if g.OnReject != pipeline.Fail {
		t.Error("gate", g.Name, "may be", "skipped")
	}
}

func TestMutantsThatLiveAreReported(t *testing.T) {
	got, said := mutate(pipelinetest.Mutation{Pipeline: small(), Check: needs})
	want := `mutating "toy": 9 mutants: 7 found, 0 of them explored, 0 accepted, 2 live; 0 refused by Validate, 1 the same
	gate release: authors may approve (weaker: gate release is weaker: "2 approvals from anyone; authors may approve", was "2 approvals from anyone"): lives
	gate release: the starter may approve (weaker: gate release is weaker: "2 approvals from anyone; the starter may approve", was "2 approvals from anyone"): lives`
	if said != want {
		t.Errorf("Mutate reports\n%s\nwant\n%s", said, want)
	}
	found := map[string]string{}
	for _, m := range got.Mutants {
		found[m.What] = m.Found
	}
	for what, want := range map[string]string{
		"gate release is dropped":                     "no gate first,",
		"gate release: 1 of anyone is enough, not 2":  "gate release needs 1; want 2",
		"gate release is skipped when it is rejected": "gate release may be skipped",
		"gate release: authors may approve":           "",
	} {
		if got, ok := found[what]; got != want || !ok {
			t.Errorf("%s: found %q, %t; want %q", what, got, ok, want)
		}
	}
}

func TestMutantsThatAreAcceptedMayLive(t *testing.T) {
	got, said := mutate(pipelinetest.Mutation{Pipeline: small(), Check: needs, Accepted: map[string]string{
		"gate release: authors may approve":     "one author is the starter",
		"gate release: the starter may approve": "a program starts it",
	}})
	if said != "" {
		t.Errorf("Mutate reports %s; want nothing", said)
	}
	if living := got.Living(); len(living) != 2 || living[0].Accepted != "one author is the starter" {
		t.Errorf("%v live; want those that are accepted, and why", living)
	}
}

func TestWhatIsAcceptedInVainIsReported(t *testing.T) {
	_, said := mutate(pipelinetest.Mutation{Pipeline: small(), Check: needs, Accepted: map[string]string{
		"gate release: authors may approve":     "one author is the starter",
		"gate release: the starter may approve": "a program starts it",
		"gate release is dropped":               "nobody minds",
		"gate relaese is dropped":               "it is spelled wrong",
	}})
	want := `mutating "toy": "gate relaese is dropped" is accepted, and is no mutant; take it out of Accepted
mutating "toy": "gate release is dropped" is accepted, and is found: no gate first,; take it out of Accepted`
	if said != want {
		t.Errorf("Mutate reports\n%s\nwant\n%s", said, want)
	}
}

func TestAMutationThatShowsNothingIsRefused(t *testing.T) {
	finds := func(t testing.TB, p pipeline.Pipeline) { t.Error("it is a pipeline") }
	for _, test := range []struct {
		name string
		m    pipelinetest.Mutation
		want string
	}{
		{"a check that finds the pipeline itself", pipelinetest.Mutation{Pipeline: small(), Check: finds}, `mutating "toy": the pipeline itself does not pass: it is a pipeline`},
		{"no check", pipelinetest.Mutation{Pipeline: small()}, "a Mutation without Check and Explore"},
		{"an exploration that finds the pipeline itself", pipelinetest.Mutation{Pipeline: small(), Explore: func(p pipeline.Pipeline) pipelinetest.Exploration {
			return pipelinetest.Exploration{Pipeline: p, Runs: 99}
		}}, `the pipeline itself does not pass: Runs is 99`},
		{"a pipeline that is not valid", pipelinetest.Mutation{Pipeline: named(), Check: needs}, "want at least one"},
	} {
		if _, said := mutate(test.m); !strings.Contains(said, test.want) {
			t.Errorf("%s: Mutate reports %q; want %q in it", test.name, said, test.want)
		}
	}
}

// TestACheckReportsAsATestDoes has one mutant, and a check that says of it what
// it says, however a test says so.
func TestACheckReportsAsATestDoes(t *testing.T) {
	var did []string
	for _, test := range []struct {
		name  string
		says  func(t testing.TB)
		found string
	}{
		{"Error", func(t testing.TB) { t.Error("a", 1) }, "a 1"},
		{"Errorf", func(t testing.TB) { t.Errorf("a %d", 1) }, "a 1"},
		{"Fatal", func(t testing.TB) { t.Fatal("a", 1); panic("it went on") }, "a 1"},
		{"Fatalf", func(t testing.TB) { t.Fatalf("a %d", 1); panic("it went on") }, "a 1"},
		{"Fail", func(t testing.TB) { t.Fail() }, "failed"},
		{"FailNow", func(t testing.TB) { t.FailNow(); panic("it went on") }, "failed"},
		{"the first", func(t testing.TB) { t.Error("one"); t.Error("two") }, "one"},
		{"a panic", func(testing.TB) { panic(errors.New("out of range")) }, "panic: out of range"},
		{"a skip", func(t testing.TB) { t.Skip("no reason"); panic("it went on") }, ""},
		{"a log", func(t testing.TB) { t.Helper(); t.Log("a"); t.Logf("%d", 1) }, ""},
		{"what is asked", func(t testing.TB) {
			if t.Failed() || t.Skipped() {
				t.Error("it has begun")
			}
			t.Error("so")
			if !t.Failed() {
				panic("it has not failed")
			}
		}, "so"},
		{"what is left", func(t testing.TB) {
			t.Cleanup(func() { did = append(did, "first") })
			t.Cleanup(func() {
				t.Cleanup(func() { did = append(did, "second") })
				did = append(did, "last")
			})
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := named(pipeline.Stage{Name: "deploy", Run: must, Timeout: time.Minute})
			got, _ := mutate(pipelinetest.Mutation{Pipeline: p, Check: func(t testing.TB, p pipeline.Pipeline) {
				if p.Steps[0].(pipeline.Stage).Timeout == 0 {
					test.says(t)
				}
			}})
			if len(got.Mutants) != 1 || got.Mutants[0].Found != test.found {
				t.Errorf("%v; want one mutant, and found %q", got, test.found)
			}
		})
	}
	if want := []string{"last", "second", "first"}; !slices.Equal(did, want) {
		t.Errorf("cleaned up %q; want %q, as a test does", did, want)
	}
}

// A story is told to what Mutate gives.
func TestAStoryFindsAMutant(t *testing.T) {
	p := named(pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true, Veto: true}}, work("deploy"))
	got := pipelinetest.Mutate(t, pipelinetest.Mutation{
		Pipeline: p,
		Check: func(t testing.TB, p pipeline.Pipeline) {
			got := pipelinetest.Run(t, pipelinetest.Story{Pipelines: []pipeline.Pipeline{p}, Script: []pipelinetest.Action{
				bob.Starts("toy", pipeline.Trigger{Key: "r1", Authors: []string{"bob", "ann"}}),
				bob.Starts("toy", pipeline.Trigger{Key: "r2"}),
				bob.Approves("r2", "release").Refused("started"),
				ann.Approves("r1", "release").Refused("wrote"),
				ben.Objects("r2", "release", "no"),
				ben.Approves("r1", "release").After(time.Hour),
			}})
			got.Run("r1").After("deploy", "release")
			got.Run("r2").Want(pipeline.Failed)
		},
	})
	if living := got.Living(); len(got.Mutants) != 9 || len(living) > 0 {
		t.Errorf("%v; want nine, all of which are found", got)
	}
}

// A printer is a test that prints what is reported to it.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// A fault that was explored is one that the executor shows, with its story. Here
// Check finds all but that the way back is gone.
func TestAnExplorationFindsMutants(t *testing.T) {
	got := pipelinetest.Mutate(t, pipelinetest.Mutation{
		Pipeline: careful(),
		Check: func(t testing.TB, p pipeline.Pipeline) {
			for _, s := range p.All() {
				if _, ok := s.(pipeline.OnFailure); ok && p.Digest() != careful().Digest() {
					t.Error("another pipeline")
				}
			}
		},
		Explore: func(p pipeline.Pipeline) pipelinetest.Exploration { return pipelinetest.Exploration{Pipeline: p} },
	})
	for what, want := range map[string]string{
		"after a failure of deploy … verify nothing is done; stage back is dropped": "broken: after a failure the way back is taken: r1 has ended and leaves production as the failure left it",
		"gate release is asked after stage deploy":                                  "another pipeline",
	} {
		i := slices.IndexFunc(got.Mutants, func(m pipelinetest.Mutant) bool { return m.What == what })
		if i < 0 || got.Mutants[i].Found != want || got.Mutants[i].Fault == nil {
			t.Errorf("%v; want %q among them, found %q, with its story", got, what, want)
		}
	}
	if want := "41 mutants: 41 found, 17 of them explored,"; !strings.HasPrefix(got.String(), want) {
		t.Errorf("%v; want %s", got, want)
	}
}
