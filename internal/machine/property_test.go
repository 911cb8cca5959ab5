package machine

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// A script draws what happens to a world.
type script struct {
	t *rapid.T
	w *world
}

func (s *script) n(what string, n int) int { return rapid.IntRange(0, n-1).Draw(s.t, what) }

// step has one thing happen.
func (s *script) step() {
	w := s.w
	switch k := s.n("happens", 20); {
	case k < 7 && len(w.calls) > 0:
		s.back(w.m.Node(w.calls[s.n("call", len(w.calls))].node).Name)
	case k < 12 && len(w.asked) > 0:
		s.answer(w.asked[s.n("question", len(w.asked))])
	case k < 14:
		w.now = w.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Minute, time.Hour}).Draw(s.t, "time"))
	case k == 14:
		w.crash()
	case k == 15 && s.n("cancel", 4) == 0:
		w.by("bob", journal.Stopped, "", &journal.Reason{}, w.m.CanCancel())
	case k == 16:
		name := s.name()
		w.by("bob", journal.Overridden, name, &journal.Reason{Text: "fire"}, w.m.CanOverride(name))
	case k == 17:
		s.visit()
	case k == 18:
		name := s.name()
		i, err := w.m.CanVote(name)
		w.by("ann", journal.Voted, name, &gate.Vote{By: "ann", Approve: true, At: w.now, Subject: w.m.Request(i, w.now).Subject}, err)
	default:
		name := s.name()
		w.by("bob", journal.Retried, name, &journal.Reason{}, w.m.CanRetry(name))
	}
}

func (s *script) name() string {
	var names []string
	for v := range s.w.m.Views() {
		names = append(names, v.Node.Name)
	}
	return names[s.n("step", len(names))]
}

// back has a hook return.
func (s *script) back(step string) {
	w := s.w
	switch s.n("returns", 8) {
	case 0:
		w.settle(step, stage.Output{}, stage.Failf("no <%s>", "\xff"), "")
	case 1:
		w.settle(step, stage.Output{}, errors.New("network"), "")
	case 2:
		w.settle(step, stage.Output{Again: 10 * time.Minute, State: json.RawMessage(`{ "n": "<1>" }`)}, nil, "")
	case 3:
		w.settle(step, stage.Output{Ask: "which"}, nil, "")
	default:
		out := stage.Output{Summary: "fine"}
		if i, _ := w.m.Find(step); w.m.Node(i).Environment != "" {
			out.Live, out.Traffic = artifact.Set{}, 100
		}
		w.settle(step, out, nil, "")
	}
}

func (s *script) answer(c Command) {
	w, name := s.w, s.w.m.Node(c.Node).Name
	k := s.n("answer", 8)
	switch {
	case k == 0:
		w.decide(name, gate.Decision{}, errors.New("network"))
	case c.Do == Choose:
		w.choose(name, k > 2)
	case c.Do == Items:
		w.list(name, []string{"x", "y"}[:k%3])
	case c.Do == Observe:
		w.observe(name, stage.Observation{Done: k > 4})
	case k == 1:
		w.decide(name, gate.Waitf("not yet").Until(w.now.Add(20*time.Minute)), nil)
	case k == 2:
		w.decide(name, gate.Rejectf("never"), nil)
	case k < 5:
		w.decide(name, gate.Passf("for a while").Until(w.now.Add(15*time.Minute)), nil)
	default:
		w.decide(name, gate.Passf("fine"), nil)
	}
}

// visit has another run go in or out.
func (s *script) visit() {
	w := s.w
	name := rapid.SampledFrom([]string{"prod", "test"}).Draw(s.t, "env")
	other := rapid.SampledFrom([]string{"older", "younger"}).Draw(s.t, "other")
	env := w.env(name)
	verb := "queues"
	switch {
	case env.Holder.Run == other:
		verb = "leaves"
	case env.Holder.Run == "" && (len(env.Queue) == 0 || env.Queue[0].Run == other):
		verb = "enters"
	case env.waits(other) >= 0:
		verb = "quits"
	}
	w.visit(other, verb, name)
}

// finish lets everything come to an end: hooks succeed, gates pass, people do
// what is waited for, other runs leave.
func (s *script) finish() {
	w := s.w
	for range 10_000 {
		w.pull()
		s.check()
		switch next := w.m.Next(); {
		case w.m.Status.Done():
			return
		case len(w.calls) > 0:
			w.settle(w.m.Node(w.calls[0].node).Name, stage.Output{}, nil, "")
		case len(w.asked) > 0:
			switch c := w.asked[0]; c.Do {
			case Choose:
				w.choose(w.m.Node(c.Node).Name, true)
			case Items:
				w.list(w.m.Node(c.Node).Name, []string{"x"})
			case Observe:
				w.observe(w.m.Node(c.Node).Name, stage.Observation{Done: true})
			default:
				w.decide(w.m.Node(c.Node).Name, gate.Passf("fine"), nil)
			}
		case s.release(), s.vacate():
		case !next.IsZero():
			w.now = later0(w.now, next)
		default:
			w.show()
			s.t.Fatal("nothing is to be done, and the run has not ended")
		}
	}
	s.t.Fatalf("the run does not end")
}

func later0(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// release has a person take on a step that is held.
func (s *script) release() bool {
	for v := range s.w.m.Views() {
		if v.For == "hold" {
			if err := s.w.by("bob", journal.Retried, v.Node.Name, &journal.Reason{}, s.w.m.CanRetry(v.Node.Name)); err != nil {
				s.t.Fatalf("CanRetry(%q) = %v; want nil, for it is held", v.Node.Name, err)
			}
			return true
		}
	}
	return false
}

// vacate has the other runs go.
func (s *script) vacate() bool {
	for _, name := range []string{"prod", "test"} {
		env := s.w.env(name)
		if r := env.Holder.Run; r != "" && r != s.w.m.Run {
			s.w.visit(r, "leaves", name)
			return true
		}
		if len(env.Queue) > 0 && env.Queue[0].Run != s.w.m.Run {
			s.w.visit(env.Queue[0].Run, "quits", name)
			return true
		}
	}
	return false
}

// check says what holds whenever there is no command.
func (s *script) check() {
	w, m := s.w, s.w.m
	if err := w.check(); err != nil {
		s.t.Fatal(err)
	}
	for i := range m.states {
		n, st := m.Node(int32(i)), &m.states[i]
		if n.Kind == Stage && !st.begun && (st.phase == ready || st.phase == waiting) {
			m.gatesBefore(int32(i), func(g int32) {
				if x := m.states[g].more; x != nil && !x.lapses.IsZero() && !m.lapses(g) {
					s.t.Fatalf("nobody looks at gate %s when its pass lapses, which bars %s (G9)", m.Node(g).Name, n.Name)
				}
			})
		}
		if n.Kind != Group && n.Kind != ForEach || st.phase != active {
			continue
		}
		var left, running int32
		for _, c := range m.children(int32(i)) {
			switch phase := m.states[c].phase; {
			case phase == ended || phase == dropped || m.withdrawn(c):
			case phase == idle:
				left++
			default:
				left++
				running++
			}
		}
		if left != st.left || running != st.running {
			s.t.Fatalf("group %d counts %d children left and %d under way; there are %d and %d", i, st.left, st.running, left, running)
		}
		if n.Max > 0 && int(st.running) > n.Max {
			s.t.Fatalf("group %d has %d children under way; want at most %d", i, st.running, n.Max)
		}
	}
	if !m.Status.Done() {
		return
	}
	for name, env := range w.envs {
		if env.Holder.Run == m.Run || env.waits(m.Run) >= 0 {
			s.t.Fatalf("the run has ended and has not left %s (E1)", name)
		}
	}
	if held := m.Held(); len(held) > 0 {
		s.t.Fatalf("the run has ended and says that it holds %q (E1)", held)
	}
	if len(w.calls) > 0 && !slices.ContainsFunc(w.calls, func(c call) bool { return !m.Calling(c.node, c.attempt) }) {
		s.t.Fatal("the run has ended while a hook is called")
	}
}

// TestAnyRun draws trees and what happens to runs of them. After each event the
// machine is the fold of its journal (J7), nothing is called that must not be,
// and at last the run ends, also if the journal is cut anywhere and another
// process goes on.
func TestAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		t.Logf("tree: %s", tree)
		w := newWorld(tree)
		s := &script{t, w}
		defer func() { t.Logf("%s", &w.trace) }()
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			w.pull()
			s.check()
			s.step()
		}
		s.finish()
		s.loose()
		all, visits := slices.Clone(w.events), slices.Clone(w.visits)
		cut := rapid.IntRange(1, len(all)).Draw(t, "cut")
		w.say("--- cut at %d", cut)
		w.events, w.visits = all, visits
		w.now = later0(w.now, all[cut-1].Time)
		if all[cut-1].Kind == journal.Ended {
			return
		}
		w.cut(cut)
		s.finish()
	})
}

// loose compares what is seen of a run with what is seen of it without its
// definition.
func (s *script) loose() {
	w := s.w
	books, err := Fold(w.m.Run, w.events, func(string, artifact.Digest) *Program { return nil })
	if err != nil {
		s.t.Fatalf("without a program the journal is refused: %v", err)
	}
	if books.Status != w.m.Status || books.Reason != w.m.Reason || asJSON(books.Overrides()) != asJSON(w.m.Overrides()) {
		s.t.Fatalf("without a program the run is %s: %s; want %s: %s", books.Status, books.Reason, w.m.Status, w.m.Reason)
	}
	for got := range books.Views() {
		i, ok := w.m.Find(got.Node.Name)
		if !ok {
			s.t.Fatalf("without a program there is a step %q", got.Node.Name)
		}
		want := w.m.View(i)
		if want.Reached.IsZero() || want.Status == Canceled || want.Overridden != "" || want.Node.Kind != Stage && want.Node.Kind != Gate {
			continue
		}
		// Not in the journal is what follows from a rejection, and that a step was canceled with others.
		same := got.Status == want.Status || want.Status == Skipped && got.Status == Failed
		round := got.Round == want.Round || want.Node.Kind == Gate && got.Round < want.Round
		if got.Attempt != want.Attempt || !round || !same {
			s.t.Fatalf("without a program %q is %s, attempt %d, round %d; want %s, attempt %d, round %d",
				got.Node.Name, got.Status, got.Attempt, got.Round, want.Status, want.Attempt, want.Round)
		}
	}
}

// TestAnyAdoption has runs go on under other trees (R2).
func TestAnyAdoption(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		t.Logf("tree: %s", tree)
		w := newWorld(tree)
		s := &script{t, w}
		defer func() { t.Logf("%s", &w.trace) }()
		for range rapid.IntRange(1, 3).Draw(t, "adoptions") {
			for range rapid.IntRange(0, 15).Draw(t, "steps") {
				w.pull()
				s.check()
				s.step()
			}
			if w.pull(); w.m.Status.Done() {
				return
			}
			tree = s.edit(tree)
			t.Logf("then: %s", tree)
			w.say("--- adopted")
			w.adopt(tree)
		}
		s.finish()
	})
}

// edit returns a tree in which a step is new, and perhaps one is gone.
func (s *script) edit(tree *spec) *spec {
	if s.n("goes", 2) == 0 && len(tree.kids) > 1 {
		at := s.n("gone", len(tree.kids))
		tree = &spec{kind: "seq", opts: tree.opts, kids: slices.Delete(slices.Clone(tree.kids), at, at+1)}
	}
	g := &grower{t: s.t, left: 1, leafs: 100 + len(s.w.events)}
	at := s.n("new", len(tree.kids)+1)
	return &spec{kind: "seq", opts: tree.opts, kids: slices.Insert(slices.Clone(tree.kids), at, g.tree(9, false))}
}
