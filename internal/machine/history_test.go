package machine

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/pipeline/journal"
)

// deploys is a whole visit of a run.
func deploys(run string, token int64, image string, good bool) []journal.Event {
	return []journal.Event{inside(run, token), changes(run, image, 100), gives(run, good)}
}

// An environment remembers so many deployments and what a way back needs, however
// many there were (I21, E5).
func TestHistoryHasABound(t *testing.T) {
	e := environment(t, deploys("old", 1, "v1", true)...)
	const bad = 5 * kept
	for k := range bad {
		run := fmt.Sprint("bad-", k)
		visit := []journal.Event{inside(run, int64(k+2)), changes(run, "v2", 100), restores(run, "v1"), gives(run, false)}
		for _, ev := range visit {
			if err := e.Apply(&ev); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(e.History); n < kept || n > 2*kept {
		t.Errorf("%d of %d deployments are remembered; want the last %d at least, and %d at most (I21)", n, bad+1, kept, 2*kept)
	}
	if oldest := e.History[0].Run; oldest != "old" {
		t.Errorf("the oldest is of %q; want that of what is live (E5)", oldest)
	}
	for k, d := range e.History[len(e.History)-kept:] {
		if want := fmt.Sprint("bad-", bad-kept+k); d.Run != want {
			t.Errorf("%q is remembered in the place of %q; want the last %d in order", d.Run, want, kept)
		}
	}
}

// Whatever happens, the run that brought what is live is remembered, and so is the
// last good deployment before it, as if none was ever forgotten (E5).
func TestHistoryHasWhatAWayBackNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e, all := &Environment{Name: "prod"}, []Deployment(nil)
		apply := func(ev journal.Event) {
			if err := e.Apply(&ev); err != nil {
				t.Fatal(err)
			}
		}
		// Most are of one outcome, so that those that matter are long ago.
		usual := rapid.IntRange(0, 3).Draw(t, "usual")
		for k := range rapid.IntRange(1, 5*kept).Draw(t, "runs") {
			run, how := fmt.Sprint(k), usual
			if rapid.IntRange(0, 40).Draw(t, "unusual") == 0 {
				how = rapid.IntRange(0, 4).Draw(t, "how")
			}
			image, before := fmt.Sprint("v", how), e.Live
			apply(inside(run, int64(k+1)))
			switch how {
			case 0: // succeeds
				apply(changes(run, image, 100))
			case 1: // a share that is withdrawn
				apply(changes(run, image, 30))
				apply(changes(run, image, 0))
			case 2: // is put back
				apply(changes(run, image, 100))
				apply(journal.Event{Time: epoch, Kind: journal.Changed, By: run, Data: &journal.Live{Artifacts: before, Traffic: 100, Back: true}})
			case 3: // fails and stays
				apply(changes(run, image, 100))
			case 4: // a share that is good
				apply(changes(run, image, 30))
			}
			good := how == 0 || how == 4
			apply(gives(run, good))
			all = append(all, Deployment{Run: run, Succeeded: good})
		}
		has := func(run string) bool {
			return slices.ContainsFunc(e.History, func(d Deployment) bool { return d.Run == run }) && e.needs(run) != ""
		}
		here := slices.IndexFunc(all, func(d Deployment) bool { return d.Run == e.Release.Run })
		if here >= 0 && !has(e.Release.Run) {
			t.Fatalf("run %s brought what is live after %d, and is not remembered", e.Release.Run, len(all))
		}
		for k := here - 1; k >= 0; k-- {
			if all[k].Succeeded {
				if !has(all[k].Run) {
					t.Fatalf("run %d is what would be gone back to from %d after %d, and is not remembered", k, here, len(all))
				}
				break
			}
		}
		if len(e.History) > 2*kept {
			t.Fatalf("%d deployments are remembered", len(e.History))
		}
	})
}

// BenchmarkEnvironment takes the journal of an environment with 25,000 visits.
func BenchmarkEnvironment(b *testing.B) {
	var events []journal.Event
	for k := range 25_000 {
		run := fmt.Sprint("run-", k)
		events = append(events, queues(run, 0))
		events = append(events, deploys(run, int64(k+1), "v1", true)...)
	}
	b.ReportAllocs()
	for b.Loop() {
		e := &Environment{Name: "prod"}
		for i := range events {
			if err := e.Apply(&events[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}
