package kubernetes

import (
	"context"
	"flag"
	"maps"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

func TestACandidateIsCut(t *testing.T) {
	got := pipelinetest.Run(t, cut(t, new(github), "v1.36.0-rc.0"))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Golden("testdata/candidate.txt", *update)
}

func TestAPatchIsCut(t *testing.T) {
	got := pipelinetest.Run(t, cut(t, new(github), "v1.35.2"))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Golden("testdata/patch.txt", *update)
}

// The image job of the release before has succeeded long ago.
func TestAReleaseBeginsWhenTheImageJobOfItsOwnPromotionHasSucceeded(t *testing.T) {
	g := &github{hangs: map[string]bool{"c2": true}}
	got := pipelinetest.Run(t, story(t, g, append(append(promotes("r1"), promotes("r2")...),
		cuts("r1", "v1.35.2"),
		cuts("r2", "v1.34.6").After(time.Minute),
	)...))
	got.Run("r1").Want(pipeline.Succeeded)
	r2 := got.Run("r2")
	r2.Want(pipeline.Running)
	r2.Reached("image-job")
	r2.Never("nomock-release")
	for i, r := range []string{"r1", "r2"} {
		if promoted, staged := g.images[i].Digest, got.Run(r).Artifacts["images"].Digest; promoted != staged {
			t.Errorf("%s promotes %v; want %v, which it has staged", r, promoted, staged)
		}
	}
}

func TestAReleaseWaitsForItsImageJob(t *testing.T) {
	r1 := pipelinetest.Run(t, cut(t, new(github), "v1.35.2")).Run("r1")
	merged, _ := r1.Step("merge")
	release, _ := r1.Step("nomock-release")
	if d := release.Started.Sub(merged.Ended); d != time.Hour {
		t.Errorf("released %v after the merge; want an hour, which is what the job takes", d)
	}
}

func TestAnImageJobThatFailsCanBeDoneAgain(t *testing.T) {
	g := &github{fails: map[string]int{"c1": 1}}
	got := pipelinetest.Run(t, cut(t, g, "v1.35.2", mona.Retries("r1", "image-job", "a quota").WhenEnded("r1", "")))
	got.Tells("r1 stage image-job failed: the image job of c1 failed", "r1 the run has failed", "r1 stage image-job succeeded", "r1 stage nomock-release running")
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	if gate, _ := r1.Step("approve-promotion"); gate.Round != 1 {
		t.Errorf("people were asked %d times; want once, for the images are the same", gate.Round)
	}
}

func TestWhatIsReleasedIsWhatWasStaged(t *testing.T) {
	var verified, released artifact.Set
	note := func(set *artifact.Set) pipelinetest.Stub {
		return pipelinetest.Stub{Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			*set = in.Artifacts
			return stage.Output{}, nil
		})}
	}
	s := cut(t, new(github), "v1.36.0-rc.0")
	s.Stubs["verify"], s.Stubs["nomock-release"] = note(&verified), note(&released)
	got := pipelinetest.Run(t, s)
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	staged := maps.Clone(r1.Artifacts)
	delete(staged, "mock")
	for what, set := range map[string]artifact.Set{"verified": verified, "released": released} {
		if set.Digest() != staged.Digest() || len(set) != 2 {
			t.Errorf("%s %v; want %v, as it was staged", what, set, staged)
		}
	}
}

func TestAMockCanBeDoneAgain(t *testing.T) {
	got := pipelinetest.Run(t, cut(t, new(github), "v1.36.0-rc.0",
		pipelinetest.Stage{Run: "r1", Name: "mock-release"}.Fails("a bucket is full"),
		mona.Retries("r1", "mock-stage", "after cleaning up").WhenEnded("r1", "").Refused("has succeeded"),
		mona.Retries("r1", "mock-release", "after cleaning up").WhenEnded("r1", ""),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells("r1 stage mock-release failed: a bucket is full", "r1 the run has failed", "r1 stage mock-release succeeded", "r1 stage nomock-stage running")
}

func TestWhatCannotBeBuiltAgainIsNotPromoted(t *testing.T) {
	got := pipelinetest.Run(t, story(t, new(github),
		cuts("r1", "v1.35.2"),
		pipelinetest.Stage{Run: "r1", Name: "verify"}.Fails("kubelet differs when it is built again"),
	))
	got.Run("r1").Want(pipeline.Failed)
	got.Run("r1").Never("promotion", "merge", "nomock-release")
}

// What was published stays. If a release does not get through it is taken up where
// it is; what is wrong with it is put right by the next patch.
func TestAfterTheMergeThereIsOnlyForward(t *testing.T) {
	got := pipelinetest.Run(t, story(t, new(github), append(append(promotes("r1"), promotes("r2")...),
		cuts("r1", "v1.35.2"),
		pipelinetest.Stage{Run: "r1", Name: "nomock-release"}.Fails("half of it is published"),
		cuts("r2", "v1.35.3").WhenEnded("r1", ""),
	)...))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("announce")
	failed, _ := r1.Step("nomock-release")
	for _, step := range r1.Steps {
		if !step.Started.Before(failed.Ended) {
			t.Errorf("%s began at %v; want nothing after the failure, for nothing can be taken back", step.Name, step.Started)
		}
	}
	got.Run("r2").Want(pipeline.Succeeded)
}

func TestAReleaseIsTakenUpWhereItIs(t *testing.T) {
	got := pipelinetest.Run(t, cut(t, new(github), "v1.35.2",
		pipelinetest.Stage{Run: "r1", Name: "nomock-release"}.Fails("half of it is published"),
		mona.Retries("r1", "nomock-release", "the rest of it").WhenEnded("r1", ""),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells("r1 stage nomock-release failed", "r1 the run has failed", "r1 stage nomock-release succeeded", "r1 stage announce succeeded")
}

func TestACancelAfterTheMergeLeavesWhatIsPublished(t *testing.T) {
	got := pipelinetest.Run(t, cut(t, new(github), "v1.35.2",
		mona.Cancels("r1", "wrong branch").WhenReached("r1", "image-job").After(time.Minute),
	))
	got.Run("r1").Want(pipeline.Canceled)
	got.Run("r1").Never("nomock-release", "announce")
}

func TestAPromotionTakesOneWhoApprovesAndOneWhoReviews(t *testing.T) {
	got := pipelinetest.Run(t, story(t, new(github),
		cuts("r1", "v1.35.2"),
		mona.Approves("r1", "approve-promotion").Refused("started this run"),
		pipelinetest.Person{Name: "eve"}.Approves("r1", "approve-promotion").Refused(Approvers),
		rita.Approves("r1", "approve-promotion"), // she could be either, and is one
		rita.Approves("r1", "approve-promotion").After(time.Minute),
		adam.Approves("r1", "approve-promotion").After(24*time.Hour),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("approve-promotion", "approval", "1 of 2 approvals")
	gate, _ := r1.Step("approve-promotion")
	if d := gate.Ended.Sub(gate.Reached); d != 24*time.Hour {
		t.Errorf("promoted after %v; want a day, when the second person agreed", d)
	}
}
