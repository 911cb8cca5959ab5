// Package spinnaker is the canary that Spinnaker's documentation recommends: the
// release beside a fresh baseline of the same size, scored by Kayenta for three
// hours, judged by a person, and only then red/black in production.
//
// Spinnaker keeps what it deployed in clusters, and a pipeline that ends early
// may leave some behind. Here a [pipeline.Finally] destroys both clusters
// whatever happens, and to stop at the judgment is a failure and not a cancel,
// so that whoever looks at the run later sees that somebody said no.
//
// How Kayenta comes to a score is not shown: a [stage.Source] gives it.
//
// What it adds to kargo: clusters that come and go with a run, two of them at
// the same time, and hours in which production may change.
package spinnaker

import (
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// World is what the pipeline acts on.
type World struct {
	Bake     stage.Runner // makes the image; Spinnaker calls it so
	Find     stage.Runner // gives the image that production runs as running; fails if there is none
	Deployer stage.Deployer
	Judge    stage.Source // scores the image against the running one, 0 to 100, over the time that it is asked about
}

// Judges is the group of those who may judge a canary.
const Judges = "release-engineers"

const (
	lifetime  = 3 * time.Hour      // of a canary under analysis
	interval  = time.Hour          // between scores
	marginal  = 75                 // score below which the analysis ends at once
	pass      = 95                 // score below which it has failed in the end
	judgeable = 3 * 24 * time.Hour // how long a person may take
)

// hours are those in which production may change.
var hours = window.Weekly{Zone: "America/Los_Angeles", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "the restricted window"}

// Delivery returns the pipeline that takes a release to production.
func Delivery(w World) pipeline.Pipeline {
	baseline, canary := cluster("baseline"), cluster("canary")
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Inside(hours)}}
	image, running, both := []string{"image"}, []string{"running"}, []string{"image", "running"}
	deploy, back := rollout.Full{Via: w.Deployer}, rollout.Back{Via: w.Deployer}
	patient := pipeline.Retry{Times: 10}
	return pipeline.Pipeline{Name: "service", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "bake", Run: w.Bake, Produces: image},

		// It is looked for when the clusters are free, so that the baseline is
		// what production runs then.
		pipeline.Stage{Name: "find-running", Run: find{w.Find}, Environment: baseline, Produces: running},
		pipeline.Finally{
			Of: pipeline.Sequence{
				pipeline.Parallel{
					pipeline.Stage{Name: "deploy-baseline", Run: deploy, Environment: baseline, Consumes: running},
					pipeline.Stage{Name: "deploy-canary", Run: deploy, Environment: canary, Consumes: image},
				},
				pipeline.Stage{Name: "analysis", Run: analysis(w.Judge), Environment: canary, Consumes: both},
				pipeline.Stage{Name: "score", Run: final{w.Judge}, Environment: canary, Consumes: both, Gives: []string{"score"}},
				pipeline.Gate{
					Name:        "judgment",
					Environment: production,
					Subject:     image,
					Takes:       []string{"score"},
					Require:     approval.Quorum{Group: Judges, Veto: true},
					Expires:     judgeable,
				},
				pipeline.OnFailure{
					Of: pipeline.Stage{Name: "red-black", Run: deploy, Environment: production, Consumes: image},
					Do: pipeline.Stage{Name: "back", Run: back, Environment: production, Consumes: image},
				},
			},
			Do: pipeline.Parallel{
				pipeline.Stage{Name: "destroy-baseline", Run: back, Environment: baseline, Consumes: running, Retry: patient},
				pipeline.Stage{Name: "destroy-canary", Run: back, Environment: canary, Consumes: image, Retry: patient},
			},
		},
	}}
}

// find changes nothing where it is called.
type find struct{ stage.Runner }

func (find) Watches() bool      { return true }
func (f find) Check() error     { return stage.Check(f.Runner) }
func (f find) Describe() string { return stage.Describe(f.Runner) }

// cluster returns one of the two clusters that are compared. They are of one size
// and have an equal share of the users, so that nothing differs but the image.
// A cluster is empty before the run, so to go back is to destroy what is in it. If
// that cannot be done the run has failed, and is to be retried before the next one.
func cluster(name string) stage.Environment {
	return stage.Environment{Name: name, Tier: stage.Production, Config: map[string]string{"instances": "3"}}
}
