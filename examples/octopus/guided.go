package octopus

import (
	"context"
	"errors"

	"github.com/penstock/penstock/stage"
)

// guided asks a person what to do when the tests say no: to have them done again
// (Executor.Retry), to go on all the same (Executor.Override), or to give the release
// up (Executor.Cancel). It changes nothing where it is called, so no freeze keeps what
// was deployed from being tested.
type guided struct{ stage.Runner }

func (g guided) Check() error     { return stage.Check(g.Runner) }
func (g guided) Describe() string { return stage.Describe(g.Runner) + ", or ask" }
func (guided) Watches() bool      { return true }

func (g guided) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	out, err := g.Runner.Run(ctx, in)
	if no := new(stage.Failure); errors.As(err, &no) {
		return stage.Output{Ask: no.Error()}, nil
	}
	return out, err
}
