package pipeline

import (
	"slices"
	"time"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/stage"
)

// A stay is a Visit, and what else is known of it.
type stay struct {
	Visit
	watched time.Time // when the first stage was called that only watches, or is a way out
	inside  bool      // something is to be done there yet
}

// visits returns what the run does in environments. If it ends well, it has done
// nothing in one in which no stage was called.
func (r *actor) visits() (visits []Visit) {
	var stays []*stay
	r.m.Walk(func(i int32) {
		v := r.m.View(i)
		s, ok := v.Node.Step.(*Stage)
		if !ok || s.Environment.Name == "" {
			return
		}
		k := slices.IndexFunc(stays, func(at *stay) bool { return at.Environment == s.Environment.Name })
		if k < 0 {
			k = len(stays)
			stays = append(stays, &stay{Visit: Visit{Environment: s.Environment.Name, Tier: s.Environment.Tier}})
		}
		stays[k].add(&v, stage.Watches(s.Run) || v.Node.Urgent)
	})
	for _, s := range stays {
		if s.Begin.IsZero() {
			s.Begin = s.watched
		}
		if s.inside && !r.m.Status.Done() {
			s.End = time.Time{}
		}
		if !s.Begin.IsZero() || !r.m.Status.OK() {
			visits = append(visits, s.Visit)
		}
	}
	return visits
}

// add counts a stage in. Aside says that it only watches, or is a way out.
func (s *stay) add(v *machine.View, aside bool) {
	begin := &s.Begin
	if aside {
		begin = &s.watched
	}
	if !v.Started.IsZero() && (begin.IsZero() || v.Started.Before(*begin)) {
		*begin = v.Started
	}
	if v.Ended.After(s.End) && !v.Started.IsZero() {
		s.End = v.Ended
	}
	s.inside = s.inside || !v.Status.Done() && !v.Node.Urgent
}
