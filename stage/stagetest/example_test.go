package stagetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// A printer stands in for the *testing.T that a test gives.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Context() context.Context          { return context.Background() }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// A deploy hook that does not look at tokens obeys a process that was paused
// and comes back after another took over.
func ExampleDeploy() {
	var t printer // in a test, t *testing.T
	stagetest.Deploy(t, func(testing.TB) stagetest.DeployCase {
		p := new(stagetest.Platform)
		careless := stage.DeployFunc(func(ctx context.Context, d stage.Deployment) error {
			d.Token = 0
			return p.Deploy(ctx, d)
		})
		return stagetest.DeployCase{Deployer: careless, Effects: p.Effects, Fenced: true}
	})
	// Output:
	// Deploy with token 1 after 2 = nil; want it refused, for somebody took over
	// Deploy with token 1 after 2 had 1 effects; want none
}

// A stage whose artifact depends on the attempt makes another one after a crash.
func ExampleRun() {
	var t printer // in a test, t *testing.T
	stagetest.Run(t, func(testing.TB) stagetest.RunCase {
		build := stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
			binary := fmt.Appendf(nil, "built at attempt %d", in.Attempt)
			return stage.Output{Artifacts: []artifact.Artifact{{Name: "image", Digest: artifact.DigestBytes(binary)}}}, ctx.Err()
		})
		return stagetest.RunCase{Runner: build, Input: stage.Input{Key: "run-1/build", Attempt: 1}}
	})
	// Output:
	// Run with the same Key gave artifacts map[image:image@89f91ae73f86], values null, live map[] at 0%, then artifacts map[image:image@89abd5397a23], values null, live map[] at 0%; want the same, for a crash may hide the first
}
