package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

func exampleUrgent(context.Context, pipeline.Facts) (bool, error) { return true, nil }

// exampleHotfix has a short way to production beside the long one.
func exampleHotfix(bakes time.Duration, hotfix ...pipeline.Step) pipeline.Pipeline {
	return pipeline.Pipeline{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.Stage{Name: "build", Run: anyWork, Produces: []string{"image"}},
			pipeline.When{Name: "hotfix", If: exampleUrgent, Do: append(pipeline.Sequence(hotfix),
				pipeline.Stage{Name: "patch", Run: anyWork, Environment: exampleEnvironment})},
			pipeline.Stage{Name: "canary", Run: rollout.Canary{Traffic: 5}, Environment: exampleEnvironment},
			pipeline.Stage{Name: "bake", Run: bake.Watch{For: bakes}, Environment: exampleEnvironment},
			pipeline.Stage{Name: "deploy", Run: rollout.Full{}, Environment: exampleEnvironment},
		},
	}
}

// What a reviewer is told of an edit, the most dangerous first.
func ExampleDiff() {
	review := pipeline.Gate{Name: "security-review", Require: approval.Quorum{Group: "security"}}
	old := exampleHotfix(30*time.Minute, review)
	new := exampleHotfix(10 * time.Minute)
	new.Steps[0] = pipeline.Stage{Name: "compile", Run: anyWork, Produces: []string{"image"}, Timeout: time.Hour}

	fmt.Println(pipeline.Diff(old, new))
	// Output:
	// path hotfix → patch → production lost gate security-review
	// stage bake: bake of 30m before 100 % is now 10m
	// stage build is now named compile
	// stage compile: Timeout 1h, was none
}

// A test that fails when an edit makes a release less safe.
func ExampleDiff_weaker() {
	old := exampleShop()
	new := exampleShop()
	new.Steps[3] = new.Steps[3].(pipeline.OnFailure).Of // no way back

	for _, change := range pipeline.Diff(old, new) {
		if change.Effect == pipeline.Weaker {
			fmt.Println(change.Kind, change.Environment, change.Steps, change.Text)
		}
	}
	// Output: failure production [deploy] a failure of deploy no longer leads to roll-back
}

func ExampleChanges_MarshalJSON() {
	production := stage.Environment{Name: "production", Tier: stage.Production}
	shared := production
	shared.Shared = true
	of := func(env stage.Environment) pipeline.Pipeline {
		return pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{pipeline.Stage{Name: "deploy", Run: anyWork, Environment: env}}}
	}

	text, err := json.MarshalIndent(pipeline.Diff(of(production), of(shared)), "", "  ")
	fmt.Println(string(text), err)
	// Output:
	// [
	//   {
	//     "effect": "weaker",
	//     "kind": "environment",
	//     "environment": "production",
	//     "text": "environment production is shared: runs may overlap there, which they did not"
	//   }
	// ] <nil>
}
