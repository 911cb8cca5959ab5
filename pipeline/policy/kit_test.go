package policy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/policy"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

var (
	staging    = stage.Environment{Name: "staging", Tier: stage.Staging}
	production = stage.Environment{Name: "production", Tier: stage.Production}

	image = []string{"image"}
	two   = approval.Quorum{Need: 2, Group: "release-managers"}

	work   = stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })
	open   = gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Passf("open"), nil })
	always = func(context.Context, pipeline.Facts) (bool, error) { return true, nil }
	some   = func(context.Context, pipeline.Facts) ([]string, error) { return []string{"eu"}, nil }

	inProduction = policy.Tier(stage.Production)
)

type deployer struct{}

func (deployer) Deploy(context.Context, stage.Deployment) error { return nil }

func shop(steps ...pipeline.Step) pipeline.Pipeline {
	return pipeline.Pipeline{Name: "shop", Given: image, Steps: steps}
}

func do(name string) pipeline.Stage { return pipeline.Stage{Name: name, Run: work} }

// in returns a stage that does any work on the image.
func in(e stage.Environment, name string) pipeline.Stage {
	return pipeline.Stage{Name: name, Run: work, Environment: e, Consumes: image}
}

// deploy returns a stage that is known to deploy the image.
func deploy(to stage.Environment, name string) pipeline.Stage {
	s := in(to, name)
	s.Run = rollout.Full{Via: deployer{}}
	return s
}

func back(to stage.Environment, name string) pipeline.Stage {
	s := in(to, name)
	s.Run = rollout.Back{Via: deployer{}}
	return s
}

func watch(e stage.Environment, name string, d time.Duration) pipeline.Stage {
	s := in(e, name)
	s.Run = bake.Watch{For: d, Metrics: []bake.Metric{{Name: "errors", Want: bake.AtMost(0.01), Source: quiet}}}
	return s
}

var quiet = stage.SourceFunc(func(context.Context, stage.Query) (stage.Sample, error) { return stage.Sample{Count: 1}, nil })

// ask returns a gate that decides on the image.
func ask(name string, g gate.Gate) pipeline.Gate {
	return pipeline.Gate{Name: name, Require: g, Subject: image}
}

// guarded returns e with gates.
func guarded(e stage.Environment, gates ...gate.Gate) stage.Environment {
	e.Gates = gates
	return e
}

func node(s pipeline.Step, after ...string) pipeline.Node {
	return pipeline.Node{Step: s, After: after}
}

func graph(nodes ...pipeline.Node) pipeline.Graph { return pipeline.Graph{Nodes: nodes} }

func when(name string, s pipeline.Step) pipeline.When {
	return pipeline.When{Name: name, If: always, Do: s}
}

// optional returns a gate that is skipped if it is rejected.
func optional(name string, g gate.Gate) pipeline.Gate {
	s := ask(name, g)
	s.OnReject = pipeline.Skip
	return s
}

// wantBroken compares what is said of p with lines, without the heading. No lines
// are for a pipeline that keeps the rules.
func wantBroken(t *testing.T, p pipeline.Pipeline, want string, rules ...policy.Rule) {
	t.Helper()
	err := policy.Require(p, rules...)
	got := ""
	if err != nil {
		var v *policy.Violation
		if !errors.As(err, &v) {
			t.Fatalf("Require = %v; want a *policy.Violation", err)
		}
		_, got, _ = strings.Cut(err.Error(), "\n")
		got = strings.ReplaceAll(got, "\n\t", "\n")[1:]
	}
	if got != want {
		t.Errorf("Require says\n%s\nwant\n%s", got, want)
	}
}

// count returns how many violations err has.
func count(err error) int {
	var all *multierror.Error
	if errors.As(err, &all) {
		return len(all.Errors)
	}
	return 0
}
