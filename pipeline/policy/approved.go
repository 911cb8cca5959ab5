package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
)

// Approved is the Condition that on every way to the stage one gate has passed
// that is an [approval.Quorum] or has one among its parts, for just what the
// stage does:
//
//   - enough people have to approve, none of them an author of a change in the
//     release or the one who started the run;
//   - each artifact that the stage consumes is among those that the gate
//     decides on, since a vote is for what the voter was shown;
//   - the environment that the gate names, if any, is that of the stage.
//
// It may be a Gate in the tree or one of the gates of an environment: that of
// the stage, or of one that was begun before. The quorums in a [gate.Any] do
// not count, as another of its gates may let a run pass.
type Approved struct {
	Need         int    // people; 0 means 1
	Group        string // whose members they have to be; empty means any
	AllowAuthor  bool   // a quorum may count the votes of authors
	AllowStarter bool   // a quorum may count the vote of the one who started the run
	Unbound      bool   // the artifacts may be others, such as the source that the release is built from
}

// Holds implements [Condition].
func (c Approved) Holds(at Place) error { return sought(at, c) }

// Describe returns a text such as "2 approvals, none by an author or the starter".
func (c Approved) Describe() string {
	text := fmt.Sprintf("%d approvals", c.need())
	if c.need() == 1 {
		text = "an approval"
	}
	if c.Group != "" {
		text += fmt.Sprintf(" from group %q", c.Group)
	}
	barred := map[[2]bool]string{
		{false, false}: "an author or the starter",
		{false, true}:  "an author",
		{true, false}:  "the starter",
	}[[2]bool{c.AllowAuthor, c.AllowStarter}]
	switch {
	case barred == "":
	case c.need() == 1:
		text += " not by " + barred
	default:
		text += ", none by " + barred
	}
	return text
}

func (c Approved) need() int { return max(c.Need, 1) }

func (c Approved) seek(at Place) func(Mark) error {
	return func(m Mark) error {
		best := errOther
		for _, g := range m.Gates() {
			q, ok := quorumOf(g)
			if !ok {
				continue
			}
			short := c.shortfall(q)
			if short == "" {
				short = c.other(at, m)
			}
			if short == "" {
				return nil
			}
			if best == errOther {
				best = fmt.Errorf("%s %s", call(m), short)
			}
		}
		return best
	}
}

func quorumOf(g gate.Gate) (approval.Quorum, bool) {
	switch q := g.(type) {
	case approval.Quorum:
		return q, true
	case *approval.Quorum:
		return *q, q != nil
	}
	return approval.Quorum{}, false
}

// call returns what to call the gates of a mark.
func call(m Mark) string {
	if s, ok := m.Step.(pipeline.Stage); ok {
		return fmt.Sprintf("environment %q", s.Environment.Name)
	}
	return fmt.Sprintf("gate %q", pipeline.Name(m.Step))
}

// shortfall says, as the end of a sentence, what q asks less than c wants, or "".
func (c Approved) shortfall(q approval.Quorum) string {
	people := 0
	slots := q.Slots
	if len(slots) == 0 {
		slots = []approval.Slot{{Need: q.Need, Group: q.Group, From: q.From, Anyone: q.Anyone}}
	}
	for _, s := range slots {
		if c.Group == "" || s.Group == c.Group && len(s.From) == 0 && !s.Anyone {
			people += cmp.Or(s.Need, 1)
		}
	}
	switch from := ""; {
	case people < c.need():
		if c.Group != "" {
			from = fmt.Sprintf(" from group %q", c.Group)
		}
		return fmt.Sprintf("asks for %d%s", people, from)
	case q.AllowAuthor && !c.AllowAuthor:
		return "counts the votes of authors"
	case q.AllowStarter && !c.AllowStarter:
		return "counts the vote of the starter"
	}
	return ""
}

// other says what else was approved than what the stage does, or "".
func (c Approved) other(at Place, m Mark) string {
	if g, ok := m.Step.(pipeline.Gate); ok && g.Environment.Name != "" && g.Environment.Name != at.Stage.Environment.Name {
		return fmt.Sprintf("is for environment %q", g.Environment.Name)
	}
	s, isStage := m.Step.(pipeline.Stage)
	if isStage && s.Environment.Name != at.Stage.Environment.Name {
		return "is another environment"
	}
	if missing := lacking(at.Stage.Consumes, m.Subject()); !c.Unbound && len(missing) > 0 {
		return "does not decide on " + quoted(missing)
	}
	return ""
}

// lacking returns the names that are not among others.
func lacking(names, others []string) []string {
	var missing []string
	for _, n := range names {
		if !slices.Contains(others, n) {
			missing = append(missing, n)
		}
	}
	return missing
}
