package stagetest

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// A metric is a name, an environment, and the Digest of the artifacts that it
// is about.
type metric struct {
	name, environment string
	of                artifact.Digest
}

// Report sets what the Platform reports from now on of a metric of the given
// artifacts in the environment. Without a report there is no data.
func (p *Platform) Report(name, environment string, of artifact.Set, s stage.Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.metrics == nil {
		p.metrics = map[metric]stage.Sample{}
	}
	p.metrics[metric{name, environment, of.Digest()}] = s
}

// Source returns the named metric, for a bake to watch. It knows the present
// value alone.
func (p *Platform) Source(name string) stage.Source { return source{p, name} }

type source struct {
	platform *Platform
	name     string
}

// Sample implements [stage.Source].
func (s source) Sample(ctx context.Context, q stage.Query) (stage.Sample, error) {
	if err := ctx.Err(); err != nil {
		return stage.Sample{}, fmt.Errorf("stagetest: sampling %q: %w", s.name, err)
	}
	s.platform.mu.Lock()
	defer s.platform.mu.Unlock()
	return s.platform.metrics[metric{s.name, q.Input.Environment.Name, q.Artifacts.Digest()}], nil
}

// Describe says which metric s is.
func (s source) Describe() string { return fmt.Sprintf("%q of a platform in memory", s.name) }
