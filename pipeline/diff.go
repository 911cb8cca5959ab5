package pipeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Diff returns what changed from old to new, as a release engineer asks it:
// which ways lost or gained a gate, which bake is shorter, what is no longer put
// right when it fails. It returns no changes for pipelines that are alike.
//
// Pipelines with another [Pipeline.Digest] have at least one change. Diff also
// tells what a Digest leaves out: Timeout, Retry, Group and Unknown.
//
// Steps are the same if their names are. A step with another name is the same
// one, renamed, if it says the same of itself and has the same environment and
// artifacts; a step of which nothing is known but the type of its hook is never
// taken for another one.
func Diff(old, new Pipeline) Changes {
	c := compare(old, new)
	c.pipeline()
	c.ways()
	c.environments()
	c.hooks()
	c.flow()
	c.failures()
	c.order()
	c.groups()
	if len(c.found) == 0 && old.Digest() != new.Digest() {
		was, now := elide(old.String(), new.String())
		c.add(finding{Difference: Difference{Effect: Different, Kind: "shape", Text: fmt.Sprintf("the same steps are written down in another way: %s, was %s", now, was)}})
	}
	return c.sorted()
}

// Changes are what [Diff] found, the most dangerous first.
type Changes []Difference

// A Difference is one difference between two definitions of a pipeline.
type Difference struct {
	Effect      Effect   `json:"effect"`
	Kind        string   `json:"kind"`                  // what it is about; see below
	Steps       []string `json:"steps,omitempty"`       // names of the steps it touches, as they are now or, of steps that are gone, were; at most 100
	Environment string   `json:"environment,omitempty"` // that it touches; the closest to users if there are several
	Text        string   `json:"text"`                  // for people, on one line
	Old         string   `json:"old,omitempty"`         // what was, in full, of a value that has another one
	New         string   `json:"new,omitempty"`         // what is
}

// An Effect says what a change does to the care that a release is taken with.
type Effect int

// The effects. What cannot be judged is Different, and a person has to look.
const (
	Weaker    Effect = iota // something no longer guards, checks, watches or puts right
	Different               // neither, or both, or it cannot be known
	Stronger                // the opposite of Weaker
)

// String returns "weaker", "different" or "stronger".
func (e Effect) String() string {
	if e < Weaker || e > Stronger {
		return "unknown"
	}
	return [...]string{"weaker", "different", "stronger"}[e]
}

// MarshalText returns what String does.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *Effect) UnmarshalText(text []byte) error {
	for known := Weaker; known <= Stronger; known++ {
		if known.String() == string(text) {
			*e = known
			return nil
		}
	}
	return fmt.Errorf("pipeline: effect %q; want weaker, different or stronger", text)
}

// aspects are the values of Difference.Kind, in the order in which changes of one
// effect are told.
var aspects = []string{
	"way",         // what has passed before a stage, or that there is a new stage in an environment
	"failure",     // what is taken after a failure, or at the end
	"gate",        // what a gate asks, or what becomes of it
	"environment", // tier, gates, queue, sharing or configuration of an environment
	"hook",        // what a stage does, and where
	"flow",        // artifacts and values
	"order",       // where a step stands
	"step",        // that a step is new, gone, or has another name
	"timing",      // timeouts, retries, limits
	"shape",       // how steps are grouped
}

// String returns one line for each change, or "" if there are none.
func (c Changes) String() string {
	lines := make([]string, len(c))
	for i := range c {
		lines[i] = c[i].Text
	}
	return strings.Join(lines, "\n")
}

// MarshalJSON returns a list, which is empty if there are no changes. Fields and
// aspects are added to it from version to version, never changed.
func (c Changes) MarshalJSON() ([]byte, error) {
	if c == nil {
		c = Changes{}
	}
	return json.Marshal([]Difference(c))
}

// brief returns as many lines as fit into most bytes, and says how many are
// left out.
func (c Changes) brief(most int) string {
	var text string
	for i, change := range c {
		left := len(c) - i
		more := fmt.Sprintf("; and %d more", left)
		next := change.Text
		if i > 0 {
			next = "; " + next
		}
		if room := most - len(text) - len(more); len(next) > room {
			if i > 0 {
				return text + more
			}
			next = clip(next, room)
		}
		text += next
	}
	return text
}

// A finding is a change and what it is sorted by.
type finding struct {
	Difference
	danger int // of the environment
	at     int32
}

func (c *comparison) add(f finding) {
	f.Text = plainLine(f.Text)
	c.found = append(c.found, f)
}

func (c *comparison) sorted() Changes {
	slices.SortStableFunc(c.found, func(a, b finding) int {
		return cmp.Or(
			cmp.Compare(a.Effect, b.Effect),
			cmp.Compare(b.danger, a.danger),
			cmp.Compare(slices.Index(aspects, a.Kind), slices.Index(aspects, b.Kind)),
			cmp.Compare(a.at, b.at))
	})
	var changes Changes
	for _, f := range c.found {
		changes = append(changes, f.Difference)
	}
	return changes
}

// plainLine makes s one line, whatever a hook says of itself.
func plainLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
