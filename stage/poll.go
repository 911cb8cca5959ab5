package stage

import (
	"context"
	"encoding/json"
	"fmt"
)

// MaxState is the most bytes that [Output.State] may have.
const MaxState = 64 << 10

// Poll adapts a function that is called until its Output.Again is 0, and that
// keeps state of type S between calls. S must have a JSON form of at most
// [MaxState] bytes. On a first call state points to a zero S.
//
// Poll sets Output.State; what f puts there is lost. State that does not fit S,
// because the code has changed since, is an error, and f is not called.
//
// A type with methods of its own, such as Check and Describe, calls Poll in its
// Run:
//
//	func (w Watch) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
//		return stage.Poll(w.look).Run(ctx, in)
//	}
func Poll[S any](f func(ctx context.Context, in Input, state *S) (Output, error)) Runner {
	return Func(func(ctx context.Context, in Input) (Output, error) {
		var s S
		if in.State != nil {
			if err := json.Unmarshal(in.State, &s); err != nil {
				return Output{}, fmt.Errorf("stage %q: state is of another kind; has the code changed?: %w", in.Stage, err)
			}
		}
		out, err := f(ctx, in, &s)
		if err != nil {
			return out, err
		}
		out.State = nil
		if out.Again <= 0 {
			return out, nil
		}
		if out.State, err = json.Marshal(s); err != nil {
			return Output{}, fmt.Errorf("stage %q: state of type %T has no JSON form: %w", in.Stage, s, err)
		}
		if len(out.State) > MaxState {
			return Output{}, fmt.Errorf("stage %q: state has %d bytes; want at most %d", in.Stage, len(out.State), MaxState)
		}
		return out, nil
	})
}
