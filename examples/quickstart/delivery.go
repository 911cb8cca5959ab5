package main

import (
	"context"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// Names that more than one part of the program knows.
const (
	shop            = "shop"             // the artifact, and the pipeline
	release         = "release"          // the gate that people pass
	releaseManagers = "release-managers" // those who may
)

// Params of a run.
const (
	version = "version" // that the build writes into the service
	broken  = "broken"  // not empty: the service shall fail under load
	first   = "first"   // not empty: production was empty when the run was started
)

var (
	staging    = stage.Environment{Name: "staging", Tier: stage.Staging}
	production = stage.Environment{Name: "production", Tier: stage.Production}
)

// delivery returns the pipeline that brings a version of the shop to its users.
func delivery(store artifact.Store, to platform.Client) pipeline.Pipeline {
	consumes := []string{shop}
	return pipeline.Pipeline{Name: shop, Steps: pipeline.Sequence{
		pipeline.Parallel{
			pipeline.Stage{Name: "build", Run: build{store}, Produces: []string{shop}},
			pipeline.Stage{Name: "test", Run: test},
		},
		pipeline.Stage{Name: "stage", Environment: staging, Consumes: consumes, Run: rollout.Full{Via: to}, Retry: patient},
		pipeline.Stage{Name: "smoke", Environment: staging, Consumes: consumes, Run: smoke{to}, Retry: patient},

		pipeline.Gate{
			Name:        release,
			Environment: production,
			Subject:     []string{shop},
			Require:     approval.Quorum{Group: releaseManagers, Veto: true},
		},

		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.When{Name: "replace", If: live(to), Do: pipeline.Sequence{
					pipeline.Stage{Name: "canary-10", Environment: production, Consumes: consumes, Run: rollout.Canary{Via: to, Traffic: 10}, Retry: patient},
					pipeline.Stage{Name: "bake-10", Environment: production, Consumes: consumes, Run: watch(to, 3*time.Second)},
					pipeline.Stage{Name: "canary-50", Environment: production, Consumes: consumes, Run: rollout.Canary{Via: to, Traffic: 50}, Retry: patient},
					pipeline.Stage{Name: "bake-50", Environment: production, Consumes: consumes, Run: watch(to, 2*time.Second)},
				}},
				pipeline.Stage{Name: "everybody", Environment: production, Consumes: consumes, Run: rollout.Full{Via: to}, Retry: patient},
			},
			Do: pipeline.Stage{Name: "go-back", Environment: production, Consumes: consumes, Run: rollout.Back{Via: to}, Retry: patient},
		},
	}}
}

// patient is for stages that ask the platform, which may be away for a while.
var patient = pipeline.Retry{Times: 10, Wait: 200 * time.Millisecond, Most: 5 * time.Second}

// watch bakes what is live in production for a while. The users whose requests
// are measured are those that this program sends, so there is nothing to measure
// while it does not run. A sample that is made of too little is none, and
// the bake goes on until it has one. The bounds are wide, for how fast the answers
// are is the matter of this machine too.
func watch(to platform.Client, d time.Duration) bake.Watch {
	metric := func(name string, s stage.Source, most float64) bake.Metric {
		return bake.Metric{Name: name, Source: s, Want: bake.AtMost(most), Over: 20 * time.Second, MinCount: 40, Past: true}
	}
	return bake.Watch{
		For:   d,
		Every: 500 * time.Millisecond,
		Metrics: []bake.Metric{
			metric("error rate", to.ErrorRate(), 0.01),
			metric("latency in seconds", to.Latency(), 10),
		},
		MinSamples: 1,
		MaxErrors:  600,
	}
}

// live asks whether there is a version in production that could be replaced
// bit by bit. Without one, the new version may have all of the traffic at once.
func live(to platform.Client) func(context.Context, pipeline.Facts) (bool, error) {
	return func(ctx context.Context, _ pipeline.Facts) (bool, error) {
		st, err := to.Now(ctx)
		if err != nil {
			return false, err
		}
		_, ok := st.Environments[production.Name].Live()
		return ok, nil
	}
}
