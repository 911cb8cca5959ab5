// Package gate decides whether a delivery may go on.
//
// A gate is asked, not run: the executor calls [Gate.Decide] with everything
// known so far and gets a [Decision]. Waiting costs nothing, no goroutine is
// held, and a restart changes nothing, for the next answer follows from the
// same recorded facts.
package gate

import (
	"context"
	"errors"
)

// A Gate decides whether a delivery may go on.
//
// Decide is called when the gate is reached, after each vote cast on it, and
// at the time in [Decision.Recheck]; it can be called again after a restart.
// It must not act on the world. It must take the time from req.Now. It must not
// change or keep what req holds.
//
// An error means the question could not be answered. The gate stays shut and
// is asked again later. To refuse for good, return [Rejectf].
//
// Decide may be called from several goroutines at once, for different requests.
// Test an implementation with [github.com/penstock/penstock/gate/gatetest.Run].
//
// A Gate may have more methods, each found by assertion:
//
//   - Check() error reports a mistake in the Gate itself, before anything runs
//     (see [Check]);
//   - CheckWith(before []Gate) error reports a mistake that shows only beside
//     gates that have to pass at the same time (see [Check]);
//   - Parts() []Gate returns the gates that have all passed whenever it has
//     (see [Walk]);
//   - Describe() string says in one line what it decides by: the digest of a
//     definition and a drawing show it (see [Describe]);
//   - Eligible(Request, Vote) error says whether a vote could count, and if
//     not why (see [Eligible]);
//   - Who(Request) []string names the people or groups it waits for (see [Who]).
type Gate interface {
	Decide(ctx context.Context, req Request) (Decision, error)
}

// Func adapts an ordinary function to a [Gate]. It takes no votes: a gate that
// does has a method Eligible.
type Func func(ctx context.Context, req Request) (Decision, error)

// Decide calls f.
func (f Func) Decide(ctx context.Context, req Request) (Decision, error) { return f(ctx, req) }

// Check reports a nil f.
func (f Func) Check() error {
	if f == nil {
		return errors.New("gate: Func is nil; want a function")
	}
	return nil
}
