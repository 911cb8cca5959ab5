package main

import (
	"context"
	"fmt"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/command"
)

// What is delivered.
const service = "github.com/penstock/penstock/examples/quickstart/service"

// test runs the service's own tests.
var test = command.Command{Argv: []string{"go", "test", service}}

// build is a stage that compiles the service. The bytes follow from the source
// and the params alone, so a build that is repeated after a crash gives the
// same artifact.
type build struct{ store artifact.Store }

// Describe implements what [stage.Runner] says of it.
func (build) Describe() string { return "go build, with the version, into the store" }

// Run implements [stage.Runner].
func (b build) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	flags := "-s -w -X main.version=" + in.Params[version]
	if in.Params[broken] != "" {
		flags += " -X main.leak=yes"
	}
	out, err := command.Command{
		Argv:  []string{"go", "build", "-buildvcs=false", "-ldflags", flags, "-o", "$PENSTOCK_FILES/" + shop, service},
		Files: []command.File{{Name: shop, MediaType: "application/octet-stream"}},
		Store: b.store,
	}.Run(ctx, in)
	for _, a := range out.Artifacts {
		out.Summary = fmt.Sprintf("%s, %.1f MB, %s", in.Params[version], float64(a.Size)/1e6, a.Digest.Short())
	}
	return out, err
}
