package kubernetes

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// Forge is where pull requests are.
type Forge interface {
	// Open returns the number of the pull request with the given key, which
	// promotes the images, and opens one if there is none.
	Open(ctx context.Context, key string, images artifact.Artifact) (number int, err error)

	// Merge merges a pull request, if it is not, and returns its commit.
	Merge(ctx context.Context, number int) (commit string, err error)
}

// Jobs is what runs the image job for each commit that is merged.
type Jobs interface {
	// State returns what has become of the image job of a commit.
	State(ctx context.Context, commit string) (JobState, error)
}

// A JobState is how far a job is.
type JobState int

// The states of a job.
const (
	JobPending JobState = iota // or not known yet
	JobSucceeded
	JobFailed
)

// promotion asks people to promote the images.
type promotion struct{ Forge }

func (promotion) Describe() string { return "open a pull request that promotes the images" }

func (p promotion) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	number, err := p.Open(ctx, in.Key, in.Artifacts["images"])
	return stage.Output{Values: map[string]any{"pull-request": number}, Summary: fmt.Sprintf("#%d", number)}, err
}

// merge has the images promoted.
type merge struct{ Forge }

func (merge) Describe() string { return "merge the pull request" }

func (m merge) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	number, err := stage.Value[int](in, "pull-request")
	if err != nil {
		return stage.Output{}, err
	}
	commit, err := m.Merge(ctx, number)
	return stage.Output{Values: map[string]any{"commit": commit}, Summary: fmt.Sprintf("#%d is %s", number, commit)}, err
}

// imageJob succeeds when the images are where the commit puts them.
type imageJob struct{ Jobs }

func (imageJob) Describe() string { return "wait for the image job of the commit" }

// Watches lets a job that is under way be watched to its end on holidays too.
func (imageJob) Watches() bool { return true }

func (j imageJob) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	commit, err := stage.Value[string](in, "commit")
	if err != nil {
		return stage.Output{}, err
	}
	switch state, err := j.State(ctx, commit); {
	case err != nil:
		return stage.Output{}, err
	case state == JobFailed:
		return stage.Output{}, stage.Failf("the image job of %s failed", commit)
	case state == JobSucceeded:
		return stage.Output{Summary: "the image job of " + commit + " succeeded"}, nil
	}
	return stage.Output{Again: 5 * time.Minute, Summary: "the image job of " + commit + " has not ended"}, nil
}
