package pipeline_test

import (
	"context"
	"fmt"
	"log"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

var (
	exampleEnvironment = stage.Environment{Name: "production", Tier: stage.Production}

	anyWork = stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })
	anyGate = gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Waitf("no word yet"), nil })
)

// exampleShop delivers a web shop: build, test, ask, deploy.
func exampleShop() pipeline.Pipeline {
	return pipeline.Pipeline{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.Stage{Name: "build", Run: anyWork, Produces: []string{"image"}},
			pipeline.Parallel{
				pipeline.Stage{Name: "test", Run: anyWork, Consumes: []string{"image"}},
				pipeline.Stage{Name: "scan", Run: anyWork, Consumes: []string{"image"}},
			},
			pipeline.Gate{Name: "release", Require: anyGate, Subject: []string{"image"}, Environment: exampleEnvironment},
			pipeline.OnFailure{
				Of: pipeline.Stage{Name: "deploy", Run: anyWork, Consumes: []string{"image"}, Environment: exampleEnvironment},
				Do: pipeline.Stage{Name: "roll-back", Run: anyWork, Environment: exampleEnvironment},
			},
		},
	}
}

func ExamplePipeline_String() {
	fmt.Println(exampleShop())
	// Output: shop: build → (test ∥ scan) → ⟨release⟩ → [deploy ⤺ roll-back]
}

func ExamplePipeline_Validate() {
	p := pipeline.Pipeline{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.When{
				Name: "changed",
				If:   func(context.Context, pipeline.Facts) (bool, error) { return true, nil },
				Do:   pipeline.Stage{Name: "build", Run: anyWork, Produces: []string{"image"}},
			},
			pipeline.Stage{Name: "Test", Consumes: []string{"imgae"}},
			pipeline.Stage{Name: "deploy", Run: anyWork, Consumes: []string{"image"}},
		},
	}
	fmt.Println(p.Validate())
	// Output:
	// pipeline "shop" has 4 mistakes:
	// 	steps[1]: stage "Test": name "Test": want lower-case words joined by hyphens
	// 	steps[1]: stage "Test": no Run; want a stage.Runner
	// 	steps[1]: stage "Test": needs artifact "imgae", which no step produces; did you mean "image"?
	// 	steps[2]: stage "deploy": needs artifact "image", which stage "build" at steps[0].do produces only if "changed" is taken; want both in one When
}

func ExamplePipeline_All() {
	for path, s := range exampleShop().All() {
		if s, ok := s.(pipeline.Stage); ok && s.Environment.Tier == stage.Production {
			fmt.Println(path, s.Name)
		}
	}
	// Output:
	// steps[3].of deploy
	// steps[3].do roll-back
}

// Nothing is deployed before the gate has passed.
func ExamplePipeline_Before() {
	for s := range exampleShop().Before("deploy") {
		fmt.Println(pipeline.Name(s))
	}
	// Output:
	// build
	// test
	// scan
	// release
}

// To edit what a hook does is no other definition; to take a gate away is.
func ExamplePipeline_Digest() {
	edited, open := exampleShop(), exampleShop()
	edited.Steps[0] = pipeline.Stage{Name: "build", Produces: []string{"image"},
		Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			return stage.Output{Summary: "built faster"}, nil
		})}
	open.Steps = append(open.Steps[:2:2], open.Steps[3:]...)

	fmt.Println(edited.Digest() == exampleShop().Digest(), open.Digest() == exampleShop().Digest())
	// Output: true false
}

// Steps that only partly depend on each other are nodes of a Graph.
func ExampleGraph() {
	p := pipeline.Pipeline{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.Graph{Max: 2, Nodes: []pipeline.Node{
				{Step: pipeline.Stage{Name: "build", Run: anyWork, Produces: []string{"image"}}},
				{Step: pipeline.Stage{Name: "lint", Run: anyWork}},
				{Step: pipeline.Stage{Name: "test", Run: anyWork, Consumes: []string{"image"}}, After: []string{"build"}},
				{Step: pipeline.Stage{Name: "publish", Run: anyWork, Consumes: []string{"image"}}, After: []string{"test", "lint"}},
			}},
		},
	}
	fmt.Println(p)
	fmt.Println(p.Validate())
	// Output:
	// shop: {build, lint, test ← build, publish ← test lint}
	// <nil>
}

// The body of a ForEach is a function of the item alone, so that a pipeline can
// be checked before the items are known.
func ExampleForEach() {
	p := pipeline.Pipeline{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.ForEach{
				Name: "regions",
				Items: func(_ context.Context, f pipeline.Facts) ([]string, error) {
					return []string{"eu-west", "us-east"}, nil
				},
				Body: func(region string) pipeline.Step {
					return pipeline.Sequence{
						pipeline.Stage{Name: "deploy", Run: anyWork, Environment: stage.Environment{Name: region, Tier: stage.Production}},
						pipeline.Stage{Name: "watch", Run: anyWork, Environment: stage.Environment{Name: region, Tier: stage.Production}},
					}
				},
				Max: 1,
			},
		},
	}
	fmt.Println(p)
	fmt.Println(p.Validate())
	// Output:
	// shop: regions*(deploy → watch)
	// <nil>
}

// Only a new schema is migrated. That is decided once, and recorded.
func ExampleWhen() {
	p := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.When{
			Name: "schema-changed",
			If: func(_ context.Context, f pipeline.Facts) (bool, error) {
				return f.Trigger.Params["schema"] == "new", nil
			},
			Do: pipeline.Stage{Name: "migrate", Run: anyWork},
		},
		pipeline.Stage{Name: "deploy", Run: anyWork},
	}}
	ctx := context.Background()
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}}
	defer serving(ctx, x)()
	for _, schema := range []string{"old", "new"} {
		run, err := x.Start(ctx, "shop", pipeline.Trigger{Params: map[string]string{"schema": schema}})
		if err != nil {
			log.Fatal(err)
		}
		taken, _ := waiting(ctx, x, run).Step("schema-changed")
		fmt.Println(schema, "schema:", taken.Status)
	}
	// Output:
	// old schema: skipped
	// new schema: succeeded
}

// Whatever fails once the deployment has begun is put right, and the run has failed
// all the same. The test database is removed in any case.
func ExampleOnFailure() {
	p := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Finally{
			Of: pipeline.OnFailure{
				Of: pipeline.Sequence{
					pipeline.Stage{Name: "deploy", Run: anyWork},
					pipeline.Stage{Name: "verify", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
						return stage.Output{}, stage.Failf("2 of 40 pages are blank")
					})},
				},
				Do: pipeline.Stage{Name: "roll-back", Run: anyWork},
			},
			Do: pipeline.Stage{Name: "remove-database", Run: anyWork},
		},
	}}
	fmt.Println(p)
	ctx := context.Background()
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}}
	defer serving(ctx, x)()
	run, err := x.Start(ctx, "shop", pipeline.Trigger{})
	if err != nil {
		log.Fatal(err)
	}
	r := waiting(ctx, x, run)
	for _, s := range r.Steps {
		fmt.Println(s.Name, s.Status)
	}
	fmt.Println("the run has", r.Status, "-", r.Reason)
	// Output:
	// shop: [[(deploy → verify) ⤺ roll-back] ⇥ remove-database]
	// deploy succeeded
	// verify failed
	// roll-back succeeded
	// remove-database succeeded
	// the run has failed - verify: 2 of 40 pages are blank
}
