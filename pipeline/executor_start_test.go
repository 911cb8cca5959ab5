package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

func TestStartingTwiceWithOneKeyStartsOneRun(t *testing.T) { // R1
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		x := executor(counts("build", &calls))
		x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "till", Steps: pipeline.Sequence{work("build", 0)}})
		serve(t, x)
		for range 3 {
			if id := start(t, x, "abc"); id != "abc" {
				t.Errorf("Start = %q; want the key", id)
			}
			pass(time.Minute)
		}
		if calls != 1 {
			t.Errorf("the stage was called %d times; want once", calls)
		}
		if _, err := x.Start(t.Context(), "till", pipeline.Trigger{Key: "abc"}); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Start of another pipeline with that key = %v; want ErrRefused", err)
		}
	})
}

func TestStartingAtOnceWithOneKeyStartsOneRun(t *testing.T) { // R1
	synctest.Test(t, func(t *testing.T) {
		store, calls := new(journal.Memory), 0
		executors := []*pipeline.Executor{over(store, counts("build", &calls)), over(store, counts("build", &calls))}
		for _, x := range executors {
			serve(t, x)
			for range 8 {
				go x.Start(t.Context(), "shop", pipeline.Trigger{Key: "abc"})
			}
		}
		pass(time.Minute)
		wantRun(t, executors[0], "abc", pipeline.Succeeded)
		if calls != 1 {
			t.Errorf("the stage was called %d times; want once", calls)
		}
	})
}

func TestStartWithoutAKeyMakesIDsThatSortByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", 0))
		last := ""
		for range 10 {
			id := start(t, x, "")
			if id <= last {
				t.Errorf("Start = %q after %q; want it to sort behind", id, last)
			}
			last = id
			pass(time.Millisecond)
		}
	})
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	x := executor(work("build", 0))
	x.Pipelines[0].Given = []string{"image"}
	given := artifact.Set{"image": image("v1")}
	for _, tt := range []struct {
		name     string
		pipeline string
		trigger  pipeline.Trigger
		want     string
	}{
		{"another pipeline", "shpo", pipeline.Trigger{}, `no pipeline "shpo"; did you mean "shop"?`},
		{"no artifact", "shop", pipeline.Trigger{}, `trigger without artifact "image", which pipeline "shop" is given`},
		{"an artifact under another name", "shop", pipeline.Trigger{Artifacts: artifact.Set{"picture": image("v1")}}, `artifact`},
		{"an artifact without a digest", "shop", pipeline.Trigger{Artifacts: artifact.Set{"image": {Name: "image"}}}, `digest`},
		{"a key with a slash", "shop", pipeline.Trigger{Key: "env/production", Artifacts: given}, `run ID "env/production": want`},
		{"a key that begins with a dot", "shop", pipeline.Trigger{Key: ".", Artifacts: given}, `run ID ".": want`},
		{"a key with a NUL", "shop", pipeline.Trigger{Key: "a\x00", Artifacts: given}, `run ID "a\x00": want`},
		{"a key with an umlaut", "shop", pipeline.Trigger{Key: "ä", Artifacts: given}, `want 1 to 128 letters`},
		{"a long key", "shop", pipeline.Trigger{Key: strings.Repeat("a", 129), Artifacts: given}, `want 1 to 128 letters`},
		{"huge params", "shop", pipeline.Trigger{Params: map[string]string{"notes": strings.Repeat("a", 1<<20)}, Artifacts: given}, `trigger of 1048679 bytes; want at most 262144`},
		{"a huge actor", "shop", pipeline.Trigger{Actor: strings.Repeat("a", 1<<20), Artifacts: given}, `want at most 262144`},
		{"huge authors", "shop", pipeline.Trigger{Authors: make([]string, 1<<20), Artifacts: given}, `want at most 262144`},
		{"all at once", "shop", pipeline.Trigger{Key: "/", Actor: strings.Repeat("a", 1<<20)}, `without artifact "image"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id, err := x.Start(t.Context(), tt.pipeline, tt.trigger)
			if id != "" || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start = %q, %.200v; want an error with %q", id, err, tt.want)
			}
		})
	}
	if runs, err := x.Runs(t.Context(), pipeline.Query{}); len(runs) > 0 || err != nil {
		t.Errorf("Runs = %d runs, %v; want none, for each was refused", len(runs), err)
	}
}

func TestAnExecutorThatIsNotInOrderSaysSoEachTime(t *testing.T) {
	x := executor(pipeline.Stage{Name: "build"})
	x.Limit, x.Lease, x.Groups = -1, -1, map[string]int{"macs": 0}
	x.Policies = []pipeline.Policy{nil}
	x.Pipelines = append(x.Pipelines, shop(work("build", 0)), shop(work("test", 0)))
	for range 2 {
		err := x.Serve(t.Context())
		if err == nil {
			t.Fatal("Serve = nil; want an error")
		}
		for _, want := range []string{"Executor.Limit is -1", `Executor.Groups["macs"] is 0`, "Lease is -1ns", "Executor.Policies[0] is nil", `two pipelines with the name "shop"`, `pipeline "shop" has a mistake:`, "no Run; want a stage.Runner"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Serve = %v; want it to say %q too", err, want)
			}
		}
	}
	if _, err := x.Start(t.Context(), "shop", pipeline.Trigger{}); err == nil {
		t.Error("Start = nil; want the same error")
	}
}

func TestTheZeroExecutor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x pipeline.Executor
		serve(t, &x)
		if _, err := x.Start(t.Context(), "shop", pipeline.Trigger{}); err == nil {
			t.Error("Start = nil; want an error, for it has no pipelines")
		}
		if runs, err := x.Runs(t.Context(), pipeline.Query{}); len(runs) != 0 || err != nil {
			t.Errorf("Runs = %v, %v; want none", runs, err)
		}
	})
}

func TestARunFromArtifactsThatExist(t *testing.T) { // R1
	synctest.Test(t, func(t *testing.T) {
		s := work("deploy", 0)
		s.Consumes = []string{"image"}
		x := executor(s)
		x.Pipelines[0].Given = []string{"image"}
		serve(t, x)
		given := artifact.Set{"image": image("v1")}
		id, err := x.Start(t.Context(), "shop", pipeline.Trigger{Cause: pipeline.Promotion, Actor: "ann", Artifacts: given})
		if err != nil {
			t.Fatal(err)
		}
		given["image"] = image("v2") // it is the caller's to change
		wantRun(t, x, id, pipeline.Succeeded)
		r := run(t, x, id)
		if r.Artifacts["image"] != image("v1") || r.Trigger.Actor != "ann" || r.Trigger.Cause != pipeline.Promotion {
			t.Errorf("Run = %+v; want what the trigger said", r)
		}
	})
}
