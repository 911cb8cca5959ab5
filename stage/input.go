package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/penstock/penstock/artifact"
)

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
