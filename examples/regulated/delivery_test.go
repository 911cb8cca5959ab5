package regulated

import (
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

func TestApprovedInTheEveningGoesOutInTheMorning(t *testing.T) {
	got := pipelinetest.Run(t, story(t, everyone, &desk{approved: on(t, 17, 10)},
		starts("r1"),
		ann.Approves("r1", "release").At("16:20"),
		ben.Approves("r1", "release").At("16:50"),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells(
		"r1 gate release waiting for approval: 0 of 2 approvals from ann, ben, bob or cat; CHG-1 is not approved",
		"r1 gate release ann approves",
		"r1 gate release ben approves",
		"r1 gate release waiting for check: CHG-1 is not approved",
		"r1 gate release passed: signed by "+keyName(trust)+"; approved by ann and ben; CHG-1 is approved",
		"r1 stage canary waiting for window: outside business hours, until Tue 17 Mar 2026 09:00 CET",
		"r1 stage canary enters production",
		"r1 stage synthetic succeeded",
	)
	canary, _ := got.Run("r1").Step("canary")
	if want := on(t, 9, 0).AddDate(0, 0, 1); !canary.Started.Equal(want) {
		t.Errorf("production changed at %v; want %v, when business hours begin", canary.Started, want)
	}
}

func TestApprovalsThatHoldTwelveHoursAreAskedForAnew(t *testing.T) {
	p := everyone
	p.Validity = 12 * time.Hour
	got := pipelinetest.Run(t, story(t, p, &desk{approved: on(t, 17, 10)},
		starts("r1"),
		ann.Approves("r1", "release").At("16:20"),
		ben.Approves("r1", "release").At("16:50"),
		ann.Approves("r1", "release").At("Tue 09:10"),
		ben.Approves("r1", "release").At("Tue 09:40"),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells(
		"r1 gate release passed",
		"r1 stage canary waiting for window",
		"r1 gate release waiting for approval: 1 of 2 approvals",
		"r1 gate release ben approves",
		"r1 gate release passed",
		"r1 stage canary enters production",
	)
	canary, _ := got.Run("r1").Step("canary")
	if want := on(t, 9, 40).AddDate(0, 0, 1); !canary.Started.Equal(want) {
		t.Errorf("production changed at %v; want %v, when the second of two valid approvals came", canary.Started, want)
	}
}

func TestWhoWroteOrStartedItDoesNotCount(t *testing.T) {
	s := story(t, everyone, &desk{approved: monday(t)},
		starts("r1"),
		bob.Approves("r1", "release").Refused("wrote a change in this release"),
		cat.Approves("r1", "release").Refused("started this run"),
		dan.Approves("r1", "release").Refused("dan"),
		ann.Approves("r1", "release"),
		ann.Approves("r1", "release").After(time.Minute), // twice is once
	)
	s.Lasts = 31 * 24 * time.Hour
	got := pipelinetest.Run(t, s)
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed) // nobody else came in thirty days
	r1.Waiting("release", "approval", "1 of 2 approvals")
	r1.Never("canary")
}

func TestAnObjectionStopsTheRelease(t *testing.T) {
	got := pipelinetest.Run(t, story(t, everyone, &desk{},
		starts("r1"),
		ann.Approves("r1", "release"),
		ben.Objects("r1", "release", "not before the audit"),
	))
	got.Run("r1").Want(pipeline.Failed)
	got.Run("r1").Never("canary")
}

func TestATicketThatIsDeclinedStopsTheRelease(t *testing.T) {
	got := pipelinetest.Run(t, story(t, everyone, &desk{declined: true}, starts("r1")))
	got.Run("r1").Want(pipeline.Failed)
	got.Tells("r1 gate release rejected: CHG-1 is declined")
}

// Nobody is asked to approve what is not signed.
func TestWhatIsNotSignedByTheBuildIsRejectedAtOnce(t *testing.T) {
	d := &desk{}
	w := newWorld(d)
	w.SignWith = auditorKey
	s := story(t, everyone, d, starts("r1"))
	s.Pipelines = []pipeline.Pipeline{Delivery(w, everyone)}
	got := pipelinetest.Run(t, s)
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("canary")
	got.Tells("r1 gate release rejected: the signature of image and sbom is not by " + keyName(trust))
	if release, _ := r1.Step("release"); release.Ended.Sub(release.Reached) != 0 {
		t.Errorf("rejected after %v; want at once, for no vote changes it", release.Ended.Sub(release.Reached))
	}
}

// The lock comes last: while one release is in production the next one is
// approved and waits, and the hours are asked again when it may enter.
func TestOneReleaseAtATimeIsInProduction(t *testing.T) {
	s := story(t, everyone, &desk{approved: monday(t)},
		starts("r1"),
		ann.Approves("r1", "release").At("16:10"),
		ben.Approves("r1", "release").At("16:15"),
		starts("r2").After(15*time.Minute),
		ann.Approves("r2", "release").At("16:40"),
		ben.Approves("r2", "release").At("16:45"),
	)
	s.Stubs["synthetic"] = pipelinetest.Stub{Takes: 10 * time.Minute}
	s.Stubs["bake"] = pipelinetest.Stub{Takes: 30 * time.Minute, Run: stage.Func(nothing)}
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Succeeded)
	got.Run("r2").Want(pipeline.Succeeded)
	got.Run("r2").Waiting("canary", "environment", "run r1 is there")
	got.Tells("r1 stage canary enters production", "r2 gate release passed", "r1 leaves production", "r2 stage canary enters production")
}

// A pass of the business hours does not outlast them.
func TestTheLockDoesNotCarryAPassIntoTheNight(t *testing.T) {
	s := story(t, everyone, &desk{approved: monday(t)},
		starts("r1"),
		ann.Approves("r1", "release").At("15:50"),
		ben.Approves("r1", "release").At("15:55"),
		starts("r2").After(15*time.Minute),
		ann.Approves("r2", "release").At("16:00"),
		ben.Approves("r2", "release").At("16:05"),
	)
	s.Stubs["synthetic"] = pipelinetest.Stub{Takes: time.Hour} // from 16:55 to 17:55
	got := pipelinetest.Run(t, s)
	got.Run("r2").Waiting("canary", "window", "outside business hours")
	canary, _ := got.Run("r2").Step("canary")
	if want := on(t, 9, 0).AddDate(0, 0, 1); !canary.Started.Equal(want) {
		t.Errorf("r2 changed production at %v; want %v (G9)", canary.Started, want)
	}
}

func TestAReleaseThatFailsUnderWatchGoesBack(t *testing.T) {
	got := pipelinetest.Run(t, story(t, everyone, &desk{approved: monday(t)},
		starts("r1"),
		ann.Approves("r1", "release"), ben.Approves("r1", "release"),
		starts("r2").WhenEnded("r1", ""),
		ann.Approves("r2", "release"), ben.Approves("r2", "release"),
		pipelinetest.Measure("r2", "error rate", 0.2).WhenReached("r2", "bake").After(59*time.Minute),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	r2 := got.Run("r2")
	r2.Want(pipeline.Failed)
	r2.Reached("back")
	r2.Never("everybody")
	image := got.Run("r1").Artifacts["image"]
	if now := got.Platform.Serving("production"); len(now) != 1 || now[0].Artifacts["image"].Digest != image.Digest {
		t.Errorf("production serves %v; want %v, which it had before", now, image)
	}
}

func TestTestsTakeHalfAnHourAtMost(t *testing.T) {
	got := pipelinetest.Run(t, story(t, everyone, &desk{},
		starts("r1"),
		pipelinetest.Stage{Run: "r1", Name: "test-gamma"}.Hangs(),
	))
	s, _ := got.Run("r1").Step("test-gamma")
	if d := s.Ended.Sub(s.Started); !s.Status.Done() || d != limit {
		t.Errorf("test-gamma is %v after %v; want it over after %v", s.Status, d, limit)
	}
	got.Run("r1").Never("release")
}

func TestGammaIsProductionButForItsSize(t *testing.T) {
	_, gamma, production := places()
	gamma.Config["instances"] = production.Config["instances"]
	for k, v := range production.Config {
		if gamma.Config[k] != v {
			t.Errorf("gamma has %s %q; want %q, as in production", k, gamma.Config[k], v)
		}
	}
	if len(gamma.Config) != len(production.Config) {
		t.Errorf("gamma is configured as %v; want as production, %v", gamma.Config, production.Config)
	}
}

// What was approved is named by digest. Building it again is another release,
// and what was built cannot be built again in the same one.
func TestRebuildingVoidsApprovals(t *testing.T) {
	s := story(t, everyone, &desk{},
		starts("r1"),
		ann.Approves("r1", "release"), ben.Approves("r1", "release"),
		cat.Retries("r1", "build", "a new compiler").At("16:00").Refused("has succeeded"),
		starts("r2").At("16:00"),
	)
	s.Lasts = 3 * time.Hour
	got := pipelinetest.Run(t, s)
	got.Run("r1").Waiting("release", "check", "CHG-1 is not approved")
	got.Run("r2").Waiting("release", "approval", "0 of 2 approvals")
	got.Run("r2").Never("canary")
}

func TestAReleaseGoesOutOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(t, everyone, &desk{approved: monday(t)},
		starts("r1"),
		ann.Approves("r1", "release"), ben.Approves("r1", "release"),
	)
	s.Stubs["bake"] = pipelinetest.Stub{Takes: time.Hour, Run: stage.Func(nothing)}
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Succeeded)
		if n := got.Platform.Effects(); n != 4 {
			t.Errorf("deployed %d times; want once each to beta and gamma, and twice to production", n)
		}
	})
}
