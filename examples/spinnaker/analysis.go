package spinnaker

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// analysis scores the canary each interval, over all of the time since it began.
// A score that is marginal goes on.
//
// A score at a threshold keeps it, as Kayenta and the documentation have it; the
// stage of Spinnaker ends a canary at a score of just 75.
func analysis(judge stage.Source) bake.Watch {
	growing := stage.SourceFunc(func(ctx context.Context, q stage.Query) (stage.Sample, error) {
		q.From = q.Input.Started
		return judge.Sample(ctx, q)
	})
	return bake.Watch{
		For:     lifetime,
		Every:   interval,
		Metrics: []bake.Metric{{Name: "score", Source: growing, Want: bake.AtLeast(marginal)}},
	}
}

// final gives the score over the whole lifetime, and fails if it is too low. It
// is what people see when they judge.
type final struct{ Judge stage.Source }

func (f final) Describe() string { return fmt.Sprintf("score of %d or more", pass) }

func (f final) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	s, err := f.Judge.Sample(ctx, stage.Query{Input: in, Artifacts: in.Artifacts, From: in.Started.Add(-lifetime), To: in.Started})
	switch {
	case err != nil:
		return stage.Output{}, err
	case s.Count == 0:
		return stage.Output{Ask: "there is no score"}, nil
	case !(s.Value >= pass): // NaN is too low as well
		return stage.Output{}, stage.Failf("score %v; want at least %d", s.Value, pass)
	}
	return stage.Output{Values: map[string]any{"score": s.Value}, Summary: fmt.Sprintf("score %v", s.Value)}, nil
}
