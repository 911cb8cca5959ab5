package approval_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
)

var (
	people = []string{"ana", "bo", "cy", "di", "eve", "flo"}
	groups = []string{"rm", "sec", "dev"}
)

func drawQuorum(t *rapid.T) approval.Quorum {
	q := approval.Quorum{
		MaxAge:       time.Duration(rapid.IntRange(0, 4).Draw(t, "max age")) * time.Hour,
		AllowAuthor:  rapid.Bool().Draw(t, "allow author"),
		AllowStarter: rapid.Bool().Draw(t, "allow starter"),
		Veto:         rapid.Bool().Draw(t, "veto"),
	}
	for range rapid.IntRange(1, 4).Draw(t, "slots") {
		q.Slots = append(q.Slots, approval.Slot{
			Need:   rapid.IntRange(0, 3).Draw(t, "need"),
			Group:  rapid.SampledFrom(append(groups, "")).Draw(t, "group"),
			From:   rapid.SliceOfN(rapid.SampledFrom(people), 0, 3).Draw(t, "from"),
			Anyone: rapid.IntRange(0, 5).Draw(t, "anyone") == 0,
		})
	}
	return q
}

func drawRequest(t *rapid.T) gate.Request {
	req := gate.Request{
		Subject: this,
		Now:     now,
		Authors: rapid.SliceOfN(rapid.SampledFrom(people), 0, 1).Draw(t, "authors"),
		Starter: rapid.SampledFrom(append(people, "")).Draw(t, "starter"),
	}
	for range rapid.IntRange(0, 9).Draw(t, "votes") {
		req.Votes = append(req.Votes, gate.Vote{
			By:      rapid.SampledFrom(people).Draw(t, "by"),
			Groups:  rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 2, rapid.ID).Draw(t, "groups"),
			Approve: rapid.IntRange(0, 4).Draw(t, "approve") > 0,
			At:      now.Add(-time.Duration(rapid.IntRange(0, 5*60).Draw(t, "age")) * time.Minute),
			Subject: rapid.SampledFrom([]gate.Vote{{Subject: this}, {Subject: this}, {Subject: other}}).Draw(t, "subject").Subject,
		})
	}
	return req
}

// oracle says what q decides, read off the rules (G3, G5) one vote at a time.
// It tries every way to seat people.
type oracle struct {
	q   approval.Quorum
	req gate.Request
}

func drawOracle(t *rapid.T) oracle { return oracle{drawQuorum(t), drawRequest(t)} }

func (o oracle) fits(s approval.Slot, v gate.Vote) bool {
	return s.Anyone || slices.Contains(s.From, v.By) || s.Group != "" && slices.Contains(v.Groups, s.Group)
}

func (o oracle) counting(approve bool) (votes []gate.Vote) {
	for i, v := range o.req.Votes {
		replaced := slices.ContainsFunc(o.req.Votes[i+1:], func(w gate.Vote) bool { return w.By == v.By && w.Subject == this })
		author := slices.Contains(o.req.Authors, v.By) && !o.q.AllowAuthor
		starter := o.req.Starter == v.By && !o.q.AllowStarter
		asked := slices.ContainsFunc(o.q.Slots, func(s approval.Slot) bool { return o.fits(s, v) })
		old := approve && o.q.MaxAge > 0 && !o.req.Now.Before(v.At.Add(o.q.MaxAge))
		if v.Subject == this && v.Approve == approve && !replaced && !author && !starter && asked && !old {
			votes = append(votes, v)
		}
	}
	return votes
}

// most returns how many of votes can have a place, given the places left.
func (o oracle) most(votes []gate.Vote, left []int) int {
	if len(votes) == 0 {
		return 0
	}
	best := o.most(votes[1:], left)
	for i, s := range o.q.Slots {
		if left[i] > 0 && o.fits(s, votes[0]) {
			left[i]--
			best = max(best, 1+o.most(votes[1:], left))
			left[i]++
		}
	}
	return best
}

func (o oracle) places() (left []int, all int) {
	for _, s := range o.q.Slots {
		left = append(left, max(s.Need, 1))
		all += max(s.Need, 1)
	}
	return left, all
}

func (o oracle) missing(extra ...gate.Vote) int {
	left, all := o.places()
	return all - o.most(append(o.counting(true), extra...), left)
}

func (o oracle) verdict() gate.Verdict {
	switch {
	case o.q.Veto && len(o.counting(false)) > 0:
		return gate.Rejected
	case o.missing() == 0:
		return gate.Passed
	}
	return gate.Waiting
}

func (o oracle) at(t time.Time) oracle {
	o.req.Now = t
	return o
}

func TestDecideAgreesWithEveryWayToSeatPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOracle(t)
		if o.q.Check() != nil {
			return
		}
		got := decide(t, o)
		if want := o.verdict(); got.Verdict != want {
			t.Fatalf("%s decides %v (%s); want %v", o.q.Describe(), got.Verdict, got.Reason, want)
		}
		if got.Verdict != gate.Passed {
			return
		}
		if o.q.MaxAge == 0 {
			if !got.Recheck.IsZero() {
				t.Fatalf("pass lapses at %v; want never, for approvals do not grow old", got.Recheck)
			}
			return
		}
		if before, after := o.at(got.Recheck.Add(-1)).verdict(), o.at(got.Recheck).verdict(); before != gate.Passed || after != gate.Waiting {
			t.Fatalf("pass lapses at %v, but it is %v just before and %v then", got.Recheck, before, after)
		}
	})
}

// TestDrawnQuorumsReachEachVerdict keeps the test above worth something. Its
// draws are always the same, for chance must not decide whether it passes.
func TestDrawnQuorumsReachEachVerdict(t *testing.T) {
	verdicts := map[gate.Verdict]int{}
	drawn := rapid.Custom(drawOracle)
	for seed := range 500 {
		if o := drawn.Example(seed); o.q.Check() == nil {
			verdicts[o.verdict()]++
		}
	}
	for v := gate.Waiting; v <= gate.Rejected; v++ {
		if verdicts[v] < 10 {
			t.Errorf("%d of 500 quorums were %v; want 10 or more of each verdict", verdicts[v], v)
		}
	}
}

func decide(t *rapid.T, o oracle) gate.Decision {
	d, err := o.q.Decide(context.Background(), o.req)
	if err != nil {
		t.Fatalf("%s: %v", o.q.Describe(), err)
	}
	return d
}

func TestTheOrderInWhichPeopleVoteDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := oracle{drawQuorum(t), drawRequest(t)}
		if o.q.Check() != nil {
			return
		}
		var latest []gate.Vote
		for i, v := range o.req.Votes {
			if !slices.ContainsFunc(o.req.Votes[i+1:], func(w gate.Vote) bool { return w.By == v.By }) {
				latest = append(latest, v)
			}
		}
		o.req.Votes = latest
		first := decide(t, o)
		o.req.Votes = rapid.Permutation(latest).Draw(t, "votes in another order")
		if again := decide(t, o); again.Verdict != first.Verdict || !again.Recheck.Equal(first.Recheck) {
			t.Fatalf("%v until %v; in another order %v until %v", first.Verdict, first.Recheck, again.Verdict, again.Recheck)
		}
	})
}

// TestWhoHelps checks Who against newcomers: one who is named helps, and one
// who helps is named, in person or by group.
func TestWhoHelps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := oracle{drawQuorum(t), drawRequest(t)}
		if o.q.Check() != nil || o.verdict() != gate.Waiting {
			return
		}
		who := gate.Who(o.q, o.req)
		for _, group := range groups {
			v := gate.Vote{By: "zoe", Groups: []string{group}, Approve: true, At: now, Subject: this}
			helps := o.missing(v) < o.missing()
			if named := slices.Contains(who, group) || slices.Contains(who, "anyone"); helps != named {
				t.Fatalf("%s with %d missing: Who = %q, but a vote from %q leaves %d missing", o.q.Describe(), o.missing(), who, group, o.missing(v))
			}
		}
		for _, by := range people {
			v := gate.Vote{By: by, Approve: true, At: now, Subject: this}
			if slices.Contains(who, by) && (gate.Eligible(o.q, o.req, v) != nil || o.missing(v) >= o.missing()) {
				t.Fatalf("%s: Who = %q, but %q does not help", o.q.Describe(), who, by)
			}
		}
	})
}

// TestCheckFindsWhatCanNeverPass gives the approval of everybody named (G6).
func TestCheckFindsWhatCanNeverPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := oracle{q: drawQuorum(t), req: gate.Request{Subject: this, Now: now}}
		o.q.Veto = false
		for _, s := range o.q.Slots {
			if s.Group == "" && len(s.From) == 0 && !s.Anyone {
				return // reported as nobody
			}
		}
		for _, by := range people {
			o.req.Votes = append(o.req.Votes, gate.Vote{By: by, Approve: true, At: now, Subject: this})
		}
		for _, by := range []string{"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11", "u12"} {
			o.req.Votes = append(o.req.Votes, gate.Vote{By: by, Groups: groups, Approve: true, At: now, Subject: this})
		}
		d, err := o.q.Decide(context.Background(), o.req)
		if (o.q.Check() == nil) != (err == nil && d.Verdict == gate.Passed) {
			t.Fatalf("%s: Check = %v, but with everybody's approval it decides %v (%v)", o.q.Describe(), o.q.Check(), d, err)
		}
	})
}
