package pipeline

import (
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
)

// An Environment is what the journal of an environment says.
type Environment struct {
	Name    string
	Holder  Visitor      // the run that is inside
	Token   int64        // fencing token of the newest holder; 0 if there was none
	Queue   []Visitor    // runs that wait to enter, by arrival
	Live    artifact.Set // what has all of the traffic, or had before a release that is under way
	Release Visitor      // the run that brought Live; nobody if that is not known
	History []Deployment // oldest first: the last hundred at least, and those that a way back needs; all are in the journal
}

// A Visitor is a run inside an [Environment] or before it. The zero Visitor is
// nobody.
type Visitor struct {
	Run     string
	Started time.Time // when the run was
	Since   time.Time // when it came
}

// A Deployment is what one run made live in an [Environment].
type Deployment struct {
	Run       string
	Began     time.Time
	Left      time.Time // zero while the run is inside
	Artifacts artifact.Set
	Traffic   int  // percent that Artifacts got last
	Succeeded bool // the run left, and what it did there is good
}

func environmentOf(e *machine.Environment) Environment {
	out := Environment{Name: e.Name, Holder: Visitor(e.Holder), Token: e.Token, Live: e.Live, Release: Visitor(e.Release)}
	for _, v := range e.Queue {
		out.Queue = append(out.Queue, Visitor(v))
	}
	for _, d := range e.History {
		out.History = append(out.History, Deployment(d))
	}
	return out
}
