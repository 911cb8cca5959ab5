package spinnaker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var (
	jude = pipelinetest.Person{Name: "jude", Groups: []string{Judges}}
	dora = pipelinetest.Person{Name: "dora", Groups: []string{Judges}} // writes the changes
	sam  = pipelinetest.Person{Name: "sam"}                            // starts the runs
)

// kayenta has the scores of each hour of the analysis, by run. The last one is
// the final one. A run that is not listed has no fault.
type kayenta map[string][]float64

func (k kayenta) Sample(_ context.Context, q stage.Query) (stage.Sample, error) {
	if len(q.Artifacts) != 2 {
		return stage.Sample{}, errors.New("want an image and the running one")
	}
	scores := k[q.Input.Run]
	if len(scores) == 0 {
		return stage.Sample{Value: 100, Count: 1}, nil
	}
	hour := int(q.To.Sub(q.From) / time.Hour)
	return stage.Sample{Value: scores[min(hour, len(scores))-1], Count: 1}, nil
}

// world is one in which only the judge can be reached.
func world(k kayenta) World {
	nowhere := stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, errNowhere })
	return World{
		Bake:     nowhere,
		Find:     nowhere,
		Deployer: stage.DeployFunc(func(context.Context, stage.Deployment) error { return errNowhere }),
		Judge:    k,
	}
}

var errNowhere = errors.New("there is no cloud in a test")

// at returns a time in Los Angeles.
func at(t *testing.T, clock string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation(hours.Zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04", clock, zone)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// story is a release on Monday at 09:00, when nobody else does anything. It can
// be judged at 12:20.
func story(t *testing.T, k kayenta, script ...pipelinetest.Action) pipelinetest.Story {
	five := pipelinetest.Stub{Takes: 5 * time.Minute}
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(world(k))},
		Begin:     at(t, "2026-05-04 09:00"),
		Real:      []string{"analysis", "score"},
		Stubs: map[string]pipelinetest.Stub{
			"bake":             {Takes: 15 * time.Minute},
			"deploy-baseline":  five,
			"deploy-canary":    five,
			"red-black":        {Takes: 10 * time.Minute},
			"destroy-baseline": {Takes: time.Minute},
			"destroy-canary":   {Takes: time.Minute},
		},
		Script: script,
	}
}

func starts(key string) pipelinetest.Action {
	return sam.Starts("service", pipeline.Trigger{Key: key, Authors: []string{"dora"}})
}

// serves returns what all users of an environment get, by the name it has there.
func serves(t *testing.T, got *pipelinetest.Result, environment, name string) artifact.Digest {
	t.Helper()
	now := got.Platform.Serving(environment)
	if len(now) != 1 || now[0].Traffic != 100 {
		t.Fatalf("%s serves %v; want one release", environment, now)
	}
	return now[0].Artifacts[name].Digest
}

// destroyed wants nothing to be left of the clusters.
func destroyed(t *testing.T, got *pipelinetest.Result) {
	t.Helper()
	for _, name := range []string{"baseline", "canary"} {
		if left := got.Platform.Serving(name); len(left) > 0 {
			t.Errorf("%s is left, with %v; want it destroyed", name, left)
		}
		if live := got.Environments[name].Live; len(live) > 0 {
			t.Errorf("%s is known to have %v; want nothing there for the next run to go back to", name, live)
		}
	}
}
