package stage

import "fmt"

// A Failure is the verdict of a stage that could do its work and found
// something wrong. It is not retried. Make one with [Failf].
type Failure struct{ err error }

// Failf returns a [*Failure]. The verb %w works as in [fmt.Errorf], also more
// than once.
func Failf(format string, args ...any) error { return &Failure{fmt.Errorf(format, args...)} }

// Error returns the text given to [Failf].
func (f *Failure) Error() string { return f.err.Error() }

// Unwrap leads [errors.Is] and [errors.As] to what %w wrapped in [Failf].
//
// It returns the formatted error itself and not errors.Unwrap of it, which is
// nil if there is more than one %w.
func (f *Failure) Unwrap() error { return f.err }
