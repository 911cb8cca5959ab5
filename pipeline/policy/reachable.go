package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
)

// Reachable is the Rule that there is no gate that can never pass, and so no
// stage that is never begun. It finds what [gate.Check] finds, and with Barred
// also quorums that would be too small without some of the people they name:
// those who wrote a change may not approve it, nor may who started the run.
type Reachable struct {
	Barred int // people named in a quorum who may be barred from it, 0 to 3; 0 means none
}

// maxBarred bounds the work: every choice of that many people is tried.
const maxBarred = 3

// Check implements [Rule].
func (r Reachable) Check(p pipeline.Pipeline) error {
	t := treeOf(p)
	var found []*Violation
	known := map[string]bool{} // environments
	for i := range t.at {
		at := &t.at[i]
		v := Violation{Rule: "a gate that can pass", Path: at.path}
		var g gate.Gate
		switch s := at.step.(type) {
		case pipeline.Gate:
			g, v.Step, v.Where = s.Require, s.Name, s.Environment.Name
		case pipeline.Stage:
			if e := s.Environment; len(e.Gates) > 0 && !known[e.Name] {
				known[e.Name] = true
				g, v.Step, v.Where = gate.All(e.Gates...), s.Name, e.Name
			}
		}
		if g == nil {
			continue
		}
		if why := r.never(g); why != "" {
			v.Reason = why + t.lost(i)
			found = append(found, &v)
		}
	}
	return broken(found)
}

// never says why g never passes, or "".
func (r Reachable) never(g gate.Gate) string {
	if err := gate.Check(g); err != nil {
		return err.Error()
	}
	for _, part := range parts(g) {
		q, ok := quorumOf(part)
		if !ok || q.AllowAuthor && q.AllowStarter {
			continue
		}
		for _, people := range choices(people(q), min(r.Barred, maxBarred)) {
			if err := without(q, people).Check(); err != nil {
				return fmt.Sprintf("not if %s may not vote: %v", strings.Join(people, " and "), err)
			}
		}
	}
	return ""
}

// people returns those whom q names.
func people(q approval.Quorum) []string {
	all := slices.Clone(q.From)
	for _, s := range q.Slots {
		all = append(all, s.From...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// without returns q as it is for a run on which some people may not vote.
func without(q approval.Quorum, people []string) approval.Quorum {
	rest := func(from []string) []string {
		return slices.DeleteFunc(slices.Clone(from), func(by string) bool { return slices.Contains(people, by) })
	}
	q.From, q.Slots = rest(q.From), slices.Clone(q.Slots)
	for i := range q.Slots {
		q.Slots[i].From = rest(q.Slots[i].From)
	}
	return q
}

// choices returns every choice of n people, or of all if there are not more.
func choices(people []string, n int) [][]string {
	if n <= 0 || len(people) == 0 {
		return nil
	}
	if n >= len(people) {
		return [][]string{people}
	}
	var all [][]string
	for i, by := range people {
		rest := choices(people[i+1:], n-1)
		if n == 1 {
			rest = [][]string{nil}
		}
		for _, others := range rest {
			if len(others) == n-1 {
				all = append(all, append([]string{by}, others...))
			}
		}
	}
	return all
}

// lost says, as the end of a sentence, which stages are never begun if the gate
// at i, or those of the environment of stage i, never pass.
func (t *tree) lost(i int) string {
	passes := func(m Mark) bool { return m.Path == t.at[i].path }
	if s, ok := t.at[i].step.(pipeline.Stage); ok {
		passes = func(m Mark) bool {
			other, ok := m.Step.(pipeline.Stage)
			return ok && m.Begun && !m.WayOut && other.Environment.Name == s.Environment.Name
		}
	}
	var names []string
	for k := range t.at {
		if _, ok := t.at[k].step.(pipeline.Stage); !ok {
			continue
		}
		if _, around := t.around(k, passes); !around {
			names = append(names, t.name(k))
		}
	}
	const most = 5
	switch {
	case len(names) == 0:
		return ""
	case len(names) > most:
		return fmt.Sprintf("; %s and %d more stages are never begun", quoted(names[:most]), len(names)-most)
	case len(names) == 1:
		return fmt.Sprintf("; stage %s is never begun", quoted(names))
	}
	return fmt.Sprintf("; stages %s are never begun", quoted(names))
}
