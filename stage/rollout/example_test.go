package rollout_test

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
	"github.com/penstock/penstock/stage/stagetest"
)

func ExampleFull() {
	var platform stagetest.Platform
	in := stage.Input{
		Environment: stage.Environment{Name: "staging"},
		Artifacts:   artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}},
	}
	out, err := rollout.Full{Via: &platform}.Run(context.Background(), in)
	fmt.Println(out.Summary, err)
	// Output: shop@fb04dcb6970e to 100% of staging <nil>
}

// What was live before keeps what the canary does not get.
func ExampleCanary() {
	var platform stagetest.Platform
	in := stage.Input{
		Environment: stage.Environment{Name: "production"},
		Artifacts:   artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}},
		Previous:    artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}},
	}
	canary := rollout.Canary{Via: &platform, Traffic: 5}
	fmt.Println(stage.Describe(canary))

	out, err := canary.Run(context.Background(), in)
	fmt.Println(out.Summary, err)
	for _, s := range platform.Serving("production") {
		fmt.Println(s.Artifacts["shop"], s.Traffic)
	}
	// Output:
	// canary rollout of 5% via a platform in memory
	// shop@fb04dcb6970e to 5% of production <nil>
	// shop@3bfc269594ef 95
	// shop@fb04dcb6970e 5
}

// The way out puts back what was live before the run, or, after the first
// deployment ever, withdraws what the run brought.
func ExampleBack() {
	var platform stagetest.Platform
	in := stage.Input{
		Environment: stage.Environment{Name: "production"},
		Artifacts:   artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}},
	}
	back := rollout.Back{Via: &platform}

	out, _ := back.Run(context.Background(), in)
	fmt.Println(out.Summary)
	in.Previous = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}}
	out, _ = back.Run(context.Background(), in)
	fmt.Println(out.Summary)
	// Output:
	// shop@fb04dcb6970e to 0% of production
	// shop@3bfc269594ef to 100% of production
}
