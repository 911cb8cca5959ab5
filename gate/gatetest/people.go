package gatetest

import (
	"slices"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// stranger is a person whom no gate names.
const stranger = "gatetest: a stranger"

// votes adds votes that must not count, and looks whether they do.
func (e *examination) votes(first gate.Decision, req gate.Request) {
	elsewhere := artifact.DigestBytes([]byte("gatetest: another subject"))
	for _, approve := range []bool{true, false} {
		v := gate.Vote{By: stranger, Approve: approve, At: req.Now, Subject: req.Subject}
		if err := gate.Eligible(e.gate, clone(req), v); err != nil && !e.ignores(first, req, v) {
			e.broken("the vote of a stranger counts, though Eligible says %q; ask gate.Eligible in Decide too", err)
			return
		}
		for _, v := range append(slices.Clone(req.Votes), v) {
			v.Approve, v.At, v.Subject = approve, req.Now, elsewhere
			if !e.ignores(first, req, v) {
				e.broken("a vote on another subject counts; want those alone whose Subject is Request.Subject")
				return
			}
		}
	}
}

func (e *examination) ignores(first gate.Decision, req gate.Request, v gate.Vote) bool {
	with := clone(req)
	with.Votes = append(with.Votes, v)
	d, err := e.ask(e.ctx, with)
	return err == nil && d.Verdict == first.Verdict
}

// people looks at what the gate says of those who vote.
func (e *examination) people(req gate.Request) {
	asked := clone(req)
	who := gate.Who(e.gate, asked)
	e.unchanged("Who", req, asked)
	if again := gate.Who(e.gate, clone(req)); !slices.Equal(again, who) {
		e.broken("asked the same twice, Who names %q, then %q", who, again)
	}
	for i, name := range who {
		if name == "" || slices.Contains(who[:i], name) {
			e.broken("Who names %q; want each once, and nobody without a name", who)
			break
		}
	}
	for _, v := range append(slices.Clone(req.Votes), gate.Vote{By: stranger, At: req.Now, Subject: req.Subject}) {
		asked := clone(req)
		one := gate.Eligible(e.gate, asked, v)
		e.unchanged("Eligible", req, asked)
		if other := gate.Eligible(e.gate, clone(req), v); (one == nil) != (other == nil) {
			e.broken("asked the same twice about the vote of %q, Eligible says %v, then %v", v.By, one, other)
		}
	}
}
