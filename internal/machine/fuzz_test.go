package machine

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// stories returns the journals that the stories make, and the programs of their
// trees.
func stories(t testing.TB) (journals [][]journal.Event, programs map[artifact.Digest]*Program) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	programs = map[artifact.Digest]*Program{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for story := range strings.SplitSeq(string(text), "\n# ") {
			w, _, err := tell(story)
			if err != nil {
				t.Fatal(err)
			}
			for d, p := range w.programs {
				programs[d] = p
			}
			journals = append(journals, w.events)
		}
	}
	return journals, programs
}

// examine folds events, with and without their programs, and looks at what
// comes of it. Whatever they are, nothing panics.
func examine(events []journal.Event, programs map[artifact.Digest]*Program) {
	for _, program := range []func(string, artifact.Digest) *Program{
		func(_ string, d artifact.Digest) *Program { return programs[d] },
		func(string, artifact.Digest) *Program { return nil },
	} {
		m, err := Fold("run-1", events, program)
		if err != nil {
			continue
		}
		m.Tick(m.Begun)
		c := m.Pop(m.Begun)
		for ; c.Do != None && c.Do != Finish && c.Do != Withdraw; c = m.Pop(m.Begun) {
			m.Node(c.Node)
		}
		if c.Do == Finish {
			m.Finished(m.Begun)
		}
		for v := range m.Views() {
			_ = m.CanRetry(v.Node.Name)
			_ = m.CanOverride(v.Node.Name)
			if i, err := m.CanVote(v.Node.Name); err == nil {
				m.Request(i, m.Begun)
			}
		}
	}
}

// FuzzFold folds lines of JSON.
func FuzzFold(f *testing.F) {
	journals, programs := stories(f)
	for _, events := range journals {
		var b bytes.Buffer
		for _, e := range events {
			line, err := json.Marshal(e)
			if err != nil {
				f.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var events []journal.Event
		for line := range bytes.Lines(text) {
			var e journal.Event
			if json.Unmarshal(line, &e) != nil {
				return
			}
			events = append(events, e)
		}
		examine(events, programs)
	})
}

// TestFoldOfAnything folds journals in which events were left out, doubled,
// put elsewhere and changed.
func TestFoldOfAnything(t *testing.T) {
	journals, programs := stories(t)
	kinds := []journal.Kind{}
	for _, events := range journals {
		for _, e := range events {
			kinds = append(kinds, e.Kind)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom(journals).Draw(t, "journal")
		events := append([]journal.Event{}, from...)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			i := rapid.IntRange(0, len(events)-1).Draw(t, "at")
			j := rapid.IntRange(0, len(events)-1).Draw(t, "with")
			switch rapid.IntRange(0, 5).Draw(t, "change") {
			case 0:
				events = append(events[:i:i], events[i+1:]...)
			case 1:
				events = append(events[:i:i], append([]journal.Event{events[j]}, events[i:]...)...)
			case 2:
				events[i], events[j] = events[j], events[i]
			case 3:
				events[i].Step = events[j].Step
			case 4:
				events[i].Epoch = events[j].Epoch
			case 5: // Data that is not of the kind is refused, and nil is none
				events[i].Kind = rapid.SampledFrom(kinds).Draw(t, "kind")
				if events[i].Kind != events[j].Kind {
					events[i].Data = nil
				} else {
					events[i].Data = events[j].Data
				}
			}
			if len(events) == 0 {
				return
			}
		}
		examine(events, programs)
	})
}
