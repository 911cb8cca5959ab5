package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline"
)

// LockOrder is the Rule that runs never wait for each other in a circle, each in
// an environment that the next one wants. A run is in an environment from its
// first stage there until its last one has ended, ways out included; in one that
// is Shared it never is.
//
// It is a [Whole]: check all pipelines that are run beside each other. Two runs
// of one pipeline may wait for each other too. That a run can only get where it
// would wait while it alone is in some other environment is not looked at, so
// such a circle is reported as well.
type LockOrder struct{}

// Check implements [Rule].
func (r LockOrder) Check(p pipeline.Pipeline) error { return r.CheckAll([]pipeline.Pipeline{p}) }

// CheckAll implements [Whole].
func (LockOrder) CheckAll(all []pipeline.Pipeline) error {
	waits := map[string]map[string]wait{} // by environment held and environment wanted
	for _, p := range all {
		for _, w := range treeOf(p).waits() {
			if waits[w.held] == nil {
				waits[w.held] = map[string]wait{}
			}
			if _, ok := waits[w.held][w.wanted]; !ok {
				waits[w.held][w.wanted] = w
			}
		}
	}
	var found []*Violation
	done := map[string]bool{} // is in a circle that was reported
	for _, env := range slices.Sorted(maps.Keys(waits)) {
		if done[env] {
			continue
		}
		if circle := circleFrom(waits, env); circle != nil {
			found = append(found, violationOf(circle))
			for _, w := range circle {
				done[w.held] = true
			}
		}
	}
	return broken(found)
}

// A wait is how a run can wait for one environment while it is in another.
type wait struct {
	pipeline     string
	held, wanted string
	since, at    string // stages: the one that it came with, and the one that it waits with
	until        string // the stage that keeps it there
}

func (w wait) String() string {
	return fmt.Sprintf("a run of %q is in %q since %q, until %q, and waits for %q at %q", w.pipeline, w.held, w.since, w.until, w.wanted, w.at)
}

func violationOf(circle []wait) *Violation {
	texts := make([]string, len(circle))
	for i, w := range circle {
		texts[i] = w.String()
	}
	v := &Violation{Rule: "environments to be entered in one order", Reason: strings.Join(texts, "; ")}
	if !slices.ContainsFunc(circle, func(w wait) bool { return w.pipeline != circle[0].pipeline }) {
		v.Pipeline = circle[0].pipeline
	}
	return v
}

// circleFrom returns a shortest circle through an environment, or nil.
func circleFrom(waits map[string]map[string]wait, from string) []wait {
	came := map[string]wait{} // by environment: the wait that led there
	for todo := []string{from}; len(todo) > 0; todo = todo[1:] {
		for _, next := range slices.Sorted(maps.Keys(waits[todo[0]])) {
			w := waits[todo[0]][next]
			if next == from {
				circle := []wait{w}
				for w.held != from {
					w = came[w.held]
					circle = append(circle, w)
				}
				slices.Reverse(circle)
				return circle
			}
			if _, ok := came[next]; !ok {
				came[next] = w
				todo = append(todo, next)
			}
		}
	}
	return nil
}

// waits returns how a run of the pipeline can wait in one environment for
// another, one way for each pair.
func (t *tree) waits() []wait {
	in := map[string][]int{} // stages by environment
	var names []string
	for _, at := range places(t, Everywhere) {
		if e := at.Stage.Environment; !e.Shared {
			if in[e.Name] == nil {
				names = append(names, e.Name)
			}
			in[e.Name] = append(in[e.Name], at.i)
		}
	}
	var all []wait
	for _, held := range names {
		for _, wanted := range names {
			if w, ok := t.waitFor(in[held], in[wanted]); held != wanted && ok {
				w.pipeline, w.held, w.wanted = t.pipeline.Name, held, wanted
				all = append(all, w)
			}
		}
	}
	return all
}

// waitFor looks for a stage of wanted with which a run can come there first
// while it is in an environment with the stages of held: one of these may have
// begun before, and one is reached only after it.
func (t *tree) waitFor(held, wanted []int) (wait, bool) {
	for _, at := range wanted {
		until := slices.IndexFunc(held, func(i int) bool { return t.follows(i, at) })
		if until < 0 {
			continue
		}
		for _, since := range held {
			if !t.follows(since, at) && !t.excludes(since, at) && t.first(at, wanted) && t.first(since, wanted) {
				return wait{since: t.name(since), at: t.name(at), until: t.name(held[until])}, true
			}
		}
	}
	return wait{}, false
}

// first reports whether step i can be reached before any of some stages was
// begun. To be begun itself does not count.
func (t *tree) first(i int, stages []int) bool {
	_, ok := t.around(i, func(m Mark) bool {
		if m.Path == t.at[i].path {
			return false
		}
		return m.Begun && slices.ContainsFunc(stages, func(k int) bool { return t.at[k].path == m.Path })
	})
	return ok
}

// excludes reports whether step j is not reached once step i was: because i is
// in the way out of something that has to end well before j.
func (t *tree) excludes(i, j int) bool {
	for k := t.at[i].up; k >= 0 && !t.within(j, k); i, k = k, t.at[k].up {
		if _, ok := t.at[k].step.(pipeline.OnFailure); ok && t.at[i].pos == 1 && t.follows(j, k) {
			return true
		}
	}
	return false
}

func (t *tree) name(i int) string { return pipeline.Name(t.at[i].step) }
