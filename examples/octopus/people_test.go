package octopus

import (
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

// A release is tested at 9:30, in staging until 9:45, and in production then.

func TestADefectKeepsAReleaseOutOfNewPhases(t *testing.T) {
	b := &books{defects: []defect{{"D-1", "1.4.2", on(2, 9).Add(40 * time.Minute), on(4, 12)}}}
	r1 := pipelinetest.Run(t, story(b, approved("r1", "1.4.2")...)).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("to-production", "check", "D-1 blocks it")
	if live, _ := r1.Step("deploy-production"); !live.Started.Equal(on(4, 12)) {
		t.Errorf("in production at %v; want not before the defect is closed at %v", live.Started, on(4, 12))
	}
}

// The pass of a gate does not outlast that a defect is found (G9).
func TestADefectThatIsFoundWhileProductionIsFrozenBlocks(t *testing.T) {
	b := &books{defects: []defect{{"D-1", "1.4.2", on(5, 12), on(7, 12)}}}
	s := story(b, approved("r1", "1.4.2")...)
	s.Begin = on(5, 9)
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells("r1 stage deploy-production waiting for window", "r1 gate to-production waiting for check: D-1 blocks it", "r1 gate to-production passed")
	if live, _ := got.Run("r1").Step("deploy-production"); !live.Started.Equal(on(7, 12)) {
		t.Errorf("in production at %v; want not before the defect is closed at %v", live.Started, on(7, 12))
	}
}

func TestAReleaseWithADefectMayBeDeployedAgainWhereItWasGood(t *testing.T) {
	b := &books{defects: []defect{{"D-1", "1.4.2", on(2, 9).Add(40 * time.Minute), on(30, 0)}}}
	got := pipelinetest.Run(t, story(b, script(
		approved("r1", "1.4.2"),
		[]pipelinetest.Action{
			brings("r2", "1.4.2").At("14:00"),
			mary.Approves("r2", "to-staging"),
			mary.Approves("r2", "to-production"),
			mike.Approves("r2", "to-production"),
		},
	)...))
	r2 := got.Run("r2")
	r2.Reached("verify-staging")
	got.Tells("r2 gate to-staging passed: D-1 does not block staging, where it was good; approved by mary")
	r2.Waiting("to-production", "check", "D-1 blocks it")
	got.Run("r1").Never("deploy-production")
	r2.Never("deploy-production")
}

func TestTheFirstPhaseIsAlwaysAllowed(t *testing.T) {
	for _, tt := range []struct {
		version     string
		first, next string
		script      []pipelinetest.Action
	}{
		{"1.4.2", "verify-dev", "to-test-1", []pipelinetest.Action{tess.Approves("r1", "to-test-1")}},
		{"1.4.2-bugfix-login", "verify-staging", "to-production", []pipelinetest.Action{
			mary.Approves("r1", "to-staging"), mary.Approves("r1", "to-production"), mike.Approves("r1", "to-production"),
		}},
	} {
		b := &books{defects: []defect{{"D-1", tt.version, on(1, 0), on(30, 0)}}}
		r1 := pipelinetest.Run(t, story(b, append(tt.script, brings("r1", tt.version))...)).Run("r1")
		r1.Reached(tt.first)
		r1.Waiting(tt.next, "check", "D-1 blocks it")
		r1.Never("deploy-test-1", "deploy-production")
	}
}

func TestATestThatFailsMayBeDoneAgain(t *testing.T) {
	b := &books{results: map[string][]string{"r1 staging": {"checkout is broken"}}}
	got := pipelinetest.Run(t, story(b, script(
		approved("r1", "1.4.2"),
		[]pipelinetest.Action{mary.Retries("r1", "verify-staging", "the network was down").After(time.Hour)},
	)...))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("verify-staging", "hold", "checkout is broken")
	r1.After("deploy-production", "verify-staging")
}

// To ignore what a test says is an override: with a reason, and for ever visible
// (G8).
func TestATestThatFailsMayBeIgnored(t *testing.T) {
	b := &books{results: map[string][]string{"r1 production": {"the logo is missing"}}}
	got := pipelinetest.Run(t, story(b, script(
		approved("r1", "1.4.2"),
		[]pipelinetest.Action{mary.Overrides("r1", "nobody needs a logo", "verify-production").WhenReached("r1", "verify-production").After(time.Hour)},
	)...))
	r1 := got.Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Never("back")
	if len(r1.Overrides) != 1 || r1.Overrides[0].By != "mary" || r1.Overrides[0].Reason != "nobody needs a logo" {
		t.Errorf("overrides are %v; want that of mary, and why", r1.Overrides)
	}
}

func TestATestThatFailsMayFailTheRelease(t *testing.T) {
	b := &books{results: map[string][]string{"r1 production": {"checkout is broken"}}}
	got := pipelinetest.Run(t, story(b, script(
		approved("r1", "1.4.2"),
		[]pipelinetest.Action{mary.Cancels("r1", "checkout is broken").WhenReached("r1", "verify-production").After(time.Hour)},
	)...))
	got.Run("r1").Want(pipeline.Canceled)
	got.Run("r1").Reached("back")
	if now := got.Platform.Serving("production"); len(now) > 0 {
		t.Errorf("production serves %v; want what it had before, which is nothing", now)
	}
}

// Octopus does not offer to ignore a required step.
func TestARequiredTestCannotBeIgnored(t *testing.T) {
	b := &books{results: map[string][]string{"r1 staging": {"checkout is broken"}}}
	got := pipelinetest.Run(t, story(b, script(
		approved("r1", "1.4.2")[:2],
		[]pipelinetest.Action{
			tess.Approves("r1", "to-test-1"),
			mary.Overrides("r1", "it will be fine", "verify-staging").WhenReached("r1", "verify-staging").After(time.Hour).Refused("retry it"),
		},
	)...))
	got.Run("r1").Never("to-production")
}

func TestAFreezeHoldsUpProduction(t *testing.T) {
	s := story(new(books), approved("r1", "1.4.2")...)
	s.Begin = on(5, 9)
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	r1.Waiting("deploy-production", "window", "stocktaking")
	if live, _ := r1.Step("deploy-production"); !live.Started.Equal(on(6, 0)) {
		t.Errorf("in production at %v; want it there when the freeze is over", live.Started)
	}
}

func TestAFreezeIsOverriddenForOneReleaseAndWithAReason(t *testing.T) {
	s := story(new(books), script(
		approved("r1", "1.4.2"),
		approved("r2", "1.4.3"),
		[]pipelinetest.Action{
			mary.Overrides("r1", "", "deploy-production").At("11:00").Refused("without a reason"),
			mary.Overrides("r1", "shops cannot open", "deploy-production").At("11:00"),
		},
	)...)
	s.Begin = on(5, 9)
	got := pipelinetest.Run(t, s)
	r1, r2 := got.Run("r1"), got.Run("r2")
	r1.Want(pipeline.Succeeded)
	if live, _ := r1.Step("deploy-production"); !live.Started.Equal(on(5, 11)) {
		t.Errorf("in production at %v; want it there when the freeze was overridden", live.Started)
	}
	want := pipeline.Override{Step: "deploy-production", By: "mary", Reason: "shops cannot open", At: on(5, 11).UTC()}
	if len(r1.Overrides) != 1 || r1.Overrides[0] != want {
		t.Errorf("overrides are %v; want %v, for ever visible (G8)", r1.Overrides, want)
	}
	r2.Waiting("deploy-production", "window", "stocktaking")
	if live, _ := r2.Step("deploy-production"); !live.Started.Equal(on(6, 0)) {
		t.Errorf("the next release is in production at %v; want it to wait until the freeze is over", live.Started)
	}
}

func TestToOverrideAFreezeIsNotToApprove(t *testing.T) {
	s := story(new(books),
		brings("r1", "1.4.2-bugfix-login"),
		mary.Approves("r1", "to-staging"),
		mary.Overrides("r1", "shops cannot open", "deploy-production"),
		mary.Approves("r1", "to-production"),
	)
	s.Begin = on(5, 9)
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Waiting("to-production", "approval", "1 of 2 approvals")
	r1.Never("deploy-production")
}

// What went out before the freeze is tested in it.
func TestAFreezeDoesNotHoldUpTests(t *testing.T) {
	s := story(new(books), approved("r1", "1.4.2")...)
	s.Begin = on(4, 23).Add(12 * time.Minute) // in production at 23:57, deployed two minutes past midnight
	r1 := pipelinetest.Run(t, s).Run("r1")
	r1.Want(pipeline.Succeeded)
	if test, _ := r1.Step("verify-production"); !test.Started.Equal(on(5, 0).Add(2 * time.Minute)) {
		t.Errorf("tested from %v; want it tested as soon as it is there", test.Started)
	}
}
