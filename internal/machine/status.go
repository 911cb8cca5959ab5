package machine

// A Status is how far a run or a step is.
type Status uint8

// The statuses, in the order of the public ones. Those from Succeeded on are
// final.
const (
	Pending Status = iota
	Running
	Waiting
	Succeeded
	Skipped
	Superseded
	Canceled
	Errored
	Failed
)

var statuses = [...]string{"pending", "running", "waiting", "succeeded", "skipped", "superseded", "canceled", "errored", "failed"}

// String returns the status in lower case.
func (s Status) String() string {
	if int(s) >= len(statuses) {
		return "unknown"
	}
	return statuses[s]
}

// has returns what is said of what has a final status: "has failed", "was
// canceled".
func (s Status) has() string {
	switch s {
	case Skipped, Superseded, Canceled:
		return "was " + s.String()
	}
	return "has " + s.String()
}

// Done reports whether s is final.
func (s Status) Done() bool { return s >= Succeeded }

// OK reports whether what follows may go on.
func (s Status) OK() bool { return s == Succeeded || s == Skipped }

func parseStatus(name string) (Status, bool) {
	for i, s := range statuses {
		if s == name {
			return Status(i), true
		}
	}
	return 0, false
}

// worse returns the one of two final statuses that a group of both has.
func worse(a, b Status) Status {
	if a == Skipped {
		a = Succeeded // among others that succeeded, a skipped step is a success
	}
	if b == Skipped {
		b = Succeeded
	}
	return max(a, b)
}
