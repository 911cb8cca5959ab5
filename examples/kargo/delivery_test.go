package kargo

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

var paula = pipelinetest.Person{Name: "paula", Groups: []string{Promoters}}

// nowhere is a cluster that no test reaches.
var nowhere = Cluster{
	Deployer: stage.DeployFunc(func(context.Context, stage.Deployment) error { return errors.New("no cluster") }),
	Verify: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
		return stage.Output{}, errors.New("no cluster")
	}),
	Health: stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) {
		return stage.Sample{}, errors.New("no cluster")
	}),
}

// freight returns the freight of a run.
func freight(key string) pipeline.Trigger {
	a := artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte("image " + key))}
	return pipeline.Trigger{Key: key, Artifacts: artifact.Set{"image": a}}
}

func arrives(key string) pipelinetest.Action { return pipelinetest.Start("freight", freight(key)) }

// story is a day in a cluster where verifying takes ten minutes.
func story(script ...pipelinetest.Action) pipelinetest.Story {
	ten := pipelinetest.Stub{Takes: 10 * time.Minute}
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(nowhere)},
		Stubs:     map[string]pipelinetest.Stub{"verify-test": ten, "verify-qa": ten, "verify-uat": ten, "verify-prod": ten},
		Metrics:   map[string]float64{"healthy": 1},
		Script:    script,
	}
}

func live(got *pipelinetest.Result, environment string) artifact.Digest {
	return got.Environments[environment].Live["image"].Digest
}

func TestFreightGoesToProductionWhenItIsPromoted(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		paula.Approves("f1", "promote").After(24*time.Hour),
	))
	f1 := got.Run("f1")
	f1.Want(pipeline.Succeeded)
	f1.Waiting("promote", "approval", "0 of 1 approvals from promoters")
	f1.Before("verify-test", "deploy-qa")
	f1.Before("verify-test", "deploy-uat")
	got.Tells(
		"f1 stage deploy-qa succeeded: image@"+live(got, "prod").Short()+" to 100% of qa",
		"f1 stage deploy-uat succeeded: image@"+live(got, "prod").Short()+" to 100% of uat",
		"f1 stage soak-uat succeeded: baked for 1h0m0s",
		"f1 gate promote paula approves",
		"f1 stage deploy-prod succeeded: image@"+live(got, "prod").Short()+" to 100% of prod",
	)
}

func TestFreightNotVerifiedInUatCannotBePromoted(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		pipelinetest.Stage{Run: "f1", Name: "verify-uat"}.Fails("checkout is broken"),
		paula.Approves("f1", "promote").WhenReached("f1", "verify-uat").Refused(`gate "promote" is not reached yet`),
		paula.Approves("f1", "promote").WhenEnded("f1", "").Refused("the run has failed"),
	))
	f1 := got.Run("f1")
	f1.Want(pipeline.Failed)
	f1.Never("promote", "deploy-prod", "verify-prod")
	if want := "verify-uat: checkout is broken"; f1.Reason != want {
		t.Errorf("f1 failed: %s; want the reason %q", f1.Reason, want)
	}
}

// In Kargo, to approve freight for a stage is to override that it was not
// verified, and starts nothing. Here the nearest is to override the stage that
// would verify it; somebody still has to promote.
func TestOverridingAVerificationStartsNothing(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		pipelinetest.Stage{Run: "f1", Name: "verify-uat"}.Asks("is the checkout broken, or the test?"),
		paula.Overrides("f1", "the test is broken", "verify-uat").WhenReached("f1", "verify-uat").After(3*time.Hour),
	))
	f1 := got.Run("f1")
	f1.Want(pipeline.Waiting)
	f1.Waiting("promote", "approval", "0 of 1 approvals from promoters")
	f1.Never("deploy-prod")
	if len(f1.Overrides) != 1 || f1.Overrides[0].By != "paula" {
		t.Errorf("overrides are %v; want that of paula, for ever visible", f1.Overrides)
	}
}

func TestFreightThatIsBeingVerifiedBlocksTheNext(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		arrives("f2").After(5*time.Minute),
	))
	got.Run("f2").Waiting("deploy-test", "environment", "run f1 is there")
	got.Run("f2").Waiting("deploy-uat", "environment", "run f1 is there")
	got.Tells("f1 stage verify-test succeeded", "f1 leaves test", "f2 stage deploy-test enters test")
	got.Tells("f1 stage soak-uat succeeded", "f1 leaves uat", "f2 stage deploy-uat enters uat")
}

func TestFreightThatFailedVerificationDoesNotBlockTheNext(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		pipelinetest.Stage{Run: "f1", Name: "verify-test"}.Fails("it does not start"),
		arrives("f2").WhenEnded("f1", "verify-test"),
		paula.Approves("f2", "promote"),
	))
	got.Run("f1").Want(pipeline.Failed)
	got.Run("f2").Want(pipeline.Succeeded)
	f1, _ := got.Run("f1").Step("verify-test")
	f2, _ := got.Run("f2").Step("deploy-test")
	if !f2.Started.Equal(f1.Ended) {
		t.Errorf("f2 was deployed to test at %v; want it there at %v, as soon as f1 failed, for it may be the fix", f2.Started, f1.Ended)
	}
}

// A run that ends unwell in one place is left to end in the other, and blocks
// nobody where it failed.
func TestNextFreightEntersUatWhileFailedFreightSoaksInQa(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		pipelinetest.Stage{Run: "f1", Name: "verify-uat"}.Fails("checkout is broken"),
		arrives("f2").After(5*time.Minute),
	))
	got.Run("f1").Want(pipeline.Failed)
	got.Tells("f1 stage verify-uat failed", "f1 leaves uat", "f2 stage deploy-uat enters uat", "f1 stage soak-qa succeeded", "f1 leaves qa", "f2 stage deploy-qa enters qa")
}

// Freight soaks from when it was verified until an hour later. Nothing else can
// get in meanwhile, and what was broken off counts for nothing.
func TestSoakingIsContinuous(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		arrives("f2").WhenReached("f1", "soak-uat").After(10*time.Minute),
		pipelinetest.Measure("f1", "healthy", 0.5).WhenReached("f1", "soak-uat").After(40*time.Minute),
		paula.Approves("f2", "promote"),
	))
	f1, f2 := got.Run("f1"), got.Run("f2")
	f1.Want(pipeline.Failed)
	f1.Never("promote")
	f2.Want(pipeline.Succeeded)
	for _, step := range []string{"soak-qa", "soak-uat"} {
		s, _ := f2.Step(step)
		if d := s.Ended.Sub(s.Started); d < Soak {
			t.Errorf("%s of f2 took %v; want %v", step, d, Soak)
		}
	}
	got.Tells("f1 stage soak-uat failed", "f1 leaves uat", "f2 stage deploy-uat enters uat")
}

func TestSoakingGoesOnWhileTheExecutorIsDown(t *testing.T) {
	got := pipelinetest.Run(t, story(
		arrives("f1"),
		pipelinetest.Crash(2*time.Minute).WhenReached("f1", "soak-uat").After(30*time.Minute),
	))
	s, _ := got.Run("f1").Step("soak-uat")
	if d := s.Ended.Sub(s.Started); d != Soak {
		t.Errorf("soaked for %v; want %v, for the clock on the wall did not stop", d, Soak)
	}
}

func TestFreightIsPromotedOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(arrives("f1"), paula.Approves("f1", "promote"))
	soaked := pipelinetest.Stub{Takes: Soak, Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })}
	s.Stubs["soak-qa"], s.Stubs["soak-uat"] = soaked, soaked // without a record of each minute
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("f1").Want(pipeline.Succeeded)
		if n := got.Platform.Effects(); n != 4 {
			t.Errorf("deployed %d times; want once each to test, qa, uat and prod", n)
		}
	})
}
