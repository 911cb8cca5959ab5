// Package gatetest tests implementations of [gate.Gate].
package gatetest

import (
	"fmt"
	"testing"

	"github.com/penstock/penstock/gate"
)

// Run tests that g keeps the promises made in the documentation of
// [gate.Gate] when asked about each of reqs, and returns its decisions in their
// order. Each has to be a request that g can answer; give one for each way in
// which g decides. It is best run with the race detector.
//
// It finds a gate that
//
//   - reports a mistake in itself, or describes itself in no words, more than
//     one line, or differently each time;
//   - panics, or does not return within ten seconds;
//   - gives an error, or an error together with a verdict;
//   - gives a verdict that there is not, or a reason that is not one clause;
//   - says to ask again at a time that is not after Request.Now, or waits with
//     nothing that would have it asked again: no vote and no time;
//   - answers the same question in two ways, alone or with several at once;
//   - changes what the request holds, or keeps it;
//   - takes a context that is done for a reason to pass or reject;
//   - counts a vote on another subject, or one that it says is not eligible.
func Run(t testing.TB, g gate.Gate, reqs ...gate.Request) []gate.Decision {
	t.Helper()
	if g == nil {
		t.Errorf("the gate is nil; want one to test")
		return nil
	}
	if len(reqs) == 0 {
		t.Errorf("no request to ask %T about; want one for each way in which it decides", g)
	}
	e := examination{gate: g, ctx: t.Context()}
	e.describes()
	e.tell(t, "")
	decisions := make([]gate.Decision, len(reqs))
	for i, req := range reqs {
		decisions[i] = e.examine(req)
		e.tell(t, fmt.Sprintf("request %d of %d: ", i+1, len(reqs)))
	}
	return decisions
}
