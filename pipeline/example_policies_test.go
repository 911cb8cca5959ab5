package pipeline_test

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// A program that was built with a way around the gate starts nothing at all,
// also not what keeps the policy.
func ExamplePolicy() {
	guarded := policy.Each(policy.Tier(stage.Production), policy.Approved{})
	production := stage.Environment{Name: "production", Tier: stage.Production}
	x := &pipeline.Executor{
		Policies: []pipeline.Policy{guarded},
		Pipelines: []pipeline.Pipeline{
			{Name: "shop", Steps: pipeline.Sequence{
				pipeline.Gate{Name: "release", Require: approval.Quorum{Group: "release-managers"}},
				pipeline.Stage{Name: "deploy", Run: anyWork, Environment: production},
			}},
			{Name: "hotfix", Steps: pipeline.Sequence{
				pipeline.Stage{Name: "patch", Run: anyWork, Environment: production},
			}},
		},
	}
	_, err := x.Start(context.Background(), "shop", pipeline.Trigger{})
	fmt.Println(err)
	// Output:
	// pipeline "hotfix" breaks a policy:
	// 	steps[0]: "patch" in "production": want an approval not by an author or the starter
	// 		way: patch begins
}
