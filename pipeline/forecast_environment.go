package pipeline

import (
	"slices"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A site is an environment in an outlook.
type site struct {
	*machine.Environment
	leaving int64 // token of a run of which nothing is known, and that is about to leave
}

// site returns the named environment. If it was not read, nothing more is looked
// at until it is.
func (o *outlook) site(name string) *site {
	i := slices.IndexFunc(o.sites, func(s *site) bool { return s.Name == name })
	if i < 0 {
		o.lacks = name
		return nil
	}
	return o.sites[i]
}

// cross has a run enter an environment, or leave it, or wait.
func (o *outlook) cross(r *actor, s *site, run, there []journal.Event) {
	o.change(s, there...)
	for _, e := range run {
		o.put(r, e)
	}
}

// change has events happen to an environment, and has those look again who wait
// for it.
func (o *outlook) change(s *site, events ...journal.Event) {
	for i := range events {
		o.made++
		if err := s.Apply(&events[i]); err != nil {
			o.gaveUp = err.Error()
			return
		}
	}
	if len(events) == 0 {
		return
	}
	for _, v := range s.Queue {
		if r := o.actor(v.Run); r != nil && v.Run != events[0].By {
			r.m.Unlock(s.Name)
		}
	}
}

// strangers has runs of which nothing is known do what is assumed of them: leave,
// and enter if they are next and nobody else has. It reports whether one entered.
func (o *outlook) strangers() bool {
	for k, s := range o.sites {
		stays, known := o.a.Stays[s.Name]
		switch {
		case !known:
		case s.Holder.Run == "" && len(s.Queue) > 0 && o.stranger(s.Queue[0].Run):
			v := s.Queue[0]
			o.change(s, journal.Event{Time: o.now, Kind: journal.Taken, By: v.Run, Data: &journal.Hold{Token: s.Token + 1, Started: v.Started}})
			return true
		case o.stranger(s.Holder.Run) && s.leaving != s.Token:
			s.leaving = s.Token
			by := s.Holder.Run
			o.push(due{at: s.Holder.Since.Add(stays), kind: leaves, order: k, do: func() {
				o.change(s, journal.Event{Time: o.now, Kind: journal.Given, By: by, Data: new(journal.Departure)})
			}})
		}
	}
	return false
}

// stranger reports whether nothing is known of what a run will do.
func (o *outlook) stranger(run string) bool {
	r := o.actor(run)
	if run == "" || r == nil {
		return run != ""
	}
	_, is := r.parked()
	return is
}
