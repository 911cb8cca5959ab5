package killtest

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// plots are those that are thought of. Others are drawn.
var plots = []plot{
	// The older release goes in again after the newer one.
	{name: "every kind of step", pipelines: pipelines, runs: []string{"one", "fix"}, deeds: []deed{
		begin("delivery", pipeline.Trigger{Key: "one", Cause: pipeline.Promotion}),
		begin("hotfix", pipeline.Trigger{Key: "fix", Artifacts: images("fix")}, begun("one", "deploy")),
		retry("one", "deploy", done("fix")),
	}},
	{name: "a gate that is held until a new round", pipelines: held, runs: []string{"one"}, objects: map[string]bool{"release": true}, deeds: []deed{
		begin("held", pipeline.Trigger{Key: "one"}),
	}},
	{name: "a gate that expires", pipelines: expiring, runs: []string{"one"}, when: map[string]cond{"release": never}, deeds: []deed{
		begin("expiring", pipeline.Trigger{Key: "one"}),
	}},
	{name: "gates that are overridden", pipelines: visiting(stage.Oldest), runs: []string{"one"}, when: map[string]cond{"enter": never, "stay": never}, deeds: []deed{
		begin("visit", pipeline.Trigger{Key: "one", Artifacts: images("one")}),
		override("one", "enter", waits("one", "enter", "approval")),
		override("one", "stay", waits("one", "stay", "approval")),
	}},
	{name: "a queue", pipelines: visiting(stage.Oldest), runs: []string{"one", "two", "three"}, when: map[string]cond{"stay": reached("three", "in")}, deeds: []deed{
		begin("visit", pipeline.Trigger{Key: "one", Artifacts: images("one")}),
		begin("visit", pipeline.Trigger{Key: "two", Artifacts: images("two")}, waits("one", "stay", "approval")),
		begin("visit", pipeline.Trigger{Key: "three", Artifacts: images("three")}, waits("two", "in", "environment")),
	}},
	{name: "a queue that the newest enters", pipelines: visiting(stage.Newest), runs: []string{"one", "two", "three"}, when: map[string]cond{"stay": done("two")}, deeds: []deed{
		begin("visit", pipeline.Trigger{Key: "one", Artifacts: images("one")}),
		begin("visit", pipeline.Trigger{Key: "two", Artifacts: images("two")}, waits("one", "stay", "approval")),
		begin("visit", pipeline.Trigger{Key: "three", Artifacts: images("three")}, waits("two", "in", "environment")),
	}, ends: map[string]pipeline.Status{"two": pipeline.Superseded}},
	{name: "an older release that comes too late", pipelines: flawed, runs: []string{"old", "new"}, deeds: []deed{
		begin("flawed", pipeline.Trigger{Key: "old", Artifacts: images("old")}),
		begin("good", pipeline.Trigger{Key: "new", Artifacts: images("new")}, is("old", pipeline.Failed)),
		retry("old", "deploy", done("new")),
	}, ends: map[string]pipeline.Status{"old": pipeline.Superseded}},
	{name: "a rollback", pipelines: flawed, runs: []string{"old", "new", "back"}, deeds: []deed{
		begin("good", pipeline.Trigger{Key: "old", Artifacts: images("old")}),
		begin("flawed", pipeline.Trigger{Key: "new", Artifacts: images("new")}, done("old")),
		begin("good", pipeline.Trigger{Key: "back", Cause: pipeline.Rollback, Artifacts: images("old")}, done("new")),
	}, ends: map[string]pipeline.Status{"new": pipeline.Failed}},
	{name: "a cancel", pipelines: endless, runs: []string{"one"}, deeds: []deed{
		begin("endless", pipeline.Trigger{Key: "one"}),
		cancel("one", all(begun("one", "last"), not(done("one")))),
	}, ends: map[string]pipeline.Status{"one": pipeline.Canceled}},
	{name: "a failure that stops the others", pipelines: fast, runs: []string{"one"}, deeds: []deed{
		begin("fast", pipeline.Trigger{Key: "one"}),
	}, ends: map[string]pipeline.Status{"one": pipeline.Failed}},
	{name: "a panic, and calls that are used up", pipelines: unlucky, runs: []string{"one"}, deeds: []deed{
		begin("unlucky", pipeline.Trigger{Key: "one"}),
		retryAll("one"),
	}},
	{name: "an adoption", pipelines: edited, former: unedited, runs: []string{"one"}, deeds: []deed{
		begin("shop", pipeline.Trigger{Key: "one"}),
		{parked, func(ctx context.Context, x *pipeline.Executor) { x.Adopt(ctx, "one", "bob", "it is reviewed") }},
	}},
	{name: "a definition that is drained", pipelines: edited, former: unedited, runs: []string{"one"}, deeds: []deed{
		begin("shop", pipeline.Trigger{Key: "one"}),
		{parked, func(ctx context.Context, x *pipeline.Executor) { x.Drain(ctx, "one", "bob", "it is begun") }},
	}},
}

func not(c cond) cond { return func(runs map[string]pipeline.Run) bool { return !c(runs) } }

func parked(runs map[string]pipeline.Run) bool { return runs["one"].For == "drift" }

func images(run string) artifact.Set { return artifact.Set{"image": image("image", run)} }

var anyOne = approval.Quorum{From: []string{"ann"}}

func one(name string, steps ...pipeline.Step) []pipeline.Pipeline {
	return []pipeline.Pipeline{{Name: name, Steps: steps}}
}

func (p *platform) stage(name string) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: stage.Func(p.work)}
}

func (p *platform) deployment(name string, run stage.Func, e stage.Environment) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: run, Consumes: []string{"image"}, Environment: e}
}

func held(p *platform) []pipeline.Pipeline {
	return one("held",
		pipeline.Parallel{
			p.stage("test"),
			pipeline.Gate{Name: "release", Require: approval.Quorum{From: []string{"ann"}, Veto: true}, OnReject: pipeline.Hold},
		},
		p.stage("announce"),
	)
}

func expiring(p *platform) []pipeline.Pipeline {
	return one("expiring",
		pipeline.Parallel{
			pipeline.Sequence{
				pipeline.Gate{Name: "release", Require: anyOne, Expires: time.Minute, OnExpire: pipeline.Skip},
				p.stage("never"),
			},
			pipeline.Stage{Name: "poll", Run: stage.Poll(p.looks)},
		},
		p.stage("announce"),
	)
}

// visiting returns a pipeline that stays in production until people vote.
func visiting(q stage.Queue) func(p *platform) []pipeline.Pipeline {
	return func(p *platform) []pipeline.Pipeline {
		production := stage.Environment{Name: "production", Tier: stage.Production, Queue: q}
		return []pipeline.Pipeline{{Name: "visit", Given: []string{"image"}, Steps: pipeline.Sequence{
			pipeline.Gate{Name: "enter", Require: anyOne},
			p.deployment("in", p.patch, production),
			pipeline.Gate{Name: "stay", Require: anyOne},
			p.deployment("out", p.work, production),
		}}}
	}
}

func flawed(p *platform) []pipeline.Pipeline {
	production := stage.Environment{Name: "production", Tier: stage.Production}
	return []pipeline.Pipeline{
		{Name: "flawed", Given: []string{"image"}, Steps: pipeline.Sequence{pipeline.OnFailure{
			Of: p.deployment("deploy", p.deploy, production),
			Do: p.deployment("rollback", p.withdraw, production),
		}}},
		{Name: "good", Given: []string{"image"}, Steps: pipeline.Sequence{p.deployment("deploy", p.patch, production)}},
	}
}

// endless does not end by itself.
func endless(p *platform) []pipeline.Pipeline {
	production := stage.Environment{Name: "production", Tier: stage.Production}
	in := p.stage("last")
	in.Run, in.Environment = stage.Func(p.hang), production
	back := p.stage("put-right")
	back.Environment = production
	return one("endless", pipeline.Finally{
		Of: pipeline.OnFailure{
			Of: pipeline.Sequence{p.stage("first"), in, p.stage("never")},
			Do: back,
		},
		Do: p.stage("tidy-up"),
	})
}

func fast(p *platform) []pipeline.Pipeline {
	last := p.stage("last")
	last.Run = stage.Func(p.hang)
	bad := p.stage("bad")
	bad.Run = stage.Func(p.fail)
	return one("fast", pipeline.Finally{
		Of: pipeline.Graph{FailFast: true, Nodes: []pipeline.Node{
			{Step: last},
			{Step: bad},
			{Step: p.stage("never"), After: []string{"last"}},
		}},
		Do: p.stage("tidy-up"),
	})
}

func unlucky(p *platform) []pipeline.Pipeline {
	mad, shaky := p.stage("mad"), p.stage("shaky")
	mad.Run = stage.Func(p.panics)
	shaky.Run, shaky.Retry = stage.Func(p.errs), pipeline.Retry{Times: 1}
	return one("unlucky",
		pipeline.ForEach{Name: "regions", Items: regions, Max: 2, Body: func(string) pipeline.Step { return pipeline.Sequence{p.stage("prepare"), mad} }},
		shaky,
		p.stage("announce"),
	)
}

func unedited(p *platform) []pipeline.Pipeline {
	return one("shop", p.stage("test"), pipeline.Gate{Name: "release", Require: anyOne}, p.stage("announce"))
}

// edited has a gate and a stage more.
func edited(p *platform) []pipeline.Pipeline {
	return one("shop",
		p.stage("test"),
		p.stage("scan"),
		pipeline.Gate{Name: "security", Require: approval.Quorum{From: []string{"bob"}}},
		pipeline.Gate{Name: "release", Require: anyOne},
		p.stage("announce"),
	)
}

// looks is done at its third look.
func (p *platform) looks(ctx context.Context, in stage.Input, looks *int) (stage.Output, error) {
	if _, err := p.do(ctx, in); err != nil {
		return stage.Output{}, err
	}
	if *looks++; *looks < 3 {
		return stage.Output{Again: 3 * p.pace}, nil
	}
	return stage.Output{}, nil
}

// hang lasts until it is told to end.
func (p *platform) hang(ctx context.Context, in stage.Input) (stage.Output, error) {
	_, err := p.call(in)
	if err != nil {
		return stage.Output{}, err
	}
	select {
	case <-ctx.Done():
		return stage.Output{}, ctx.Err()
	case <-p.dead:
		return stage.Output{}, errDead
	}
}

func (p *platform) fail(ctx context.Context, in stage.Input) (stage.Output, error) {
	if _, err := p.do(ctx, in); err != nil {
		return stage.Output{}, err
	}
	return stage.Output{}, stage.Failf("it is bad")
}

// flaw finds, the first time, that something is bad.
func (p *platform) flaw(ctx context.Context, in stage.Input) (stage.Output, error) {
	nth, err := p.do(ctx, in)
	if err == nil && nth == 0 {
		err = stage.Failf("it is bad")
	}
	return stage.Output{}, err
}

// panics does so the first time.
func (p *platform) panics(ctx context.Context, in stage.Input) (stage.Output, error) {
	nth, err := p.do(ctx, in)
	if err == nil && nth == 0 {
		panic("it is bad")
	}
	return stage.Output{}, err
}

// errs cannot be done the first time, however often it is called.
func (p *platform) errs(ctx context.Context, in stage.Input) (stage.Output, error) {
	nth, err := p.do(ctx, in)
	if err == nil && nth == 0 {
		err = errors.New("the registry does not answer")
	}
	return stage.Output{}, err
}
