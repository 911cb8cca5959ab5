package amazon

import (
	"context"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// Alarms knows which alarms are active.
type Alarms interface {
	// Active returns the names of the alarms that are active in a region,
	// or anywhere if region is empty.
	Active(ctx context.Context, region string) ([]string, error)
}

// quiet is a gate that passes while no alarm is active anywhere.
type quiet struct{ Alarms }

func (quiet) Describe() string { return "no alarm is active" }

func (g quiet) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	names, err := g.Alarms.Active(ctx, "")
	soon := req.Now.Add(time.Minute)
	switch {
	case err != nil:
		return gate.Decision{}, err
	case len(names) > 0:
		return gate.Waitf("alarm %s is active", strings.Join(names, ", ")).Until(soon), nil
	}
	return gate.Passf("no alarm is active").Until(soon), nil
}

// enough is how many calls of the Create API say something about a release.
const enough = 100

// watch bakes the release in the region. It goes on, up to a day longer, until
// there were calls enough.
func (g region) watch(name string, d, every time.Duration) pipeline.Step {
	return g.stage(name, bake.Watch{
		For:   d,
		Every: every,
		Metrics: []bake.Metric{
			{Name: "active alarms in " + g.env.Name, Source: stage.SourceFunc(g.alarms), Want: bake.AtMost(0)},
			{Name: "failed creates in " + g.env.Name, Source: stage.SourceFunc(g.creates), Want: bake.AtMost(0.01), MinCount: enough},
		},
		MinSamples: 1,
		MaxErrors:  int((d + 24*time.Hour) / every),
	})
}

// alarms returns how many alarms are active in the region. It is the whole
// region that the alarms are about, not the release alone.
func (g region) alarms(ctx context.Context, _ stage.Query) (stage.Sample, error) {
	names, err := g.Alarms.Active(ctx, g.env.Name)
	return stage.Sample{Value: float64(len(names)), Count: 1}, err
}

// creates asks for the calls since the bake began, to the release alone.
func (g region) creates(ctx context.Context, q stage.Query) (stage.Sample, error) {
	q.From = q.Input.Started
	return g.Creates.Sample(ctx, q)
}
