// Hello delivers a greeting: it is made, someone lets it pass, it is published.
//
// This is the first of the examples, and the smallest: two stages and a gate.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

var hello = pipeline.Pipeline{Name: "hello", Steps: pipeline.Sequence{
	pipeline.Stage{Name: "write", Run: stage.Func(write), Gives: []string{"greeting"}},
	pipeline.Gate{Name: "publish", Require: approval.Quorum{From: []string{"ben"}}, Takes: []string{"greeting"}},
	pipeline.Stage{Name: "say", Run: stage.Func(say), Takes: []string{"greeting"}},
}}

func write(_ context.Context, in stage.Input) (stage.Output, error) {
	return stage.Output{Values: map[string]any{"greeting": "Hello, " + in.Params["to"] + "!"}}, nil
}

func say(_ context.Context, in stage.Input) (stage.Output, error) {
	greeting, err := stage.Value[string](in, "greeting")
	fmt.Println(greeting)
	return stage.Output{}, err
}

func main() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	x := pipeline.Executor{Pipelines: []pipeline.Pipeline{hello}}
	go x.Serve(ctx)

	run, err := x.Start(ctx, "hello", pipeline.Trigger{Actor: "ann", Params: map[string]string{"to": "world"}})
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range x.Watch(ctx, run) {
		if err != nil {
			log.Fatal(err)
		}
		if s, _ := r.Step("publish"); s.For == "approval" && len(s.Votes) == 0 {
			fmt.Println("publish waits:", s.Reason)
			approve(ctx, &x, run)
		}
		if r.Status.Done() {
			fmt.Println("the run has", r.Status)
		}
	}
}

// approve is what a program does when ben says yes to what he is shown.
func approve(ctx context.Context, x *pipeline.Executor, run string) {
	shown, err := x.Ask(ctx, run, "publish")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ben approves %s\n", shown.Values["greeting"])
	if err := x.Vote(ctx, run, "publish", gate.Vote{By: "ben", Approve: true, Subject: shown.Subject}); err != nil {
		log.Fatal(err)
	}
}
