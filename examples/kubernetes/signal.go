package kubernetes

import (
	"context"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
)

// Signal is what the tests of the branch say.
type Signal interface {
	// Failing returns the names of the jobs that block a release and fail now.
	Failing(ctx context.Context, version string) ([]string, error)
}

// green is a gate that passes while no job fails. A pass is for the day on which it
// was given, in UTC: what was green yesterday is asked for again.
type green struct{ Signal }

func (green) Describe() string { return "a green signal on the same day" }

func (g green) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	failing, err := g.Failing(ctx, req.Params[Version])
	now := req.Now.UTC()
	switch {
	case err != nil:
		return gate.Decision{}, err
	case len(failing) > 0:
		return gate.Waitf("%s fails", strings.Join(failing, ", ")).Until(now.Add(15 * time.Minute)), nil
	}
	tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, time.UTC)
	return gate.Passf("all jobs are green").Until(tomorrow), nil
}
