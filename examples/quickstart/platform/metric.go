package platform

import (
	"context"
	"errors"
	"fmt"

	"github.com/penstock/penstock/stage"
)

// ErrorRate returns a source of failed requests per request, 0 to 1.
func (c Client) ErrorRate() stage.Source {
	return metric{c, "error rate", Stats.ErrorRate}
}

// Latency returns a source of the time in seconds within which 99 of 100
// requests were answered.
func (c Client) Latency() stage.Source {
	return metric{c, "latency", func(s Stats) float64 { return s.P99.Seconds() }}
}

// A metric is a source of what the front door of an environment measured of
// one version.
type metric struct {
	client Client
	name   string
	value  func(Stats) float64
}

// Describe implements what [stage.Source] says of it.
func (m metric) Describe() string { return m.name + " at the front door" }

// Sample implements [stage.Source]. A version that does not run, and a platform
// that is away, have no data.
func (m metric) Sample(ctx context.Context, q stage.Query) (stage.Sample, error) {
	st, err := m.client.Status(ctx, q.From, q.To)
	if errors.Is(err, ErrAway) {
		return stage.Sample{}, nil
	}
	if err != nil {
		return stage.Sample{}, fmt.Errorf("%s: %w", m.name, err)
	}
	for _, p := range st.Environments[q.Input.Environment.Name].Processes {
		for _, a := range q.Artifacts {
			if p.Artifact.Digest == a.Digest && p.Stats.Requests > 0 {
				return stage.Sample{Value: m.value(p.Stats), Count: p.Stats.Requests}, nil
			}
		}
	}
	return stage.Sample{}, nil
}
