package simulate

import (
	"slices"

	"github.com/penstock/penstock/internal/machine"
)

// outdated returns why r has to let go of what is under way, now that the run is as
// m says.
func (r *live) outdated(m *machine.Machine) error {
	called := func(t *task) bool { return t.do == machine.Call }
	switch {
	case m.Owner != r.p.name && slices.ContainsFunc(r.flight, called):
		return errFenced
	case m.Came != r.m.Came && len(r.flight) > 0:
		return errGone
	}
	return nil
}

// lives returns all that something may be under way of.
func (p *process) lives() []*live {
	if len(p.ending) == 0 {
		return p.live
	}
	return slices.Concat(p.live, p.ending)
}

// ends reports whether something is under way of a run that was let go of. Then the
// run is looked at once that has ended.
func (p *process) ends(run string) bool {
	k := slices.IndexFunc(p.ending, func(r *live) bool { return r.id == run })
	if k >= 0 {
		p.ending[k].wanted = true
	}
	return k >= 0
}

// quit has what is under way end.
func (r *live) quit(err error) {
	for _, t := range r.work.returned {
		r.land(t)
	}
	r.work = inbox{}
	for _, t := range r.flight {
		t.abort(err)
	}
	if len(r.flight) > 0 {
		r.p.ending = append(r.p.ending, r)
	}
}

// ended notes that t is not under way any more, of r that is not live.
func (r *live) ended(t *task) {
	if r.land(t); len(r.flight) > 0 {
		return
	}
	r.p.ending = slices.DeleteFunc(r.p.ending, func(l *live) bool { return l == r })
	if r.wanted {
		r.p.wake(r.id)
	}
}

// beside holds that the process that calls t is in no other call of the same stage,
// but for those that it has given up (I3).
func (a *audit) beside(t *task) {
	for _, r := range t.r.p.lives() {
		for _, u := range r.flight {
			if u != t && u.begun && !u.due.IsZero() && u.in.Run == t.in.Run && u.in.Stage == t.in.Stage {
				a.w.fail("I3: %s of %s is called by %s, which goes on with another call of it", t.in.Stage, t.in.Run, t.r.p.name)
			}
		}
	}
}
