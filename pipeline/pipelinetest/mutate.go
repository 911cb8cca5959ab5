package pipelinetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// A Mutation is a pipeline and what should find each mistake in it.
//
// A mutant is the pipeline with one thing about it that takes less care: a gate
// that is dropped or asks for less, a window that is wider, a bake that is
// shorter, steps in another order, a failure after which nothing is put right,
// an artifact that is built twice. A mutant that Check lets live shows what
// nobody would notice.
type Mutation struct {
	Pipeline pipeline.Pipeline

	// Check tests a pipeline as it would that one, and reports to t what is
	// wrong: a policy that is broken, a story told with [Run] that goes otherwise.
	// It is called with one pipeline at a time. A panic in it counts as a report.
	// It may be nil if Explore is not.
	Check func(t testing.TB, p pipeline.Pipeline)

	// Explore returns what may happen to runs of a pipeline; nil means that
	// nothing is explored. Each fault that is found has to be shown by the executor
	// too: see [Confirm].
	Explore func(p pipeline.Pipeline) Exploration

	Gates    func(g gate.Gate) []Variant[gate.Gate]       // makes others of a gate of your own; nil means none
	Runners  func(r stage.Runner) []Variant[stage.Runner] // and of the hook of a stage
	Accepted map[string]string                            // mutants that may live, by What, and why they do no harm
}

// A Variant is what a mutant has instead of something.
type Variant[T any] struct {
	What    string // what is done, such as "authors may approve"
	Instead T
}

// A Mutant is a pipeline with a mistake in it.
type Mutant struct {
	What     string // what is done and where, such as "gate release: authors may approve"; no two the same
	Pipeline pipeline.Pipeline
	Changes  pipeline.Changes // from the pipeline that it was made of
	Found    string           // what Check reported first, or else the rule that is broken in Fault; empty if the mutant lives
	Fault    *Counterexample  // the shortest story in which it goes wrong, if an exploration found one
	Accepted string           // why it may live; empty if it may not
}

// String returns what was done, what that means, and what found it.
func (m Mutant) String() string {
	text := m.What
	if len(m.Changes) > 0 && m.Found == "" {
		text += fmt.Sprintf(" (%v: %s)", m.Changes[0].Effect, m.Changes[0].Text)
	}
	switch {
	case m.Found != "":
		return text + ": found: " + m.Found
	case m.Accepted != "":
		return text + ": lives, accepted: " + m.Accepted
	}
	return text + ": lives"
}

// Mutated is how a [Mutation] went.
type Mutated struct {
	Mutants []Mutant // in an order that follows from the pipeline
	Refused int      // others that were made, and that Validate refuses
	Same    int      // others that [pipeline.Diff] cannot tell from the pipeline, or that are alike to one of Mutants
}

// Living returns the mutants that were not found, those that are accepted too.
func (m Mutated) Living() []Mutant {
	return slices.DeleteFunc(slices.Clone(m.Mutants), func(one Mutant) bool { return one.Found != "" })
}

// String returns a line such as
//
//	83 mutants: 80 found, 31 of them explored, 1 accepted, 2 live; 12 refused by Validate, 3 the same
//
// and a line for each one that lives.
func (m Mutated) String() string {
	living := m.Living()
	explored, accepted := 0, 0
	for _, one := range m.Mutants {
		switch {
		case one.Fault != nil:
			explored++
		case one.Found == "" && one.Accepted != "":
			accepted++
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d mutants: %d found, %d of them explored, %d accepted, %d live; %d refused by Validate, %d the same",
		len(m.Mutants), len(m.Mutants)-len(living), explored, accepted, len(living)-accepted, m.Refused, m.Same)
	for _, one := range living {
		text.WriteString("\n\t" + one.String())
	}
	return text.String()
}

// Mutate checks each mutant, and reports to t those that live and are not
// accepted, with what [pipeline.Diff] says of them. That something is accepted
// which is found, or which is no mutant, is reported too. The same m has the same
// mutants in the same order.
//
// Mutate must not be called in a bubble of [testing/synctest] if Check calls
// [Run], or if there is an Explore.
func Mutate(t testing.TB, m Mutation) Mutated {
	t.Helper()
	if m.Check == nil && m.Explore == nil {
		t.Fatalf("pipelinetest: a Mutation without Check and Explore; want a function that tests a pipeline")
	}
	if err := m.Pipeline.Validate(); err != nil {
		t.Fatalf("pipelinetest: %v", err)
	}
	if wrong, _ := m.find(t, m.Pipeline); wrong != "" {
		t.Fatalf("mutating %q: the pipeline itself does not pass: %s", m.Pipeline.Name, wrong)
	}
	got := m.Mutants()
	for i := range got.Mutants {
		one := &got.Mutants[i]
		one.Found, one.Fault = m.find(t, one.Pipeline)
		one.Found = summary(one.Found)
	}
	if slices.ContainsFunc(got.Living(), func(one Mutant) bool { return one.Accepted == "" }) {
		t.Errorf("mutating %q: %v", m.Pipeline.Name, got)
	}
	for _, what := range sorted(m.Accepted) {
		i := slices.IndexFunc(got.Mutants, func(one Mutant) bool { return one.What == what })
		switch {
		case i < 0:
			t.Errorf("mutating %q: %q is accepted, and is no mutant; take it out of Accepted", m.Pipeline.Name, what)
		case got.Mutants[i].Found != "":
			t.Errorf("mutating %q: %q is accepted, and is found: %s; take it out of Accepted", m.Pipeline.Name, what, got.Mutants[i].Found)
		}
	}
	return got
}

// find returns what Check reports of p, or else what an exploration finds.
func (m *Mutation) find(t testing.TB, p pipeline.Pipeline) (found string, fault *Counterexample) {
	if m.Check != nil {
		found = try(t, m.Check, p)
	}
	if m.Explore == nil {
		return found, nil
	}
	x := m.Explore(p)
	got, err := x.Search()
	switch {
	case err != nil:
		return cmp.Or(found, err.Error()), nil
	case got.Fault != nil:
		Confirm(t, x, got.Fault)
		found = cmp.Or(found, "broken: "+got.Fault.Rule+": "+got.Fault.Reason)
	}
	return found, got.Fault
}

// summary returns the first line of a text, and the next one if that has
// a heading alone.
func summary(text string) string {
	line, rest, _ := strings.Cut(text, "\n")
	if next, _, _ := strings.Cut(strings.TrimSpace(rest), "\n"); next != "" && strings.HasSuffix(line, ":") {
		return line + " " + next
	}
	return line
}

// Mutants returns the mutants, without checking them.
//
// Those of a step come in the order of the pipeline, then those of environments
// by name. The body of a [pipeline.ForEach] is changed for each item.
func (m Mutation) Mutants() (made Mutated) {
	digest := m.Pipeline.Digest()
	seen := map[artifact.Digest]bool{}
	names := map[string]int{}
	for _, v := range newMutator(m).all() {
		p := v.Instead
		if p.Validate() != nil {
			made.Refused++
			continue
		}
		changes := pipeline.Diff(m.Pipeline, p)
		d := p.Digest()
		if len(changes) == 0 || seen[d] {
			made.Same++
			continue
		}
		seen[d] = d != digest // what a Digest leaves out differs from all others
		what := v.What
		if names[v.What]++; names[v.What] > 1 {
			what += fmt.Sprintf(" (%d)", names[v.What])
		}
		made.Mutants = append(made.Mutants, Mutant{What: what, Pipeline: p, Changes: changes, Accepted: m.Accepted[what]})
	}
	return made
}
