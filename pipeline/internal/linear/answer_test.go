package linear

import (
	"errors"
	"strings"

	"github.com/penstock/penstock/pipeline"
)

// A told is what a caller was told.
type told string

const (
	done     told = "done"
	lost     told = "lost"     // whether it was done is not known
	noRun    told = "no run"   // there is none
	anew     told = "anew"     // refused: the gate was asked anew since
	stranger told = "stranger" // refused: this person may not vote
	isOpen   told = "open"     // refused: the gate waits for votes
	isHeld   told = "held"     // refused: the gate waits for a retry
	isPassed told = "passed"   // refused: the gate has passed
	isOff    told = "off"      // refused: the gate was canceled
	stopped  told = "stopped"  // refused: the run was canceled
	over     told = "over"     // refused: the run has ended
	refused  told = "refused"  // for a reason that no model knows
)

// reasons has what refusals say.
var reasons = []struct {
	words string
	told  told
}{
	{"for another subject", anew},
	{"may not vote here", stranger},
	{"is held; a retry", isHeld},
	{"has not ended", isOpen},
	{"the run was canceled; start another one", stopped},
	{": the run ", over},
	{`" has succeeded`, isPassed},
	{`" was canceled`, isOff},
}

func toldBy(err error) told {
	switch {
	case err == nil:
		return done
	case errors.Is(err, pipeline.ErrNoRun):
		return noRun
	case !errors.Is(err, pipeline.ErrRefused):
		return lost
	}
	for _, r := range reasons {
		if strings.Contains(err.Error(), r.words) {
			return r.told
		}
	}
	return refused
}

// An answer is what came back from a call.
type answer struct {
	told  told
	err   error                // as it was, for people
	gates [len(gates)]gateView // of a run, or of one gate that was asked about
}

// A gateView is what was seen of a gate.
type gateView struct {
	seen       bool
	verdict    told // isOpen, isHeld, isPassed, isOff or "", if that was not told
	round      int
	votes      string // their IDs, in order; "?" if that was not told
	overridden bool
}
