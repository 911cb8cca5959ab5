package machine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// TestAnyClone has runs go on with copies of their machines, in memory that was
// used before. What was copied stays as it was, a copy has its hash, and one
// that forgets what is not recorded does what the fold of its journal does (J7).
func TestAnyClone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		t.Logf("tree: %s", tree)
		w := newWorld(tree)
		s := &script{t, w}
		defer func() { t.Logf("%s", &w.trace) }()
		used := new(Machine)
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			old, dump, hash := w.m, w.m.dump(), w.m.Hash(1)
			w.m.CopyTo(used)
			if got := used.dump(); got != dump {
				t.Fatalf("the copy differs:\n%s", difference(got, dump))
			}
			if got := used.Hash(1); got != hash {
				t.Fatalf("the hash of the copy is %x; want %x", got, hash)
			}
			s.restart()
			w.m = used
			w.pull()
			s.check()
			s.step()
			if got := old.dump(); got != dump || old.Hash(1) != hash {
				t.Fatalf("what was copied has changed:\n%s", difference(got, dump))
			}
			used = old
		}
	})
}

// TestAnyReleased folds the journals of runs in memory that a machine in the
// middle of the same run had, and gave back. Nothing of it is left (J7).
func TestAnyReleased(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		t.Logf("tree: %s", tree)
		w := newWorld(tree)
		s := &script{t, w}
		defer func() { t.Logf("%s", &w.trace) }()
		for range rapid.IntRange(0, 40).Draw(t, "steps") {
			w.pull()
			s.step()
			f := w.fold()
			want, hash := f.dump(), f.Hash(1)
			f.Release()
			w.m.Clone().Release()
			again := w.fold()
			if got := again.dump(); got != want || again.Hash(1) != hash {
				t.Fatalf("in memory that was used before, the fold differs:\n%s", difference(got, want))
			}
		}
	})
}

// restart compares the machine, after it was restarted, with the fold.
func (s *script) restart() {
	m, f := s.w.m.Clone(), s.w.fold()
	m.Restart()
	if got, want := m.Hash(1), f.Hash(1); got != want {
		s.t.Fatalf("restarted, the machine has hash %x; want that of the fold, %x:\n%s", got, want, difference(m.dump(), f.dump()))
	}
	got, want := commands(m, s.w), commands(f, s.w)
	if !slices.Equal(got, want) {
		s.t.Fatalf("restarted, the machine has commands\n%s\nwant those of the fold\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// commands returns what m has to do, in no order.
func commands(m *Machine, w *world) (all []string) {
	m.Tick(w.now)
	for c := m.Pop(w.now); c.Do != None; c = m.Pop(w.now) {
		if c.Do == Finish || c.Do == Withdraw { // is said until it is recorded
			return []string{fmt.Sprint(c.Do)}
		}
		all = append(all, fmt.Sprintln(c.Do, c.Node, c.Env, c.Text))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestHash compares runs that came to the same by different ways, and runs that
// did not.
func TestHash(t *testing.T) {
	tree, err := parse("par(a b)")
	if err != nil {
		t.Fatal(err)
	}
	after := func(steps ...string) uint64 {
		w := newWorld(tree)
		w.pull()
		for _, s := range steps {
			i, _ := w.m.Find(s)
			w.emit(journal.Event{Time: w.now, Kind: journal.Done, Step: w.m.Node(i).Name})
			w.pull()
		}
		return w.m.Hash(0)
	}
	if after("a", "b") != after("b", "a") {
		t.Error("the order in which steps ended counts; want it not to")
	}
	if after("a") == after("b") {
		t.Error("which step ended does not count; want it to")
	}
}

// TestCopiesGoTheirOwnWay gives an artifact to a machine and another one to its
// copy.
func TestCopiesGoTheirOwnWay(t *testing.T) {
	w := newWorld(must(t, "seq(build{produces=image}, par(sign{produces=sig} scan{produces=sbom}))"))
	tell := func(line string) {
		t.Helper()
		if err := w.tell(line, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.pull()
	tell("build done image")
	w.pull()
	m, c := w.m, w.m.Clone()
	tell("sign done sig")
	w.m = c
	tell("scan done sbom")
	for _, test := range []struct {
		name string
		m    *Machine
		want string
	}{{"the machine", m, "[image sig]"}, {"its copy", c, "[image sbom]"}} {
		if got := fmt.Sprint(slices.Sorted(maps.Keys(test.m.Artifacts))); got != test.want {
			t.Errorf("%s has %s; want %s", test.name, got, test.want)
		}
	}
}

// TestEnvironmentHash compares environments in which runs go on otherwise, and the
// same one at another time.
func TestEnvironmentHash(t *testing.T) {
	a := []journal.Event{inside("a", 1), changes("a", "v1", 100), gives("a", true)}
	then := func(before []journal.Event, more ...journal.Event) uint64 {
		return environment(t, slices.Concat(before, more)...).Hash(0)
	}
	seen := map[uint64]string{}
	for what, h := range map[string]uint64{
		"nobody was there":                 then(nil),
		"a is there":                       then(nil, inside("a", 1)),
		"b is there":                       then(nil, inside("b", 1)),
		"a has brought v1":                 then(a),
		"a has brought v2":                 then(nil, inside("a", 1), changes("a", "v2", 100), gives("a", true)),
		"b is where a was":                 then(a, inside("b", 2)),
		"b has brought v2 to where v1 was": then(a, inside("b", 2), changes("b", "v2", 100)),
		"b has brought v2 where none was":  then(nil, inside("b", 2), changes("b", "v2", 100)),
		"b has put back v1":                then(a, inside("b", 2), changes("b", "v2", 100), restores("b", "v1")),
		"b has brought v1 again":           then(a, inside("b", 2), changes("b", "v1", 100)),
		"b waits":                          then(nil, inside("a", 1), queues("b", 0)),
		"b waits before c":                 then(nil, inside("a", 1), queues("b", 0), queues("c", 0)),
		"c waits before b":                 then(nil, inside("a", 1), queues("c", 0), queues("b", 0)),
	} {
		if other, twice := seen[h]; twice {
			t.Errorf("%q and %q have one hash; want two, for runs go on otherwise", what, other)
		}
		seen[h] = what
	}
	if then(nil) != then(nil, inside("a", 1), gives("a", true)) {
		t.Error("that a run was there which changed nothing counts; want it not to")
	}
}

// TestMixSpreads has numbers that differ in one bit mixed.
func TestMixSpreads(t *testing.T) {
	seen := map[uint64]string{}
	note := func(h uint64, what string) {
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s have hash %x", what, other, h)
		}
		seen[h] = what
	}
	note(Mix(0, 0, 0), "nothing")
	for i := range 64 {
		note(Mix(1<<i, 0, 0), fmt.Sprint("bit of h ", i))
		note(Mix(0, 1<<i, 0), fmt.Sprint("bit of a ", i))
		note(Mix(0, 0, 1<<i), fmt.Sprint("bit of b ", i))
	}
}

// BenchmarkClone measures what a copy and a hash cost, in memory that is used
// again.
func BenchmarkClone(b *testing.B) {
	for _, shape := range shapes {
		p := Build("shop", artifact.Digest{}, func(b *Builder) { shape.build(b, 20) })
		m, c := New("r1", p), new(Machine)
		b.Run(shape.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.CopyTo(c)
				c.Hash(0)
			}
		})
	}
}
