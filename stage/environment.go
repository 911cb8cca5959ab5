package stage

import (
	"context"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// An Environment is a place that stages act on, such as production.
// Environments are the same if their names are the same.
//
// By default one run at a time holds an environment, from its first stage there
// until its last stage there has ended, and the next one in the [Queue] waits.
type Environment struct {
	Name   string
	Tier   Tier
	Gates  []gate.Gate       // asked before each stage here, for every pipeline: freezes, incidents
	Queue  Queue             // who enters next
	Shared bool              // let runs overlap here; by default a run waits for the one before
	Config map[string]string // what differs from other environments; told to hooks, compared by policies
}

// A Tier says how close an environment is to users. It is declared, never
// inferred from a name or an order.
type Tier int

// The tiers. The zero Tier is not declared; a policy treats it with the most
// care.
const (
	Undeclared Tier = iota
	Development
	Testing
	Staging
	Production
)

// String returns the tier in lower case.
func (t Tier) String() string {
	if t < Undeclared || t > Production {
		return "unknown"
	}
	return [...]string{"undeclared", "development", "testing", "staging", "production"}[t]
}

// A Queue says which run enters an environment next.
type Queue int

const (
	Oldest Queue = iota // the one that came first
	Newest              // the one that was started last; it supersedes those that wait, never the one inside
)

// String returns "oldest" or "newest".
func (q Queue) String() string {
	if q < Oldest || q > Newest {
		return "unknown"
	}
	return [...]string{"oldest", "newest"}[q]
}

// A Deployer puts artifacts into an environment. Implement it to teach a
// pipeline a platform.
//
// Deploy returns nil once the artifacts serve just the given share of traffic,
// and the artifacts in Previous the rest. Like [Runner.Run] it is called at
// least once and must be safe to repeat: asked for what is already so, it does
// nothing. A platform that keeps the highest Token it has seen and refuses a
// lower one is safe from a process that was paused and comes back.
//
// A Deployer may have a method Observe(ctx, Deployment) (bool, error), which
// reports whether the artifacts serve just the given share; it is asked after a
// crash that hid the outcome of Deploy. It may have Check() error and
// Describe() string as a [Runner] may.
//
// Deploy may be called from several goroutines at once, for different
// environments. Test an implementation with
// [github.com/penstock/penstock/stage/stagetest.Deploy].
type Deployer interface {
	Deploy(ctx context.Context, d Deployment) error
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
