package stagetest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// A Platform is a deployment platform in memory that remembers what was asked
// of it. It keeps all the promises of a [stage.Deployer] and of a
// [stage.DeployObserver], also that it refuses a token lower than one it has
// seen, and breaks them when told to: see [Platform.Break]. It reports metrics
// to bakes: see [Platform.Source].
//
// The zero Platform has nothing deployed, and is ready to use from several
// goroutines at once. It must not be copied.
type Platform struct {
	mu      sync.Mutex
	places  map[string]*place
	calls   []Call
	faults  map[int]Fault
	metrics map[metric]stage.Sample
}

// A place is what a Platform knows of one environment.
type place struct {
	token   int64
	serving []Share // most traffic first; none with 0
}

// A Call is one call of [Platform.Deploy].
type Call struct {
	Deployment stage.Deployment
	Changed    bool  // the call had an effect
	Err        error // what the caller was told, or nil; of a call that hangs, nil until it has ended
}

// A Share is what serves a part of an environment's traffic.
type Share struct {
	Artifacts artifact.Set
	Traffic   int // percent, 1 to 100
}

// Deploy implements [stage.Deployer].
func (p *Platform) Deploy(ctx context.Context, d stage.Deployment) error {
	n, fault := p.begin(d)
	err := fault.play(ctx, func() error { return p.apply(ctx, n, d) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls[n].Err = err
	return err
}

// begin records the call and returns its index and what is to go wrong with it.
func (p *Platform) begin(d stage.Deployment) (int, Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d.Artifacts, d.Previous = maps.Clone(d.Artifacts), maps.Clone(d.Previous)
	p.calls = append(p.calls, Call{Deployment: d})
	return len(p.calls) - 1, p.faults[len(p.calls)]
}

func (p *Platform) apply(ctx context.Context, call int, d stage.Deployment) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stagetest: deploying to %q: %w", d.Environment.Name, err)
	}
	if d.Traffic < 0 || d.Traffic > 100 {
		return fmt.Errorf("stagetest: traffic of %d%%; want 0 to 100", d.Traffic)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.place(d.Environment.Name)
	if d.Token < at.token {
		return fmt.Errorf("stagetest: deploying to %q: token %d is too old: somebody with token %d took over", d.Environment.Name, d.Token, at.token)
	}
	at.token = d.Token
	want := shares(d)
	if slices.EqualFunc(at.serving, want, same) {
		return nil
	}
	at.serving = want
	p.calls[call].Changed = true
	return nil
}

// Observe implements [stage.DeployObserver].
func (p *Platform) Observe(ctx context.Context, d stage.Deployment) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("stagetest: observing %q: %w", d.Environment.Name, err)
	}
	return slices.EqualFunc(p.Serving(d.Environment.Name), shares(d), same), nil
}

// Serving returns what serves in the environment, most traffic first.
func (p *Platform) Serving(environment string) []Share {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.places[environment]; ok {
		return slices.Clone(at.serving)
	}
	return nil
}

// Calls returns all calls of Deploy so far, in the order in which they began.
func (p *Platform) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// Effects returns how many calls of Deploy changed what serves.
func (p *Platform) Effects() int {
	n := 0
	for _, c := range p.Calls() {
		if c.Changed {
			n++
		}
	}
	return n
}

// Describe returns the same text for each Platform, so that the definition of a
// pipeline has the same digest in the next process.
func (p *Platform) Describe() string { return "a platform in memory" }

func (p *Platform) place(name string) *place {
	if p.places == nil {
		p.places = map[string]*place{}
	}
	if p.places[name] == nil {
		p.places[name] = &place{}
	}
	return p.places[name]
}

// shares returns what serves once d is done.
func shares(d stage.Deployment) []Share {
	whole := Share{maps.Clone(d.Artifacts), d.Traffic}
	rest := Share{maps.Clone(d.Previous), 100 - d.Traffic}
	if whole.Artifacts.Digest() == rest.Artifacts.Digest() && d.Traffic > 0 {
		whole.Traffic, rest.Traffic = 100, 0
	}
	serving := slices.DeleteFunc([]Share{whole, rest}, func(s Share) bool { return s.Traffic == 0 || len(s.Artifacts) == 0 })
	slices.SortStableFunc(serving, func(a, b Share) int { return cmp.Compare(b.Traffic, a.Traffic) })
	return serving
}

func same(a, b Share) bool {
	return a.Traffic == b.Traffic && a.Artifacts.Digest() == b.Artifacts.Digest()
}
