package releasetests

import (
	"testing"

	"github.com/penstock/penstock/pipeline"
)

// A reviewer of an edit is told what becomes of the ways into production, not
// which lines changed.
func TestAReviewerIsToldOfAWayAroundTheGate(t *testing.T) {
	changes := pipeline.Diff(Delivery(nowhere), hotfix(Delivery(nowhere)))
	want := "path urgent → patch-production → production is new, behind no gate, and goes round gate release"
	if got := changes.String(); got != want {
		t.Fatalf("the reviewer reads\n%s\nwant\n%s", got, want)
	}
	if changes[0].Effect != pipeline.Weaker {
		t.Errorf("the change makes a release %v; want weaker, for which a bot asks for a second review", changes[0].Effect)
	}
}
