package spinnaker

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

var update = flag.Bool("update", false, "rewrite the stories in testdata")

func TestACanaryThatIsGoodIsJudgedAndGoesOut(t *testing.T) {
	got := pipelinetest.Run(t, story(t, kayenta{"r1": {98, 96, 97}},
		starts("r1"),
		jude.Approves("r1", "judgment").At("15:00"),
	))
	got.Run("r1").Want(pipeline.Succeeded)
	destroyed(t, got)
	got.Golden("testdata/canary.txt", *update)
}

func TestAScoreBelow75EndsTheAnalysisAtOnce(t *testing.T) {
	got := pipelinetest.Run(t, story(t, kayenta{"r1": {98, 74.99, 98}}, starts("r1")))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Never("score", "judgment", "red-black")
	analysis, _ := r1.Step("analysis")
	if d := analysis.Ended.Sub(analysis.Started); d != 2*interval {
		t.Errorf("the analysis took %v; want it over at the second score", d)
	}
	destroyed(t, got)
}

// Kayenta calls 75 marginal, and Spinnaker ends it all the same.
func TestAScoreOfJust75GoesOn(t *testing.T) {
	got := pipelinetest.Run(t, story(t, kayenta{"r1": {75, 75, 95}}, starts("r1")))
	got.Run("r1").Reached("judgment")
	got.Tells("r1 stage analysis succeeded", "r1 stage score succeeded: score 95")
}

func TestAFinalScoreBelow95Fails(t *testing.T) {
	got := pipelinetest.Run(t, story(t, kayenta{"r1": {98, 98, 94.99}}, starts("r1")))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Reached("score") // marginal, so the analysis went on to its end
	r1.Never("judgment", "red-black")
	if want := "score: score 94.99; want at least 95"; r1.Reason != want {
		t.Errorf("r1 failed: %s; want the reason %q", r1.Reason, want)
	}
	destroyed(t, got)
}

// A stop is a no to the release, so the run has failed. A cancel says nothing of
// the release (G2, R3).
func TestStopAtTheJudgmentIsAFailureAndNotACancel(t *testing.T) {
	got := pipelinetest.Run(t, story(t, nil,
		starts("r1"),
		jude.Objects("r1", "judgment", "stop"),
		starts("r2").WhenEnded("r1", ""),
		sam.Cancels("r2", "not today").WhenReached("r2", "judgment"),
	))
	got.Run("r1").Want(pipeline.Failed)
	got.Run("r1").Never("red-black")
	got.Run("r2").Want(pipeline.Canceled)
	got.Run("r2").Never("red-black")
	destroyed(t, got)
}

func TestAJudgmentThatTakesLongerThanThreeDaysIsAFailure(t *testing.T) {
	got := pipelinetest.Run(t, story(t, nil, starts("r1")))
	r1 := got.Run("r1")
	r1.Want(pipeline.Failed)
	r1.Waiting("judgment", "approval", "0 of 1 approvals from "+Judges)
	judgment, _ := r1.Step("judgment")
	if d := judgment.Ended.Sub(judgment.Reached); d != 72*time.Hour {
		t.Errorf("waited for a judgment for %v; want three days", d)
	}
	destroyed(t, got)
}

func TestOnlyThoseWithTheRoleJudge(t *testing.T) {
	got := pipelinetest.Run(t, story(t, nil,
		starts("r1"),
		sam.Approves("r1", "judgment").Refused("started this run"),
		dora.Approves("r1", "judgment").Refused("wrote a change in this release"),
		pipelinetest.Person{Name: "eve"}.Approves("r1", "judgment").Refused(Judges),
		pipelinetest.Person{Name: "eve"}.Objects("r1", "judgment", "stop").Refused(Judges),
	))
	got.Run("r1").Never("red-black")
}

func TestBothClustersAreDestroyedInAnyCase(t *testing.T) {
	approved := jude.Approves("r1", "judgment")
	r1 := func(name string) pipelinetest.Stage { return pipelinetest.Stage{Run: "r1", Name: name} }
	for _, tt := range []struct {
		name   string
		status pipeline.Status
		script []pipelinetest.Action
	}{
		{"it goes out", pipeline.Succeeded, []pipelinetest.Action{approved}},
		{"the canary does not start", pipeline.Failed, []pipelinetest.Action{r1("deploy-canary").Fails("it does not start")}},
		{"the baseline does not start", pipeline.Failed, []pipelinetest.Action{r1("deploy-baseline").Fails("no instances left")}},
		{"there is no score", pipeline.Canceled, []pipelinetest.Action{
			r1("score").Asks("there is no score"),
			sam.Cancels("r1", "not worth it").WhenReached("r1", "score").After(time.Hour),
		}},
		{"it is judged to be bad", pipeline.Failed, []pipelinetest.Action{jude.Objects("r1", "judgment", "stop")}},
		{"production refuses it", pipeline.Failed, []pipelinetest.Action{approved, r1("red-black").Fails("no instances left")}},
		{"it is canceled under analysis", pipeline.Canceled, []pipelinetest.Action{sam.Cancels("r1", "wrong branch").WhenReached("r1", "analysis").After(time.Hour)}},
		{"the executor dies", pipeline.Succeeded, []pipelinetest.Action{approved, pipelinetest.Crash(time.Minute).WhenReached("r1", "analysis").After(90 * time.Minute)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := pipelinetest.Run(t, story(t, nil, append(tt.script, starts("r1"))...))
			got.Run("r1").Want(tt.status)
			got.Tells("r1 stage destroy-canary succeeded")
			got.Tells("r1 stage destroy-baseline succeeded")
			destroyed(t, got)
		})
	}
}

// It is tried for a while, then by a person; nobody forgets a cluster.
func TestAClusterThatCannotBeDestroyedIsAFailure(t *testing.T) {
	got := pipelinetest.Run(t, story(t, nil,
		starts("r1"),
		jude.Approves("r1", "judgment"),
		pipelinetest.Stage{Run: "r1", Name: "destroy-canary"}.Errors(11, "the cloud is down"),
		sam.Retries("r1", "destroy-canary", "it is up again").WhenEnded("r1", "").After(time.Hour),
	))
	got.Tells("r1 the run has failed", "r1 stage destroy-canary succeeded", "r1 the run has succeeded")
	destroyed(t, got)
	if n := got.Platform.Effects(); n != 5 {
		t.Errorf("the platform changed %d times; want production left alone by the retry", n)
	}
}

// Nothing is destroyed if nothing was deployed.
func TestWithoutARunningImageThereIsNoCanary(t *testing.T) {
	got := pipelinetest.Run(t, story(t, nil,
		starts("r1"),
		pipelinetest.Stage{Run: "r1", Name: "find-running"}.Fails("production is empty"),
	))
	got.Run("r1").Want(pipeline.Failed)
	got.Run("r1").Never("deploy-canary", "destroy-canary")
}

// In Los Angeles the clock is set forward on Sunday 8 March 2026, and back on
// Sunday 1 November. The window opens at nine on the clock on the wall, so the
// weekend is an hour shorter or longer. It is half-open (G9).
func TestProductionChangesInTheRestrictedWindow(t *testing.T) {
	for _, tt := range []struct {
		name, judged, want string
		waits              time.Duration
	}{
		{"on a Monday", "2026-05-04 12:30", "2026-05-04 12:30", 0},
		{"in the last minute of the day", "2026-05-04 16:59", "2026-05-04 16:59", 0},
		{"when the window shuts", "2026-05-04 17:00", "2026-05-05 09:00", 16 * time.Hour},
		{"in the last minute before midnight", "2026-05-04 23:59", "2026-05-05 09:00", 9*time.Hour + time.Minute},
		{"on a Friday evening", "2026-05-08 17:00", "2026-05-11 09:00", 64 * time.Hour},
		{"on a Saturday", "2026-05-09 12:00", "2026-05-11 09:00", 45 * time.Hour},
		{"on a Friday before the clock is set forward", "2026-03-06 17:00", "2026-03-09 09:00", 63 * time.Hour},
		{"on the night on which it is set forward", "2026-03-08 03:00", "2026-03-09 09:00", 30 * time.Hour},
		{"on a Friday before the clock is set back", "2026-10-30 17:00", "2026-11-02 09:00", 65 * time.Hour},
		{"on the night on which it is set back", "2026-11-01 00:59", "2026-11-02 09:00", 33*time.Hour + time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := story(t, nil, starts("r1"), jude.Approves("r1", "judgment").At(tt.judged))
			judged := at(t, tt.judged)
			s.Begin = judged.Add(-4 * time.Hour)
			got := pipelinetest.Run(t, s)
			r1 := got.Run("r1")
			r1.Want(pipeline.Succeeded)
			redBlack, _ := r1.Step("red-black")
			if want := at(t, tt.want); !redBlack.Started.Equal(want) || want.Sub(judged) != tt.waits {
				t.Errorf("production changed at %v, %v after it was judged; want %v, after %v", redBlack.Started, redBlack.Started.Sub(judged), want, tt.waits)
			}
			if tt.waits > 0 {
				r1.Waiting("red-black", "window", "outside the restricted window")
			}
		})
	}
}

// The way back waits for no window.
func TestProductionGoesBackAtAnyTime(t *testing.T) {
	s := story(t, nil,
		starts("r1"),
		jude.Approves("r1", "judgment").At("16:55"),
		pipelinetest.Stage{Run: "r1", Name: "red-black"}.Fails("it does not answer"),
	)
	got := pipelinetest.Run(t, s)
	got.Run("r1").Want(pipeline.Failed)
	back, _ := got.Run("r1").Step("back")
	if want := at(t, "2026-05-04 17:05"); !back.Started.Equal(want) {
		t.Errorf("production went back at %v; want %v, though the window is shut", back.Started, want)
	}
}

// While one canary is judged, the next release waits for the clusters, not for
// production, and its baseline is what production has when it gets them.
func TestABaselineIsWhatProductionRunsWhenItIsDeployed(t *testing.T) {
	platform := new(stagetest.Platform)
	s := story(t, nil,
		starts("r1"),
		starts("r2").After(time.Minute),
		jude.Approves("r1", "judgment").At("15:00"),
		jude.Objects("r2", "judgment", "stop"),
	)
	s.Platform = platform
	s.Stubs["find-running"] = pipelinetest.Stub{Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		running := artifact.Artifact{Name: "running", Digest: artifact.DigestBytes([]byte("the first ever"))}
		if now := platform.Serving("production"); len(now) > 0 {
			running.Digest = now[0].Artifacts["image"].Digest
		}
		return stage.Output{Artifacts: []artifact.Artifact{running}}, nil
	})}
	got := pipelinetest.Run(t, s)
	r1, r2 := got.Run("r1"), got.Run("r2")
	r1.Want(pipeline.Succeeded)
	r2.Want(pipeline.Failed)
	r2.Waiting("find-running", "environment", "run r1 is there")
	if got, want := r2.Artifacts["running"].Digest, r1.Artifacts["image"].Digest; got != want {
		t.Errorf("the baseline of r2 is %v; want %v, which r1 has brought to production meanwhile", got, want)
	}
	if now, want := serves(t, got, "production", "image"), r1.Artifacts["image"].Digest; now != want {
		t.Errorf("production serves %v; want %v, for r2 was stopped", now, want)
	}
}

func TestAReleaseGoesOutOnceWhereverTheExecutorDies(t *testing.T) {
	s := story(t, nil, starts("r1"), jude.Approves("r1", "judgment"))
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		got.Run("r1").Want(pipeline.Succeeded)
		if n := got.Platform.Effects(); n != 5 {
			t.Errorf("the platform changed %d times; want each cluster made and destroyed once, and production changed once", n)
		}
		destroyed(t, got)
	})
}
