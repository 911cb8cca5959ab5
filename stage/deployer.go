package stage

import (
	"context"

	"github.com/penstock/penstock/artifact"
)

// A Deployer puts artifacts into an environment. Implement it to teach a
// pipeline a platform.
//
// Deploy returns nil once the artifacts serve just the given share of traffic,
// and the artifacts in Previous the rest. Like [Runner.Run] it is called at
// least once and must be safe to repeat: asked for what is already so, it does
// nothing. A platform that keeps the highest Token it has seen and refuses a
// lower one is safe from a process that was paused and comes back.
//
// Deploy should return soon after ctx is done. An error from [Failf] says that
// the platform refuses the artifacts; any other, that it could not be asked.
//
// A Deployer may be a [DeployObserver]. It may have Check() error and
// Describe() string as a [Runner] may.
//
// Deploy may be called from several goroutines at once, for different
// environments. It must not change what d holds. Test an implementation with
// [github.com/penstock/penstock/stage/stagetest.Deploy].
type Deployer interface {
	Deploy(ctx context.Context, d Deployment) error
}

// A DeployObserver is a [Deployer] that can find out what serves.
//
// Observe reports whether the artifacts of d serve just the share that d gives
// them. It is asked after a crash that hid the outcome of Deploy, and must not
// act on the world. An error means that it could not be found out.
type DeployObserver interface {
	Observe(ctx context.Context, d Deployment) (bool, error)
}

// DeployFunc adapts an ordinary function to a [Deployer].
type DeployFunc func(ctx context.Context, d Deployment) error

// Deploy calls f.
func (f DeployFunc) Deploy(ctx context.Context, d Deployment) error { return f(ctx, d) }

// A Deployment is one request to a [Deployer].
type Deployment struct {
	Key         string       // idempotency key: the same for every call of the stage in its run
	Token       int64        // fencing token of Environment: see [Input]
	Environment Environment  // where
	Artifacts   artifact.Set // what; named by digest
	Previous    artifact.Set // what Environment held before the run; empty at first
	Traffic     int          // percent of traffic for Artifacts, 0 to 100; 0 withdraws them
}
