// Package rollout has the usual ways to bring a release into an environment:
// all at once, a share of the traffic first, and back again.
//
// Each is a [stage.Runner] over a [stage.Deployer]. If the Deployer is a
// [stage.DeployObserver], so is the Runner a [stage.Observer]: after a crash
// that hid the outcome it is looked up before anything is deployed again.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// Full gives all of an environment's traffic to what the stage consumes.
type Full struct{ Via stage.Deployer }

// Check reports mistakes in r, and those that r.Via finds in itself.
func (r Full) Check() error { return check("full rollout", r.Via) }

// Describe says how r deploys.
func (r Full) Describe() string { return "full rollout via " + stage.Describe(r.Via) }

// Run implements [stage.Runner].
func (r Full) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	return release(in, 100).deploy(ctx, r.Via)
}

// Observe implements [stage.Observer].
func (r Full) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	return release(in, 100).observe(ctx, r.Via)
}

// Canary gives a share of an environment's traffic to what the stage consumes.
// What the environment held before keeps the rest. In an environment that held
// nothing, nobody gets the rest.
type Canary struct {
	Via     stage.Deployer
	Traffic int // percent, 1 to 99
}

// Check reports mistakes in r, and those that r.Via finds in itself.
func (r Canary) Check() error {
	return errors.Join(r.share(), check("canary rollout", r.Via))
}

func (r Canary) share() error {
	if r.Traffic < 1 || r.Traffic > 99 {
		return fmt.Errorf("canary rollout: traffic of %d%%; want 1 to 99", r.Traffic)
	}
	return nil
}

// Describe says how r deploys.
func (r Canary) Describe() string {
	return fmt.Sprintf("canary rollout of %d%% via %s", r.Traffic, stage.Describe(r.Via))
}

// Run implements [stage.Runner].
func (r Canary) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	if err := r.share(); err != nil {
		return stage.Output{}, err
	}
	return release(in, r.Traffic).deploy(ctx, r.Via)
}

// Observe implements [stage.Observer].
func (r Canary) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	if err := r.share(); err != nil {
		return stage.Observation{}, err
	}
	return release(in, r.Traffic).observe(ctx, r.Via)
}

// Back gives all of an environment's traffic to what it held before the run. It
// is the way out of a rollout that went wrong. If the environment held nothing,
// for this was the first deployment ever, Back withdraws what the stage
// consumes.
type Back struct{ Via stage.Deployer }

// Check reports mistakes in r, and those that r.Via finds in itself.
func (r Back) Check() error { return check("rollback", r.Via) }

// Describe says how r deploys.
func (r Back) Describe() string { return "rollback via " + stage.Describe(r.Via) }

// Run implements [stage.Runner].
func (r Back) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	return retreat(in).deploy(ctx, r.Via)
}

// Observe implements [stage.Observer].
func (r Back) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	return retreat(in).observe(ctx, r.Via)
}

// A move is one change of what an environment holds.
type move struct{ stage.Deployment }

// release gives a share to what the stage consumes. If the environment held
// just that before, there is nothing to share with.
func release(in stage.Input, percent int) move {
	if percent > 0 && in.Artifacts.Digest() == in.Previous.Digest() {
		percent = 100
	}
	return move{stage.Deployment{
		Key:         in.Key,
		Token:       in.Token,
		Environment: in.Environment,
		Artifacts:   in.Artifacts,
		Previous:    in.Previous,
		Traffic:     percent,
	}}
}

func retreat(in stage.Input) move {
	if len(in.Previous) == 0 {
		return release(in, 0)
	}
	in.Artifacts = in.Previous
	return release(in, 100)
}

func (m move) deploy(ctx context.Context, via stage.Deployer) (stage.Output, error) {
	if err := m.check(via); err != nil {
		return stage.Output{}, err
	}
	if err := via.Deploy(ctx, m.Deployment); err != nil {
		return stage.Output{}, fmt.Errorf("deploying %v: %w", m, err)
	}
	return m.done(), nil
}

func (m move) observe(ctx context.Context, via stage.Deployer) (stage.Observation, error) {
	if err := m.check(via); err != nil {
		return stage.Observation{}, err
	}
	o, ok := via.(stage.DeployObserver)
	if !ok {
		return stage.Observation{}, fmt.Errorf("observing %v: %T has no Observe: %w", m, via, errors.ErrUnsupported)
	}
	done, err := o.Observe(ctx, m.Deployment)
	if err != nil {
		return stage.Observation{}, fmt.Errorf("observing %v: %w", m, err)
	}
	if !done {
		return stage.Observation{}, nil
	}
	return stage.Observation{Done: true, Output: m.done()}, nil
}

// check finds what only a call can show. Deploying nothing would take down
// what serves and call it a success.
func (m move) check(via stage.Deployer) error {
	switch {
	case via == nil:
		return errors.New("rollout: no Deployer; set Via")
	case m.Environment.Name == "":
		return errors.New("rollout: nowhere to deploy to; name an Environment in the step")
	case len(m.Artifacts) == 0:
		return fmt.Errorf("rollout: nothing to deploy to %s; list artifacts in the step's Consumes", m.Environment.Name)
	}
	return nil
}

// done is the output of a move that was made. An environment from which all
// was withdrawn holds nothing, so that the next run finds nothing to go back to.
func (m move) done() stage.Output {
	live := m.Artifacts
	if m.Traffic == 0 {
		live = artifact.Set{}
	}
	return stage.Output{Live: live, Traffic: m.Traffic, Summary: m.String()}
}

// String returns a text such as "shop@9f86d081884c to 5% of production".
func (m move) String() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.Artifacts)) {
		names = append(names, m.Artifacts[name].String())
	}
	return fmt.Sprintf("%s to %d%% of %s", strings.Join(names, ", "), m.Traffic, m.Environment.Name)
}

func check(what string, via stage.Deployer) error {
	if via == nil {
		return fmt.Errorf("%s: no Deployer; set Via", what)
	}
	return stage.Check(via)
}
