package linear

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// gates are those of a run. Release takes two approvals and no notice of
// objections but that they take an approval back. Legal takes one, and an
// objection holds it until somebody retries it.
var gates = [...]string{"release", "legal"}

// voters may vote on both gates.
var voters = []string{"ann", "ben", "cid", "dan"}

// What is asked of a run.
type (
	starting   struct{}
	canceling  struct{}
	reading    struct{}
	explaining struct{}
	asking     struct{ gate int }
	retrying   struct{ gate int }
	overriding struct{ gates [len(gates)]bool }
	voting     struct {
		gate  int
		round int
		id    string // who, then + or -, then what tells it from others
	}
)

// A run is what the model knows of one. A gate that may pass, or has to be
// held, is open until that shows: the executor takes its time to decide.
type run struct {
	exists   bool
	canceled bool
	gates    [len(gates)]gateState
	ids      string // of the votes that are recorded, in all rounds
}

type gateState struct {
	verdict    told // isOpen, isHeld, isPassed or isOff
	round      int
	votes      string // IDs, in order
	overridden bool
}

// due is what an executor decides about gate g of r if nobody votes any more.
func (r run) due(g int) told {
	last := map[string]string{} // by person: + or -
	for id := range strings.FieldsSeq(r.gates[g].votes) {
		k := strings.IndexAny(id, "+-")
		last[id[:k]] = id[k : k+1]
	}
	yes, no := 0, 0
	for _, sign := range last {
		if sign == "+" {
			yes++
		} else {
			no++
		}
	}
	switch {
	case gates[g] == "release" && yes >= 2:
		return isPassed
	case gates[g] == "legal" && no > 0:
		return isHeld
	case gates[g] == "legal" && yes >= 1:
		return isPassed
	}
	return isOpen
}

// settled returns r in which gate g has a verdict, and whether it can have.
func (r run) settled(g int, verdict told) (run, bool) {
	if r.gates[g].verdict == isOpen && r.due(g) == verdict {
		r.gates[g].verdict = verdict
	}
	return r, r.gates[g].verdict == verdict
}

// over returns r if it may have ended: with all gates passed, or canceled.
func (r run) over() []run {
	if r.canceled {
		return []run{r}
	}
	ok := true
	for g := range gates {
		var passed bool
		r, passed = r.settled(g, isPassed)
		ok = ok && passed
	}
	return only(r, ok)
}

func only(r run, ok bool) []run {
	if !ok {
		return nil
	}
	return []run{r}
}

// next returns what r may be after an operation. It is none if r cannot have
// answered so.
func (r run) next(in any, out answer) []run {
	if _, begins := in.(starting); !begins && !r.exists {
		return only(r, out.told == noRun || out.told == lost)
	}
	switch out.told {
	case noRun:
		return nil
	case lost:
		return append(r.does(in), r)
	case done:
		if seen := in; seen == any(reading{}) || seen == any(explaining{}) {
			return r.shows(out)
		}
		if _, asks := in.(asking); asks {
			return r.shows(out)
		}
		return r.does(in)
	}
	return r.refuses(in, out.told)
}

// does returns what r is once it has done what was asked, none if it cannot.
func (r run) does(in any) []run {
	switch in := in.(type) {
	case starting:
		if !r.exists {
			r.exists = true
			for g := range gates {
				r.gates[g] = gateState{verdict: isOpen, round: 1}
			}
		}
		return []run{r}
	case voting:
		return r.votes(in)
	case retrying:
		r, ok := r.settled(in.gate, isHeld)
		r.gates[in.gate] = gateState{verdict: isOpen, round: r.gates[in.gate].round + 1, overridden: r.gates[in.gate].overridden}
		return only(r, ok)
	case overriding:
		for g, named := range in.gates {
			if v := r.gates[g].verdict; named && v != isOpen && v != isHeld {
				return nil
			}
			if named {
				r.gates[g].verdict, r.gates[g].overridden = isPassed, true
			}
		}
		return []run{r}
	case canceling:
		return r.cancels()
	}
	return nil // what only reads has no effect
}

// cancels returns what r is once it is canceled: a gate that may have passed has
// done so before, or does not any more.
func (r run) cancels() []run {
	r.canceled = true
	all := []run{r}
	for g := range gates {
		for k := range all {
			switch was := all[k]; was.gates[g].verdict {
			case isOpen:
				if passed, ok := was.settled(g, isPassed); ok {
					all = append(all, passed)
				}
				fallthrough
			case isHeld:
				all[k].gates[g].verdict = isOff
			}
		}
	}
	return all
}

// votes returns what r is with a vote. One that is recorded is not recorded
// again.
func (r run) votes(v voting) []run {
	if r.recorded(v.id) {
		return []run{r}
	}
	g := &r.gates[v.gate]
	if g.verdict != isOpen || g.round != v.round || !eligible(v.id) {
		return nil
	}
	g.votes, r.ids = g.votes+v.id+" ", r.ids+v.id+" "
	return []run{r}
}

func (r run) recorded(id string) bool {
	return slices.Contains(strings.Fields(r.ids), id)
}

func eligible(id string) bool {
	return slices.Contains(voters, id[:strings.IndexAny(id, "+-")])
}

// refuses returns what r is if it was right to refuse.
func (r run) refuses(in any, why told) []run {
	if why == over {
		return r.over()
	}
	switch in := in.(type) {
	case voting:
		if r.recorded(in.id) {
			return nil // it is to be acknowledged as often as it is sent
		}
		g := r.gates[in.gate]
		switch why {
		case anew:
			return only(r, g.verdict == isOpen && g.round != in.round)
		case stranger:
			return only(r, g.verdict == isOpen && g.round == in.round && !eligible(in.id))
		}
		return r.closed(in.gate, why)
	case asking:
		return r.closed(in.gate, why)
	case retrying:
		switch why {
		case isOpen:
			return only(r, r.gates[in.gate].verdict == isOpen)
		case stopped:
			return only(r, r.canceled)
		case isHeld:
			return nil
		}
		return r.closed(in.gate, why)
	case overriding:
		var all []run
		for g, named := range in.gates {
			if named && why != isHeld {
				all = append(all, r.closed(g, why)...)
			}
		}
		return all
	}
	return nil
}

// closed returns r if gate g takes no votes, for the reason given.
func (r run) closed(g int, why told) []run {
	if why != isPassed && why != isHeld && why != isOff {
		return nil
	}
	r, ok := r.settled(g, why)
	return only(r, ok)
}

// shows returns what r is if it looks like that.
func (r run) shows(out answer) []run {
	for g, v := range out.gates {
		if !v.seen {
			continue
		}
		if v.verdict != "" {
			var ok bool
			if r, ok = r.settled(g, v.verdict); !ok {
				return nil
			}
		}
		if v.votes != "?" && (v.votes != r.gates[g].votes || v.round != r.gates[g].round || v.overridden != r.gates[g].overridden) {
			return nil
		}
	}
	return []run{r}
}

// gatesModel returns the model of a run.
func gatesModel() porcupine.Model {
	seed := maphash.MakeSeed()
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{run{}} },
		Step: func(state, in, out any) (next []any) {
			for _, r := range state.(run).next(in, out.(answer)) {
				next = append(next, r)
			}
			return next
		},
		Hash:              func(state any) uint64 { return maphash.Comparable(seed, state.(run)) },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%T%+v: %v", in, in, out) },
	}
	return m.ToModel()
}
