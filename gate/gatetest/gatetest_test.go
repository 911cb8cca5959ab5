package gatetest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/gatetest"
)

// recorder is a test that is told what is broken.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

type decide = func(ctx context.Context, req gate.Request) (gate.Decision, error)

// voting is a gate that takes votes of all but strangers.
type voting struct {
	decide
	described func() string
	who       func() []string
	eligible  func(gate.Request, gate.Vote) error
}

func (g voting) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	return g.decide(ctx, req)
}

func (g voting) Describe() string {
	if g.described == nil {
		return "votes"
	}
	return g.described()
}

func (g voting) Who(gate.Request) []string {
	if g.who == nil {
		return nil
	}
	return g.who()
}

func (g voting) Eligible(req gate.Request, v gate.Vote) error {
	switch {
	case g.eligible != nil:
		return g.eligible(req, v)
	case v.By != "ana" && v.By != "bo":
		return errors.New("not in the team")
	}
	return nil
}

func request() gate.Request {
	subject := artifact.DigestBytes([]byte("this"))
	return gate.Request{
		Subject:   subject,
		Now:       time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC),
		Authors:   []string{"cy", "bo"},
		Params:    map[string]string{"commit": "c0ffee"},
		Artifacts: artifact.Set{"image": {Name: "image"}},
		Votes:     []gate.Vote{{By: "ana", Groups: []string{"b", "a"}, Approve: true, Subject: subject}},
	}
}

func pass(context.Context, gate.Request) (gate.Decision, error) { return gate.Passf("fine"), nil }

func TestRunNamesThePromiseBroken(t *testing.T) {
	var calls atomic.Int64
	var mu sync.Mutex
	var kept []gate.Vote
	for _, tt := range []struct {
		name string
		gate gate.Gate
		want string // part of what is said
	}{
		{"panics", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { panic("no rule") }), "panics: no rule"},
		{"ends its goroutine", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			runtime.Goexit()
			return gate.Decision{}, nil
		}), "ends its goroutine"},
		{"hangs", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			time.Sleep(time.Hour)
			return gate.Passf("at last"), nil
		}), "no answer within 10s"},
		{"takes no for cannot", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Decision{}, errors.New("not approved")
		}), "refuse with gate.Rejectf"},
		{"decides beside an error", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("perhaps"), errors.New("down")
		}), "want the zero Decision beside an error"},
		{"has a verdict of its own", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Decision{Verdict: 3, Reason: "perhaps"}, nil
		}), "verdict 3"},
		{"gives no reason (G11)", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Decision{Verdict: gate.Passed}, nil
		}), "has no Reason"},
		{"gives a reason of two lines (G11)", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("fine\nand dandy"), nil
		}), "more than one line"},
		{"gives a sentence for a reason (G11)", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("It is fine."), nil
		}), "ends in a full stop"},
		{"waits for what there is not", gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			d := gate.Waitf("soon").Until(req.Now.Add(1))
			d.For = 5
			return d, nil
		}), "waits for 5"},
		{"is to be asked at once again", gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
			return gate.Waitf("soon").Until(req.Now), nil
		}), "not after Request.Now"},
		{"is never asked again", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Waitf("one day"), nil
		}), "never be asked again"},
		{"changes its mind", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("call %d", calls.Add(1)), nil
		}), "asked the same twice"},
		{"takes the time from the clock", gate.Func(func(context.Context, gate.Request) (gate.Decision, error) {
			return gate.Passf("for a minute").Until(time.Now().Add(time.Duration(calls.Add(1)) * time.Hour)), nil
		}), "take the time from it"},
		{"fails the second time", gate.Func(func() decide {
			var n atomic.Int64
			return func(context.Context, gate.Request) (gate.Decision, error) {
				if n.Add(1) > 1 {
					return gate.Decision{}, errors.New("closed")
				}
				return gate.Passf("fine"), nil
			}
		}()), "then the error closed"},
		{"keeps the votes", voting{decide: func(_ context.Context, req gate.Request) (gate.Decision, error) {
			mu.Lock()
			defer mu.Unlock()
			if kept == nil {
				kept = req.Votes
			}
			return gate.Passf("approved by %s", kept[0].By), nil
		}}, "keep nothing of it"},
		{"mixes up what is asked at once", gate.Func(func() decide {
			var inside atomic.Int64
			return func(_ context.Context, req gate.Request) (gate.Decision, error) {
				defer inside.Add(-1)
				n := inside.Add(1)
				time.Sleep(time.Second)
				return gate.Passf("asked by %d", max(n, inside.Load())), nil
			}
		}()), "asked by 8 goroutines at once"},
		{"rejects when cancelled", gate.Func(func(ctx context.Context, _ gate.Request) (gate.Decision, error) {
			if ctx.Err() != nil {
				return gate.Rejectf("cancelled"), nil
			}
			return gate.Passf("fine"), nil
		}), "context that is done"},
		{"sorts the authors", gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			slices.Sort(req.Authors)
			return pass(ctx, req)
		}), "changes Request.Authors"},
		{"sorts the groups of a vote", gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			slices.Sort(req.Votes[0].Groups)
			return pass(ctx, req)
		}), "changes Request.Votes"},
		{"writes a parameter", gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			req.Params["seen"] = "yes"
			return pass(ctx, req)
		}), "changes Request.Params"},
		{"appends an author", gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			_ = append(req.Authors, req.Starter+"di")
			return pass(ctx, req)
		}), "appends to Request.Authors"},
		{"appends a vote", gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) {
			_ = append(req.Votes, gate.Vote{By: "di"})
			return pass(ctx, req)
		}), "appends to Request.Votes"},
		{"counts votes on other subjects (G4)", voting{decide: func(_ context.Context, req gate.Request) (gate.Decision, error) {
			if len(req.Votes) > 1 && req.Votes[1].By == "ana" {
				return gate.Passf("two votes"), nil
			}
			return gate.Waitf("%d votes", 1), nil
		}}, "vote on another subject counts"},
		{"counts votes it says it does not (G5)", voting{decide: func(_ context.Context, req gate.Request) (gate.Decision, error) {
			n := 0
			for _, v := range req.Votes {
				if v.Subject == req.Subject && v.Approve {
					n++
				}
			}
			if n > 1 {
				return gate.Passf("two votes"), nil
			}
			return gate.Waitf("%d of 2 votes", n), nil
		}}, "the vote of a stranger counts"},
		{"is a mistake", gate.All(gate.Func(pass), nil), "reports a mistake in itself"},
		{"says nothing of itself", voting{decide: pass, described: func() string { return " " }}, "want one line that says"},
		{"tells too much", voting{decide: pass, described: func() string { return "one\ntwo" }}, "want one line that says"},
		{"describes itself in two ways (R2)", voting{decide: pass, described: func() string { return fmt.Sprint("call ", calls.Add(1)) }}, "would change by itself"},
		{"waits for two in turn", voting{decide: pass, who: func() []string { return []string{fmt.Sprint(calls.Add(1))} }}, "asked the same twice, Who names"},
		{"waits for one twice", voting{decide: pass, who: func() []string { return []string{"ana", "ana"} }}, "want each once"},
		{"waits for nobody by name", voting{decide: pass, who: func() []string { return []string{""} }}, "nobody without a name"},
		{"takes every other vote", voting{decide: pass, eligible: func(gate.Request, gate.Vote) error {
			if calls.Add(1)%2 == 0 {
				return errors.New("not now")
			}
			return nil
		}}, "asked the same twice about the vote of"},
		{"changes the request when asked about a vote", voting{decide: pass, eligible: func(req gate.Request, _ gate.Vote) error {
			clear(req.Authors)
			return nil
		}}, "Eligible changes Request.Authors"},
		{"is not there", nil, "the gate is nil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{TB: t}
				gatetest.Run(r, tt.gate, request())
				said := strings.Join(r.said, "\n")
				if !strings.Contains(said, tt.want) {
					t.Errorf("Run says:\n%s\nwant %q", said, tt.want)
				}
				time.Sleep(2 * time.Hour) // until a gate that hangs is done
			})
		})
	}
}

func TestRunIsContentWithGoodGates(t *testing.T) {
	for _, g := range []gate.Gate{
		gate.Func(pass),
		gate.Func(func(ctx context.Context, req gate.Request) (gate.Decision, error) { // gives up when it is not waited for
			return gate.Waitf("ticket is open").Until(req.Now.Add(time.Minute)), ctx.Err()
		}),
		gate.Func(func(context.Context, gate.Request) (gate.Decision, error) { return gate.Rejectf("never"), nil }),
		gate.All(),
		gate.All(gate.Func(pass), gate.Func(pass)),
		gate.Any(gate.Func(pass)),
		voting{decide: func(context.Context, gate.Request) (gate.Decision, error) { return gate.Waitf("0 of 1 votes"), nil }},
	} {
		r := &recorder{TB: t}
		if got := gatetest.Run(r, g, request(), gate.Request{}); len(got) != 2 {
			t.Errorf("%s: Run returns %d decisions for 2 requests", gate.Describe(g), len(got))
		}
		for _, said := range r.said {
			t.Errorf("%s: Run says %s; want nothing", gate.Describe(g), said)
		}
	}
}

func TestRunWantsARequest(t *testing.T) {
	r := &recorder{TB: t}
	gatetest.Run(r, gate.Func(pass))
	if len(r.said) != 1 || !strings.Contains(r.said[0], "no request to ask") {
		t.Errorf("Run without a request says %q; want a complaint, for it has tested nothing", r.said)
	}
}

func TestRunSaysWhichRequest(t *testing.T) {
	r := &recorder{TB: t}
	gatetest.Run(r, gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		return gate.Passf("%s", req.Starter), nil
	}), gate.Request{Starter: "ana"}, gate.Request{})
	if len(r.said) != 1 || !strings.HasPrefix(r.said[0], "request 2 of 2: ") {
		t.Errorf("Run says %q; want one problem, with request 2 of 2", r.said)
	}
}
