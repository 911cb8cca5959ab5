// Package releasetests shows how a team tests its release logic without
// releasing. The pipeline is what a team would have: one service, from commit to
// production. What is to be read are its tests, in this order:
//
//   - release_test.go plays stories in virtual time: who does what, and what
//     comes of it;
//   - scenarios_test.go plays stories that are texts, for all to read;
//   - proof_test.go proves what holds on every way into production;
//   - explore_test.go tries all that can happen to two releases at a time,
//     wherever the executor dies and whenever there is a freeze;
//   - crash_test.go plays a release on the real executor, which dies before and
//     after each of its writes;
//   - fivedays_test.go is five days in one story;
//   - review_test.go says what a reviewer of an edit is told;
//   - mutants_test.go asks whether the proof and the exploration would notice a
//     mistake, and coverage_test.go what of the delivery no story has seen.
//
// What it adds to kargo: all of this takes seconds, and none of it needs a
// cluster.
package releasetests

import (
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// World is what the pipeline acts on.
type World struct {
	Build, Unit, Lint, Publish stage.Runner // Publish gives the image
	Integration, Load          stage.Runner // test what staging serves
	Notify                     stage.Runner
	Deployer                   stage.Deployer
	ErrorRate                  stage.Source // failed requests per request, 0 to 1
}

var (
	image   = []string{"image"}
	freezes = window.Dates{Zone: zone, Spans: []window.Span{{From: "2026-03-09", Why: "stocktaking"}}, Why: "no freeze"}
	office  = window.Weekly{Zone: zone, Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}

	staging    = stage.Environment{Name: "staging", Tier: stage.Staging}
	production = stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Outside(freezes)}}
)

const zone = "Europe/Berlin"

// Delivery returns the pipeline that takes a change of shop-api to production.
func Delivery(w World) pipeline.Pipeline {
	return pipeline.Pipeline{Name: "shop-api", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: w.Build},
		pipeline.Parallel{
			pipeline.Stage{Name: "unit", Run: w.Unit},
			pipeline.Stage{Name: "lint", Run: w.Lint},
		},
		pipeline.Stage{Name: "publish", Run: w.Publish, Produces: image},

		pipeline.Stage{Name: "deploy-staging", Run: rollout.Full{Via: w.Deployer}, Environment: staging, Consumes: image},
		pipeline.Parallel{
			pipeline.Stage{Name: "integration", Run: w.Integration, Environment: staging, Consumes: image},
			pipeline.Stage{Name: "load-test", Run: w.Load, Environment: staging, Consumes: image},
		},

		pipeline.Gate{Name: "release", Environment: production, Subject: image, Require: gate.All(
			approval.Quorum{Group: "release-managers", Need: 2},
			window.Inside(office),
		)},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.Stage{Name: "canary", Run: rollout.Canary{Via: w.Deployer, Traffic: 5}, Environment: production, Consumes: image},
				pipeline.Stage{Name: "bake", Run: watch(w.ErrorRate), Environment: production, Consumes: image},
				pipeline.Stage{Name: "deploy-production", Run: rollout.Full{Via: w.Deployer}, Environment: production, Consumes: image},
			},
			Do: pipeline.Stage{Name: "roll-back", Run: rollout.Back{Via: w.Deployer}, Environment: production, Consumes: image},
		},
		pipeline.Stage{Name: "notify", Run: w.Notify},
	}}
}

// watch is an hour under watch, in which one request of a hundred may fail.
func watch(errors stage.Source) bake.Watch {
	return bake.Watch{For: time.Hour, Metrics: []bake.Metric{
		{Name: "error rate", Source: errors, Want: bake.AtMost(0.01)},
	}}
}
