// Package stage does the work of a pipeline: build, test, deploy, bake.
//
// To plug in work of your own, write a [Func] or implement [Runner].
// To plug in a way to deploy, implement [Deployer].
package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
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
// be found out; Observe is then asked again later.
type Observer interface {
	Observe(ctx context.Context, in Input) (Observation, error)
}

// An Observation is what an [Observer] found. The zero Observation says that
// the work was not done, and Run is called again with the same Input.Key.
type Observation struct {
	Done   bool   // the work was done; Output is recorded as if Run had returned it
	Output Output // as of a Run with a nil error; not looked at unless Done
}

// Input is what a stage is given.
type Input struct {
	Pipeline    string
	Run         string
	Stage       string
	Key         string                     // idempotency key: the same for every call of this stage in this run, until it is retried by a person
	Attempt     int                        // 1, 2, …: counts calls that began anew, not calls after Again
	Token       int64                      // fencing token of Environment: rises with each run that takes it; 0 if the step names no environment, or one that is Shared
	Environment Environment                // zero if the step names none
	Artifacts   artifact.Set               // what the step consumes
	Values      map[string]json.RawMessage // what the step takes; read one with [Value]
	Previous    artifact.Set               // what Environment held before this run; empty at first
	Params      map[string]string          // from the trigger
	Started     time.Time                  // when the stage was first called; kept over restarts
	State       json.RawMessage            // Output.State of the call before; nil on a first call
	Logger      *slog.Logger               // where Log writes; nil discards

	// Secrets looks up a secret of the program that runs the pipeline. It
	// may be nil; use [Input.Secret].
	Secrets func(ctx context.Context, name string) (string, error)
}

// Log returns a logger that names the run and the stage. It is never nil.
func (in Input) Log() *slog.Logger {
	if in.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return in.Logger.With("pipeline", in.Pipeline, "run", in.Run, "stage", in.Stage, "attempt", in.Attempt)
}

// Secret returns the named secret from the resolver that the program gave to
// its executor. Secrets are looked up at each call and never recorded.
func (in Input) Secret(ctx context.Context, name string) (string, error) {
	if in.Secrets == nil {
		return "", fmt.Errorf("stage %q: secret %q: the executor has no Secrets", in.Stage, name)
	}
	s, err := in.Secrets(ctx, name)
	if err != nil {
		return "", fmt.Errorf("stage %q: secret %q: %w", in.Stage, name, err)
	}
	return s, nil
}

// Value returns the named value from in.Values as a T. It is an error if the
// stage does not take it, or if its JSON form does not fit T.
func Value[T any](in Input, name string) (T, error) {
	var v T
	raw, ok := in.Values[name]
	if !ok {
		return v, fmt.Errorf("stage %q: no value %q; list it in the step's Takes", in.Stage, name)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("stage %q: value %q is not a %T: %w", in.Stage, name, v, err)
	}
	return v, nil
}

// Output is what a stage gives back.
type Output struct {
	Artifacts []artifact.Artifact // must be those the step says it produces
	Values    map[string]any      // must be those the step says it gives; each needs a JSON form of at most 64 KiB
	Live      artifact.Set        // what Environment holds now, if the stage changed it; else nil
	Traffic   int                 // percent of traffic that Live has, 0 to 100; looked at only if Live is not nil
	Summary   string              // one clause for people, such as "412 tests passed"; at most 4 KiB, the rest is cut
	Again     time.Duration       // if positive, the work is not done: call Run again after this time
	Ask       string              // if not empty, a person has to decide: says what, in one clause
	State     json.RawMessage     // given back in Input.State; at most 64 KiB
}

// Poll adapts a function that is called until its Output.Again is 0, and that
// keeps state of type S between calls. S must have a JSON form.
func Poll[S any](f func(ctx context.Context, in Input, state *S) (Output, error)) Runner {
	return Func(func(ctx context.Context, in Input) (Output, error) {
		var s S
		if in.State != nil {
			if err := json.Unmarshal(in.State, &s); err != nil {
				return Output{}, fmt.Errorf("stage %q: state is of another kind; has the code changed?: %w", in.Stage, err)
			}
		}
		out, err := f(ctx, in, &s)
		if err == nil && out.Again > 0 {
			out.State, err = json.Marshal(s)
		}
		return out, err
	})
}

// A Failure is the verdict of a stage that could do its work and found
// something wrong. It is not retried. Make one with [Failf].
type Failure struct{ err error }

// Failf returns a [*Failure]. The verb %w works as in [fmt.Errorf].
func Failf(format string, args ...any) error { return &Failure{fmt.Errorf(format, args...)} }

// Error returns the text given to [Failf].
func (f *Failure) Error() string { return f.err.Error() }

// Unwrap returns the error wrapped by %w in [Failf], if any.
func (f *Failure) Unwrap() error { return errors.Unwrap(f.err) }

// Describe returns what r says of itself in one line, or its type if it has no
// method Describe() string. It works for runners, deployers and sources.
func Describe(r any) string {
	if d, ok := r.(interface{ Describe() string }); ok {
		return d.Describe()
	}
	return fmt.Sprintf("%T", r)
}
