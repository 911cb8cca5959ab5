package screen

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A terminal keeps what a person would see: it knows the few sequences that a
// Screen writes, and panics on others.
type terminal struct {
	lines    [][]rune
	row, col int
	kept     [2]int
}

func (t *terminal) Write(b []byte) (int, error) {
	for s := string(b); s != ""; {
		if rest, ok := strings.CutPrefix(s, "\x1b7"); ok {
			t.kept, s = [2]int{t.row, t.col}, rest
			continue
		}
		if rest, ok := strings.CutPrefix(s, "\x1b8"); ok {
			t.row, t.col, s = t.kept[0], t.kept[1], rest
			continue
		}
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			end := strings.IndexAny(rest, "AJKm")
			t.command(rest[end], rest[:end])
			s = rest[end+1:]
			continue
		}
		c, n := utf8.DecodeRuneInString(s)
		t.put(c)
		s = s[n:]
	}
	return len(b), nil
}

func (t *terminal) command(c byte, arg string) {
	line := t.line()
	switch c {
	case 'A':
		n, _ := strconv.Atoi(arg)
		t.row = max(0, t.row-n)
	case 'K':
		*line = (*line)[:min(len(*line), t.col)]
	case 'J':
		*line = (*line)[:min(len(*line), t.col)]
		t.lines = t.lines[:t.row+1]
	case 'm':
	}
}

func (t *terminal) put(c rune) {
	switch c {
	case '\n':
		t.row, t.col = t.row+1, 0
		t.line()
	case '\r':
		t.col = 0
	case '\x1b':
		panic("unknown sequence")
	default:
		line := t.line()
		for len(*line) <= t.col {
			*line = append(*line, ' ')
		}
		(*line)[t.col] = c
		t.col++
	}
}

func (t *terminal) line() *[]rune {
	for len(t.lines) <= t.row {
		t.lines = append(t.lines, nil)
	}
	return &t.lines[t.row]
}

func (t *terminal) String() string {
	var s strings.Builder
	for _, line := range t.lines {
		s.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(s.String(), "\n") + "\n"
}

func at(width, height int) (*terminal, *Screen) {
	t := &terminal{}
	return t, &Screen{
		w:     t,
		size:  func() (int, int) { return width, height },
		color: true,
		now:   func() time.Time { return time.UnixMilli(0) },
		said:  map[string]Row{},
	}
}

func see(t *testing.T, term *terminal, want string) {
	t.Helper()
	if got := term.String(); got != want {
		t.Errorf("terminal shows\n%swant\n%s", got, want)
	}
}

func TestRowsAreRewrittenInPlace(t *testing.T) {
	term, s := at(60, 24)
	s.Print("Delivering v2.")
	s.Show([]Row{{Name: "build", Mark: Running, Moving: "0.4s"}, {Name: "test"}})
	see(t, term, "Delivering v2.\n  ⠋ build        0.4s\n  · test\n")
	s.Show([]Row{{Name: "build", Mark: Good, Text: "6.1 MB", Moving: "1s"}, {Name: "test", Mark: Bad, Word: "failed"}})
	see(t, term, "Delivering v2.\n  ✓ build        6.1 MB  1s\n  ✗ test         failed\n")
	s.Show([]Row{{Name: "test", Mark: Skipped, Word: "skipped"}})
	see(t, term, "Delivering v2.\n  - test         skipped\n")
	s.Print("Done.")
	s.Show([]Row{{Name: "more", Mark: Waiting, Text: "for\x1b[31m you"}})
	see(t, term, "Delivering v2.\nDone.\n  ? more         for [31m you\n")
	s.End()
	s.Show([]Row{{Name: "next"}})
	see(t, term, "Delivering v2.\nDone.\n  ? more         for [31m you\n  · next\n")
}

func TestQuestionStaysBelow(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answered bool
	}{
		{"a person answers", true},
		{"somebody else was faster", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			term, s := at(60, 24)
			s.Show([]Row{{Name: "release", Mark: Waiting, Text: "0 of 1"}})
			s.Ask("Approve?")
			s.Ask("Approve?")
			term.Write([]byte("ye"))
			s.Show([]Row{{Name: "release", Mark: Waiting, Text: "0 of 1", Moving: "2s"}})
			see(t, term, "  ? release      0 of 1  2s\nApprove? ye\n")
			if tt.answered {
				term.Write([]byte("s\n"))
			}
			s.Asked(tt.answered)
			s.Show([]Row{{Name: "release", Mark: Good, Text: "approved"}})
			see(t, term, "  ✓ release      approved\n")
		})
	}
}

func TestSmallTerminal(t *testing.T) {
	term, s := at(20, 4)
	var rows []Row
	for _, name := range []string{"a", "b", "c"} {
		rows = append(rows, Row{Name: name, Mark: Good, Text: "a text that does not fit"})
	}
	s.Show(rows)
	s.Show(rows)
	see(t, term, "  ✓ b            a…\n  ✓ c            a…\n")
}

func TestPlainLinesAreForChanges(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := New(f)
	if s.Moves() {
		t.Fatal("a file is a terminal; want it not to be")
	}
	s.Print("Delivering v2.")
	for _, rows := range [][]Row{
		{{Name: "build", Mark: Running, Word: "running", Moving: "0.1s"}, {Name: "test"}},
		{{Name: "build", Mark: Running, Word: "running", Moving: "0.2s"}, {Name: "test"}},
		{{Name: "build", Mark: Good, Word: "succeeded", Text: "6.1 MB"}, {Name: "test"}},
	} {
		s.Show(rows)
	}
	s.Ask("Approve?")
	s.Asked(false)
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if want := "Delivering v2.\nbuild: running\nbuild: succeeded, 6.1 MB\n"; string(got) != want {
		t.Errorf("wrote\n%swant\n%s", got, want)
	}
}
