package releasetests

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// The people of the stories. Bob writes the changes.
var (
	ann = pipelinetest.Person{Name: "ann", Groups: []string{"release-managers"}}
	ben = pipelinetest.Person{Name: "ben", Groups: []string{"release-managers"}}
	bob = pipelinetest.Person{Name: "bob", Groups: []string{"release-managers"}}
)

// nowhere is a world that no test reaches: hooks are stood in for.
var nowhere = World{
	Build: unreachable, Unit: unreachable, Lint: unreachable, Publish: unreachable,
	Integration: unreachable, Load: unreachable, Notify: unreachable,
	Deployer:  stage.DeployFunc(func(context.Context, stage.Deployment) error { return errNowhere }),
	ErrorRate: stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{}, errNowhere }),
}

var (
	errNowhere  = errors.New("a test reached the world")
	unreachable = stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, errNowhere })
)

// change is a change by bob.
func change(key string) pipelinetest.Action {
	return pipelinetest.Start("shop-api", pipeline.Trigger{Key: key, Authors: []string{"bob"}})
}

// story begins on Thursday 5 March 2026 at 09:00 in the office. A build takes
// twelve minutes, the tests take five and forty, and one request of a thousand
// fails.
func story(t testing.TB, script ...pipelinetest.Action) pipelinetest.Story {
	berlin, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(nowhere)},
		Begin:     time.Date(2026, time.March, 5, 9, 0, 0, 0, berlin),
		Stubs: map[string]pipelinetest.Stub{
			"build": {Takes: 12 * time.Minute}, "integration": {Takes: 5 * time.Minute}, "load-test": {Takes: 40 * time.Minute},
		},
		Metrics:  map[string]float64{"error rate": 0.001},
		Script:   script,
		Coverage: &seen,
	}
}

func TestAReleaseManagerWhoWroteTheChangeDoesNotCount(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		bob.Approves("r1", "release").Refused("wrote a change"),
		ann.Approves("r1", "release").After(2*time.Hour),
	))
	r1 := got.Run("r1")
	r1.Waiting("release", "approval", "1 of 2 approvals")
	r1.Never("canary")
}

func TestApprovedInTheEveningGoesOutInTheMorning(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release").At("17:30"),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	got.Tells(
		"r1 gate release waiting for window: outside office hours, until Fri 6 Mar 2026 09:00 CET",
		"r1 stage canary enters production",
	)
}

func TestAnAlarmInTheLastMinuteOfTheBakeTakesProductionBack(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release"),
		pipelinetest.Measure("r1", "error rate", 0.2).WhenReached("r1", "bake").After(59*time.Minute),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Reached("roll-back")
	r1.Never("deploy-production")
}

func TestWhatCannotBeTestedDoesNotGoOut(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		pipelinetest.Stage{Run: "r1", Name: "load-test"}.Errors(1, "no route to host"),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("release", "canary")
}

func TestWhatFailsBeforeTheGateDoesNotGoOut(t *testing.T) {
	for _, name := range []string{"build", "unit", "lint", "publish", "deploy-staging", "integration", "load-test"} {
		t.Run(name, func(t *testing.T) {
			got := pipelinetest.Run(t, story(t, change("r1"), pipelinetest.Stage{Run: "r1", Name: name}.Fails("it is broken")))
			r1 := got.Run("r1")
			r1.Want(pipeline.Failed)
			r1.Never("release", "canary")
		})
	}
}

func TestWhatFailsInProductionIsTakenBack(t *testing.T) {
	for _, name := range []string{"canary", "bake", "deploy-production"} {
		t.Run(name, func(t *testing.T) {
			got := pipelinetest.Run(t, story(t,
				change("r1"),
				ann.Approves("r1", "release"),
				ben.Approves("r1", "release"),
				pipelinetest.Stage{Run: "r1", Name: name}.Fails("it is broken"),
			))
			r1 := got.Run("r1")
			r1.Want(pipeline.Failed)
			r1.Reached("roll-back")
			r1.Never("notify")
		})
	}
}

// There is no way back from the way back: people are told of both failures.
func TestARollBackThatFailsIsToldBesideWhatItWasFor(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release"),
		pipelinetest.Stage{Run: "r1", Name: "bake"}.Fails("too many errors"),
		pipelinetest.Stage{Run: "r1", Name: "roll-back"}.Fails("the cluster says no"),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	if want := "bake: too many errors; roll-back: the cluster says no"; r1.Reason != want {
		t.Errorf("r1 failed: %s; want %s", r1.Reason, want)
	}
}

func TestAReleaseStaysIfNobodyCanBeTold(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		ben.Approves("r1", "release"),
		pipelinetest.Stage{Run: "r1", Name: "notify"}.Fails("the mail server says no"),
	))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("roll-back")
	if live := got.Environments["production"].Live["image"]; live != r1.Artifacts["image"] {
		t.Errorf("live in production is %v; want %v, of r1", live, r1.Artifacts["image"])
	}
}

// The second approval of r1 comes when r2 is in production already.
func TestAReleaseThatIsApprovedLateDoesNotTakeThePlaceOfANewerOne(t *testing.T) {
	got := pipelinetest.Run(t, story(t,
		change("r1"),
		ann.Approves("r1", "release"),
		change("r2").After(time.Minute),
		ann.Approves("r2", "release"),
		ben.Approves("r2", "release"),
		ben.Approves("r1", "release").WhenReached("r2", "bake").After(20*time.Minute),
	))
	r1, r2 := got.Run("r1"), got.Run("r2")
	r2.Waiting("deploy-staging", "environment", "run r1 is there")
	r2.Want(pipeline.Succeeded)
	r1.Waiting("canary", "environment", "run r2 is there")
	r1.Want(pipeline.Superseded)
}
