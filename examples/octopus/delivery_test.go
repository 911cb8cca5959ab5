package octopus

import (
	"flag"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

func TestAReleaseOfTheDefaultChannel(t *testing.T) {
	got := pipelinetest.Run(t, story(new(books), approved("r1", "1.4.2")...))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Golden("testdata/default.txt", *update)
}

func TestAReleaseOfTheHotfixChannel(t *testing.T) {
	got := pipelinetest.Run(t, story(new(books), approved("r1", "1.4.2-bugfix-login")...))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Golden("testdata/hotfix.txt", *update)
}

func TestTheVersionSelectsTheChannel(t *testing.T) {
	for version, want := range map[string]bool{
		"1.4.2-bugfix-login":   true,
		"1.4.2-bugfix-":        true,
		"1.4.2":                false,
		"1.4.2-bugfix":         false,
		"1.4.2-rc.1-bugfix-":   false,
		"1.4.2-nobugfix-login": false,
		"1.4.2-Bugfix-login":   false,
		"bugfix-1.4.2":         false,
		"":                     false, // what says nothing gets all phases
	} {
		if got := hotfix(map[string]string{Version: version}); got != want {
			t.Errorf("version %q is a hotfix: %v; want %v", version, got, want)
		}
	}
}

func TestAnOptionalPhaseIsNeverDeployedByItself(t *testing.T) {
	r1 := pipelinetest.Run(t, story(new(books), brings("r1", "1.4.2"))).Run("r1")
	r1.Reached("deploy-dev", "verify-dev") // which is deployed by itself
	r1.Waiting("to-test-1", "approval", "0 of 1 approvals from "+Testers)
	r1.Waiting("tested", "check", "tested in 0 of test-1, test-2; want 1")
	r1.Never("deploy-test-1", "deploy-test-2", "to-staging", "deploy-staging")
	if gate, _ := r1.Step("to-test-1"); gate.Status != pipeline.Skipped || gate.Ended.Sub(gate.Reached) != undecided {
		t.Errorf("to-test-1 is %v after %v; want it skipped after %v", gate.Status, gate.Ended.Sub(gate.Reached), undecided)
	}
}

func TestOneTestEnvironmentOfTwoIsEnough(t *testing.T) {
	for name, other := range map[string]pipelinetest.Action{
		"the other is not needed":   tess.Objects("r1", "to-test-2", "not needed"),
		"the other is decided late": tess.Approves("r1", "to-test-2").After(5 * 24 * time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			got := pipelinetest.Run(t, story(new(books),
				brings("r1", "1.4.2"),
				tess.Approves("r1", "to-test-1"),
				other,
				mary.Approves("r1", "to-staging"),
				mary.Approves("r1", "to-production"),
				mike.Approves("r1", "to-production"),
			))
			r1 := got.Run("r1")
			r1.Want(pipeline.Succeeded)
			r1.Before("verify-test-1", "to-staging")
			if live, _ := r1.Step("deploy-production"); !live.Ended.Before(on(2, 11)) {
				t.Errorf("in production at %v; want it there at once, whatever becomes of test-2", live.Ended)
			}
		})
	}
}

// To test is to have tests that pass: an environment in which they were ignored
// does not count.
func TestWhereTestsFailedNothingWasTested(t *testing.T) {
	b := &books{results: map[string][]string{"r1 test-1": {"checkout is broken"}}}
	r1 := pipelinetest.Run(t, story(b,
		brings("r1", "1.4.2"),
		tess.Approves("r1", "to-test-1"),
		tess.Overrides("r1", "the test is wrong", "verify-test-1").WhenReached("r1", "verify-test-1").After(time.Hour),
		tess.Approves("r1", "to-test-2").After(24*time.Hour),
	)).Run("r1")
	tested, _ := r1.Step("tested")
	if want := on(3, 9).Add(30 * time.Minute); !tested.Ended.Equal(want) {
		t.Errorf("tested at %v; want it at %v, in test-2", tested.Ended, want)
	}
}

func TestAHotfixIsNotDeployedBeforeStaging(t *testing.T) {
	r1 := pipelinetest.Run(t, story(new(books), brings("r1", "1.4.2-bugfix-login"))).Run("r1")
	r1.Waiting("to-staging", "approval", "0 of 1 approvals from "+Managers)
	r1.Never("deploy-dev", "to-test-1", "to-test-2", "tested", "deploy-staging")
}

func TestWhoStartedItDoesNotBringItToProduction(t *testing.T) {
	got := pipelinetest.Run(t, story(new(books),
		brings("r1", "1.4.2-bugfix-login"),
		dave.Approves("r1", "to-staging"), // there he may
		dave.Approves("r1", "to-production").Refused("started this run"),
		tess.Approves("r1", "to-production").Refused(Managers),
		mary.Approves("r1", "to-production"),
	))
	got.Run("r1").Waiting("to-production", "approval", "1 of 2 approvals")
	got.Run("r1").Never("deploy-production")
}

func TestAReleaseGoesOutOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(new(books), approved("r1", "1.4.2")...)
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Succeeded)
		if n := got.Platform.Effects(); n != 4 {
			t.Errorf("deployed %d times; want once each to dev, test-1, staging and production", n)
		}
	})
}
