package octopus

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var (
	tess = pipelinetest.Person{Name: "tess", Groups: []string{Testers}}
	mary = pipelinetest.Person{Name: "mary", Groups: []string{Managers}}
	mike = pipelinetest.Person{Name: "mike", Groups: []string{Managers}}
	dave = pipelinetest.Person{Name: "dave", Groups: []string{Managers}} // starts the runs
)

// books is Records in memory. A test has the result that it is told, and passes
// otherwise.
type books struct {
	mu      sync.Mutex
	passed  map[string]bool // by environment and digest
	results map[string][]string
	defects []defect
}

// A defect of an image is open for a time.
type defect struct {
	number, image string
	from, to      time.Time
}

func (b *books) Passed(_ context.Context, environment string, image artifact.Digest) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.passed[environment+image.String()], nil
}

func (b *books) Defects(_ context.Context, image artifact.Digest) (open []string, err error) {
	now := time.Now()
	for _, d := range b.defects {
		if release(d.image).Digest == image && !now.Before(d.from) && now.Before(d.to) {
			open = append(open, d.number)
		}
	}
	return open, nil
}

// Run tests what an environment serves.
func (b *books) Run(_ context.Context, in stage.Input) (stage.Output, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := in.Run + " " + in.Environment.Name
	if results := b.results[at]; len(results) > 0 {
		b.results[at] = results[1:]
		if results[0] != "" {
			return stage.Output{}, stage.Failf("%s", results[0])
		}
	}
	if b.passed == nil {
		b.passed = map[string]bool{}
	}
	b.passed[in.Environment.Name+in.Artifacts["image"].Digest.String()] = true
	if in.Stage == "verify-staging" {
		return stage.Output{Values: map[string]any{"report": "all tests passed"}}, nil
	}
	return stage.Output{}, nil
}

func (b *books) Describe() string { return "the tests" }

func world(b *books) World {
	return World{
		Deployer: stage.DeployFunc(func(context.Context, stage.Deployment) error { return errors.New("no machines") }),
		Test:     b,
		Records:  b,
	}
}

// stocktaking is when nothing goes to production.
var stocktaking = window.Dates{Zone: "Australia/Brisbane", Spans: []window.Span{{From: "2026-03-05", To: "2026-03-06"}}, Why: "stocktaking"}

var brisbane = time.FixedZone("AEST", 10*60*60)

// on returns a time in the first week of March, in which the second is a Monday.
func on(day, hour int) time.Time { return time.Date(2026, time.March, day, hour, 0, 0, 0, brisbane) }

// story is a Monday from nine. To deploy takes five minutes, and to test ten.
func story(b *books, script ...pipelinetest.Action) pipelinetest.Story {
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(world(b), stocktaking)},
		Begin:     on(2, 9),
		Stubs:     map[string]pipelinetest.Stub{},
		Script:    script,
	}
	for _, e := range []string{"dev", "test-1", "test-2", "staging", "production"} {
		s.Stubs["deploy-"+e], s.Stubs["verify-"+e] = pipelinetest.Stub{Takes: 5 * time.Minute}, pipelinetest.Stub{Takes: 10 * time.Minute}
		s.Real = append(s.Real, "verify-"+e)
	}
	return s
}

func release(image string) artifact.Artifact {
	return artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte(image))}
}

// brings starts the release of a version, which has an image of its own.
func brings(key, version string) pipelinetest.Action {
	return dave.Starts("octopus", pipeline.Trigger{
		Key: key, Authors: []string{"dora"}, Params: map[string]string{Version: version}, Artifacts: artifact.Set{"image": release(version)},
	})
}

// approved is a release of which everybody wants what there is to want, but for
// test-2.
func approved(key, version string) []pipelinetest.Action {
	to := []pipelinetest.Action{
		brings(key, version),
		mary.Approves(key, "to-staging"),
		mary.Approves(key, "to-production"),
		mike.Approves(key, "to-production"),
	}
	if !hotfix(map[string]string{Version: version}) {
		to = append(to, tess.Approves(key, "to-test-1"), tess.Objects(key, "to-test-2", "not needed"))
	}
	return to
}

func script(parts ...[]pipelinetest.Action) []pipelinetest.Action { return slices.Concat(parts...) }
