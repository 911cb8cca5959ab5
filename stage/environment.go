package stage

import "github.com/penstock/penstock/gate"

// An Environment is a place that stages act on, such as production.
// Environments are the same if their names are the same.
//
// By default one run at a time holds an environment, from its first stage there
// until its last stage there has ended, and the next one in the [Queue] waits.
type Environment struct {
	Name   string
	Tier   Tier
	Gates  []gate.Gate       // asked before each stage here, but those that only watch, for every pipeline: freezes, incidents
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
