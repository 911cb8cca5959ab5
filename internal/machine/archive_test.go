package machine

import (
	"slices"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// builds is what a run did that built images, each in the place of the one before.
func builds(images ...string) (all []journal.Event) {
	for _, image := range images {
		all = append(all, journal.Event{Time: epoch, Kind: journal.Done, Step: "build", Epoch: 1, Data: &journal.Result{Artifacts: []artifact.Artifact{set(image)["image"]}}})
	}
	return all
}

// why returns the text of an error, or none.
func why(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What may be archived is not needed by an environment (J9).
func TestWhatMayBeArchived(t *testing.T) {
	b := deploys("b", 2, "v2", true)
	for _, test := range []struct {
		name   string
		image  string // that the run built
		events []journal.Event
		want   string // why not; empty if it may be
	}{
		{"a run that was nowhere", "v1", nil, ""},
		{"one that is inside", "v1", []journal.Event{inside("a", 1)}, "the run is in environment prod"},
		{"one that waits to enter", "v1", []journal.Event{queues("a", 0)}, "the run waits to enter environment prod"},
		{"one that brought what is live", "v1", deploys("a", 1, "v1", true), "the run brought what is live in environment prod"},
		{"one before that of a run which is inside", "v1", append(deploys("a", 1, "v1", false), inside("b", 2), changes("b", "v2", 100)), "the run brought what is live in environment prod"},
		{"one that would be gone back to once a run inside has put back what it found", "v1", slices.Concat(deploys("a", 1, "v1", true), b, []journal.Event{inside("c", 3), changes("c", "v3", 100)}), "the run deployed what is live, or would be gone back to, in environment prod"},
		{"one that would be gone back to", "v1", slices.Concat(deploys("a", 1, "v1", true), b), "the run deployed what is live, or would be gone back to, in environment prod"},
		{"one that failed there before", "v1", slices.Concat(deploys("a", 1, "v1", false), b), ""},
		{"one that is two good ones back", "v1", slices.Concat(deploys("a", 1, "v1", true), b, deploys("c", 3, "v3", true)), ""},
		{"one that is before the same once more", "v1", slices.Concat(deploys("a", 1, "v1", true), b, deploys("c", 3, "v2", true)), "the run deployed what is live, or would be gone back to, in environment prod"},
		{"one that built what another has brought", "v2", b, `the run made artifact "image", which environment prod holds or would go back to`},
		{"one that built what would be gone back to", "v2", append(b, deploys("c", 3, "v3", true)...), `the run made artifact "image", which environment prod holds or would go back to`},
		{"where runs may overlap, the last", "v1", []journal.Event{changes("a", "v1", 100)}, "the run deployed what is live, or would be gone back to, in environment prod"},
		{"where runs may overlap, the one before", "v1", []journal.Event{changes("a", "v1", 100), changes("b", "v2", 100)}, "the run deployed what is live, or would be gone back to, in environment prod"},
	} {
		other := environment(t, deploys("x", 1, "v9", true)...)
		other.Name = "test"
		a := &Machine{Run: "a"}
		if got := why(a.CanArchive(builds(test.image), []*Environment{other, environment(t, test.events...)}, nil)); got != test.want {
			t.Errorf("%s: CanArchive = %q; want %q (J9)", test.name, got, test.want)
		}
	}
}

// What may be archived is of no use to a run that has not ended either (J9).
func TestWhatOpenRunsNeed(t *testing.T) {
	digest := set("v1")["image"].Digest
	renamed := artifact.Set{"candidate": {Name: "candidate", Digest: digest}}
	began := func(b journal.Beginning) []journal.Event {
		return []journal.Event{{Time: epoch, Kind: journal.Began, Data: &b}, {Time: epoch, Kind: journal.Claimed, By: "x", Epoch: 1}}
	}
	param := func(value string) []journal.Event {
		return began(journal.Beginning{Params: map[string]string{"from": value, "region": "eu"}})
	}
	entered := func(previous artifact.Set, more ...journal.Event) []journal.Event {
		took := journal.Event{Time: epoch, Kind: journal.Took, Step: "deploy", Epoch: 1, Data: &journal.Entry{Environment: "prod", Token: 2, Previous: previous}}
		return slices.Concat(began(journal.Beginning{}), []journal.Event{took}, more)
	}
	left := journal.Event{Time: epoch, Kind: journal.Left, Epoch: 1, Data: &journal.Exit{Environment: "prod"}}
	called := journal.Event{Time: epoch, Kind: journal.Called, Step: "build", Epoch: 1, Data: &journal.Call{Attempt: 1, Key: "k"}}
	named := `the run is named by param "from" of run b, that has not ended`
	for _, test := range []struct {
		name string
		made []journal.Event // what run a did
		open []journal.Event // what run b did
		want string          // why not; empty if it may be
	}{
		{"a run that was given something else", builds("v1"), began(journal.Beginning{Artifacts: set("v2")}), ""},
		{"one that was given what it made", builds("v1"), began(journal.Beginning{Artifacts: set("v1")}), `the run made artifact "image", which run b was given, that has not ended`},
		{"one that was given it under another name", builds("v1"), began(journal.Beginning{Artifacts: renamed}), `the run made artifact "image", which run b was given, that has not ended`},
		{"one that was given what was made before a retry (R7)", builds("v1", "v2"), began(journal.Beginning{Artifacts: set("v1")}), `the run made artifact "image", which run b was given, that has not ended`},
		{"one that made the same itself", builds("v1"), slices.Concat(began(journal.Beginning{}), []journal.Event{called}, builds("v1")), ""},
		{"one that found what it made", builds("v1"), entered(set("v1")), `the run made artifact "image", which run b, that has not ended, found in environment prod`},
		{"one that found it, left and may be retried (R7)", builds("v1"), entered(set("v1"), left), `the run made artifact "image", which run b, that has not ended, found in environment prod`},
		{"one that found something else", builds("v1"), entered(set("v2")), ""},
		{"one of which a param is its ID", builds("v1"), param("a"), named},
		{"one of which a param begins with its ID", builds("v1"), param("ab"), ""},
		{"one of which a param has the digest of what it made in it", builds("v1"), param("registry.example/shop@" + digest.String()), named},
		{"one of which a param is another digest", builds("v1"), param(set("v2")["image"].Digest.String()), ""},
	} {
		b, err := Fold("b", test.open, func(string, artifact.Digest) *Program { return nil })
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		a, c := &Machine{Run: "a"}, &Machine{Run: "c"}
		if got := why(a.CanArchive(test.made, nil, []*Machine{c, b})); got != test.want {
			t.Errorf("%s is open: CanArchive = %q; want %q (J9)", test.name, got, test.want)
		}
	}
}

// It is who made an artifact that an environment or a run needs, not who was given
// it too (J9).
func TestWhatARunWasGivenIsNotItsOwn(t *testing.T) {
	a := &Machine{Run: "a", Beginning: journal.Beginning{Artifacts: artifact.Set{"candidate": set("v1")["image"]}}}
	b := &Machine{Run: "b", Beginning: journal.Beginning{Artifacts: set("v1")}}
	// A stage hands on what the run was given, under another name.
	if err := a.CanArchive(builds("v1"), []*Environment{environment(t, deploys("b", 1, "v1", true)...)}, []*Machine{b}); err != nil {
		t.Errorf("CanArchive = %v; want nil", err)
	}
}

func TestOldRuns(t *testing.T) {
	m := &Machine{Run: "a", Status: Succeeded, Over: epoch}
	open := &Machine{Run: "a", Status: Waiting}
	for _, test := range []struct {
		name   string
		m      *Machine
		before time.Time
		want   bool
	}{
		{"a run that ended before", m, epoch.Add(1), true},
		{"one that ended at that time", m, epoch, false},
		{"one that has not ended", open, epoch, false},
		{"one that ended, was done anew and has not ended", &Machine{Status: Running, Over: epoch}, epoch.Add(1), false},
	} {
		if got := test.m.Old(test.before); got != test.want {
			t.Errorf("%s: Old = %v; want %v", test.name, got, test.want)
		}
	}
}
