// Package kargo is the diamond of Kargo's documentation: freight goes to test by
// itself, then to qa and uat at the same time, soaks there for an hour, and goes
// to production when somebody promotes it.
//
// A run is what Kargo calls freight: artifacts that exist already, named by
// digest, on their way through the stages. What was not verified in both qa and
// uat is not there to be promoted, and production cannot be reached another way.
//
// What it adds to fanin: environments that a run holds until what it brought has
// been verified and has soaked, and a gate that waits for a person.
package kargo

import (
	"time"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// Promoters is the group of those who may promote to production.
const Promoters = "promoters"

// Soak is how long freight has to stay in qa and in uat, without a break.
const Soak = time.Hour

// Cluster is what the pipeline acts on.
type Cluster struct {
	Deployer stage.Deployer
	Verify   stage.Runner // tests what an environment serves; fails if it is not good
	Health   stage.Source // the share of instances that are healthy
}

// Delivery returns the pipeline that takes freight, an image, to production.
func Delivery(c Cluster) pipeline.Pipeline {
	test := stage.Environment{Name: "test", Tier: stage.Testing}
	qa := stage.Environment{Name: "qa", Tier: stage.Staging}
	uat := stage.Environment{Name: "uat", Tier: stage.Staging}
	prod := stage.Environment{Name: "prod", Tier: stage.Production}
	return pipeline.Pipeline{Name: "freight", Given: image, Steps: pipeline.Sequence{
		c.promote(test),
		pipeline.Parallel{
			pipeline.Sequence{c.promote(qa), c.soak(qa)},
			pipeline.Sequence{c.promote(uat), c.soak(uat)},
		},
		pipeline.Gate{
			Name:        "promote",
			Environment: prod,
			Subject:     image,
			Require:     approval.Quorum{Group: Promoters, AllowAuthor: true, AllowStarter: true},
		},
		c.promote(prod),
	}}
}

var image = []string{"image"}

// promote brings the freight to an environment and verifies it there.
func (c Cluster) promote(to stage.Environment) pipeline.Step {
	return pipeline.Sequence{
		pipeline.Stage{Name: "deploy-" + to.Name, Run: rollout.Full{Via: c.Deployer}, Environment: to, Consumes: image},
		pipeline.Stage{Name: "verify-" + to.Name, Run: c.Verify, Environment: to, Consumes: image},
	}
}

// soak leaves the freight where it is for a while, and looks after it.
func (c Cluster) soak(in stage.Environment) pipeline.Step {
	return pipeline.Stage{Name: "soak-" + in.Name, Environment: in, Consumes: image, Run: bake.Watch{
		For:     Soak,
		Metrics: []bake.Metric{{Name: "healthy", Source: c.Health, Want: bake.AtLeast(1)}},
	}}
}
