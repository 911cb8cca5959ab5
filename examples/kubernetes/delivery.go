// Package kubernetes is how a Kubernetes release is cut, after the handbook of its
// release managers: the version says which lane it takes, mocks come first and may
// be done again, people promote the images, and what is released cannot be taken
// back.
//
// The image job runs for the commit of one promotion, and the release begins when
// that job has succeeded, not when some job has. Commit, pull request and digests
// go from stage to stage as values and artifacts, so there is nothing to mix up.
//
// What it adds to spinnaker: lanes that the trigger chooses, values that stages hand
// on, a calendar of freezes, and points of no return.
package kubernetes

import (
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// World is what the pipeline acts on. Mocks do what the real ones do, and publish
// nothing.
type World struct {
	MockStage, MockRelease stage.Runner
	Stage                  stage.Runner // builds binaries and images, and puts them where nobody looks for releases
	Verify                 stage.Runner // fails if their provenance is wrong, or if to build again gives others
	Release                stage.Runner // publishes what it consumes; safe to repeat
	Announce               stage.Runner // tells everybody
	Signal                 Signal
	Forge                  Forge
	Jobs                   Jobs
}

// Calendar is when what is cut. None of it may be empty.
type Calendar struct {
	CodeFreeze window.Dates // until Thaw: only fixes go in, so it is too late for an alpha
	TestFreeze window.Dates // until Thaw: from then on there are candidates
	Closed     window.Dates // when nothing is published
}

// Groups of those who promote images. One of each has to agree.
const (
	Approvers = "image-approvers" // who approve
	Reviewers = "image-reviewers" // who say that it looks good to them
)

// Version is the parameter of a run that names what is cut, such as "v1.36.0-rc.1".
const Version = "version"

// Delivery returns the pipeline that cuts a release.
func Delivery(w World, c Calendar) pipeline.Pipeline {
	mock := stage.Environment{Name: "mock", Tier: stage.Testing}
	staging := stage.Environment{Name: "staging", Tier: stage.Staging}
	registry := stage.Environment{Name: "registry", Tier: stage.Production, Gates: []gate.Gate{window.Outside(c.Closed)}}
	built := []string{"binaries", "images"}
	images := built[1:]
	patient := pipeline.Retry{Times: 5}
	return pipeline.Pipeline{Name: "release", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "version", Run: checked{}},
		only("alpha", alpha, pipeline.Gate{Name: "before-code-freeze", Require: window.Outside(c.CodeFreeze)}),
		only("candidate", candidate, pipeline.Gate{Name: "in-test-freeze", Require: window.Inside(c.TestFreeze)}),
		only("rehearsed", rehearsed, pipeline.Sequence{
			pipeline.Gate{Name: "signal", Require: green{w.Signal}},
			pipeline.Stage{Name: "mock-stage", Run: w.MockStage, Environment: mock, Produces: []string{"mock"}},
			pipeline.Stage{Name: "mock-release", Run: w.MockRelease, Environment: mock, Consumes: []string{"mock"}},
		}),

		pipeline.Stage{Name: "nomock-stage", Run: w.Stage, Environment: staging, Produces: built},
		pipeline.Stage{Name: "verify", Run: w.Verify, Environment: staging, Consumes: built},

		pipeline.Stage{Name: "promotion", Run: promotion{w.Forge}, Consumes: images, Gives: []string{"pull-request"}, Retry: patient},
		pipeline.Gate{
			Name:        "approve-promotion",
			Environment: registry,
			Subject:     built,
			Takes:       []string{"pull-request"},
			Require:     approval.Quorum{Slots: []approval.Slot{{Group: Approvers}, {Group: Reviewers}}},
		},

		// From here on there is no way back, only the next patch.
		pipeline.Stage{Name: "merge", Run: merge{w.Forge}, Environment: registry, Consumes: images, Takes: []string{"pull-request"}, Gives: []string{"commit"}, Retry: patient},
		pipeline.Stage{Name: "image-job", Run: imageJob{w.Jobs}, Environment: registry, Consumes: images, Takes: []string{"commit"}, Retry: patient},
		pipeline.Stage{Name: "nomock-release", Run: w.Release, Environment: registry, Consumes: built},
		pipeline.Stage{Name: "announce", Run: w.Announce, Consumes: built, Retry: patient},
	}}
}
