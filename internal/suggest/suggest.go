// Package suggest says which known name may have been meant by an unknown one.
package suggest

import (
	"fmt"
	"strings"
)

// A Hinter says which known name may have been meant. The zero Hinter is ready
// for use, by one goroutine at a time. It gives up after a while: hints are for
// people, who read a few mistakes, and a program can make many.
type Hinter struct{ spent int } // letters that were compared

const patience = 20_000_000 // letters, after which a Hinter gives up

// Hint returns what to add to a message about an unknown name: the nearest
// known one, of which at most every third letter differs, or, if none is near,
// all of them if they are few.
func (h *Hinter) Hint(name string, known []string) string {
	best, least := "", len(name)/3+1
	for _, k := range known {
		if h.spent > patience {
			break
		}
		h.spent += 1 + len(k)*len(name)
		if d := distance(name, k, least); d < least {
			best, least = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(known) == 0 || len(known) > 8 || h.spent > patience:
		return ""
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return "; there is " + strings.Join(quoted, ", ")
}

// distance returns how many letters to insert, delete, change or swap with
// their neighbour to get from a to b, or most if there are that many or more.
// (The optimal string alignment distance; no letter is edited twice.)
func distance(a, b string, most int) int {
	if len(a) > 128 || len(b) > 128 || max(len(a)-len(b), len(b)-len(a)) >= most {
		return most
	}
	var rows [3][129]int
	older, old, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row = old, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := old[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, old[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return min(row[len(b)], most)
}
