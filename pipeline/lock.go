package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// environments holds the environments as the Store had them when they were last
// looked at. They may be out of date. A run that is inside may decide on one
// all the same, for what it decides is right only if the Store takes it.
type environments struct {
	x *Executor

	// Held from when an environment is looked at until what was decided is
	// recorded, so that runs in this process do not get in each other's way.
	mu   sync.Mutex
	last map[string]*machine.Environment
}

func (e *environments) init(x *Executor) { e.x, e.last = x, map[string]*machine.Environment{} }

// grown returns the named environment with what is new in the Store. E.mu is
// held.
func (e *environments) grown(ctx context.Context, name string) (*machine.Environment, error) {
	env := e.last[name]
	if env == nil {
		env = &machine.Environment{Name: name}
	}
	if err := e.x.growEnvironment(ctx, env); err != nil {
		delete(e.last, name)
		return nil, err
	}
	e.last[name] = env
	return env, nil
}

// next reads what is new in an environment and returns the runs that it is of
// interest to.
func (e *environments) next(ctx context.Context, name string) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	env, err := e.grown(ctx, name)
	if err != nil {
		return nil, err
	}
	return env.Next(), nil
}

// An entry is what one flush of a run decides on an environment.
type entry struct {
	env    *machine.Environment // with the events
	length int                  // of the journal without
	events []journal.Event
}

// environment returns the environment as it is with what this flush decided.
func (r *live) environment(name string) (*entry, error) {
	if !r.locked {
		r.s.envs.mu.Lock()
		r.locked = true
	}
	for _, e := range r.entries {
		if e.env.Name == name {
			return e, nil
		}
	}
	env := r.s.envs.last[name]
	if env == nil || env.Holder.Run != r.id {
		var err error
		if env, err = r.s.envs.grown(r.s.store, name); err != nil {
			return nil, err
		}
	}
	e := &entry{env: env.Clone(), length: env.Length}
	r.entries = append(r.entries, e)
	return e, nil
}

// linger notes that r waits to enter the environment of e.
func (r *live) linger(e *entry) {
	if !slices.Contains(r.outside, e.env.Name) {
		r.outside = append(r.outside, e.env.Name)
	}
}

// note adds events to the journal of an environment.
func (e *entry) note(events ...journal.Event) error {
	for i := range events {
		if err := e.env.Apply(&events[i]); err != nil {
			return err
		}
	}
	e.events = append(e.events, events...)
	return nil
}

// unlock ends what a flush has to do with environments, and returns the runs to
// be woken. If what was decided was not recorded, what others recorded is read.
func (r *live) unlock(recorded bool) (wake []string) {
	if !r.locked {
		return nil
	}
	envs := &r.s.envs
	for _, e := range r.entries {
		switch {
		case !recorded:
			delete(envs.last, e.env.Name)
		case len(e.events) > 0:
			envs.last[e.env.Name] = e.env
			if e.env.Holder.Run != r.id {
				wake = append(wake, e.env.Next()...)
			}
		}
	}
	r.entries, r.locked = r.entries[:0], false
	envs.mu.Unlock()
	return wake
}
