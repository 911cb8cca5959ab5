// Package amazon is the pipeline that the Amazon Builders' Library describes in
// "Automating safe, hands-off deployments": from source to all regions in four to
// five business days, and nobody looks on.
//
// Regions come in waves that grow. In a region the release gets one box, a tenth
// of the traffic, and then the rest in steps of at most a third; it is under
// watch after the one box and after the rest. Nothing begins outside the business
// hours of the region, or while an alarm is active anywhere. An alarm takes the
// region back in the steps in which it came, and stops its wave and all that
// follow.
//
// What it adds to kargo: a pipeline that is computed. The tree has a hundred
// steps and more; what makes it is a page, and is read instead.
package amazon

import (
	"time"

	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// World is what the pipeline acts on.
type World struct {
	Build    stage.Runner // gives the service, without a network
	Test     stage.Runner // tests what an environment serves
	Deployer stage.Deployer
	Creates  stage.Source // the share of calls of the Create API that failed, of so many
	Alarms   Alarms
}

// A Region is a place with its own business hours.
type Region struct {
	Name string
	Zone string // IANA name
}

// A Wave is regions that are deployed to at the same time.
type Wave struct {
	Regions []Region
	Bake    time.Duration // when all of a region has the release
}

// Delivery returns the pipeline that takes a change through all waves. Nothing
// begins on the holidays, wherever it is.
func Delivery(w World, waves []Wave, holidays ...window.Span) pipeline.Pipeline {
	alpha := stage.Environment{Name: "alpha", Tier: stage.Development}
	beta := stage.Environment{Name: "beta", Tier: stage.Testing}
	gamma := stage.Environment{Name: "gamma", Tier: stage.Staging}
	tree := pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: w.Build, Produces: service},
		w.full(alpha), w.test(alpha, ""),
		w.full(beta), w.test(beta, ""),

		// Old and new together come before new alone, as in production.
		pipeline.Stage{Name: "gamma-one-box", Run: rollout.Canary{Via: w.Deployer, Traffic: oneBox}, Environment: gamma, Consumes: service},
		w.test(gamma, "one-box-"),
		w.full(gamma), w.test(gamma, ""),
	}
	for _, wave := range waves {
		g := pipeline.Graph{FailFast: true}
		for _, r := range wave.Regions {
			g.Nodes = append(g.Nodes, pipeline.Node{Name: r.Name, Step: w.region(r, wave.Bake, holidays)})
		}
		tree = append(tree, g)
	}
	return pipeline.Pipeline{Name: "service", Steps: tree}
}

var service = []string{"service"}

func (w World) full(e stage.Environment) pipeline.Step {
	return pipeline.Stage{Name: e.Name, Run: rollout.Full{Via: w.Deployer}, Environment: e, Consumes: service}
}

func (w World) test(e stage.Environment, what string) pipeline.Step {
	return pipeline.Stage{Name: e.Name + "-" + what + "test", Run: w.Test, Environment: e, Consumes: service}
}
