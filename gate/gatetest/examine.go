package gatetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/penstock/penstock/gate"
)

const (
	patience = 10 * time.Second // for one answer
	crowd    = 8                // goroutines that ask at once
)

// An examination is one gate under test.
type examination struct {
	gate     gate.Gate
	ctx      context.Context
	problems []string // found and not reported yet
}

func (e *examination) broken(format string, args ...any) {
	e.problems = append(e.problems, fmt.Sprintf(format, args...))
}

// tell reports what was found, at the line that called Run.
func (e *examination) tell(t testing.TB, place string) {
	t.Helper()
	for _, problem := range e.problems {
		t.Errorf("%s%s", place, problem)
	}
	e.problems = nil
}

// describes looks at what the gate says of itself.
func (e *examination) describes() {
	if err := gate.Check(e.gate); err != nil {
		e.broken("%T reports a mistake in itself, so what it decides says little: %v", e.gate, err)
	}
	text := gate.Describe(e.gate)
	if strings.TrimSpace(text) == "" || strings.ContainsFunc(text, unicode.IsControl) {
		e.broken("%T describes itself as %q; want one line that says what it decides by", e.gate, text)
	}
	if again := gate.Describe(e.gate); again != text {
		e.broken("%T describes itself as %q, then as %q; the digest of a definition would change by itself", e.gate, text, again)
	}
}

// examine asks about req, and reports each promise that is broken. What depends
// on an answer is not looked at without one.
func (e *examination) examine(req gate.Request) gate.Decision {
	asked := clone(req)
	first, err := e.ask(e.ctx, asked)
	e.unchanged("Decide", req, asked)
	if err != nil {
		e.broken("Decide: %v; an error means that the question could not be answered, so give a request that can be, and refuse with gate.Rejectf", err)
		if first != (gate.Decision{}) {
			e.broken("Decide gives an error and %s; want the zero Decision beside an error, for it is not looked at", show(first))
		}
		return first
	}
	e.sound(first, req)
	scramble(asked)
	e.same(first, req)
	e.together(first, req)
	e.cancelled(first, req)
	e.votes(first, req)
	e.people(req)
	return first
}

// ask calls Decide in a goroutine of its own, so that a gate that hangs or
// panics is reported and not the end of the test program.
func (e *examination) ask(ctx context.Context, req gate.Request) (d gate.Decision, err error) {
	type answer struct {
		gate.Decision
		error
	}
	answers := make(chan answer, 1)
	go func() {
		var a answer
		returned := false
		defer func() {
			if p := recover(); p != nil {
				a.error = fmt.Errorf("panics: %v\n%s", p, debug.Stack())
			} else if !returned {
				a.error = errors.New("ends its goroutine; want it to return")
			}
			answers <- a
		}()
		a.Decision, a.error = e.gate.Decide(ctx, req)
		returned = true
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case a := <-answers:
		return a.Decision, a.error
	case <-late.C:
		return gate.Decision{}, fmt.Errorf("no answer within %v; a gate is asked, and does not wait itself", patience)
	}
}

// sound looks at the decision alone.
func (e *examination) sound(d gate.Decision, req gate.Request) {
	if d.Verdict < gate.Waiting || d.Verdict > gate.Rejected {
		e.broken("verdict %d; want gate.Waiting, gate.Passed or gate.Rejected", int(d.Verdict))
	}
	switch {
	case strings.TrimSpace(d.Reason) == "":
		e.broken("decision %v has no Reason; a person has to know what for", d.Verdict)
	case strings.ContainsFunc(d.Reason, unicode.IsControl):
		e.broken("Reason %q is more than one line; want one clause", d.Reason)
	case strings.HasSuffix(d.Reason, "."):
		e.broken("Reason %q ends in a full stop; want one clause, for it is joined to others", d.Reason)
	}
	if d.For < gate.ForCheck || d.For > gate.ForWindow {
		e.broken("waits for %d; want gate.ForCheck, gate.ForApproval or gate.ForWindow", int(d.For))
	}
	if !d.Recheck.IsZero() && !d.Recheck.After(req.Now) {
		e.broken("Recheck %v is not after Request.Now %v; the executor would ask without pause", d.Recheck, req.Now)
	}
	silent := errors.Is(gate.Eligible(e.gate, clone(req), gate.Vote{By: stranger, Subject: req.Subject}), gate.ErrNoVotes)
	if d.Verdict == gate.Waiting && d.Recheck.IsZero() && silent {
		e.broken("waits for %q, takes no votes, and says no time in Recheck; it would never be asked again", d.Reason)
	}
}

// same asks again, with a request that is equal and not the same memory.
func (e *examination) same(first gate.Decision, req gate.Request) {
	again, err := e.ask(e.ctx, clone(req))
	if err != nil {
		e.broken("asked the same twice, the gate said %s, then the error %v", show(first), err)
		return
	}
	if !equal(again, first) {
		e.broken("asked the same twice, the gate said %s, then %s; it has to decide by the request alone, take the time from it, and keep nothing of it", show(first), show(again))
	}
}

// together asks several times at once: for the race detector, and for answers
// that get mixed up.
func (e *examination) together(first gate.Decision, req gate.Request) {
	var wg sync.WaitGroup
	answers := make([]gate.Decision, crowd)
	errs := make([]error, crowd)
	for i := range crowd {
		wg.Go(func() { answers[i], errs[i] = e.ask(e.ctx, clone(req)) })
	}
	wg.Wait()
	for i := range crowd {
		if errs[i] != nil || !equal(answers[i], first) {
			e.broken("asked by %d goroutines at once, the gate said %s (error %v); alone it said %s", crowd, show(answers[i]), errs[i], show(first))
			return
		}
	}
}

// cancelled asks with a context that is done. A gate may answer as ever, or
// give an error.
func (e *examination) cancelled(first gate.Decision, req gate.Request) {
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	d, err := e.ask(ctx, clone(req))
	if err == nil && !equal(d, first) {
		e.broken("asked with a context that is done, the gate said %s instead of %s; want an error, for the question could not be answered", show(d), show(first))
	}
}

// unchanged reports if what got holds is not what want holds.
func (e *examination) unchanged(method string, want, got gate.Request) {
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	for i := range w.NumField() {
		if name := w.Type().Field(i).Name; !reflect.DeepEqual(normal(w.Field(i)), normal(g.Field(i))) {
			e.broken("%s changes Request.%s, from %v to %v; others hold it too", method, name, w.Field(i), g.Field(i))
		}
	}
	if !slices.Equal(got.Authors[:cap(got.Authors)][len(got.Authors):], make([]string, cap(got.Authors)-len(got.Authors))) {
		e.broken("%s appends to Request.Authors; copy it first, for others hold it too", method)
	}
	for _, v := range got.Votes[:cap(got.Votes)][len(got.Votes):] {
		if !reflect.ValueOf(v).IsZero() {
			e.broken("%s appends to Request.Votes; copy it first, for others hold it too", method)
		}
	}
}

func equal(a, b gate.Decision) bool {
	sameTime := a.Recheck.Equal(b.Recheck)
	a.Recheck, b.Recheck = time.Time{}, time.Time{}
	return sameTime && a == b
}

func show(d gate.Decision) string {
	text := fmt.Sprintf("%v (%s)", d.Verdict, d.Reason)
	if !d.Recheck.IsZero() {
		text += " until " + d.Recheck.Format(time.RFC3339Nano)
	}
	if d.Verdict == gate.Waiting {
		text += " for " + d.For.String()
	}
	return text
}
