// Package octopus is two channels of Octopus Deploy. In the default one a release
// goes to dev by itself, then to one of two test environments or to both, when
// testers want it there, and on to staging and production. A hotfix, known by its
// version, begins in staging.
//
// What else Octopus does here is done by gates and by people: a defect keeps a
// release out of new phases, a test that fails asks somebody what to do (guided
// failure), and a freeze is overridden for one release, with a reason.
//
// Not shown are tenants, the exclusion of single machines, and to deploy an older
// release again by itself. Whoever fails a release at a guided failure cancels it.
//
// What it adds to kubernetes: phases that are optional, and what people may do when
// something is in the way.
package octopus

import (
	"context"
	"regexp"
	"strings"
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
	Deployer stage.Deployer
	Test     stage.Runner // tests what an environment serves, and enters what passed in Records; fails if it is not good
	Records  Records
}

// Groups of those who deploy.
const (
	Testers  = "testers"          // to test
	Managers = "release-managers" // to staging and to production
)

// Version is the parameter of a run that selects its channel, such as
// "1.4.2-bugfix-login".
const Version = "version"

// undecided is how long an optional phase waits for somebody who wants it.
const undecided = 7 * 24 * time.Hour

// Delivery returns the pipeline that takes a release, an image, through the phases
// of its channel.
func Delivery(w World, freeze window.Dates) pipeline.Pipeline {
	dev := stage.Environment{Name: "dev", Tier: stage.Development}
	test1 := stage.Environment{Name: "test-1", Tier: stage.Testing}
	test2 := stage.Environment{Name: "test-2", Tier: stage.Testing}
	staging := stage.Environment{Name: "staging", Tier: stage.Staging}
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{window.Outside(freeze)}}
	return pipeline.Pipeline{Name: "octopus", Given: image, Steps: pipeline.Sequence{
		byDefault("default-channel", pipeline.Sequence{w.deploy(dev), w.verify(dev)}),
		pipeline.Graph{Nodes: []pipeline.Node{
			{Step: byDefault("test-1", w.optional(test1))},
			{Step: byDefault("test-2", w.optional(test2))},

			// The main line waits for one of the two, not for both.
			{Name: "main-line", Step: pipeline.Sequence{
				byDefault("test-phase", pipeline.Gate{
					Name:        "tested",
					Environment: staging,
					Subject:     image,
					Require:     tested{Records: w.Records, Need: 1, Of: []string{test1.Name, test2.Name}},
				}),
				pipeline.Gate{
					Name:        "to-staging",
					Environment: staging,
					Subject:     image,
					Require:     gate.All(unblocked{w.Records, hotfix}, approval.Quorum{Group: Managers, AllowStarter: true}),
				},
				w.deploy(staging),
				required(w.verify(staging)),
				pipeline.Gate{
					Name:        "to-production",
					Environment: production,
					Subject:     image,
					Takes:       report,
					Require:     gate.All(unblocked{w.Records, nil}, approval.Quorum{Need: 2, Group: Managers, Veto: true}),
				},
				pipeline.OnFailure{
					Of: pipeline.Sequence{w.deploy(production), w.verify(production)},
					Do: pipeline.Stage{Name: "back", Run: rollout.Back{Via: w.Deployer}, Environment: production, Consumes: image},
				},
			}},
		}},
	}}
}

var image, report = []string{"image"}, []string{"report"}

func (w World) deploy(e stage.Environment) pipeline.Stage {
	return pipeline.Stage{Name: "deploy-" + e.Name, Run: rollout.Full{Via: w.Deployer}, Environment: e, Consumes: image}
}

func (w World) verify(e stage.Environment) pipeline.Stage {
	return pipeline.Stage{Name: "verify-" + e.Name, Run: guided{w.Test}, Environment: e, Consumes: image}
}

// required returns a stage that nobody can ignore, for what comes later needs what
// it gives.
func required(s pipeline.Stage) pipeline.Stage {
	s.Gives = report
	return s
}

// optional deploys to an environment when a tester wants it there. Nothing happens
// if one says that it is not needed, or nobody says anything.
func (w World) optional(e stage.Environment) pipeline.Step {
	return pipeline.Sequence{
		pipeline.Gate{
			Name:        "to-" + e.Name,
			Environment: e,
			Subject:     image,
			Require:     gate.All(unblocked{w.Records, nil}, approval.Quorum{Group: Testers, AllowAuthor: true, AllowStarter: true, Veto: true}),
			OnReject:    pipeline.Skip,
			Expires:     undecided,
			OnExpire:    pipeline.Skip,
		},
		w.deploy(e),
		w.verify(e),
	}
}

// byDefault returns what is done in the default channel alone.
func byDefault(name string, do pipeline.Step) pipeline.Step {
	return pipeline.When{Name: name, Do: do, If: func(_ context.Context, f pipeline.Facts) (bool, error) {
		return !hotfix(f.Trigger.Params), nil
	}}
}

var bugfix = regexp.MustCompile(`^bugfix-`)

// hotfix is the rule of the hotfix channel: a pre-release tag that says so.
func hotfix(params map[string]string) bool {
	_, tag, _ := strings.Cut(params[Version], "-")
	return bugfix.MatchString(tag)
}
