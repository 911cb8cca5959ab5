package penstock_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
	"github.com/penstock/penstock/stage/stagetest"
)

var (
	staging    = stage.Environment{Name: "staging", Tier: stage.Staging}
	production = stage.Environment{Name: "production", Tier: stage.Production}
)

// delivery brings every change of the shop to production, after a go by people.
func delivery(platform stage.Deployer) pipeline.Pipeline {
	image := []string{"image"}
	return pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: stage.Func(build), Produces: image},
		pipeline.Stage{Name: "stage", Run: rollout.Full{Via: platform}, Consumes: image, Environment: staging},
		pipeline.Stage{Name: "smoke", Run: stage.Func(smoke), Environment: staging, Timeout: time.Minute},
		pipeline.Gate{Name: "go", Require: approval.Quorum{Group: "release-managers"}, Subject: image, Environment: production},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.Stage{Name: "release", Run: rollout.Full{Via: platform}, Consumes: image, Environment: production},
				pipeline.Stage{Name: "verify", Run: stage.Func(smoke), Environment: production},
			},
			Do: pipeline.Stage{Name: "go-back", Run: rollout.Back{Via: platform}, Consumes: image, Environment: production},
		},
	}}
}

func build(ctx context.Context, in stage.Input) (stage.Output, error) {
	digest, size, err := artifact.DigestOf(strings.NewReader("the program of " + in.Params["commit"]))
	image := artifact.Artifact{Name: "image", Digest: digest, Size: size}
	return stage.Output{Artifacts: []artifact.Artifact{image}, Summary: "built " + in.Params["commit"]}, err
}

func smoke(ctx context.Context, in stage.Input) (stage.Output, error) {
	if err := ctx.Err(); err != nil {
		return stage.Output{}, err // could not be done: tried again, if Retry says so
	}
	if in.Params["commit"] == "" {
		return stage.Output{}, stage.Failf("the shop does not say which commit it is of") // says no: stops the line
	}
	return stage.Output{Summary: "3 pages answered"}, nil
}

// A run waits at the gate for as long as it takes. It outlives the process.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	dir, err := os.MkdirTemp("", "penstock")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	store, err := sqlite.Open(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	x := pipeline.Executor{Pipelines: []pipeline.Pipeline{delivery(new(stagetest.Platform))}, Store: store}
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()

	run, err := x.Start(ctx, "shop", pipeline.Trigger{Authors: []string{"ann"}, Params: map[string]string{"commit": "4f2c"}})
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range x.Watch(ctx, run) {
		if err != nil {
			log.Fatal(err)
		}
		if s, _ := r.Step("go"); s.For == "approval" && len(s.Votes) == 0 {
			shown, err := x.Ask(ctx, run, "go")
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(s.Name, "waits:", s.Reason)
			err = x.Vote(ctx, run, "go", gate.Vote{By: "ann", Groups: []string{"release-managers"}, Approve: true, Subject: shown.Subject})
			fmt.Println(err)
			err = x.Vote(ctx, run, "go", gate.Vote{By: "bob", Groups: []string{"release-managers"}, Approve: true, Subject: shown.Subject})
			if err != nil {
				log.Fatal(err)
			}
		}
		if r.Status.Done() {
			fmt.Println(r.Pipeline, "has", r.Status)
		}
	}
	stop()
	fmt.Println(<-served)
	// Output:
	// go waits: 0 of 1 approvals from release-managers
	// pipeline: refused: a vote by "ann" on gate "go": approval: "ann" wrote a change in this release; want the vote of someone who did not
	// shop has succeeded
	// <nil>
}
