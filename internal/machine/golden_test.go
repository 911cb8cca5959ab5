package machine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

var golden = flag.String("golden", "", "name of a new file of golden journals to write, such as v1.2")

// TestGoldenJournals reads journals that released versions have written: they
// are read for ever, and mean what they meant (J6, I19). For a release a file is
// added with -golden; after that it stays as it is.
//
// Each block is a tree, the events of a run of it, and what became of the run.
func TestGoldenJournals(t *testing.T) {
	if *golden != "" {
		writeGolden(t, filepath.Join("testdata", "golden", *golden+".txt"))
	}
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob = %q, %v; want files", files, err)
	}
	kinds := map[journal.Kind]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for k, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(file), ".txt"), k+1), func(t *testing.T) {
				checkGolden(t, block, kinds)
			})
		}
	}
	for _, e := range ofRuns {
		if !kinds[e] {
			t.Errorf("no golden journal has an event of kind %q", e)
		}
	}
}

// ofRuns are the kinds of event that a run without another definition can have.
var ofRuns = []journal.Kind{
	journal.Began, journal.Claimed, journal.Called, journal.Again, journal.Held, journal.Erred, journal.Done, journal.Failed,
	journal.Waiting, journal.Voted, journal.Passed, journal.Permitted, journal.Rejected, journal.Withdrawn, journal.Chosen, journal.Listed,
	journal.Took, journal.Left, journal.Stopped, journal.Superseded, journal.Retried, journal.Overridden, journal.Ended,
}

func checkGolden(t *testing.T, block string, kinds map[journal.Kind]bool) {
	t.Helper()
	lines := strings.Split(block, "\n")
	tree, err := parse(strings.TrimPrefix(lines[0], "tree: "))
	if err != nil {
		t.Fatal(err)
	}
	var events []journal.Event
	lines = lines[1:]
	for ; len(lines) > 0 && strings.HasPrefix(lines[0], "{"); lines = lines[1:] {
		var e journal.Event
		if err := e.UnmarshalJSON([]byte(lines[0])); err != nil {
			t.Fatalf("%v: %s", err, lines[0])
		}
		if again, err := e.MarshalJSON(); err != nil || string(again) != lines[0] {
			t.Errorf("written again it is %s, %v; want %s", again, err, lines[0])
		}
		events, kinds[e.Kind] = append(events, e), true
	}
	if got, want := outcome(t, tree, events), strings.Join(lines, "\n"); got != want {
		t.Errorf("tree: %s\nthe journal means\n%s\nwant\n%s", tree, got, want)
	}
}

// outcome says what became of a run.
func outcome(t *testing.T, tree *spec, events []journal.Event) string {
	t.Helper()
	m, err := Fold("run-1", events, func(string, artifact.Digest) *Program { return tree.program() })
	if err != nil {
		t.Fatalf("tree: %s\n%v", tree, err)
	}
	w := &world{m: m}
	w.show()
	return strings.TrimRight(w.trace.String(), "\n")
}

// writeGolden writes a file with journals of runs that are drawn.
func writeGolden(t *testing.T, file string) {
	t.Helper()
	type run struct {
		tree   *spec
		events []journal.Event
	}
	draw := rapid.Custom(func(t *rapid.T) run {
		tree := drawTree(t)
		w := newWorld(tree)
		s := &script{t, w}
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			w.pull()
			s.step()
		}
		if s.n("ends", 2) == 0 {
			s.finish()
		}
		return run{tree, w.events}
	})
	var b strings.Builder
	for seed, n := 0, 0; n < 200; seed++ {
		r := draw.Example(seed)
		if len(r.events) < 8 || len(r.events) > 40 {
			continue
		}
		n++
		fmt.Fprintf(&b, "tree: %s\n", r.tree)
		for _, e := range r.events {
			line, err := e.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", line)
		}
		fmt.Fprintf(&b, "%s\n\n", outcome(t, r.tree, r.events))
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
