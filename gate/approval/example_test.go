package approval_test

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
)

func ExampleQuorum() {
	two := approval.Quorum{Group: "release-managers", Need: 2}

	req := gate.Request{Authors: []string{"ana"}, Starter: "sam"}
	for _, by := range []string{"ana", "bo", "cy"} {
		req.Votes = append(req.Votes, gate.Vote{By: by, Groups: []string{"release-managers"}, Approve: true})
		d, _ := two.Decide(context.Background(), req)
		fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	}
	// Output:
	// waiting: 0 of 2 approvals from release-managers
	// waiting: 1 of 2 approvals from release-managers
	// passed: approved by bo and cy
}

// Approvals from different sides are slots. One person fills one of them.
func ExampleSlot() {
	sides := approval.Quorum{Slots: []approval.Slot{
		{Group: "release-managers"},
		{Group: "security"},
	}}

	req := gate.Request{Votes: []gate.Vote{{By: "bo", Groups: []string{"release-managers", "security"}, Approve: true}}}
	d, _ := sides.Decide(context.Background(), req)
	fmt.Println(d.Reason)

	req.Votes = append(req.Votes, gate.Vote{By: "cy", Groups: []string{"release-managers"}, Approve: true})
	d, _ = sides.Decide(context.Background(), req)
	fmt.Println(d.Reason)
	// Output:
	// 1 of 2 approvals, next from release-managers or security
	// approved by bo and cy
}

// An approval can grow old. The pass lapses when too few are left.
func ExampleQuorum_maxAge() {
	fresh := approval.Quorum{Group: "release-managers", MaxAge: 48 * time.Hour}

	voted := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	req := gate.Request{Votes: []gate.Vote{{By: "bo", Groups: []string{"release-managers"}, Approve: true, At: voted}}}
	for _, req.Now = range []time.Time{voted.Add(time.Hour), voted.Add(48 * time.Hour)} {
		d, _ := fresh.Decide(context.Background(), req)
		fmt.Printf("%v: %s; ask again %v\n", d.Verdict, d.Reason, d.Recheck)
	}
	// Output:
	// passed: approved by bo; ask again 2026-03-04 10:00:00 +0000 UTC
	// waiting: 0 of 1 approvals from release-managers, 1 grown old; ask again 0001-01-01 00:00:00 +0000 UTC
}

// With Veto one objection is enough to stop.
func ExampleQuorum_veto() {
	q := approval.Quorum{Group: "sre", Veto: true}
	req := gate.Request{Votes: []gate.Vote{
		{By: "bo", Groups: []string{"sre"}, Approve: true},
		{By: "cy", Groups: []string{"sre"}, Comment: "the database is being moved"},
	}}
	d, _ := q.Decide(context.Background(), req)
	fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	// Output: rejected: cy objects: the database is being moved
}

// A quorum that can never be reached is found before anything runs.
func ExampleQuorum_Check() {
	fmt.Println(approval.Quorum{From: []string{"ana", "bo"}, Need: 3}.Check())
	fmt.Println(approval.Quorum{Need: 2}.Check())
	// Output:
	// approval: 3 approvals needed from ana and bo, only 2 named; one person approves once, so this can never pass
	// approval: quorum names nobody who may approve; want Group, From or Anyone
}

// A person is told before voting whether the vote could count, and if not why.
func ExampleQuorum_Eligible() {
	q := approval.Quorum{Group: "release-managers"}
	req := gate.Request{Authors: []string{"ana"}, Starter: "sam"}
	for _, by := range []string{"ana", "sam", "zoe", "bo"} {
		v := gate.Vote{By: by}
		if by != "zoe" {
			v.Groups = []string{"release-managers"}
		}
		fmt.Println(gate.Eligible(q, req, v))
	}
	// Output:
	// approval: "ana" wrote a change in this release; want the vote of someone who did not
	// approval: "sam" started this run; want the vote of someone who did not
	// approval: "zoe" may not vote here; want release-managers
	// <nil>
}

func ExampleQuorum_Who() {
	q := approval.Quorum{Group: "release-managers", From: []string{"ana", "bo"}}
	fmt.Println(gate.Who(q, gate.Request{Authors: []string{"ana"}}))
	// Output: [release-managers bo]
}

func ExampleQuorum_Describe() {
	fmt.Println(gate.Describe(approval.Quorum{Group: "release-managers", Need: 2, MaxAge: 48 * time.Hour}))
	// Output: 2 approvals from group "release-managers"; approvals hold 48h0m0s
}
