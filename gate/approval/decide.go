package approval

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
)

// Decide implements [gate.Gate].
func (q Quorum) Decide(_ context.Context, req gate.Request) (gate.Decision, error) {
	if err := q.Check(); err != nil {
		return gate.Decision{}, err
	}
	c := q.count(req)
	switch {
	case c.vetoed:
		return gate.Rejectf("%s", objection(c.objections[0])), nil
	case c.seats.full():
		return gate.Passf("approved by %s", list(voters(c.approvals), "and")).Until(c.lapses), nil
	}
	d := gate.Waitf("%s", c.reason(len(q.Slots) > 0, q.Who(req))).Until(c.expires)
	d.For = gate.ForApproval
	return d, nil
}

// Eligible returns nil if v could count, and otherwise why not. Decide asks the
// same of each vote.
func (q Quorum) Eligible(req gate.Request, v gate.Vote) error {
	if !q.AllowAuthor && slices.Contains(req.Authors, v.By) {
		return fmt.Errorf("approval: %q wrote a change in this release; want the vote of someone who did not", v.By)
	}
	if !q.AllowStarter && v.By == req.Starter {
		return fmt.Errorf("approval: %q started this run; want the vote of someone who did not", v.By)
	}
	for _, s := range q.slots() {
		if s.takes(v) {
			return nil
		}
	}
	return fmt.Errorf("approval: %q may not vote here; want %s", v.By, list(names(q.slots()), "or"))
}

// Who returns the groups and people whose approval would take q forward, or
// "anyone". It returns none if q has passed or rejects, or if no one named may
// approve.
func (q Quorum) Who(req gate.Request) []string {
	c := q.count(req)
	if c.vetoed || c.seats.full() {
		return nil
	}
	approved := voters(c.approvals)
	var who []string
	for _, s := range c.seats.short() {
		for _, name := range s.names() {
			person := !s.Anyone && name != s.Group
			if person && (slices.Contains(approved, name) || gate.Eligible(q, req, gate.Vote{By: name, Subject: req.Subject}) != nil) {
				continue
			}
			if !slices.Contains(who, name) {
				who = append(who, name)
			}
		}
	}
	return who
}

// A count is what the votes come to.
type count struct {
	approvals  []gate.Vote // that count, the youngest first
	old        int         // approvals older than MaxAge
	objections []gate.Vote // of people who may vote
	vetoed     bool
	seats      *seating
	expires    time.Time // when the first approval grows old; zero if none does
	lapses     time.Time // when seats is no longer full, if it is; zero if never
}

func (q Quorum) count(req gate.Request) count {
	c := count{seats: newSeating(q.slots())}
	for _, v := range last(req) {
		switch {
		case gate.Eligible(q, req, v) != nil:
		case !v.Approve:
			c.objections = append(c.objections, v)
		case q.MaxAge > 0 && req.Now.Sub(v.At) >= q.MaxAge:
			c.old++
		default:
			c.approvals = append(c.approvals, v)
		}
	}
	c.vetoed = q.Veto && len(c.objections) > 0

	// The youngest are seated first, so the pass holds as long as it can.
	slices.SortStableFunc(c.approvals, func(a, b gate.Vote) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.By, b.By))
	})
	for _, v := range c.approvals {
		if q.MaxAge > 0 {
			c.expires = v.At.Add(q.MaxAge)
		}
		if !c.seats.full() && c.seats.add(v) && c.seats.full() {
			c.lapses = c.expires
		}
	}
	return c
}

// last returns the last vote of each person on the subject of req. It may take
// back an earlier one even if it does not count itself.
func last(req gate.Request) []gate.Vote {
	var votes []gate.Vote
	at := map[string]int{}
	for _, v := range req.Votes {
		if v.Subject != req.Subject {
			continue
		}
		i, again := at[v.By]
		if !again {
			at[v.By] = len(votes)
			votes = append(votes, v)
			continue
		}
		votes[i] = v
	}
	return votes
}

func (c count) reason(slots bool, who []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d approvals", c.seats.filled(), needed(c.seats.slots))
	from := list(names(c.seats.short()), "or")
	if slots {
		fmt.Fprintf(&b, ", next from %s", from)
	} else {
		fmt.Fprintf(&b, " from %s", from)
	}
	if c.old > 0 {
		fmt.Fprintf(&b, ", %d grown old", c.old)
	}
	if len(c.objections) > 0 {
		fmt.Fprintf(&b, ", %s", objection(c.objections[0]))
	}
	if len(who) == 0 {
		b.WriteString(", and nobody left who may give one")
	}
	return b.String()
}

// objection says who objects and why, on one line.
func objection(v gate.Vote) string {
	const most = 120
	why := []rune(strings.Join(strings.Fields(v.Comment), " "))
	switch {
	case len(why) == 0:
		return v.By + " objects"
	case len(why) > most:
		why = append(why[:most-1], '…')
	}
	return v.By + " objects: " + string(why)
}

func names(slots []Slot) []string {
	var all []string
	for _, s := range slots {
		for _, name := range s.names() {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

func voters(votes []gate.Vote) []string {
	var by []string
	for _, v := range votes {
		by = append(by, v.By)
	}
	slices.Sort(by)
	return by
}
