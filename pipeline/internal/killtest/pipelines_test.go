package killtest

import (
	"context"
	"errors"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// pipelines returns the pipelines that are killed, with hooks that act on p.
// The first has every kind of step. It fails at its first deployment, is rolled
// back, and goes well when a person has it done anew.
func pipelines(p *platform) []pipeline.Pipeline {
	staging := stage.Environment{Name: "staging", Tier: stage.Staging}
	production := stage.Environment{Name: "production", Tier: stage.Production, Gates: []gate.Gate{
		approval.Quorum{From: []string{"oscar"}},
		gate.Func(soaked(p.pace)),
	}}
	work := func(name string) pipeline.Stage {
		return pipeline.Stage{Name: name, Run: stage.Func(p.work), Consumes: []string{"image"}}
	}
	in := func(e stage.Environment, s pipeline.Stage) pipeline.Stage { s.Environment = e; return s }

	build := pipeline.Stage{
		Name: "build", Run: stage.Func(p.build), Produces: []string{"image"}, Gives: []string{"version"},
		Retry: pipeline.Retry{Times: 3, Wait: p.pace},
	}
	soak := pipeline.Stage{Name: "soak", Run: stage.Poll(p.poll), Takes: []string{"version"}, Gives: []string{"soaked"}}
	bundle := work("bundle")
	bundle.Run, bundle.Produces = stage.Func(p.bundle), []string{"bundle"}
	migrate := work("migrate")
	migrate.Unknown = pipeline.AskPerson
	rehearse := in(staging, work("rehearse"))
	rehearse.Run = observed{p}
	deploy := in(production, work("deploy"))
	deploy.Run = stage.Func(p.deploy)
	bake := in(production, pipeline.Stage{Name: "bake", Run: stage.Poll(p.poll), Gives: []string{"baked"}})
	rollback := in(production, work("rollback"))
	rollback.Run = stage.Func(p.withdraw)
	hotfix := in(production, work("patch"))
	hotfix.Run = stage.Func(p.patch)

	return []pipeline.Pipeline{
		{Name: "delivery", Steps: pipeline.Sequence{
			build,
			pipeline.Parallel{
				soak, work("unit"), work("lint"),
				pipeline.Gate{Name: "security", Require: approval.Quorum{From: []string{"ann"}}}, // voted on while others work
			},
			pipeline.Graph{Max: 2, Nodes: []pipeline.Node{
				{Step: work("scan")},
				{Step: work("sign"), After: []string{"scan"}},
				{Step: work("docs")},
				{Step: bundle, After: []string{"sign", "docs"}},
			}},
			pipeline.When{Name: "with-migration", If: answer(true), Do: migrate},
			pipeline.When{Name: "with-downtime", If: answer(false), Do: work("downtime")},
			rehearse,
			pipeline.ForEach{Name: "regions", Items: regions, Max: 2, Body: func(string) pipeline.Step {
				return in(staging, work("verify"))
			}},
			pipeline.Gate{Name: "release", Require: approval.Quorum{Need: 2, From: []string{"ann", "bob"}}, Subject: []string{"image"}, Takes: []string{"version"}},
			pipeline.Finally{
				Of: pipeline.OnFailure{Of: pipeline.Sequence{deploy, bake}, Do: rollback},
				Do: work("notify"),
			},
			pipeline.Stage{Name: "announce", Run: stage.Func(p.work), Consumes: []string{"bundle"}, Takes: []string{"version", "baked"}},
		}},
		{Name: "hotfix", Given: []string{"image"}, Steps: pipeline.Sequence{hotfix}},
	}
}

// voters are the people asked by the gates of the pipelines.
var voters = []string{"ann", "bob", "oscar"}

func answer(yes bool) func(context.Context, pipeline.Facts) (bool, error) {
	return func(context.Context, pipeline.Facts) (bool, error) { return yes, nil }
}

func regions(context.Context, pipeline.Facts) ([]string, error) {
	return []string{"ap", "eu", "us"}, nil
}

// soaked passes some time after the gate was reached.
func soaked(pace time.Duration) gate.Func {
	return func(_ context.Context, req gate.Request) (gate.Decision, error) {
		if at := req.Since.Add(2 * pace); req.Now.Before(at) {
			return gate.Decision{Reason: "too early", Recheck: at, For: gate.ForWindow}, nil
		}
		return gate.Passf("%v have passed", 2*pace), nil
	}
}

// image returns the artifact that a run makes.
func image(name, run string) artifact.Artifact {
	text := name + " of " + run
	return artifact.Artifact{Name: name, Digest: artifact.DigestBytes([]byte(text)), Size: int64(len(text))}
}

func (p *platform) work(ctx context.Context, in stage.Input) (stage.Output, error) {
	_, err := p.do(ctx, in)
	return stage.Output{}, err
}

// build cannot be done at first, as if a network were down.
func (p *platform) build(ctx context.Context, in stage.Input) (stage.Output, error) {
	if first, err := p.call(in); err != nil || first {
		return stage.Output{}, errors.Join(err, p.sleep(ctx, in), errors.New("the registry does not answer"))
	}
	_, err := p.act(ctx, in)
	return stage.Output{
		Artifacts: []artifact.Artifact{image("image", in.Run)},
		Values:    map[string]any{"version": "v1"},
	}, err
}

func (p *platform) bundle(ctx context.Context, in stage.Input) (stage.Output, error) {
	_, err := p.do(ctx, in)
	return stage.Output{Artifacts: []artifact.Artifact{image("bundle", in.Run)}}, err
}

// poll is done at its third look.
func (p *platform) poll(ctx context.Context, in stage.Input, looks *int) (stage.Output, error) {
	if _, err := p.do(ctx, in); err != nil {
		return stage.Output{}, err
	}
	if *looks++; *looks < 3 {
		return stage.Output{Again: 3 * p.pace}, nil
	}
	gives := map[string]string{"soak": "soaked", "bake": "baked"}[in.Stage]
	return stage.Output{Values: map[string]any{gives: *looks}}, nil
}

// deploy finds, the first time, that the release is bad.
func (p *platform) deploy(ctx context.Context, in stage.Input) (stage.Output, error) {
	nth, err := p.do(ctx, in)
	out := stage.Output{Live: in.Artifacts, Traffic: 100}
	if err == nil && nth == 0 {
		out.Traffic, err = 10, stage.Failf("5 %% of requests fail")
	}
	return out, err
}

// withdraw puts back what the environment held, or nothing.
func (p *platform) withdraw(ctx context.Context, in stage.Input) (stage.Output, error) {
	_, err := p.do(ctx, in)
	if len(in.Previous) == 0 {
		return stage.Output{Live: in.Artifacts, Traffic: 0}, err
	}
	return stage.Output{Live: in.Previous, Traffic: 100}, err
}

func (p *platform) patch(ctx context.Context, in stage.Input) (stage.Output, error) {
	_, err := p.do(ctx, in)
	return stage.Output{Live: in.Artifacts, Traffic: 100}, err
}

// observed is work of which it can be found out whether it was done.
type observed struct{ p *platform }

func (o observed) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	done, err := o.p.acted(in)
	if err != nil {
		return stage.Output{}, err
	}
	if done {
		o.p.complain(in, errors.New("is called though Observe would have said that it is done"))
	}
	_, err = o.p.do(ctx, in)
	return stage.Output{Live: in.Artifacts, Traffic: 100}, err
}

func (o observed) Observe(_ context.Context, in stage.Input) (stage.Observation, error) {
	done, err := o.p.acted(in)
	return stage.Observation{Done: done, Output: stage.Output{Live: in.Artifacts, Traffic: 100}}, err
}
