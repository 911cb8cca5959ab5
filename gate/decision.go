package gate

import (
	"fmt"
	"time"
)

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

// String returns "check", "approval" or "window".
func (w Waits) String() string {
	if w < ForCheck || w > ForWindow {
		return fmt.Sprintf("Waits(%d)", int(w))
	}
	return [...]string{"check", "approval", "window"}[w]
}

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
