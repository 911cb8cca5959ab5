package pipelinetest

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Line is one thing that happened in a story.
type Line struct {
	At   time.Time
	Run  string // empty if it is about no run
	Kind string // of Step: stage, gate, when or for-each
	Step string // empty if it is about the run as a whole
	Text string // for people, such as "waiting for approval: 0 of 2 approvals from release-managers"

	Event journal.Kind // that was recorded; empty for what the script alone knows
	Cue   int          // the action of the script that came last, counted from 1; 0 if none had
}

// plain returns what l says in words with one space between them.
func (l *Line) plain() string {
	return strings.Join(strings.Fields(l.Run+" "+l.Kind+" "+l.Step+" "+l.Text), " ")
}

// A Timeline is what happened in a story, in order.
type Timeline struct {
	Begin time.Time // its zone is that of the text
	Lines []Line
}

// String returns a line of text for each Line, such as
//
//	Mon 10:00:00  +1h  r1  gate  approve  waiting for approval: 0 of 2 approvals from release-managers
//
// with the time on the clock on the wall, the time since the story began, the
// run and the step. The first line has the date.
func (t Timeline) String() string {
	return t.Begin.Format("Monday 2 January 2006, ") + t.Begin.Location().String() + "\n" + t.table()
}

// table returns the lines without the date.
func (t Timeline) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, l := range t.Lines {
		at := l.At.In(t.Begin.Location())
		what := strings.ReplaceAll(strings.TrimSpace(l.Text), "\n", "; ")
		fmt.Fprintf(w, "%s\t+%s\t%s\t%s\t%s\t%s\n", at.Format("Mon 15:04:05"), span(l.At.Sub(t.Begin)), l.Run, l.Kind, l.Step, strings.ReplaceAll(what, "\t", " "))
	}
	w.Flush()
	return text.String()
}

// span returns a text such as "2d 3h 5m". It has milliseconds only if d is
// shorter than a second.
func span(d time.Duration) string {
	if d < time.Second {
		return d.Truncate(time.Millisecond).String()
	}
	var parts []string
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / unit.of; n > 0 {
			parts = append(parts, fmt.Sprintf("%d%s", n, unit.name))
			d -= n * unit.of
		}
	}
	return strings.Join(parts, " ")
}
