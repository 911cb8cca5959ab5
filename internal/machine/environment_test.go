package machine

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

func set(name string) artifact.Set {
	return artifact.Set{"image": {Name: "image", MediaType: "text/plain", Digest: artifact.DigestBytes([]byte(name))}}
}

func inside(run string, token int64) journal.Event {
	return journal.Event{Time: epoch, Kind: journal.Taken, By: run, Data: &journal.Hold{Token: token, Started: epoch}}
}

func queues(run string, after time.Duration) journal.Event {
	return journal.Event{Time: epoch, Kind: journal.Queued, By: run, Data: &journal.Arrival{Started: epoch.Add(after)}}
}

func changes(run, image string, traffic int) journal.Event {
	return journal.Event{Time: epoch, Kind: journal.Changed, By: run, Data: &journal.Live{Artifacts: set(image), Traffic: traffic}}
}

func restores(run, image string) journal.Event {
	return journal.Event{Time: epoch, Kind: journal.Changed, By: run, Data: &journal.Live{Artifacts: set(image), Traffic: 100, Back: true}}
}

// empties is what rollout.Back records where there was nothing before.
func empties(run string) journal.Event {
	return journal.Event{Time: epoch, Kind: journal.Changed, By: run, Data: &journal.Live{Artifacts: artifact.Set{}, Back: true}}
}

func gives(run string, good bool) journal.Event {
	return journal.Event{Time: epoch.Add(time.Hour), Kind: journal.Given, By: run, Data: &journal.Departure{Succeeded: good}}
}

func environment(t *testing.T, events ...journal.Event) *Environment {
	t.Helper()
	e := &Environment{Name: "prod"}
	for _, ev := range events {
		ev := reread(ev)
		if err := e.Apply(&ev); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestEnvironmentRefuses(t *testing.T) {
	tests := []struct {
		name   string
		events []journal.Event
		last   journal.Event
	}{
		{"a second holder (E1)", []journal.Event{inside("a", 1)}, inside("b", 2)},
		{"a token that does not rise (E4)", []journal.Event{inside("a", 1), gives("a", true)}, inside("b", 1)},
		{"to be given by another", []journal.Event{inside("a", 1)}, gives("b", true)},
		{"to be given by nobody", nil, gives("b", true)},
		{"to be changed by another (E1)", []journal.Event{inside("a", 1)}, changes("b", "v1", 100)},
		{"events by no run", nil, queues("", 0)},
		{"events of a run", nil, journal.Event{Kind: journal.Done, By: "a"}},
		{"data of another kind", nil, journal.Event{Kind: journal.Taken, By: "a", Data: &journal.Exit{}}},
	}
	for _, test := range tests {
		if err := environment(t, test.events...).Apply(&test.last); err == nil {
			t.Errorf("an environment takes %s", test.name)
		}
	}
}

func TestQueue(t *testing.T) {
	e := environment(t, inside("a", 1), queues("b", 2*time.Hour), queues("c", time.Hour), queues("b", 0), queues("d", 3*time.Hour))
	if got, want := e.Next(), []string{"b", "d"}; !slices.Equal(got, want) {
		t.Errorf("Next = %q; want %q: who came first and who was started last (E2)", got, want)
	}
	quit := journal.Event{Kind: journal.Quit, By: "b"}
	for range 2 { // the second time it does not wait
		if err := e.Apply(&quit); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := e.Next(), []string{"c", "d"}; !slices.Equal(got, want) {
		t.Errorf("Next = %q; want %q (E2)", got, want)
	}
	c := e.Clone()
	out := gives("a", true)
	if err := c.Apply(&out); err != nil || e.Holder.Run != "a" || len(e.Queue) != 2 {
		t.Errorf("Apply to a clone = %v, and what was cloned is held by %q; want a", err, e.Holder.Run)
	}
	for _, run := range []string{"c", "d"} {
		quit := journal.Event{Kind: journal.Quit, By: run}
		if err := e.Apply(&quit); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.Next(); got != nil {
		t.Errorf("Next = %q; want nobody", got)
	}
}

func TestWhatIsLive(t *testing.T) {
	tests := []struct {
		name    string
		events  []journal.Event
		live    artifact.Set
		release string // the run that brought it (E6)
		history int
		good    bool // the last deployment
	}{
		{"a share is not all", []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", true), inside("b", 2), changes("b", "v2", 10)}, set("v1"), "a", 2, false},
		{"all is", []journal.Event{inside("a", 1), changes("a", "v1", 10), changes("a", "v1", 100), gives("a", true)}, set("v1"), "a", 1, true},
		{"a run that left badly", []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", false)}, set("v1"), "a", 1, false},
		{"nothing after it was withdrawn", []journal.Event{inside("a", 1), changes("a", "v1", 100), changes("a", "v1", 0)}, nil, "", 1, false},
		{"nothing after all was withdrawn", []journal.Event{inside("a", 1), changes("a", "v1", 100), empties("a"), gives("a", false)}, nil, "", 1, false},
		{"the one before, after another was withdrawn", []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", true), inside("b", 2), changes("b", "v2", 10), changes("b", "v2", 0)}, set("v1"), "a", 2, false},
		{"a run that came back has a deployment of its own", []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", false), inside("a", 2), changes("a", "v1", 100), gives("a", true)}, set("v1"), "a", 2, true},
		{"one that was put back is that of the run that brought it", []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", true), inside("b", 2), changes("b", "v2", 100), restores("b", "v1"), gives("b", true)}, set("v1"), "a", 2, true},
		{"where runs may overlap it is good when done", []journal.Event{changes("a", "v1", 50), changes("a", "v1", 100), changes("b", "v2", 100)}, set("v2"), "", 2, true},
	}
	for _, test := range tests {
		e := environment(t, test.events...)
		if asJSON(e.Live) != asJSON(test.live) || len(e.History) != test.history || e.History[len(e.History)-1].Succeeded != test.good || e.Release.Run != test.release {
			t.Errorf("%s: live %s of %q, history %+v; want %s of %q and %d deployments, the last good %v (E4)",
				test.name, asJSON(e.Live), e.Release.Run, e.History, asJSON(test.live), test.release, test.history, test.good)
		}
	}
}

// TestPrevious has a run fail in an environment and come back (E4, R7): what
// was there before the run is not what the run left.
func TestPrevious(t *testing.T) {
	for _, other := range []bool{false, true} {
		w := newWorld(must(t, "seq(gate g, a{env=prod}, b{env=prod})"))
		w.tell("other enters prod", nil)
		w.tell("other deploys prod", nil)
		w.tell("other leaves prod", nil)
		want := w.env("prod").Live
		for _, l := range []string{"start", "g passes", "a done v1=100", "b fails"} {
			w.pull()
			w.tell(l, nil)
		}
		w.pull()
		if other {
			w.tell("younger enters prod", nil)
			w.tell("younger deploys prod", nil)
			w.tell("younger leaves prod", nil)
			want = w.env("prod").Live
		}
		w.tell("retry b", nil)
		w.pull()
		i, _ := w.m.Find("b")
		if got := w.m.Previous(i); asJSON(got) != asJSON(want) || len(got) == 0 {
			t.Errorf("another run between %v: Previous = %s; want %s", other, asJSON(got), asJSON(want))
		}
		if got, want := w.m.Token(i), w.env("prod").Token; got != want {
			t.Errorf("Token = %d; want %d", got, want)
		}
	}
}

// TestGoingBackHasToBeTheCause has a run come to where a newer release is live
// (E6, I13).
func TestGoingBackHasToBeTheCause(t *testing.T) {
	tests := []struct {
		cause string
		want  journal.Kind
	}{
		{"", journal.Superseded},
		{"change", journal.Superseded},
		{"manual", journal.Superseded},
		{"override", journal.Superseded},
		{"rollback", journal.Took},
		{"promotion", journal.Took},
	}
	for _, test := range tests {
		w := newWorld(must(t, "seq(build{produces=image}, a{env=prod})"))
		w.m.Beginning.Cause = test.cause
		for _, l := range []string{"younger enters prod", "younger deploys prod image", "younger leaves prod", "build done image"} {
			w.pull()
			if err := w.tell(l, nil); err != nil {
				t.Fatal(err)
			}
		}
		i, _ := w.m.Find("a")
		events, _ := w.m.Entering(i, w.env("prod"), w.now)
		if len(events) != 1 || events[0].Kind != test.want {
			t.Errorf("a run with cause %q comes in by %v; want %s", test.cause, events, test.want)
		}
	}
}

// TestAWayOutLetsNoOlderReleaseIn has a run come, by a way out, to where a newer
// release is live. What follows there is no way out, and gives way (E6, I13).
func TestAWayOutLetsNoOlderReleaseIn(t *testing.T) {
	w := newWorld(must(t, "seq(build{produces=image}, finally(a, b{env=prod}), c{env=prod})"))
	for _, l := range []string{"younger enters prod", "younger deploys prod image", "younger leaves prod", "build done image", "a done", "b done"} {
		w.pull()
		if err := w.tell(l, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.pull()
	if i, _ := w.m.Find("b"); !w.m.View(i).Status.OK() {
		t.Fatalf("the way out is %v; want it taken", w.m.View(i).Status)
	}
	i, _ := w.m.Find("c")
	if v := w.m.View(i); !v.Started.IsZero() || w.m.successor != "younger" {
		t.Errorf("c began at %v, the successor is %q; want the run superseded, for what it would deploy is older", v.Started, w.m.successor)
	}
}

// TestWhoIsInsideIsNotSuperseded has a newer run wait for where a run is already, by
// a way out or since before its definition changed. One that is inside does not give
// way (E2).
func TestWhoIsInsideIsNotSuperseded(t *testing.T) {
	for _, test := range []struct {
		name, tree, next string // the tree it goes on under, if that changes
		script           []string
	}{
		{"by a way out", "seq(finally(a, b{env=prod}), c{env=prod newest})", "", []string{"a done", "younger queues prod", "b done"}},
		{"since before it changed", "seq(b{env=prod newest}, c{env=prod newest})", "seq(b{env=prod newest}, c{env=prod newest}, d)", []string{"younger queues prod", "b done"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(must(t, test.tree))
			for _, l := range test.script {
				w.pull()
				if err := w.tell(l, nil); err != nil {
					t.Fatal(err)
				}
			}
			if test.next != "" {
				w.adopt(must(t, test.next))
			}
			w.pull()
			i, _ := w.m.Find("c")
			if v := w.m.View(i); v.Started.IsZero() || w.m.successor != "" {
				t.Errorf("c began at %v, the successor is %q; want it begun", v.Started, w.m.successor)
			}
		})
	}
}

// TestWithout says what becomes of environments when nobody has the definition
// of a run (R2).
func TestWithout(t *testing.T) {
	m := New("a", nil)
	parked := []journal.Event{{Kind: journal.Waiting}}
	ended := []journal.Event{{Kind: journal.Left}, {Kind: journal.Ended}}
	tests := []struct {
		name string
		env  *Environment
		run  []journal.Event
		want journal.Kind
	}{
		{"one who waits, waits no longer", environment(t, inside("b", 1), queues("a", 0)), parked, journal.Quit},
		{"one who is inside stays", environment(t, inside("a", 1)), parked, ""},
		{"one who is inside and ends, leaves", environment(t, inside("a", 1)), ended, journal.Given},
		{"one who has nothing to do with it", environment(t, inside("b", 1)), ended, ""},
	}
	for _, test := range tests {
		var got journal.Kind
		if events := test.env.Without(m, epoch, test.run); len(events) > 0 {
			got = events[0].Kind
		}
		if got != test.want {
			t.Errorf("%s: Without = %q; want %q", test.name, got, test.want)
		}
	}
}

// An event of an environment comes with one of the run, or an executor that lost
// the run could have it queue again after it has ended.
func TestNoRunQueuesWithoutAnEventOfItsOwn(t *testing.T) { // J4, E2
	w := newWorld(must(t, "a{env=prod}"))
	w.visit("other", "enters", "prod")
	w.pull()
	if w.env("prod").waits("run-1") < 0 {
		t.Fatal("the run does not wait for prod")
	}
	w.visit("run-1", "quits", "prod") // as another executor had it do
	w.m.Unlock("prod")
	i, _ := w.m.Find("a")
	run, env := w.m.Entering(i, w.env("prod"), w.now)
	if len(env) != 1 || len(run) != 1 {
		t.Errorf("Entering = %d events of the run and %d of prod; want one of each", len(run), len(env))
	}
}
