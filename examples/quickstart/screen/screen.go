// Package screen shows rows that change: at a terminal each in its place,
// anywhere else as a plain line for each change.
package screen

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// A Row is one thing that is shown.
type Row struct {
	Name   string
	Mark   Mark
	Word   string // for Mark, where it cannot be seen, such as "succeeded"
	Text   string // at most one line
	Moving string // after Text, and only at a terminal: what changes too often for a line each time
}

// A Mark says how a row stands.
type Mark int

const (
	None    Mark = iota // not to be spoken of yet
	Running             // shown as a thing that moves
	Waiting
	Good
	Bad
	Skipped
)

// A Screen shows rows. It is for one goroutine.
type Screen struct {
	w     io.Writer
	size  func() (width, height int) // nil if w is no terminal
	color bool
	now   func() time.Time

	shown  int  // lines at a terminal, above the cursor
	below  int  // lines between them and the cursor
	asking bool // the cursor stands after a question
	said   map[string]Row
}

// New returns a screen that writes to f. It is a terminal if f is.
func New(f *os.File) *Screen {
	s := &Screen{w: f, now: time.Now, said: map[string]Row{}}
	fd := int(f.Fd())
	if term.IsTerminal(fd) && os.Getenv("TERM") != "dumb" {
		s.color = os.Getenv("NO_COLOR") == "" // see no-color.org
		s.size = func() (int, int) {
			width, height, err := term.GetSize(fd)
			if err != nil || width <= 0 || height <= 0 {
				return 80, 24
			}
			return width, height
		}
	}
	return s
}

// Moves reports whether the screen is a terminal.
func (s *Screen) Moves() bool { return s.size != nil }

// Show shows rows in place of those shown before.
func (s *Screen) Show(rows []Row) {
	if s.size == nil {
		s.say(rows)
		return
	}
	width, height := s.size()
	rows = rows[max(0, len(rows)-(height-2)):] // a terminal cannot rewrite what has scrolled away
	if s.asking && len(rows) != s.shown {
		return // until the question is answered: the rows would not fit above it
	}
	var b strings.Builder
	if s.asking {
		b.WriteString("\x1b7") // keep the cursor, and what was typed before it
	}
	if up := s.shown + s.below; up > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", up)
	}
	b.WriteByte('\r')
	for _, r := range rows {
		b.WriteString(s.line(r, width-1))
		b.WriteString("\x1b[K\n")
	}
	if s.asking {
		b.WriteString("\x1b8")
	} else {
		b.WriteString("\x1b[J")
		s.shown, s.below = len(rows), 0
	}
	io.WriteString(s.w, b.String())
}

// Print writes text above the rows, for good. It takes a question away.
func (s *Screen) Print(text string) {
	s.Asked(false)
	if up := s.shown + s.below; up > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA\r\x1b[J", up)
	}
	s.shown, s.below = 0, 0
	fmt.Fprintln(s.w, strings.TrimRight(text, "\n"))
}

// End leaves the rows where they are. What comes next is shown below them.
func (s *Screen) End() { s.shown, s.below = 0, 0 }

// Ask shows a question below the rows, which a person then answers with a line.
// It does nothing if the screen is no terminal.
func (s *Screen) Ask(question string) {
	if s.size == nil || s.asking {
		return
	}
	width, _ := s.size()
	io.WriteString(s.w, clip(question, width-10)+" ")
	s.asking = true
}

// Asked takes the question away. If a person answered it, the terminal has
// shown the line and its end.
func (s *Screen) Asked(answered bool) {
	if !s.asking {
		return
	}
	s.asking = false
	if answered {
		s.below++
	} else {
		io.WriteString(s.w, "\r\x1b[K")
	}
}

// say prints the rows that have changed.
func (s *Screen) say(rows []Row) {
	for _, r := range rows {
		r.Moving = ""
		if s.said[r.Name] == r {
			continue
		}
		s.said[r.Name] = r
		if r.Mark != None {
			fmt.Fprintf(s.w, "%s: %s\n", r.Name, strings.Join(words(r.Word, r.Text), ", "))
		}
	}
}

// words returns those that are not empty.
func words(all ...string) (some []string) {
	for _, w := range all {
		if w != "" {
			some = append(some, w)
		}
	}
	return some
}

// line returns a row as at most width columns.
func (s *Screen) line(r Row, width int) string {
	sign, color := " ", ""
	switch r.Mark {
	case None:
		sign, color = "·", "2"
	case Running:
		frames := []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
		sign, color = frames[s.now().UnixMilli()/100%int64(len(frames))], "36"
	case Waiting:
		sign, color = "?", "33"
	case Good:
		sign, color = "✓", "32"
	case Bad:
		sign, color = "✗", "31"
	case Skipped:
		sign, color = "-", "2"
	}
	text := strings.Join(words(r.Text, r.Moving), "  ")
	line := clip(fmt.Sprintf("%-12s %s", r.Name, cmp.Or(text, r.Word)), width-4)
	if r.Mark == None {
		line = clip(r.Name, width-4)
	}
	if !s.color {
		return "  " + sign + " " + line
	}
	if r.Mark == None || r.Mark == Skipped {
		return "  \x1b[2m" + sign + " " + line + "\x1b[0m"
	}
	return "  \x1b[" + color + "m" + sign + "\x1b[0m " + line
}

// clip returns at most n runes of one line of s. Control characters do not get
// to the terminal.
func clip(s string, n int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || 0x80 <= c && c < 0xa0 {
			return ' '
		}
		return c
	}, s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(0, n-1)]) + "…"
}
