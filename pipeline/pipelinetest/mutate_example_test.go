package pipelinetest_test

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// Who tests that two people approve, and forgets to test which, is told so.
func ExampleMutate() {
	approvedByTwo := func(t testing.TB, p pipeline.Pipeline) {
		for s := range p.Before("deploy") {
			if g, ok := s.(pipeline.Gate); ok && g.Require.(approval.Quorum).Need == 2 {
				return
			}
		}
		t.Errorf("deploy can be reached without two approvals")
	}
	var t testing.TB = new(printer) // in a test, its *testing.T
	pipelinetest.Mutate(t, pipelinetest.Mutation{
		Pipeline: named(
			pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, Group: "release-managers"}},
			work("deploy"),
		),
		Check: approvedByTwo,
		Accepted: map[string]string{
			"gate release is skipped when it is rejected": "then there is nothing to do, and nothing has failed",
			"stage deploy is dropped":                     "who deploys is another team's",
		},
	})
	// Output:
	// mutating "toy": 10 mutants: 6 found, 0 of them explored, 1 accepted, 3 live; 0 refused by Validate, 1 the same
	// 	gate release: anyone may be one of release-managers (weaker: gate release is weaker: "2 approvals from anyone", was `2 approvals from group "release-managers"`): lives
	// 	gate release: authors may approve (weaker: gate release is weaker: `… from group "release-managers"; authors may approve`, was `… from group "release-managers"`): lives
	// 	gate release: the starter may approve (weaker: gate release is weaker: `… from group "release-managers"; the starter may approve`, was `… from group "release-managers"`): lives
	// 	gate release is skipped when it is rejected (different: gate release: when rejected, skip; was fail): lives, accepted: then there is nothing to do, and nothing has failed
	// mutating "toy": "stage deploy is dropped" is accepted, and is found: deploy can be reached without two approvals; take it out of Accepted
}

// A gate of one's own says how it could ask for less.
func ExampleVariant() {
	m := pipelinetest.Mutation{
		Pipeline: named(pipeline.Gate{Name: "go", Require: ready{all: true}}, work("deploy")),
		Gates: func(g gate.Gate) []pipelinetest.Variant[gate.Gate] {
			if g != gate.Gate(ready{all: true}) {
				return nil
			}
			return []pipelinetest.Variant[gate.Gate]{{What: "one team is enough", Instead: ready{}}}
		},
	}
	for _, mutant := range m.Mutants().Mutants {
		fmt.Println(mutant.What)
	}
	// Output:
	// gate go is dropped
	// stage deploy comes before gate go
	// stage deploy does not wait for gate go
	// gate go is asked after stage deploy
	// stage deploy is dropped
	// gate go: one team is enough
	// gate go is skipped when it is rejected
}
