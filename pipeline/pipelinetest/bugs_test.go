package pipelinetest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
)

// Old bugs of other systems. Each is built as it was there, and found; what is
// to be done instead is shown to be free of it.

// found explores x, which has the bug, wants the shortest story of it to be what
// testdata has under the given name, and plays it on the executor.
func found(t *testing.T, name string, x pipelinetest.Exploration) {
	t.Helper()
	got, err := x.Search()
	if err != nil || got.Fault == nil {
		t.Fatalf("explored %v, %v; want the bug", got, err)
	}
	golden(t, name, got.Fault.String())
	pipelinetest.Confirm(t, x, got.Fault)
}

// free explores all of x and wants no rule broken.
func free(t *testing.T, x pipelinetest.Exploration) {
	t.Helper()
	if got := pipelinetest.Explore(t, x); !got.Complete {
		t.Errorf("explored %v; want all of it", got)
	}
}

// golden wants text to be what is in a file in testdata/bugs.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "bugs", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\r\n", "\n"), text); diff != "" {
		t.Errorf("the story of the bug is another (-want +got):\n%s", diff)
	}
}

// In Kargo a release that failed was taken back by a promotion of the one before;
// then auto-promotion saw that the newest was not live, and promoted it again
// (akuity/kargo#3016, until holds came with 1.11).
func TestKargo3016RollBackUndoneByAutomation(t *testing.T) {
	promote, putBack := in(productionPlace, "promote"), in(productionPlace, "put-back")
	freight := pipeline.Pipeline{Name: "freight", Given: []string{"image"}, Steps: pipeline.Sequence{
		pipeline.OnFailure{Of: pipeline.Sequence{promote, in(productionPlace, "verify")}, Do: putBack},
	}}
	automation := pipeline.Pipeline{Name: "auto-promotion", Given: []string{"image"}, Steps: pipeline.Sequence{in(productionPlace, "promote-newest")}}
	rules := []pipelinetest.Rule{{Name: "what was put back stays until somebody says otherwise", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		for _, run := range s.Runs() {
			again := e.Step == "promote-newest" || e.Step == "promote" && e.Run == run
			if e.Kind == journal.Called && again && s.Step(run, "put-back") == pipeline.Succeeded {
				return fmt.Errorf("%s brings in again what %s took back", e.Run, run)
			}
		}
		return nil
	}}}
	found(t, "kargo-3016", pipelinetest.Exploration{Pipeline: freight, Others: []pipeline.Pipeline{automation}, Rules: rules})

	// Going back is the way out of the run that failed, and nothing in that run goes
	// in again (R5). What another run brings in is for its gates.
	free(t, pipelinetest.Exploration{Pipeline: freight, Runs: 2, Crashes: 1, Cancels: true, Rules: rules})
}

// A manual approval in a stage of CodePipeline holds the stage, so that nothing
// behind it gets in, be it the fix, until somebody answers (aws/aws-cdk#13806).
func TestCDK13806PendingApprovalBlocksWhatIsBehindIt(t *testing.T) {
	approve := pipeline.Gate{Name: "approve", Require: approval.Quorum{Group: "release-managers"}, Subject: []string{"image"}}
	deploy, swap := in(productionPlace, "deploy"), in(productionPlace, "swap")
	rules := []pipelinetest.Rule{{Name: "nobody waits for a run that waits for a person", Holds: func(s pipelinetest.State, e pipelinetest.Event) error {
		inside := s.Holder("production")
		if e.Kind != "" || s.Step(inside, "approve") != pipeline.Running {
			return nil
		}
		for _, run := range s.Runs() {
			if run != inside && s.Step(run, "deploy") == pipeline.Waiting {
				return fmt.Errorf("%s waits to enter production, where %s waits for approval", run, inside)
			}
		}
		return nil
	}}}
	found(t, "cdk-13806", pipelinetest.Exploration{Pipeline: named(makesImage, deploy, approve, swap), Runs: 2, Rules: rules})

	// An environment is entered when the gate before it has passed (E2).
	free(t, pipelinetest.Exploration{Pipeline: named(makesImage, approve, deploy, swap), Runs: 3, Crashes: 1, Rules: rules})
}

// In a resource group of GitLab with the process mode oldest_first, the job of a
// parent pipeline has its place before it gets there. Its child is newer and waits
// for it, and it waits for its child (docs.gitlab.com, "Resource group", pipeline
// deadlocks).
func TestGitLabOldestFirstDeadlocksParentAndChild(t *testing.T) {
	at := func(where, name string) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: must, Environment: stage.Environment{Name: where}}
	}
	// A child is in an environment of its own while it runs, and its parent waits
	// for it there.
	child := pipeline.Pipeline{Name: "child", Steps: pipeline.Sequence{
		at("child", "child-begins"), at("production", "child-deploys"), at("child", "child-ends"),
	}}
	waits, deploys := at("child", "wait-for-child"), at("production", "parent-deploys")
	oldestFirst := pipeline.Pipeline{Name: "parent", Steps: pipeline.Sequence{at("production", "parent-is-oldest"), waits, deploys}}
	byArrival := pipeline.Pipeline{Name: "parent", Steps: pipeline.Sequence{waits, deploys}}

	all := func(parent pipeline.Pipeline) pipelinetest.Exploration {
		return pipelinetest.Exploration{Pipeline: parent, Others: []pipeline.Pipeline{child}, Crashes: 1, Cancels: true, Rules: []pipelinetest.Rule{pipelinetest.NoDeadEnd()}}
	}
	found(t, "gitlab-oldest-first", all(oldestFirst))
	if err := policy.RequireAll([]pipeline.Pipeline{oldestFirst, child}, policy.LockOrder{}); err == nil {
		t.Error("proved that nobody waits in a circle; want the circle")
	}

	// A run queues when it arrives, and holds no place for later (E1, E2).
	free(t, all(byArrival))
	if err := policy.RequireAll([]pipeline.Pipeline{byArrival, child}, policy.LockOrder{}); err != nil {
		t.Error(err)
	}
}

// A manual approval stood before the deployment to the first production cluster;
// the second one came after staging just the same, and was not held
// (GoogleCloudPlatform/solutions-modern-cicd-anthos#39).
func TestAnthos39GateMissesTheSecondProductionCluster(t *testing.T) {
	east := stage.Environment{Name: "us-east", Tier: stage.Production}
	central := stage.Environment{Name: "us-central", Tier: stage.Production}
	way := func(second ...string) pipeline.Pipeline {
		return named(makesImage, pipeline.Graph{Nodes: []pipeline.Node{
			{Step: in(stagingPlace, "staging")},
			{Step: manager, After: []string{"staging"}},
			{Step: in(east, "deploy-us-east"), After: []string{"release"}},
			{Step: in(central, "deploy-us-central"), After: second},
		}})
	}
	rules := []pipelinetest.Rule{pipelinetest.Verified(), pipelinetest.Decided()}
	approved := policy.Each(policy.Tier(stage.Production), policy.Approved{})

	missed := way("staging")
	found(t, "anthos-39", pipelinetest.Exploration{Pipeline: missed, Rules: rules})
	err := policy.Require(missed, approved)
	if want := "way: build → staging → deploy-us-central begins"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("proved: %v; want %q", err, want)
	}

	held := way("release")
	free(t, pipelinetest.Exploration{Pipeline: held, Runs: 2, Crashes: 1, Rules: rules})
	if err := policy.Require(held, approved); err != nil {
		t.Error(err)
	}
}

// spinnaker is a freeze over night as Spinnaker has it: a range past midnight is
// cut in two, and the first part ends at 23:59:00 (spinnaker/orca#1344).
type spinnaker struct{ from, to time.Duration }

func (w spinnaker) At(t time.Time) (window.State, error) {
	clock := t.Sub(t.Truncate(24 * time.Hour))
	open := w.from <= clock && clock <= 23*time.Hour+59*time.Minute || clock <= w.to
	return window.State{Open: open, Until: t.Truncate(time.Second).Add(time.Second)}, nil
}

// What came to production in the last 59 seconds before midnight was not held up
// by a freeze from 22:00 to 06:00 (spinnaker/orca#1344: "I think that's okay").
func TestSpinnakerFreezeHasAHoleBeforeMidnight(t *testing.T) {
	there := spinnaker{22 * time.Hour, 6 * time.Hour}
	here := window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "22:00", To: "06:00", Why: "the freeze over night"}
	deploy := func(night window.Window) *pipelinetest.Result {
		production := env("production", window.Outside(night))
		return pipelinetest.Run(t, pipelinetest.Story{
			Pipelines: []pipeline.Pipeline{named(makesImage, manager, in(production, "deploy"))},
			Script: []pipelinetest.Action{
				pipelinetest.Start("toy", pipeline.Trigger{Key: "r1"}),
				ann.Approves("r1", "release").At("23:58"),
			},
		})
	}
	golden(t, "spinnaker-midnight", deploy(there).Timeline.String())
	got := deploy(here)
	got.Run("r1").Waiting("deploy", "window", "the freeze over night, until Tue 4 Jan 2000 06:00 UTC")

	// Asked each second of a night, one has 59 seconds of hole, and the other none (G9).
	holes := func(night window.Window) (n int) {
		begin := time.Date(2026, time.March, 2, 22, 0, 0, 0, time.UTC)
		for s := range 8 * 60 * 60 {
			state, err := night.At(begin.Add(time.Duration(s) * time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if !state.Open {
				n++
			}
		}
		return n
	}
	if n := holes(there); n != 59 {
		t.Errorf("the freeze as it was there has %d seconds of hole; want 59", n)
	}
	if n := holes(here); n != 0 {
		t.Errorf("the freeze as it is here has %d seconds of hole; want none", n)
	}
}
