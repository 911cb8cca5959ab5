package pipeline_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
	"github.com/penstock/penstock/stage/stagetest"
)

// The release of this morning went well, and is found to be wrong in the
// afternoon. A pipeline that is given its artifacts puts back what was there
// before; its cause lets an older release take the place of a newer one.
func ExampleTrigger_rollback() {
	ctx := context.Background()
	image := []string{"image"}
	deploy := pipeline.Stage{Name: "deploy", Run: rollout.Full{Via: new(stagetest.Platform)}, Consumes: image, Environment: exampleEnvironment}
	build := stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		digest, size, err := artifact.DigestOf(strings.NewReader(in.Params["version"]))
		return stage.Output{Artifacts: []artifact.Artifact{{Name: "image", Digest: digest, Size: size}}}, err
	})
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{
		{Name: "shop", Steps: pipeline.Sequence{pipeline.Stage{Name: "build", Run: build, Produces: image}, deploy}},
		{Name: "put-back", Given: image, Steps: pipeline.Sequence{deploy}},
	}}
	defer serving(ctx, x)()
	for _, version := range []string{"v1", "v2"} {
		run, err := x.Start(ctx, "shop", pipeline.Trigger{Key: version, Params: map[string]string{"version": version}})
		if err != nil {
			log.Fatal(err)
		}
		waiting(ctx, x, run)
	}

	env, err := x.Environment(ctx, "production")
	if err != nil {
		log.Fatal(err)
	}
	good := env.History[len(env.History)-2]
	run, err := x.Start(ctx, "put-back", pipeline.Trigger{Cause: pipeline.Rollback, Actor: "ann", Artifacts: good.Artifacts})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("to", good.Run, "has", waiting(ctx, x, run).Status)
	env, err = x.Environment(ctx, "production")
	fmt.Println(env.Live["image"] == good.Artifacts["image"], env.Release.Run == run, err)
	// Output:
	// to v1 has succeeded
	// true true <nil>
}
