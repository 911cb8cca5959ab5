package policy

import (
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// Around looks for a way to the named step on which nothing happens that good
// accepts. It returns one, or false if there is none: then on every way to the
// step something good has happened before it is reached. For a Stage that is
// before it is begun; that it is begun, and so the gates of its environment
// have passed, counts too.
//
// A way is made of these choices: a stage succeeds, fails, or ends without having
// begun; a gate passes or does not, or is skipped if its OnReject or OnExpire
// says so; a [pipeline.When] is taken or not; a [pipeline.ForEach] has items or
// none; the run is canceled.
// Whatever hooks, gates and conditions really answer, a run goes no other way,
// and each of these ways can be gone if they answer so. To do a step anew
// ([pipeline.Executor.Retry]) adds none, for what has happened stays so. To
// override a gate does: see the package comment.
//
// It returns false also if there is no such step, or more than one.
func Around(p pipeline.Pipeline, step string, good func(Mark) bool) (Way, bool) {
	t := treeOf(p)
	i, ok := t.find(step)
	if !ok {
		return nil, false
	}
	return t.around(i, good)
}

func (t *tree) around(i int, good func(Mark) bool) (Way, bool) {
	s := &search{tree: t, good: good, known: make([]answer, len(t.at))}
	last := Move{Path: t.at[i].path, Step: pipeline.Name(t.at[i].step), Did: isHere}
	if _, ok := t.at[i].step.(pipeline.Stage); ok {
		last.Did, last.mark = begins, t.mark(i, true)
		if good(last.mark) {
			return nil, false
		}
	}
	if !s.reach(i, 0) {
		return nil, false
	}
	return append(s.way, last), true
}

func (t *tree) mark(i int, begun bool) Mark {
	at := &t.at[i]
	return Mark{Path: at.path, Step: at.step, Begun: begun, WayOut: at.wayOut}
}

// A search looks for one way on which nothing good happens. What lies beside
// each other in a tree does not depend on each other, so it is enough to ask of
// each step by itself how it can end.
type search struct {
	*tree
	good  func(Mark) bool
	known []answer // whether each step can end well
	way   Way      // found by reach, do and fail
}

type answer uint8

const (
	unasked answer = iota
	yes
	no
)

// happens reports whether step i can have ended well, or a stage can have been
// begun, and it is nothing good.
func (s *search) happens(i int, begun bool) bool { return !s.good(s.mark(i, begun)) }

// well reports whether step i can end so that what follows goes on.
func (s *search) well(i int) bool {
	if s.known[i] == unasked {
		s.known[i] = no
		if s.endsWell(i) {
			s.known[i] = yes
		}
	}
	return s.known[i] == yes
}

func (s *search) endsWell(i int) bool {
	at := &s.at[i]
	switch step := at.step.(type) {
	case pipeline.Stage:
		return s.happens(i, true) && s.happens(i, false)
	case pipeline.Gate:
		return skips(step) || s.happens(i, false)
	case pipeline.When, pipeline.ForEach: // taken or not, with items or without
		return s.happens(i, false)
	case pipeline.Sequence:
		for _, c := range at.in {
			if !s.well(c) {
				return false
			}
			if skips(s.at[c].step) {
				return true
			}
		}
		return true
	case pipeline.Graph:
		left := s.left(i)
		for k, c := range at.in {
			if !left[k] && !s.well(c) {
				return false
			}
		}
		return true
	case pipeline.OnFailure:
		return len(at.in) == 0 || s.well(at.in[0])
	}
	return !slices.ContainsFunc(at.in, func(c int) bool { return !s.well(c) })
}

// skips reports whether s is a gate that can be skipped, and with it what comes
// after it in its Sequence or Graph.
func skips(s pipeline.Step) bool {
	g, ok := s.(pipeline.Gate)
	return ok && (g.OnReject == pipeline.Skip || g.OnExpire == pipeline.Skip)
}

// left says which nodes of Graph i are not taken if each gate that can be
// skipped is: those that come after one.
func (t *tree) left(i int) []bool {
	at := &t.at[i]
	left := make([]bool, len(at.in))
	if !slices.ContainsFunc(at.in, func(c int) bool { return skips(t.at[c].step) }) {
		return left
	}
	for k := range at.in {
		left[k] = slices.ContainsFunc(t.before(i, k), func(b int) bool { return skips(t.at[at.in[b]].step) })
	}
	return left
}

// through reports whether what comes after step i in its Sequence or Graph can
// be reached.
func (s *search) through(i int) bool {
	if skips(s.at[i].step) {
		return s.happens(i, false)
	}
	return s.well(i)
}

// reach adds to the way how step i is reached when step top is, and reports
// whether it can be.
func (s *search) reach(i, top int) bool {
	if i == top {
		return true
	}
	at := &s.at[i]
	up := &s.at[at.up]
	if !s.reach(at.up, top) {
		return false
	}
	switch up.step.(type) {
	case pipeline.When:
		s.add(at.up, taken)
	case pipeline.ForEach:
		s.add(at.up, anItem)
	case pipeline.Sequence:
		return s.all(up.in[:at.pos])
	case pipeline.Graph:
		var before []int
		for _, b := range s.before(at.up, at.pos) {
			before = append(before, up.in[b])
		}
		return s.all(before)
	case pipeline.OnFailure:
		return at.pos == 0 || s.fail(up.in[0])
	case pipeline.Finally:
		if at.pos == 1 {
			s.end(up.in[0])
		}
	}
	return true
}

// all adds to the way that steps end well one after another, and what follows
// them is reached, and reports whether they can.
func (s *search) all(steps []int) bool {
	for _, c := range steps {
		if !s.through(c) {
			return false
		}
	}
	for _, c := range steps {
		if skips(s.at[c].step) {
			s.add(c, passes)
		} else {
			s.do(c)
		}
	}
	return true
}

// do adds to the way how step i ends well.
func (s *search) do(i int) {
	at := &s.at[i]
	switch at.step.(type) {
	case pipeline.Stage:
		s.add(i, succeeds)
	case pipeline.Gate:
		if s.happens(i, false) {
			s.add(i, passes)
		} else {
			s.add(i, skipped)
		}
	case pipeline.When:
		s.add(i, notTaken)
	case pipeline.ForEach:
		s.add(i, noItems)
	case pipeline.Sequence:
		for _, c := range at.in {
			if skips(s.at[c].step) {
				s.add(c, skipped)
				return
			}
			s.do(c)
		}
	case pipeline.Graph:
		s.doGraph(i)
	case pipeline.OnFailure:
		s.do(at.in[0])
	default:
		for _, c := range at.in {
			s.do(c)
		}
	}
}

func (s *search) doGraph(i int) {
	in, left, done := s.at[i].in, s.left(i), map[int]bool{}
	for k := range in {
		if left[k] {
			continue
		}
		for _, b := range append(s.before(i, k), k) {
			switch {
			case done[b]:
			case skips(s.at[in[b]].step):
				s.add(in[b], skipped)
			default:
				s.do(in[b])
			}
			done[b] = true
		}
	}
}

// fail adds to the way how step i ends in any way but success after a stage in
// it was begun, and reports whether it can. A stage that can be reached can
// fail, and what goes on beside it can end without success too.
func (s *search) fail(i int) bool {
	mark := len(s.way)
	for k := i; k < s.at[i].end; k++ {
		if _, ok := s.at[k].step.(pipeline.Stage); !ok || !s.happens(k, true) {
			continue
		}
		if s.reach(k, i) {
			s.add(k, fails)
			return true
		}
		s.way = s.way[:mark]
	}
	return false
}

// end adds to the way how step i ends at once. Any step can, if only because the
// run is canceled.
func (s *search) end(i int) {
	for pipeline.Name(s.at[i].step) == "" && len(s.at[i].in) > 0 {
		first := 0
		if after := s.at[i].after; after != nil {
			first = slices.IndexFunc(after, func(before []int) bool { return len(before) == 0 })
		}
		i = s.at[i].in[max(first, 0)]
	}
	did := canceled
	switch step := s.at[i].step.(type) {
	case pipeline.Stage:
		if s.happens(i, true) {
			did = fails
		}
	case pipeline.Gate:
		if step.OnReject == pipeline.Fail {
			did = rejects
		}
	case pipeline.When, pipeline.ForEach:
		if s.happens(i, false) {
			s.do(i)
			return
		}
	}
	s.add(i, did)
}

// add adds what step i does to the way.
func (s *search) add(i int, did string) {
	m := Move{Path: s.at[i].path, Step: pipeline.Name(s.at[i].step), Did: did}
	switch did {
	case succeeds, passes, notTaken, noItems:
		m.mark = s.mark(i, false)
	case fails:
		m.mark = s.mark(i, true)
	}
	s.way = append(s.way, m)
}
