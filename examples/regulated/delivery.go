// Package regulated is a release as auditors want it, after the deployment
// pipeline reference architecture of AWS and the checks of Azure: what goes out
// is signed, two people who neither wrote nor started it agree, a change ticket
// is approved, and production changes in business hours, one release at a time.
//
// What it adds to amazon: evidence. Approvals are bound to what was approved and
// hold for a time; one gate asks for all of it together, so that all of it is so
// at the same time; and the record of a release can be checked by somebody who
// has nothing but the record.
package regulated

import (
	"crypto/ed25519"
	"time"

	"github.com/penstock/penstock/artifact"
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
	Build     stage.Runner // gives image and sbom, its bill of materials
	Test      stage.Runner // tests what an environment serves
	Synthetic stage.Runner // does what users do, in production
	Deployer  stage.Deployer
	Errors    stage.Source // rate of requests that fail, 0 to 1
	Tickets   Tickets
	Artifacts artifact.Store
	SignWith  ed25519.PrivateKey // of the build
	Trust     ed25519.PublicKey  // what is signed with it goes out
}

// Policy is what may be agreed on with the auditors.
type Policy struct {
	Approvers []string      // who may approve; as the pipeline is a value, a run keeps the list that it began with
	Validity  time.Duration // how long an approval holds; 0 means until the release begins
}

// limit is how long the tests of an environment may take.
const limit = 30 * time.Minute

// hours are those in which production may change.
var hours = window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "business hours"}

// places returns the environments. Gamma is production but for its size.
func places() (beta, gamma, production stage.Environment) {
	beta = stage.Environment{Name: "beta", Tier: stage.Testing}
	gamma = stage.Environment{Name: "gamma", Tier: stage.Staging, Config: config("2")}
	production = stage.Environment{Name: "production", Tier: stage.Production, Config: config("40"), Gates: []gate.Gate{window.Inside(hours)}}
	return beta, gamma, production
}

func config(instances string) map[string]string {
	return map[string]string{"regions": "eu-central-1 eu-west-1", "alarms": "on", "instances": instances}
}

// Delivery returns the pipeline that takes a change to production.
func Delivery(w World, p Policy) pipeline.Pipeline {
	beta, gamma, production := places()
	built, release := []string{"image", "sbom"}, []string{"image", "sbom", "signature"}
	image := built[:1]
	patient := pipeline.Retry{Times: 5}
	return pipeline.Pipeline{Name: "regulated", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: w.Build, Produces: built},
		pipeline.Stage{Name: "sign", Run: sign{w.SignWith, w.Artifacts}, Consumes: built, Produces: release[2:]},

		pipeline.Stage{Name: "deploy-beta", Run: rollout.Full{Via: w.Deployer}, Environment: beta, Consumes: image, Retry: patient},
		pipeline.Stage{Name: "test-beta", Run: w.Test, Environment: beta, Consumes: image, Timeout: limit},
		pipeline.Stage{Name: "deploy-gamma", Run: rollout.Full{Via: w.Deployer}, Environment: gamma, Consumes: image, Retry: patient},
		pipeline.Stage{Name: "test-gamma", Run: w.Test, Environment: gamma, Consumes: image, Timeout: limit},

		pipeline.Stage{Name: "open-ticket", Run: open{w.Tickets}, Consumes: image, Gives: []string{"ticket"}, Retry: patient},
		pipeline.Gate{
			Name:        "release",
			Environment: production,
			Subject:     release,
			Takes:       []string{"ticket"},
			Require: gate.All(
				signed{w.Trust, w.Artifacts},
				approval.Quorum{Need: 2, From: p.Approvers, MaxAge: p.Validity, Veto: true},
				approved{w.Tickets},
			),
			Expires: 30 * 24 * time.Hour,
		},
		pipeline.OnFailure{
			Of: pipeline.Sequence{
				pipeline.Stage{Name: "canary", Run: rollout.Canary{Via: w.Deployer, Traffic: 10}, Environment: production, Consumes: image, Retry: patient},
				pipeline.Stage{Name: "bake", Run: watch(w.Errors), Environment: production, Consumes: image},
				pipeline.Stage{Name: "everybody", Run: rollout.Full{Via: w.Deployer}, Environment: production, Consumes: image, Retry: patient},
				pipeline.Stage{Name: "synthetic", Run: w.Synthetic, Environment: production, Consumes: image},
			},
			Do: pipeline.Stage{Name: "back", Run: rollout.Back{Via: w.Deployer}, Environment: production, Consumes: image, Retry: patient},
		},
	}}
}

func watch(errors stage.Source) bake.Watch {
	return bake.Watch{For: time.Hour, Metrics: []bake.Metric{
		{Name: "error rate", Source: errors, Want: bake.AtMost(0.01)},
	}}
}
