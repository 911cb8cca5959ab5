package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// exampleExecutor has a pipeline that builds, asks a release manager, and
// deploys. It serves until stop is called.
func exampleExecutor(ctx context.Context) (x *pipeline.Executor, stop func()) {
	x = &pipeline.Executor{Pipelines: []pipeline.Pipeline{{
		Name: "shop",
		Steps: pipeline.Sequence{
			pipeline.Stage{Name: "build", Run: anyWork},
			pipeline.Gate{Name: "release", Require: approval.Quorum{Group: "release-managers"}},
			pipeline.Stage{Name: "deploy", Environment: exampleEnvironment, Run: stage.Func(deployExample)},
		},
	}}}
	return x, serving(ctx, x)
}

// serving has x serve until stop is called.
func serving(ctx context.Context, x *pipeline.Executor) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- x.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			log.Fatal(err)
		}
	}
}

func deployExample(context.Context, stage.Input) (stage.Output, error) {
	v1 := artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte("v1"))}
	return stage.Output{Live: artifact.Set{"image": v1}, Traffic: 100}, nil
}

// waiting returns once the run waits, or has ended.
func waiting(ctx context.Context, x *pipeline.Executor, run string) pipeline.Run {
	for r, err := range x.Watch(ctx, run) {
		if err != nil {
			log.Fatal(err)
		}
		if r.Status == pipeline.Waiting || r.Status.Done() {
			return r
		}
	}
	panic("not reached")
}

// waitingFor returns the run once that is what it waits for.
func waitingFor(ctx context.Context, x *pipeline.Executor, run, what string) pipeline.Run {
	for r, err := range x.Watch(ctx, run) {
		if err != nil {
			log.Fatal(err)
		}
		if r.For == what {
			return r
		}
	}
	panic("not reached")
}

// Start, Ask, Vote and the like may be called by any program that shares the
// Store; Serve does the work.
func ExampleExecutor() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()

	run, err := x.Start(ctx, "shop", pipeline.Trigger{Key: "commit-4f2a", Actor: "ann", Authors: []string{"ann"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(run, "is", waiting(ctx, x, run).Status)

	req, err := x.Ask(ctx, run, "release") // what the voter is shown
	if err != nil {
		log.Fatal(err)
	}
	err = x.Vote(ctx, run, "release", gate.Vote{By: "bo", Groups: []string{"release-managers"}, Approve: true, Subject: req.Subject})
	if err != nil {
		log.Fatal(err)
	}
	for r := range x.Watch(ctx, run) {
		if r.Status.Done() {
			fmt.Println(run, "has", r.Status)
		}
	}
	// Output:
	// commit-4f2a is waiting
	// commit-4f2a has succeeded
}

// A webhook that is delivered twice starts one run.
func ExampleExecutor_Start() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()

	for range 2 {
		run, err := x.Start(ctx, "shop", pipeline.Trigger{Key: "commit-4f2a"})
		fmt.Println(run, err)
	}
	runs, _ := x.Runs(ctx, pipeline.Query{Pipeline: "shop"})
	fmt.Println(len(runs), "run")
	// Output:
	// commit-4f2a <nil>
	// commit-4f2a <nil>
	// 1 run
}

// Whoever wrote a change may not approve it. Cast twice with one ID a vote is
// recorded once; a vote that cannot count is refused, with the reason.
func ExampleExecutor_Vote() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{Key: "commit-4f2a", Authors: []string{"ann"}})
	waiting(ctx, x, run)

	req, _ := x.Ask(ctx, run, "release")
	vote := gate.Vote{ID: "click-1", Groups: []string{"release-managers"}, Approve: true, Subject: req.Subject}
	vote.By = "ann"
	fmt.Println(errors.Is(x.Vote(ctx, run, "release", vote), pipeline.ErrRefused))
	vote.By = "bo"
	fmt.Println(x.Vote(ctx, run, "release", vote))
	fmt.Println(x.Vote(ctx, run, "release", vote)) // the client got no answer, and tries again
	// Output:
	// true
	// <nil>
	// <nil>
}

func ExampleExecutor_Explain() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{Authors: []string{"ann"}})
	waiting(ctx, x, run)

	for _, person := range []string{"ann", "bo"} {
		waits, err := x.Explain(ctx, run, person, "release-managers")
		if err != nil {
			log.Fatal(err)
		}
		for _, w := range waits {
			fmt.Println(w)
			fmt.Printf("\t%s may: %q %v\n", person, w.Can, w.Cannot)
		}
	}
	// Output:
	// release waits for approval: 0 of 1 approvals from release-managers (release-managers)
	// 	ann may: "" approval: "ann" wrote a change in this release; want the vote of someone who did not
	// release waits for approval: 0 of 1 approvals from release-managers (release-managers)
	// 	bo may: "vote" <nil>
}

func ExampleExecutor_Cancel() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{})
	waiting(ctx, x, run)

	if err := x.Cancel(ctx, run, "ann", "wrong release"); err != nil {
		log.Fatal(err)
	}
	for r := range x.Watch(ctx, run) {
		if r.Status.Done() {
			fmt.Println(r.Reason)
		}
	}
	// Output: canceled by ann: wrong release
}

// An override lets a gate pass without votes. It names each gate, and stays
// visible.
func ExampleExecutor_Override() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{})

	if err := x.Override(ctx, run, "ann", "the shop is down", "release"); err != nil {
		log.Fatal(err)
	}
	for r := range x.Watch(ctx, run) {
		if !r.Status.Done() {
			continue
		}
		for _, o := range r.Overrides {
			fmt.Printf("%s was overridden by %s: %s\n", o.Step, o.By, o.Reason)
		}
	}
	// Output: release was overridden by ann: the shop is down
}

func ExampleExecutor_Retry() {
	ctx := context.Background()
	healthy := false
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "test", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			if !healthy {
				return stage.Output{}, stage.Failf("3 of 412 tests failed")
			}
			return stage.Output{Summary: "412 tests passed"}, nil
		})},
	}}}}
	defer serving(ctx, x)()

	run, _ := x.Start(ctx, "shop", pipeline.Trigger{})
	r := waiting(ctx, x, run)
	fmt.Println(r.Status, r.Reason)

	healthy = true
	if err := x.Retry(ctx, run, "test", "ann", "the database was down"); err != nil {
		log.Fatal(err)
	}
	for r = range x.Watch(ctx, run) {
	}
	s, _ := r.Step("test")
	fmt.Println(r.Status, s.Reason)
	// Output:
	// failed test: 3 of 412 tests failed
	// succeeded 412 tests passed
}

func ExampleExecutor_Environment() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{Key: "commit-4f2a"})
	if err := x.Override(ctx, run, "ann", "first release", "release"); err != nil {
		log.Fatal(err)
	}
	for range x.Watch(ctx, run) {
	}

	env, err := x.Environment(ctx, "production")
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range env.History {
		fmt.Println(d.Run, d.Artifacts["image"], d.Succeeded)
	}
	// Output: commit-4f2a image@3bfc269594ef true
}

// A run keeps to the definition that it began with. When that has changed it
// waits until somebody says what is to become of it.
func ExampleExecutor_Adopt() {
	ctx := context.Background()
	store := new(journal.Memory)
	scan := pipeline.Stage{Name: "scan", Run: anyWork}
	ask := pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true}}

	before := &pipeline.Executor{Store: store, Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{ask}}}}
	run, _ := before.Start(ctx, "shop", pipeline.Trigger{})
	stop := serving(ctx, before)
	waiting(ctx, before, run)
	stop()

	// Days later, with the next version of the program:
	after := &pipeline.Executor{Store: store, Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{scan, ask}}}}
	defer serving(ctx, after)()
	fmt.Println("waits for", waitingFor(ctx, after, run, "drift").For)
	if err := after.Adopt(ctx, run, "ann", "scan it first"); err != nil {
		log.Fatal(err)
	}
	for r := range after.Watch(ctx, run) {
		if s, _ := r.Step("scan"); s.Status == pipeline.Succeeded {
			fmt.Println("scanned")
			break
		}
	}
	// Output:
	// waits for drift
	// scanned
}

// Runs that are under way when a pipeline changes can end as they began: the
// program has the older definition too.
func ExampleExecutor_Drain() {
	ctx := context.Background()
	store := new(journal.Memory)
	ask := pipeline.Gate{Name: "release", Require: approval.Quorum{Anyone: true}}
	older := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{ask}}
	newer := pipeline.Pipeline{Name: "shop", Steps: pipeline.Sequence{pipeline.Stage{Name: "scan", Run: anyWork}, ask}}

	before := &pipeline.Executor{Store: store, Pipelines: []pipeline.Pipeline{older}}
	run, _ := before.Start(ctx, "shop", pipeline.Trigger{})
	stop := serving(ctx, before)
	waiting(ctx, before, run)
	stop()

	after := &pipeline.Executor{Store: store, Pipelines: []pipeline.Pipeline{newer}, Former: []pipeline.Pipeline{older}}
	defer serving(ctx, after)()
	fmt.Println("waits for", waitingFor(ctx, after, run, "drift").For)
	if err := after.Drain(ctx, run, "ann", "it was scanned by hand"); err != nil {
		log.Fatal(err)
	}
	for r := range after.Watch(ctx, run) {
		if s, _ := r.Step("release"); r.For == "" && s.For == "approval" {
			fmt.Println("waits for", s.For)
			break
		}
	}
	// Output:
	// waits for drift
	// waits for approval
}

// The newest runs, page by page.
func ExampleExecutor_Runs() {
	ctx := context.Background()
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{{Name: "shop", Steps: pipeline.Sequence{pipeline.Stage{Name: "build", Run: anyWork}}}}}
	for _, key := range []string{"r1", "r2", "r3"} {
		if _, err := x.Start(ctx, "shop", pipeline.Trigger{Key: key}); err != nil {
			log.Fatal(err)
		}
	}
	q := pipeline.Query{Pipeline: "shop", Limit: 2}
	for {
		page, err := x.Runs(ctx, q)
		if err != nil {
			log.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			fmt.Println(r.ID, r.Status)
		}
		q.After = page[len(page)-1].ID
	}
	// Output:
	// r3 pending
	// r2 pending
	// r1 pending
}

// A program that can read the journal needs no definition to tell what happened.
func ExampleReplay() {
	ctx := context.Background()
	x, stop := exampleExecutor(ctx)
	defer stop()
	run, _ := x.Start(ctx, "shop", pipeline.Trigger{Key: "commit-4f2a"})
	waiting(ctx, x, run)

	events, err := x.Store.Events(ctx, run, 0)
	if err != nil {
		log.Fatal(err)
	}
	r, err := pipeline.Replay(run, events)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Steps {
		fmt.Println(s.Kind, s.Name, "is", s.Status)
	}
	// Output:
	// stage build is succeeded
	// gate release is waiting
}
