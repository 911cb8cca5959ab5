package pipelinetest

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/penstock/penstock/pipeline"
)

// An Exploration is a pipeline and what may happen to runs of it. It is taken
// on the machine that production has, but with no goroutines, hooks or gates: at
// each decision every outcome is tried.
//
// The clock decides nothing. A wait before a retry is over at once, a stage that
// has a Timeout may time out whenever it is called, and a gate that has Expires
// may expire whenever it is asked. The gates of an environment are asked whenever
// a stage could begin there, and may be silent for as long as they like. What
// happens in one run happens at once, up to where it needs something from outside;
// runs alternate there.
//
// A stage of package rollout that succeeds makes live what it would deploy, so an
// older release does not take the place of a newer one. What other stages make
// live is not known.
type Exploration struct {
	Pipeline pipeline.Pipeline
	Others   []pipeline.Pipeline // one run of each is started too, at any point; environments of one name are one environment

	Runs    int  // of Pipeline; each is started at any point after the one before, so it is newer; 0 means 1
	Crashes int  // of the executor, each at any point, at most this many
	Retries int  // by a person, of any step that can be retried, at most this many
	Cancels bool // a person may cancel any run at any point

	Overrides int  // by a person, of any step that waits and can be overridden, at most this many
	Lapses    bool // the pass of any gate may lapse, as long as no stage behind it has begun; then the gate is asked anew
	Freezes   bool // a freeze may begin and end at any point; in it no gates of an environment pass, see [Frozen]

	// Forget takes states for one that differ only in how steps ended on which
	// nothing depends any more. There are fewer, and what is found for the rules of
	// this package is the same, with as short a story and as many paths. It is of no
	// use while somebody may retry or passes may lapse. A rule of one's own must not
	// ask with State.Step for a step that has ended, but for that of its Event.
	Forget bool

	Outcomes map[string][]Outcome // by name of step, without "[item]": those that are tried; one that is not listed has all that its kind can have
	Rules    []Rule               // what has to hold; nil means Rules()
	States   int                  // bound on the states that are looked at; 0 means 1,000,000
}

// An Outcome is what becomes of a step that is called, asked or decided.
type Outcome uint8

const (
	Succeeds Outcome = iota + 1 // a stage
	Fails                       // a stage finds something wrong
	Errs                        // a stage could not be done, and is called again as its Retry says; when that is used up it is as if it failed
	TimesOut                    // a stage that has a Timeout; otherwise as Errs, also when Retry is used up
	Asks                        // a stage waits for a person

	Passes  // a gate, or the gates of the environment of a stage
	Waits   // the gates of the environment of a stage that queues there: the run gives up its place
	Rejects // a gate
	Expires // a gate that has Expires
	Lapses  // the pass of a gate, see Exploration.Lapses

	Yes // a When is taken
	No  // a When is not taken

	NoItems  // a ForEach has none
	OneItem  // a ForEach has "one"
	TwoItems // a ForEach has "one" and "two"

	FoundDone    // a stage that is a stage.Observer was done when the executor died
	FoundNotDone // a stage that is a stage.Observer was not done
)

// What happens to a run as a whole, or to all.
const (
	starts Outcome = FoundNotDone + 1 + iota
	cancels
	retries
	overrides
	crashes
	freezes
	thaws
)

var outcomes = [...]string{
	"unknown", "succeeds", "fails", "errs", "times out", "asks", "passes", "waits", "rejects", "expires", "lapses", "is taken", "is not taken",
	"has no items", "has one item", "has two items", "is found done", "is found not done", "starts", "is canceled", "is retried", "is overridden",
	"the executor dies", "a freeze begins", "the freeze ends",
}

// String returns what happens to a step, such as "is taken".
func (o Outcome) String() string {
	if int(o) >= len(outcomes) {
		o = 0
	}
	return outcomes[o]
}

// Explored is how an [Exploration] went.
type Explored struct {
	States      int             // that were seen, no two the same
	Transitions int             // between them
	Depth       int             // most that has to happen to reach one of them
	Paths       float64         // ways from the start to where nothing more can happen: exact up to 2⁵³, +Inf if something can happen over and over; 0 unless Complete
	Complete    bool            // there are no others
	Fault       *Counterexample // the shortest way to break a rule; nil if none was found
}

// String returns a line such as "412 states, 1377 transitions, depth 14, 5311
// paths, complete", and the counterexample, if there is one.
func (e Explored) String() string {
	text := fmt.Sprintf("%d states, %d transitions, depth %d, ", e.States, e.Transitions, e.Depth)
	switch {
	case e.Fault != nil:
		return text + "a rule is broken\n" + e.Fault.String()
	case e.Complete:
		return text + pathsText(e.Paths) + ", complete"
	}
	return text + "not complete: the bound was reached"
}

// Explore explores x and reports to t a rule that is broken, with the shortest
// story in which it is. That the bound was reached is logged.
func Explore(t testing.TB, x Exploration) Explored {
	t.Helper()
	got, err := x.Search()
	switch {
	case err != nil:
		t.Fatalf("pipelinetest: %v", err)
	case got.Fault != nil:
		t.Errorf("exploring %q: %v", x.Pipeline.Name, got)
	case !got.Complete:
		t.Logf("exploring %q: %v", x.Pipeline.Name, got)
	}
	return got
}

// Search explores x and returns what was found. The same x has the same answer,
// byte for byte. An error says what is wrong with x itself.
func (x Exploration) Search() (Explored, error) {
	if err := x.check(); err != nil {
		return Explored{}, err
	}
	x.Runs = cmp.Or(x.Runs, 1)
	x.States = cmp.Or(x.States, 1_000_000)
	if x.Rules == nil {
		x.Rules = Rules()
	}
	return newSearch(x).run(), nil
}
