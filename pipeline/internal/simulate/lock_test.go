package simulate

import (
	"slices"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// An entry is what one flush of a run decides on an environment.
type entry struct {
	env    *machine.Environment
	length int
	events []journal.Event
}

// environment returns the environment as it is with what this flush decided.
func (r *live) environment(name string) (*entry, error) {
	for _, e := range r.entries {
		if e.env.Name == name {
			return e, nil
		}
	}
	env := r.p.envs[name]
	if env == nil || env.Holder.Run != r.id {
		var err error
		if env, err = r.p.grown(name); err != nil {
			return nil, err
		}
	}
	e := &entry{env: env.Clone(), length: env.Length}
	r.entries = append(r.entries, e)
	return e, nil
}

// linger notes that r waits to enter the environment of e.
func (r *live) linger(e *entry) {
	if !slices.Contains(r.out, e.env.Name) {
		r.out = append(r.out, e.env.Name)
	}
}

func (e *entry) note(events ...journal.Event) error {
	for i := range events {
		if err := e.env.Apply(&events[i]); err != nil {
			return err
		}
	}
	e.events = append(e.events, events...)
	return nil
}

// unlock ends what a flush has to do with environments.
func (r *live) unlock(recorded bool) (wake []string) {
	for _, e := range r.entries {
		switch {
		case !recorded:
			delete(r.p.envs, e.env.Name)
		case len(e.events) > 0:
			r.p.envs[e.env.Name] = e.env
			if e.env.Holder.Run != r.id {
				wake = append(wake, e.env.Next()...)
			}
		}
	}
	r.entries = nil
	return wake
}
