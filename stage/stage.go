// Package stage does the work of a pipeline: build, test, deploy, bake.
//
// To plug in work of your own, write a [Func] or implement [Runner].
// To plug in a way to deploy, implement [Deployer]. To plug in metrics that a
// bake watches, implement [Source].
package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Runner does the work of one stage.
//
// Run is called at least once. After a crash it can be called again with the
// same Input.Key and a higher Input.Attempt, and should then find and finish
// what it began, so Run must be safe to repeat. It should return soon after
// ctx is done: what it returns after its time is up counts as not done.
//
// Run ends in one of five ways:
//
//   - a nil error: the work is done, and Output is recorded;
//   - a nil error and Output.Again > 0: not done yet; Run is called again after
//     that time, in this process or the next, with Output.State in Input.State;
//   - a nil error and a non-empty Output.Ask: a person has to decide; the step
//     waits until it is retried or overridden;
//   - an error from [Failf]: the work says no (a test failed); not retried;
//   - any other error: the work could not be done (network down); retried as
//     the step's Retry says.
//
// Run may be called from several goroutines at once, for different inputs. It
// must not change what in holds.
//
// A Runner may have more methods, each found by assertion:
//
//   - Check() error reports a mistake in the Runner itself, before anything runs;
//   - Describe() string says in one line what it does: the digest of a
//     definition and a drawing show it (see [Describe]);
//   - Watches() bool says that Run only watches its environment: then the gates
//     of that do not hold it up, so that nothing that went out stays unwatched
//     when a window closes (see [Watches]);
//   - Lasts() time.Duration says how long the work takes, over all calls, if it
//     takes a time that is set: for forecasts (see [Lasts]);
//   - Observe(ctx, Input) (Observation, error) says, after a crash that hid the
//     outcome, whether the work was done: see [Observer].
//
// Test an implementation with [github.com/penstock/penstock/stage/stagetest.Run].
type Runner interface {
	Run(ctx context.Context, in Input) (Output, error)
}

// Func adapts an ordinary function to a [Runner].
type Func func(ctx context.Context, in Input) (Output, error)

// Run calls f.
func (f Func) Run(ctx context.Context, in Input) (Output, error) { return f(ctx, in) }

// An Observer is a [Runner] that can find out whether the work was done.
//
// Observe is asked when a process died between a call of Run and the record of
// its outcome. It must not act on the world. An error means that it could not
// be found out; Observe is then asked again later. An error for which
// errors.Is(err, [errors.ErrUnsupported]) means that it never can be, as if the
// Runner were no Observer: a Runner that wraps another returns it.
type Observer interface {
	Observe(ctx context.Context, in Input) (Observation, error)
}

// An Observation is what an [Observer] found. The zero Observation says that
// the work was not done, and Run is called again with the same Input.Key.
type Observation struct {
	Done   bool   // the work was done; Output is recorded as if Run had returned it
	Output Output // as of a Run with a nil error; not looked at unless Done
}

// Output is what a stage gives back.
type Output struct {
	Artifacts []artifact.Artifact // must be those the step says it produces
	Values    map[string]any      // must be those the step says it gives; each needs a JSON form of at most [MaxState] bytes
	Live      artifact.Set        // what Environment holds now, if the stage changed it; else nil
	Traffic   int                 // percent of traffic that Live has, 0 to 100; looked at only if Live is not nil
	Summary   string              // one clause for people, such as "412 tests passed"; at most 4 KiB, the rest is cut
	Again     time.Duration       // if positive, the work is not done: call Run again after this time
	Ask       string              // if not empty, a person has to decide: says what, in one clause
	State     json.RawMessage     // given back in Input.State; at most [MaxState] bytes
}

// Check returns what the method Check() error of r says, or nil if it has none.
// It works for runners, deployers and sources of metrics.
func Check(r any) error {
	if c, ok := r.(interface{ Check() error }); ok {
		return c.Check()
	}
	return nil
}

// Describe returns what r says of itself in one line, or its type if it has no
// method Describe() string. It works for runners, deployers and sources of
// metrics.
func Describe(r any) string {
	if d, ok := r.(interface{ Describe() string }); ok {
		return d.Describe()
	}
	return fmt.Sprintf("%T", r)
}

// Watches reports whether r only watches its environment and changes nothing
// there: what its method Watches() bool says, or false if it has none.
func Watches(r any) bool {
	w, ok := r.(interface{ Watches() bool })
	return ok && w.Watches()
}

// Lasts returns how long the work of r takes, over all its calls, if that is set:
// what its method Lasts() time.Duration says, or 0 if it has none.
func Lasts(r any) time.Duration {
	if l, ok := r.(interface{ Lasts() time.Duration }); ok {
		return max(0, l.Lasts())
	}
	return 0
}
