package machine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

func must(t testing.TB, text string) *spec {
	t.Helper()
	s, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestApplyRefuses gives events to a run of seq(a, gate g) in which a is called
// under claim 1.
func TestApplyRefuses(t *testing.T) {
	tests := []struct {
		name  string
		event journal.Event
		want  error // nil: any
	}{
		{"a claim that is not newer (J4)", journal.Event{Kind: journal.Claimed, By: "x2", Epoch: 1}, ErrFenced},
		{"a claim by nobody (J4)", journal.Event{Kind: journal.Claimed, Epoch: 2}, ErrFenced},
		{"what is written under an older claim (J4)", journal.Event{Kind: journal.Done, Step: "a", Epoch: 0}, ErrFenced},
		{"what is written under a claim to come (J4)", journal.Event{Kind: journal.Done, Step: "a", Epoch: 2}, ErrFenced},
		{"an end without a claim (J4)", journal.Event{Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}}, ErrFenced},
		{"a second beginning", journal.Event{Kind: journal.Began}, ErrOrder},
		{"a second call of a hook that is called (J3)", journal.Event{Kind: journal.Called, Step: "a", Epoch: 1, Data: &journal.Call{Attempt: 2}}, ErrOrder},
		{"a wait of a stage that is called", journal.Event{Kind: journal.Waiting, Step: "a", Epoch: 1}, ErrOrder},
		{"a pass of a gate that is not reached", journal.Event{Kind: journal.Passed, Step: "g", Epoch: 1}, ErrOrder},
		{"a pass of a stage", journal.Event{Kind: journal.Passed, Step: "a", Epoch: 1}, ErrOrder},
		{"items of a gate", journal.Event{Kind: journal.Listed, Step: "g", Epoch: 1}, ErrOrder},
		{"a retry of a step that has not ended (R7)", journal.Event{Kind: journal.Retried, Step: "a", By: "ann"}, ErrOrder},
		{"a step that is not in the definition", journal.Event{Kind: journal.Voted, Step: "x"}, nil},
		{"an end with a status that is none (J6)", journal.Event{Kind: journal.Ended, Epoch: 1, Data: &journal.End{Status: "great"}}, journal.ErrUnknown},
		{"an end with a status that is not final", journal.Event{Kind: journal.Ended, Epoch: 1, Data: &journal.End{Status: "running"}}, journal.ErrUnknown},
		{"an event of an environment", journal.Event{Kind: journal.Queued, Epoch: 1}, journal.ErrUnknown},
		{"data of another kind", journal.Event{Kind: journal.Done, Step: "a", Epoch: 1, Data: &journal.Reason{}}, journal.ErrCorrupt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(must(t, "seq(a, gate g)"))
			w.pull()
			if err := w.m.Apply(&test.event); err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("Apply(%s %q) = %v; want %v", test.event.Kind, test.event.Step, err, test.want)
			}
		})
	}
}

// Two executors that both take a stage for one that is not called agree on one
// call of it (J3, I4).
func TestACallHasTheNextNumber(t *testing.T) {
	for attempt, want := range map[int]error{0: ErrOrder, 1: nil, 2: ErrOrder} {
		w := newWorld(must(t, "a"))
		err := w.m.Apply(&journal.Event{Kind: journal.Called, Step: "a", Epoch: 1, Data: &journal.Call{Attempt: attempt}})
		if !errors.Is(err, want) {
			t.Errorf("the first call with number %d: %v; want %v", attempt, err, want)
		}
	}
}

func TestNothingFollowsAnEndButARetry(t *testing.T) {
	w := newWorld(must(t, "a"))
	w.pull()
	w.tell("a fails", nil)
	w.pull()
	for _, e := range []journal.Event{
		{Kind: journal.Claimed, By: "x", Epoch: 2}, {Kind: journal.Stopped, By: "ann"}, {Kind: journal.Overridden, Step: "a"}, {Kind: journal.Drained},
	} {
		if err := w.fold().Apply(&e); !errors.Is(err, ErrOrder) {
			t.Errorf("Apply(%s) after the end = %v; want ErrOrder", e.Kind, err)
		}
	}
	if err := w.fold().Apply(&journal.Event{Kind: journal.Retried, Step: "a", By: "ann"}); err != nil {
		t.Errorf("Apply(retried) after the end = %v; want nil, so that a person can go on (R7)", err)
	}
}

func TestDriftIsWaitedForAndDrained(t *testing.T) {
	w := newWorld(must(t, "a"))
	if err := w.m.CanAdopt(); err == nil {
		t.Error("CanAdopt = nil for a run that does not wait for drift; want an error (R2)")
	}
	w.put(journal.Event{Time: w.now, Kind: journal.Waiting, Data: &journal.Wait{For: "drift", Text: "changed"}})
	if w.m.Status != Waiting || w.m.For != "drift" || w.m.Reason != "changed" {
		t.Errorf("status %s for %q: %q; want waiting for drift: changed (R2, R3)", w.m.Status, w.m.For, w.m.Reason)
	}
	if err := w.m.CanAdopt(); err != nil {
		t.Errorf("CanAdopt = %v; want nil (R2)", err)
	}
	w.put(journal.Event{Time: w.now, Kind: journal.Drained, By: "ann"})
	if !w.m.Drains || w.m.For != "" {
		t.Errorf("drains %v, waits for %q; want true and nothing (R2)", w.m.Drains, w.m.For)
	}
}

func TestReleasedRunsWaitUntilClaimed(t *testing.T) {
	w := newWorld(must(t, "gate g"))
	w.pull()
	w.emit(journal.Event{Time: w.now, Kind: journal.Released, By: "x1"})
	if w.m.Status != Waiting || w.m.Owner != "" {
		t.Errorf("status %s, owner %q; want waiting and none", w.m.Status, w.m.Owner)
	}
	w.claim("x2")
	if w.m.Status != Running || w.m.Owner != "x2" {
		t.Errorf("status %s, owner %q; want running and x2 (J4)", w.m.Status, w.m.Owner)
	}
}

// TestSubject changes one thing after the other of what a vote is for (G4).
func TestSubject(t *testing.T) {
	make := func(change func(w *world)) artifact.Digest {
		w := newWorld(must(t, "seq(a{produces=image gives=url}, gate g{consumes=image takes=url env=prod})"))
		w.pull()
		change(w)
		if err := w.tell("a done image v:url", nil); err != nil {
			t.Fatal(err)
		}
		i, _ := w.m.Find("g")
		return w.m.Request(i, w.now).Subject
	}
	want := make(func(*world) {})
	if got := make(func(w *world) { w.now = w.now.Add(time.Hour) }); got != want {
		t.Errorf("an hour later the subject is %s; want %s, for nothing has changed", got, want)
	}
	for name, change := range map[string]func(w *world){
		"the run":         func(w *world) { w.m.Run = "run-2" },
		"the params":      func(w *world) { w.m.Beginning.Params = map[string]string{"size": "3"} },
		"the definition":  func(w *world) { w.m.Definition = artifact.DigestBytes(nil) },
		"the round":       func(w *world) { i, _ := w.m.Find("g"); w.m.states[i].gen++ },
		"the environment": func(w *world) { i, _ := w.m.Find("g"); w.m.node(i).Environment = "test" },
		"the artifacts":   func(w *world) { i, _ := w.m.Find("g"); w.m.node(i).Consumes = nil },
		"the values":      func(w *world) { i, _ := w.m.Find("g"); w.m.node(i).Takes = nil },
	} {
		if got := make(change); got == want {
			t.Errorf("the subject is the same when %s is another; want another, so that votes are void (G4)", name)
		}
	}
}

func TestVotesCountOnceByID(t *testing.T) {
	w := newWorld(must(t, "gate g"))
	w.pull()
	w.put(journal.Event{Time: w.now, Kind: journal.Voted, Step: "g", By: "ann", Data: &gate.Vote{ID: "1", By: "ann"}})
	if !w.m.Voted("1") || w.m.Voted("2") || w.m.Voted("") {
		t.Errorf("Voted(1, 2, none) = %v, %v, %v; want true, false, false", w.m.Voted("1"), w.m.Voted("2"), w.m.Voted(""))
	}
}

func TestTheOneWhoStartedIsAPerson(t *testing.T) {
	for kind, want := range map[string]string{"": "ann", "user": "ann", "bot": "", "schedule": ""} {
		w := newWorld(must(t, "gate g"))
		w.m.Beginning.ActorKind = kind
		if got := w.m.Request(0, w.now).Starter; got != want {
			t.Errorf("Starter of a run by a %q = %q; want %q (G5)", kind, got, want)
		}
	}
}

// TestWithoutADefinition asks what people may do to a run that nobody here has
// the definition of.
func TestWithoutADefinition(t *testing.T) {
	w := newWorld(must(t, "seq(a, gate g)"))
	w.pull()
	m, err := Fold("run-1", w.events, func(string, artifact.Digest) *Program { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Pop(w.now); c.Do != None {
		t.Errorf("Pop = %d; want None, for what is next is not known", c.Do)
	}
	for what, err := range map[string]error{"CanRetry": m.CanRetry("a"), "CanOverride": m.CanOverride("g")} {
		if err == nil || !strings.Contains(err.Error(), "definition") {
			t.Errorf("%s = %v; want that the definition is not here, for one who has it might refuse the journal then", what, err)
		}
	}
	if err := m.CanCancel(); err != nil {
		t.Errorf("CanCancel = %v; want nil (R2)", err)
	}
}

func TestABodyThatIsGone(t *testing.T) {
	w := newWorld(must(t, "each f(a)"))
	events := append(w.events,
		journal.Event{Kind: journal.Listed, Step: "f", Epoch: 1, Data: &journal.List{Items: []string{"broken"}}},
		journal.Event{Kind: journal.Adopted, Data: &journal.Adoption{Definition: w.m.Definition}})
	if _, err := Fold("run-1", events, w.program); err == nil || !strings.Contains(err.Error(), `item "broken"`) {
		t.Errorf("Fold = %v; want an error that names the item (R2, R8a)", err)
	}
}

// A run may be adopted while it is called, and called anew by the one who has it.
func TestAJournalOfTwoAdoptionsCanBeFolded(t *testing.T) { // R2, J7
	old, next := must(t, "seq(a, b)").program(), must(t, "seq(a, c, b)").program()
	programs := map[artifact.Digest]*Program{old.Definition: old, next.Definition: next}
	adopt := journal.Event{Time: epoch, Kind: journal.Adopted, By: "ann", Data: &journal.Adoption{Definition: next.Definition}}
	call := func(attempt int) journal.Event {
		return journal.Event{Time: epoch, Kind: journal.Called, Step: "a", Epoch: 1, Data: &journal.Call{Attempt: attempt}}
	}
	_, err := Fold("run-1", []journal.Event{
		{Time: epoch, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "shop", Definition: old.Definition}},
		{Time: epoch, Kind: journal.Claimed, By: "x1", Epoch: 1},
		call(1), adopt, call(2), adopt,
	}, func(_ string, d artifact.Digest) *Program { return programs[d] })
	if err != nil {
		t.Errorf("Fold = %v; want nil, for each event was recorded from the fold of those before", err)
	}
}

// What is waited for under a new definition is waited for as much less as the clock
// was set back before it was adopted.
func TestAnAdoptionKnowsThatTheClockWasSetBack(t *testing.T) { // R2, I20
	w := newWorld(must(t, "seq(a, b)"))
	w.pull()
	w.settle("a", stage.Output{Again: 20 * time.Minute}, nil, "")
	w.now = w.now.AddDate(-1, 0, 0)
	w.claim("x2")
	w.adopt(must(t, "seq(a, c, b)"))
	w.pull()
	if at := w.m.Next(); at.Sub(w.now) > 20*time.Minute {
		t.Errorf("a is called again at %v, in %v; want in 20 minutes", at, at.Sub(w.now))
	}
}
