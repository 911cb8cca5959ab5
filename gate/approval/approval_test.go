package approval_test

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/gatetest"
)

var (
	now   = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	this  = artifact.DigestBytes([]byte("what is asked"))
	other = artifact.DigestBytes([]byte("what was asked before"))
)

func yes(by string, groups ...string) gate.Vote {
	return gate.Vote{By: by, Groups: groups, Approve: true, Subject: this, At: now}
}

func no(by string, groups ...string) gate.Vote {
	v := yes(by, groups...)
	v.Approve = false
	return v
}

func ago(d time.Duration, v gate.Vote) gate.Vote {
	v.At = now.Add(-d)
	return v
}

func on(subject artifact.Digest, v gate.Vote) gate.Vote {
	v.Subject = subject
	return v
}

func because(comment string, v gate.Vote) gate.Vote {
	v.Comment = comment
	return v
}

func wait(reason string) gate.Decision {
	return gate.Decision{Reason: reason, For: gate.ForApproval}
}

func TestDecide(t *testing.T) {
	two := approval.Quorum{Group: "rm", Need: 2}
	aged := approval.Quorum{Group: "rm", Need: 2, MaxAge: time.Hour}
	veto := approval.Quorum{Group: "rm", Need: 2, Veto: true}
	sides := approval.Quorum{Slots: []approval.Slot{{Group: "rm"}, {Group: "sec"}}}
	for _, tt := range []struct {
		name  string
		gate  approval.Quorum
		votes []gate.Vote
		want  gate.Decision
	}{
		{"no votes", two, nil, wait("0 of 2 approvals from rm")},
		{"one of two", two, []gate.Vote{yes("bo", "rm")}, wait("1 of 2 approvals from rm")},
		{"two members", two, []gate.Vote{yes("cy", "x", "rm"), yes("bo", "rm")}, gate.Passf("approved by bo and cy")},
		{"more than needed", two, []gate.Vote{yes("cy", "rm"), yes("bo", "rm"), yes("di", "rm")}, gate.Passf("approved by bo, cy and di")},
		{"need 0 means 1", approval.Quorum{Group: "rm"}, []gate.Vote{yes("bo", "rm")}, gate.Passf("approved by bo")},

		{"one member twice counts once", two, []gate.Vote{yes("bo", "rm"), yes("bo", "rm")}, wait("1 of 2 approvals from rm")},
		{"an outsider does not count", two, []gate.Vote{yes("bo", "rm"), yes("cy", "dev")}, wait("1 of 2 approvals from rm")},
		{"of no groups does not count", two, []gate.Vote{yes("bo", "rm"), yes("cy")}, wait("1 of 2 approvals from rm")},
		{"a group without a name is none", approval.Quorum{From: []string{"ana"}}, []gate.Vote{yes("cy", "")}, wait("0 of 1 approvals from ana, and nobody left who may give one")},
		{"nobody does not count", approval.Quorum{Anyone: true}, []gate.Vote{yes("")}, wait("0 of 1 approvals from anyone")},
		{"a vote on another image does not count (G4)", two, []gate.Vote{on(other, yes("bo", "rm")), yes("cy", "rm")}, wait("1 of 2 approvals from rm")},
		{"nor does it take one back", two, []gate.Vote{yes("bo", "rm"), yes("cy", "rm"), on(other, no("bo", "rm"))}, gate.Passf("approved by bo and cy")},

		{"an author does not count", two, []gate.Vote{yes("ana", "rm"), yes("bo", "rm")}, wait("1 of 2 approvals from rm")},
		{"the starter does not count", two, []gate.Vote{yes("sam", "rm"), yes("bo", "rm")}, wait("1 of 2 approvals from rm")},
		{"an author counts if allowed", approval.Quorum{Group: "rm", AllowAuthor: true}, []gate.Vote{yes("ana", "rm")}, gate.Passf("approved by ana")},
		{"the starter counts if allowed", approval.Quorum{Group: "rm", AllowStarter: true}, []gate.Vote{yes("sam", "rm")}, gate.Passf("approved by sam")},
		{"allowing authors allows no starter", approval.Quorum{Group: "rm", AllowAuthor: true}, []gate.Vote{yes("sam", "rm")}, wait("0 of 1 approvals from rm")},
		{"allowing the starter allows no authors", approval.Quorum{Group: "rm", AllowStarter: true}, []gate.Vote{yes("ana", "rm")}, wait("0 of 1 approvals from rm")},
		{"nobody else is asked if the author is all there is", approval.Quorum{From: []string{"ana"}}, nil, wait("0 of 1 approvals from ana, and nobody left who may give one")},

		{"by name", approval.Quorum{From: []string{"bo", "cy"}, Need: 2}, []gate.Vote{yes("bo"), yes("cy"), yes("di")}, gate.Passf("approved by bo and cy")},
		{"by name or group", approval.Quorum{From: []string{"bo"}, Group: "rm", Need: 2}, []gate.Vote{yes("bo"), yes("cy", "rm")}, gate.Passf("approved by bo and cy")},
		{"names are told", approval.Quorum{From: []string{"cy", "bo"}, Group: "rm", Need: 2}, []gate.Vote{yes("bo")}, wait("1 of 2 approvals from rm, bo or cy")},
		{"a name is no group", approval.Quorum{From: []string{"rm"}}, []gate.Vote{yes("bo", "rm")}, wait("0 of 1 approvals from rm")},
		{"anyone", approval.Quorum{Anyone: true}, []gate.Vote{yes("zoe")}, gate.Passf("approved by zoe")},
		{"anyone but an author", approval.Quorum{Anyone: true}, []gate.Vote{yes("ana")}, wait("0 of 1 approvals from anyone")},

		{"the last vote counts", two, []gate.Vote{no("bo", "rm"), yes("bo", "rm"), yes("cy", "rm")}, gate.Passf("approved by bo and cy")},
		{"an objection takes back an approval", two, []gate.Vote{yes("bo", "rm"), yes("cy", "rm"), no("bo", "rm")}, wait("1 of 2 approvals from rm, bo objects")},
		{"so does a vote after leaving the group", two, []gate.Vote{yes("bo", "rm"), yes("cy", "rm"), yes("bo")}, wait("1 of 2 approvals from rm")},
		{"an objection stops nobody without a veto", two, []gate.Vote{no("di", "rm"), yes("bo", "rm"), yes("cy", "rm")}, gate.Passf("approved by bo and cy")},

		{"a veto rejects", veto, []gate.Vote{yes("bo", "rm"), no("cy", "rm")}, gate.Rejectf("cy objects")},
		{"a veto rejects after enough approvals", veto, []gate.Vote{yes("bo", "rm"), yes("cy", "rm"), because("disk\n is  full", no("di", "rm"))}, gate.Rejectf("di objects: disk is full")},
		{"a veto taken back", veto, []gate.Vote{no("cy", "rm"), yes("bo", "rm"), yes("cy", "rm")}, gate.Passf("approved by bo and cy")},
		{"an outsider has no veto", veto, []gate.Vote{no("cy"), yes("bo", "rm"), yes("di", "rm")}, gate.Passf("approved by bo and di")},
		{"an author has no veto", veto, []gate.Vote{no("ana", "rm"), yes("bo", "rm"), yes("di", "rm")}, gate.Passf("approved by bo and di")},
		{"a veto does not grow old", approval.Quorum{Group: "rm", Veto: true, MaxAge: time.Hour}, []gate.Vote{ago(2*time.Hour, no("bo", "rm")), yes("cy", "rm")}, gate.Rejectf("bo objects")},

		{"a pass lapses with the first approval needed", aged, []gate.Vote{ago(20*time.Minute, yes("bo", "rm")), ago(10*time.Minute, yes("cy", "rm"))}, gate.Passf("approved by bo and cy").Until(now.Add(40 * time.Minute))},
		{"a third approval prolongs it", aged, []gate.Vote{ago(20*time.Minute, yes("bo", "rm")), ago(10*time.Minute, yes("cy", "rm")), yes("di", "rm")}, gate.Passf("approved by bo, cy and di").Until(now.Add(50 * time.Minute))},
		{"an approval is old at its age", aged, []gate.Vote{ago(time.Hour, yes("bo", "rm")), yes("cy", "rm")}, wait("1 of 2 approvals from rm, 1 grown old").Until(now.Add(time.Hour))},
		{"and not before", aged, []gate.Vote{ago(time.Hour-1, yes("bo", "rm")), yes("cy", "rm")}, gate.Passf("approved by bo and cy").Until(now.Add(1))},
		{"given anew it counts again", aged, []gate.Vote{ago(time.Hour, yes("bo", "rm")), yes("cy", "rm"), yes("bo", "rm")}, gate.Passf("approved by bo and cy").Until(now.Add(time.Hour))},
		{"a vote without a time is old", aged, []gate.Vote{{By: "bo", Groups: []string{"rm"}, Approve: true, Subject: this}}, wait("0 of 2 approvals from rm, 1 grown old")},

		{"one from each side", sides, []gate.Vote{yes("bo", "rm"), yes("cy", "sec")}, gate.Passf("approved by bo and cy")},
		{"one side is short", sides, []gate.Vote{yes("bo", "rm"), yes("cy", "rm")}, wait("1 of 2 approvals, next from sec")},
		{"one person fills one slot (G5)", sides, []gate.Vote{yes("bo", "rm", "sec")}, wait("1 of 2 approvals, next from rm or sec")},
		{"one who fits both makes room", sides, []gate.Vote{yes("bo", "rm", "sec"), yes("cy", "rm")}, gate.Passf("approved by bo and cy")},
		{"whichever votes first", sides, []gate.Vote{yes("cy", "rm"), yes("bo", "rm", "sec")}, gate.Passf("approved by bo and cy")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := gate.Request{Authors: []string{"ana"}, Starter: "sam", Subject: this, Now: now, Votes: tt.votes}
			if got := gatetest.Run(t, tt.gate, req)[0]; got != tt.want {
				t.Errorf("Decide = %+v\nwant     %+v", got, tt.want)
			}
		})
	}
}

func TestAMistakeKeepsTheGateShut(t *testing.T) {
	req := gate.Request{Subject: this, Now: now, Votes: []gate.Vote{yes("bo", "rm", ""), yes("")}}
	for _, q := range []approval.Quorum{{}, {Need: -1, Group: "rm"}, {Slots: []approval.Slot{{}}}} {
		if d, err := q.Decide(t.Context(), req); err == nil {
			t.Errorf("%+v decides %+v; want an error, for nobody is never anybody (G5)", q, d)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		gate approval.Quorum
		want string
	}{
		{"a group", approval.Quorum{Group: "rm", Need: 1000}, ""},
		{"as many people as needed", approval.Quorum{From: []string{"ana", "bo"}, Need: 2}, ""},
		{"anyone", approval.Quorum{Anyone: true, Need: 3}, ""},
		{"people and a group, which may be large", approval.Quorum{From: []string{"ana"}, Group: "rm", Need: 3}, ""},
		{"nobody (G5)", approval.Quorum{}, "approval: quorum names nobody who may approve; want Group, From or Anyone"},
		{"empty lists (G5)", approval.Quorum{From: []string{}, Slots: []approval.Slot{}}, "approval: quorum names nobody who may approve; want Group, From or Anyone"},
		{"one slot of nobody", approval.Quorum{Slots: []approval.Slot{{Group: "rm"}, {}}}, "approval: slot 2 of 2 names nobody who may approve; want Group, From or Anyone"},
		{"a person without a name", approval.Quorum{From: []string{"ana", ""}}, "approval: quorum has an empty user ID in From"},
		{"a person who is written in two ways", approval.Quorum{Slots: []approval.Slot{{From: []string{"ana"}}, {From: []string{"Ana"}}}}, `approval: user IDs "Ana" and "ana" in From; want one for each person, always written alike`},
		{"a person with white space around them", approval.Quorum{From: []string{"ana\n"}}, `approval: user ID "ana\n" in From with white space around it; want none`},
		{"less than nothing", approval.Quorum{Group: "rm", Need: -1}, "approval: quorum has Need -1; want 1 to 1000, or 0 for 1"},
		{"too many", approval.Quorum{Group: "rm", Need: 1001}, "approval: quorum has Need 1001; want 1 to 1000, or 0 for 1"},
		{"an age before birth", approval.Quorum{Group: "rm", MaxAge: -time.Hour}, "approval: quorum has MaxAge -1h0m0s; want 0 or more"},
		{"slots and a quorum", approval.Quorum{Need: 2, Slots: []approval.Slot{{Group: "rm"}}}, "approval: quorum has Slots, and Need, Group, From or Anyone beside them; want one or the other"},
		{"more than are named (G6)", approval.Quorum{From: []string{"ana", "bo", "ana"}, Need: 3}, "approval: 3 approvals needed from ana and bo, only 2 named; one person approves once, so this can never pass"},
		{"more slots than people (G6)", approval.Quorum{Slots: []approval.Slot{{From: []string{"ana", "bo"}}, {From: []string{"ana"}}, {From: []string{"bo"}}, {Group: "rm"}}},
			"approval: 3 approvals needed from ana and bo, only 2 named; one person approves once, so this can never pass"},
		{"only the slots that are short are told", approval.Quorum{Slots: []approval.Slot{{From: []string{"cy"}}, {From: []string{"ana"}, Need: 2}}},
			"approval: 2 approvals needed from ana, only 1 named; one person approves once, so this can never pass"},
		{"all at once", approval.Quorum{Need: -1, MaxAge: -1}, "approval: quorum has MaxAge -1ns; want 0 or more\napproval: quorum has Need -1; want 1 to 1000, or 0 for 1\napproval: quorum names nobody who may approve; want Group, From or Anyone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := gate.Check(tt.gate); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Check = %q\nwant    %q", got, tt.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		gate approval.Quorum
		want string
	}{
		{approval.Quorum{Group: "rm"}, `1 approval from group "rm"`},
		{approval.Quorum{From: []string{"bo", "ana", "bo"}, Group: "rm", Need: 2}, `2 approvals from group "rm", "ana" or "bo"`},
		{approval.Quorum{Anyone: true, Group: "rm"}, `1 approval from anyone`},
		{approval.Quorum{Slots: []approval.Slot{{Group: "rm", Need: 2}, {From: []string{"ana"}}}}, `2 approvals from group "rm", and 1 approval from "ana"`},
		{approval.Quorum{Group: `rm" or anyone`}, `1 approval from group "rm\" or anyone"`},
		{approval.Quorum{Group: "rm", AllowAuthor: true, AllowStarter: true, Veto: true, MaxAge: 48 * time.Hour},
			`1 approval from group "rm"; authors may approve; the starter may approve; approvals hold 48h0m0s; an objection rejects`},
	} {
		if got := gate.Describe(tt.gate); got != tt.want {
			t.Errorf("Describe = %s\nwant       %s", got, tt.want)
		}
	}
}

func TestWhoCanUnblock(t *testing.T) {
	sides := approval.Quorum{Slots: []approval.Slot{{Group: "rm", Need: 2}, {From: []string{"ana", "cy", "bo"}}}}
	for _, tt := range []struct {
		name  string
		gate  approval.Quorum
		votes []gate.Vote
		want  []string
	}{
		{"the group, and those named who may", sides, nil, []string{"rm", "bo", "cy"}},
		{"one side is done", sides, []gate.Vote{yes("bo")}, []string{"rm"}},
		{"one who could move on", sides, []gate.Vote{yes("di", "rm"), yes("bo", "rm")}, []string{"rm", "cy"}},
		{"nobody once every slot is filled", sides, []gate.Vote{yes("di", "rm"), yes("bo", "rm"), yes("cy")}, nil},
		{"nobody once it has passed", approval.Quorum{Group: "rm"}, []gate.Vote{yes("bo", "rm")}, nil},
		{"nobody once it is vetoed", approval.Quorum{Group: "rm", Veto: true}, []gate.Vote{no("bo", "rm")}, nil},
		{"one who objected could approve", approval.Quorum{From: []string{"bo"}}, []gate.Vote{no("bo")}, []string{"bo"}},
		{"one whose approval grew old", approval.Quorum{From: []string{"bo"}, MaxAge: time.Hour}, []gate.Vote{ago(time.Hour, yes("bo"))}, []string{"bo"}},
		{"anyone", approval.Quorum{Anyone: true}, nil, []string{"anyone"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := gate.Request{Authors: []string{"ana"}, Subject: this, Now: now, Votes: tt.votes}
			if got := gate.Who(tt.gate, req); !slices.Equal(got, tt.want) {
				t.Errorf("Who = %q; want %q", got, tt.want)
			}
		})
	}
}
