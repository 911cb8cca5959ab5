package gate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
)

// team is a gate on which the people listed vote.
type team []string

func (g team) Decide(_ context.Context, req gate.Request) (gate.Decision, error) {
	for _, v := range req.Votes {
		if v.Approve && gate.Eligible(g, req, v) == nil {
			return gate.Passf("%s approves", v.By), nil
		}
	}
	return gate.Waitf("no approval from %v", []string(g)), nil
}

func (g team) Eligible(_ gate.Request, v gate.Vote) error {
	if !slices.Contains(g, v.By) {
		return fmt.Errorf("%w: %q not in %v", errStranger, v.By, []string(g))
	}
	return nil
}

func (g team) Who(gate.Request) []string { return g }

var errStranger = errors.New("stranger")

func TestOnePersonIsWrittenInOneWay(t *testing.T) { // G3, I12
	g := team{"ana", "Ana", " ana", "an\u200ba", "bo", "BO", "cy", "Cy", "di"}
	req := gate.Request{Authors: []string{"Ana"}, Starter: "Cy", Votes: []gate.Vote{{By: "bo"}, {By: "BO"}}}
	for by, want := range map[string]string{
		"Ana":       "", // as the author is written, of whom g thinks nothing
		"Cy":        "",
		"bo":        "", // the first who was written so
		"di":        "",
		"ana":       `where "Ana" has a part already`,
		"cy":        `where "Cy" has a part already`,
		"BO":        `where "bo" has a part already`,
		" ana":      "white space around it",
		"an\u200ba": "characters in it that cannot be seen",
	} {
		err := gate.Eligible(g, req, gate.Vote{By: by})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("Eligible(%q) = %v; want %q", by, err, want)
		}
	}
}

// both is a gate of another package, made of two.
type both struct{ a, b gate.Gate }

func (g both) Parts() []gate.Gate { return []gate.Gate{g.a, g.b} }
func (g both) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	return gate.All(g.a, g.b).Decide(ctx, req)
}

func TestEligible(t *testing.T) {
	now, before := artifact.DigestBytes([]byte("new")), artifact.DigestBytes([]byte("old"))
	dev, ops, clock := team{"ana", "bo"}, team{"cy"}, named("clock")
	var other = errors.New("any other error")
	for _, tt := range []struct {
		name string
		gate gate.Gate
		by   string
		on   artifact.Digest
		want error // nil if eligible
	}{
		{"one who is asked", dev, "ana", now, nil},
		{"one who is not", dev, "cy", now, errStranger},
		{"nobody, also where that would do (G3)", team{""}, "", now, other},
		{"a vote on what was shown before (G4)", dev, "ana", before, other},
		{"a vote on nothing (G4)", dev, "ana", artifact.Digest{}, other},
		{"a gate that takes no votes", clock, "ana", now, gate.ErrNoVotes},
		{"a function takes none", open, "ana", now, gate.ErrNoVotes},
		{"no gate", nil, "ana", now, gate.ErrNoVotes},
		{"for the second of all", gate.All(clock, dev, ops), "cy", now, nil},
		{"for none of all", gate.All(clock, dev, ops), "di", now, errStranger},
		{"all take no votes", gate.All(clock, gate.Any(clock)), "ana", now, gate.ErrNoVotes},
		{"all of nothing", gate.All(), "ana", now, gate.ErrNoVotes},
		{"for one of any", gate.Any(clock, gate.All(dev)), "bo", now, nil},
		{"for none of any", gate.Any(dev, ops), "di", now, errStranger},
		{"for a part of a foreign gate", both{clock, ops}, "cy", now, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := gate.Eligible(tt.gate, gate.Request{Subject: now}, gate.Vote{By: tt.by, Subject: tt.on})
			switch {
			case tt.want == other && got == nil:
				t.Error("Eligible = nil; want an error")
			case tt.want != other && !errors.Is(got, tt.want):
				t.Errorf("Eligible = %v; want %v", got, tt.want)
			}
		})
	}
}

func TestEligibleIsSilentAboutPartsThatTakeNoVotes(t *testing.T) {
	err := gate.Eligible(gate.All(named("clock"), team{"ana"}), gate.Request{}, gate.Vote{By: "bo"})
	if want := `stranger: "bo" not in [ana]`; err == nil || err.Error() != want {
		t.Errorf("Eligible = %v; want %s", err, want)
	}
}

func TestWhoNamesEachOnce(t *testing.T) {
	g := gate.All(team{"bo", "ana"}, named("clock"), gate.Any(team{"cy", "bo"}), both{team{"di"}, open}, nil)
	if got, want := gate.Who(g, gate.Request{}), []string{"bo", "ana", "cy", "di"}; !slices.Equal(got, want) {
		t.Errorf("Who = %q; want %q", got, want)
	}
}
