package gate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/person"
)

// ErrNoVotes is what [Eligible] returns for a gate that does not decide by
// votes.
var ErrNoVotes = errors.New("gate: takes no votes, so nobody can vote on it")

// Eligible returns nil if v could count at g, and otherwise why not. It is for
// the moment when a vote is cast, and for telling people whether they may act;
// a gate asks the same again when it decides. An objection is held to the same
// rules as an approval.
//
// Whatever the gate, a vote has to name a person, and the Subject of req. Its By
// must not have white space around it, nor characters that cannot be seen, and
// must not differ only in case from an author, the starter or an earlier voter of
// req: one person would be two. Then the method Eligible of g answers. If it has
// none, one of its Parts has to take the vote; then v can count, also if other parts
// refuse it. A gate with neither takes no votes: see [ErrNoVotes].
func Eligible(g Gate, req Request, v Vote) error {
	if v.By == "" {
		return errors.New("gate: vote of nobody; want the user ID of a person in By")
	}
	if err := person.Check(v.By); err != nil {
		return fmt.Errorf("gate: vote of %q: user ID with %w", v.By, err)
	}
	if other, ok := twin(req, v.By); ok {
		return fmt.Errorf("gate: vote of %q, where %q has a part already; want one user ID for each person, always written alike", v.By, other)
	}
	if v.Subject != req.Subject {
		return fmt.Errorf("gate: vote of %q is on subject %s; what is asked now is %s, so look at it and vote again",
			v.By, name(v.Subject), name(req.Subject))
	}
	switch g := g.(type) {
	case interface{ Eligible(Request, Vote) error }:
		return g.Eligible(req, v)
	case interface{ Parts() []Gate }:
		return eligibleAt(g.Parts(), req, v)
	}
	return ErrNoVotes
}

// twin returns who has a part in req and may be the one with the given user ID,
// written in another way. Of voters the first counts, so that who comes later
// takes nothing from them.
func twin(req Request, by string) (other string, ok bool) {
	for _, other := range append(slices.Clone(req.Authors), req.Starter) {
		if person.Alike(other, by) {
			return other, true
		}
	}
	for _, v := range req.Votes {
		if v.By == by {
			break
		}
		if person.Alike(v.By, by) {
			return v.By, true
		}
	}
	return "", false
}

func name(subject artifact.Digest) string { return cmp.Or(subject.Short(), "none") }

// eligibleAt returns nil if one of gates takes v, and otherwise why those that
// take votes do not.
func eligibleAt(gates []Gate, req Request, v Vote) error {
	var errs []error
	for _, g := range gates {
		err := Eligible(g, req, v)
		if err == nil {
			return nil
		}
		if !errors.Is(err, ErrNoVotes) {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 {
		return ErrNoVotes
	}
	return errors.Join(errs...)
}

// Who returns the people and groups whose vote could take g forward, none
// twice. If g has no method Who, those of its Parts are returned; if it has
// neither, nobody is.
func Who(g Gate, req Request) []string {
	switch g := g.(type) {
	case interface{ Who(Request) []string }:
		return g.Who(req)
	case interface{ Parts() []Gate }:
		return whoOf(g.Parts(), req)
	}
	return nil
}

func whoOf(gates []Gate, req Request) []string {
	var all []string
	for _, g := range gates {
		for _, name := range Who(g, req) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}
