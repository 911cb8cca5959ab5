package stagetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// The body of a test of a deploy hook. Here the hook is a Platform, which
// passes; a hook for a real platform gives releases that it can deploy.
func ExampleDeploy() {
	test := func(t *testing.T) {
		stagetest.Deploy(t, func(testing.TB) stagetest.DeployCase {
			p := new(stagetest.Platform)
			return stagetest.DeployCase{Deployer: p, Effects: p.Effects, Fenced: true}
		})
	}
	fmt.Println(passes("TestDeployer", test))
	// Output: true
}

// The body of a test of a stage.
func ExampleRun() {
	test := func(t *testing.T) {
		stagetest.Run(t, func(testing.TB) stagetest.RunCase {
			build := stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
				binary := []byte("the program for " + in.Params["commit"])
				return stage.Output{Artifacts: []artifact.Artifact{{Name: "image", Digest: artifact.DigestBytes(binary)}}}, ctx.Err()
			})
			return stagetest.RunCase{Runner: build, Input: stage.Input{Key: "run-1/build", Params: map[string]string{"commit": "c0ffee"}}}
		})
	}
	fmt.Println(passes("TestBuild", test))
	// Output: true
}

// passes runs a test as the command go test does.
func passes(name string, test func(*testing.T)) bool {
	return testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: name, F: test}})
}
