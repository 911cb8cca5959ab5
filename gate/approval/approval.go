// Package approval has gates that wait for people.
package approval

import (
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
)

// A Quorum is a [gate.Gate] that passes once enough people approve.
//
// Who may approve is named by Group, From or Anyone; the zero Quorum names
// nobody, which Check reports. The last vote of a person counts. An objection
// takes back the person's approval, and with Veto it rejects.
//
// By default those who wrote a change in the release, and the one who started
// the run, may neither approve nor object.
type Quorum struct {
	Need   int      // approvals needed, at most 1000; 0 means 1
	Group  string   // its members may approve, as the vote vouches for them; empty means no group
	From   []string // user IDs of people who may approve; empty means none
	Anyone bool     // everybody may approve

	// Slots are instead of the fields above, if approvals have to come from
	// different sides. One person fills at most one slot.
	Slots []Slot

	AllowAuthor  bool          // count the votes of those in Request.Authors
	AllowStarter bool          // count the vote of Request.Starter
	MaxAge       time.Duration // how long an approval counts; 0 means for ever
	Veto         bool          // an objection rejects, however old; else it only takes back an approval
}

// A Slot is a number of approvals in a [Quorum]. Its fields mean what they mean
// there.
type Slot struct {
	Need   int
	Group  string
	From   []string
	Anyone bool
}

func (q Quorum) slots() []Slot {
	if len(q.Slots) > 0 {
		return q.Slots
	}
	return []Slot{{q.Need, q.Group, q.From, q.Anyone}}
}

func (s Slot) need() int { return max(s.Need, 1) }

// takes reports whether v is from one of the people of s.
func (s Slot) takes(v gate.Vote) bool {
	return s.Anyone || slices.Contains(s.From, v.By) || s.Group != "" && slices.Contains(v.Groups, s.Group)
}

// people returns the people s names, sorted, none twice.
func (s Slot) people() []string {
	return slices.Compact(slices.Sorted(slices.Values(s.From)))
}

// names returns the group and the people of s, or "anyone".
func (s Slot) names() []string {
	if s.Anyone {
		return []string{"anyone"}
	}
	names := s.people()
	if s.Group != "" {
		names = slices.Insert(names, 0, s.Group)
	}
	return names
}

func (s Slot) String() string { return list(s.names(), "or") }

// list returns "a", "a or b", "a, b or c".
func list(names []string, word string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
}
