package pipelinetest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// Confirm has the executor that production has go the way of a counterexample
// that was found in x, and reports to t if it does not do what the timeline of c
// says: then there is a fault in the explorer, and not in the pipeline.
//
// Like [Run], it makes a bubble of [testing/synctest].
func Confirm(t testing.TB, x Exploration, c *Counterexample) *Result {
	t.Helper()
	return confirm(bubbled(t), t, x, c)
}

// confirm reports to tb.
func confirm(t *testing.T, tb testing.TB, x Exploration, c *Counterexample) *Result {
	t.Helper()
	tb.Helper()
	got := run(t, tb, Replay(x.Pipeline, c.Script, x.Others...), 0)
	told := plainLines(got.Timeline)
	for _, want := range plainLines(c.Timeline) {
		k := slices.Index(told, want)
		if k < 0 {
			got.errorf("the counterexample says %q, and the executor does not do so; in the exploration it went\n%v", want, c.Timeline)
			break
		}
		told = slices.Delete(told, k, k+1)
	}
	return got
}

var soon = regexp.MustCompile(`again in \d+m?s`)

// plainLines returns what a timeline says by the second, but for how long what
// waits does. What happens at one time in several runs or steps is in the order
// of the text.
func plainLines(t Timeline) (lines []string) {
	for _, l := range t.Lines {
		if l.Event == journal.Waiting || strings.HasSuffix(l.Text, "found not done") { // which is not recorded
			continue
		}
		words := soon.ReplaceAllString(l.plain(), "again")
		words = strings.Replace(words, "expired", "rejected", 1) // which is how Replay has a gate expire
		words = strings.Replace(words, "permitted: passed", "permitted", 1)
		lines = append(lines, l.At.UTC().Format("15:04:05 ")+words)
	}
	slices.Sort(lines)
	return lines
}
