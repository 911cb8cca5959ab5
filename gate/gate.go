// Package gate decides whether a delivery may go on.
//
// A gate is asked, not run: the executor calls [Gate.Decide] with everything
// known so far and gets a [Decision]. Waiting costs nothing, no goroutine is
// held, and a restart changes nothing, for the next answer follows from the
// same recorded facts.
package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
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
//   - Check() error reports a mistake in the Gate itself, before anything runs;
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

// Func adapts an ordinary function to a [Gate].
type Func func(ctx context.Context, req Request) (Decision, error)

// Decide calls f.
func (f Func) Decide(ctx context.Context, req Request) (Decision, error) { return f(ctx, req) }

// A Request is what a gate is asked about.
type Request struct {
	Pipeline    string
	Run         string
	Gate        string                     // name of the step that asks
	Round       int                        // 1, 2, …: a retry opens a new round, in which older votes do not count
	Environment string                     // where the delivery is going; may be empty
	Artifacts   artifact.Set               // what would pass
	Values      map[string]json.RawMessage // what the step takes from stages before it
	Params      map[string]string          // from the trigger
	Subject     artifact.Digest            // names this question: see [Vote.Subject]
	Authors     []string                   // who wrote the changes in the release
	Starter     string                     // who started the run; empty if a program did by itself
	Since       time.Time                  // when the gate was reached
	Now         time.Time                  // the time to decide by
	Votes       []Vote                     // cast in this round, in the order cast
}

// A Vote is one person's word on a gate: an approval, or, if Approve is false,
// an objection. The program that records the vote vouches for By and Groups.
type Vote struct {
	ID      string          `json:"id,omitempty"`     // chosen by the voter's program; voting again with one ID is recorded once; may be empty
	By      string          `json:"by"`               // user ID, in the form used in Request.Authors
	Groups  []string        `json:"groups,omitempty"` // groups By belonged to when voting
	Approve bool            `json:"approve,omitempty"`
	Comment string          `json:"comment,omitempty"` // shown in the audit trail
	At      time.Time       `json:"at"`                // when it was recorded
	Subject artifact.Digest `json:"subject"`           // the Request.Subject voted on; votes on other subjects do not count
}

// A Verdict is the kind of a [Decision].
type Verdict int

const (
	Waiting  Verdict = iota // not yet; the zero Verdict keeps a gate shut
	Passed                  // go on
	Rejected                // never; the step fails
)

// String returns "waiting", "passed" or "rejected".
func (v Verdict) String() string {
	if v < Waiting || v > Rejected {
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
	return [...]string{"waiting", "passed", "rejected"}[v]
}

// A Decision is a gate's answer. The zero Decision waits.
type Decision struct {
	Verdict Verdict
	Reason  string // one clause for people, such as "1 of 2 approvals from release-managers"

	// Recheck is when to ask again though nothing new was recorded; zero
	// if never. On a pass it is when the pass lapses: unless the next
	// stage has begun by then, the gate is shut and asked again.
	Recheck time.Time

	// For says what a gate that does not pass waits for. The zero
	// value is a check.
	For Waits
}

// Waits is what a gate that has not passed waits for.
type Waits int

const (
	ForCheck    Waits = iota // something outside: another system, a ticket, an alarm
	ForApproval              // people
	ForWindow                // a time
)

// Passf returns a Decision to go on.
func Passf(format string, args ...any) Decision {
	return Decision{Verdict: Passed, Reason: fmt.Sprintf(format, args...)}
}

// Waitf returns a Decision to wait for a vote, or for the time given to [Decision.Until].
func Waitf(format string, args ...any) Decision {
	return Decision{Verdict: Waiting, Reason: fmt.Sprintf(format, args...)}
}

// Rejectf returns a Decision to stop for good.
func Rejectf(format string, args ...any) Decision {
	return Decision{Verdict: Rejected, Reason: fmt.Sprintf(format, args...)}
}

// Until returns d with Recheck set to t.
func (d Decision) Until(t time.Time) Decision { d.Recheck = t; return d }

// All returns a gate that passes when every one of gates passes, and rejects
// when any rejects. All() passes.
func All(gates ...Gate) Gate { return all(gates) }

type all []Gate

func (g all) Parts() []Gate { return g }

func (g all) Decide(ctx context.Context, req Request) (Decision, error) {
	out := Decision{Verdict: Passed}
	var reasons []string
	for _, part := range g {
		d, err := part.Decide(ctx, req)
		if err != nil {
			return Decision{}, err
		}
		switch {
		case d.Verdict == Rejected:
			return d, nil
		case d.Verdict == Waiting && out.Verdict == Passed:
			out.Verdict, reasons = Waiting, nil
		}
		if d.Verdict == out.Verdict && d.Reason != "" {
			reasons = append(reasons, d.Reason)
		}
		if d.Verdict == Waiting && !d.Recheck.IsZero() && (out.Recheck.IsZero() || d.Recheck.Before(out.Recheck)) {
			out.Recheck = d.Recheck
		}
	}
	out.Reason = strings.Join(reasons, "; ")
	return out, nil
}

// Any returns a gate that passes when one of gates passes, and rejects when
// every one rejects. Any() rejects.
func Any(gates ...Gate) Gate { return anyOf(gates) }

type anyOf []Gate

func (g anyOf) Decide(ctx context.Context, req Request) (Decision, error) {
	out := Rejectf("no way through")
	var reasons []string
	for _, part := range g {
		d, err := part.Decide(ctx, req)
		if err != nil {
			return Decision{}, err
		}
		switch d.Verdict {
		case Passed:
			return d, nil
		case Waiting:
			out.Verdict = Waiting
			if !d.Recheck.IsZero() && (out.Recheck.IsZero() || d.Recheck.Before(out.Recheck)) {
				out.Recheck = d.Recheck
			}
		}
		reasons = append(reasons, d.Reason)
	}
	if len(reasons) > 0 {
		out.Reason = strings.Join(reasons, ", or ")
	}
	return out, nil
}

// Walk yields g and, depth first, the gates that have all passed whenever g
// has. With it a program can check a policy before running anything. A Gate
// made of such gates has a method Parts() []Gate that returns them.
func Walk(g Gate) iter.Seq[Gate] {
	return func(yield func(Gate) bool) { walk(g, yield) }
}

func walk(g Gate, yield func(Gate) bool) bool {
	if g == nil || !yield(g) {
		return g == nil
	}
	if c, ok := g.(interface{ Parts() []Gate }); ok {
		for _, p := range c.Parts() {
			if !walk(p, yield) {
				return false
			}
		}
	}
	return true
}
