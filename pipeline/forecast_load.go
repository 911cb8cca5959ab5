package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// records is where a forecast finds what has happened.
type records struct {
	store      journal.Store
	definition func(pipeline string, digest artifact.Digest) *definition // nil if it is not here
}

const (
	maxForeseen = 100 // runs that one forecast looks at
	maxReads    = 10  // of the same journals, for a picture of one moment
)

// forecast foresees a run, which begins with the given event if nothing is
// recorded of it. If on its way it comes to an environment that nobody knew it
// would, all begins anew with that: who is inside acts from the beginning.
func (r records) forecast(ctx context.Context, run string, began *journal.Event, a Assume) (Forecast, error) {
	if err := a.check(); err != nil {
		return Forecast{}, err
	}
	a.At = a.begin()
	var known []string
	for reads := 1; ; reads++ {
		o := &outlook{ctx: ctx, a: &a, records: r, read: map[string]int{}}
		if err := o.load(run, began, known); err != nil {
			return Forecast{}, err
		}
		if reads < maxReads && o.grown() {
			continue
		}
		o.foresee()
		if err := ctx.Err(); err != nil {
			return Forecast{}, fmt.Errorf("pipeline: forecast of run %s: %w", run, context.Cause(ctx))
		}
		if o.lacks == "" {
			return o.forecast(), nil
		}
		known, reads = append(known, o.lacks), 0
	}
}

// events returns a journal.
func (o *outlook) events(name string) ([]journal.Event, error) {
	events, err := o.store.Events(o.ctx, name, 0)
	if err == nil {
		o.read[name] = len(events)
	}
	return events, err
}

// grown reports whether a journal has grown since it was read. What was read is
// then of several moments, such as a run that is on its way to an environment
// and the environment with that very run inside.
func (o *outlook) grown() bool {
	for name, length := range o.read {
		if more, err := o.store.Events(o.ctx, name, length); err == nil && len(more) > 0 {
			return true
		}
	}
	return false
}

// load reads the run, the environments that it may come to, the runs there, and
// so on.
func (o *outlook) load(run string, began *journal.Event, known []string) error {
	o.now = o.a.At.UTC()
	events, err := o.events(run)
	switch {
	case err != nil:
		return fmt.Errorf("pipeline: run %s: %w", run, err)
	case len(events) == 0 && began == nil:
		return fmt.Errorf("%w: %q", ErrNoRun, run)
	case len(events) == 0:
		events = []journal.Event{*began}
	}
	if o.about, err = o.cast(run, events); err != nil {
		return err
	}
	for _, other := range o.a.With {
		if err := o.meet(other); err != nil {
			return err
		}
	}
	for _, name := range known {
		if err := o.visit(name); err != nil {
			return err
		}
	}
	for i := 0; i < len(o.actors); i++ {
		if err := o.surround(o.actors[i]); err != nil {
			return err
		}
	}
	slices.SortStableFunc(o.actors, func(x, y *actor) int { return x.m.Begun.Compare(y.m.Begun) })
	for k, r := range o.actors {
		r.place = k
	}
	o.until = o.now.Add(cmp.Or(o.a.Ahead, 365*24*time.Hour))
	return nil
}

// cast adds a run of which something is recorded.
func (o *outlook) cast(run string, events []journal.Event) (*actor, error) {
	r := &actor{order: map[string]int{}, heard: map[string]int{}, calls: map[string]call{}, waits: map[string]halt{}, marks: map[int32]*mark{}}
	m, err := machine.Fold(run, events, func(name string, digest artifact.Digest) *machine.Program {
		if r.d = o.definition(name, digest); r.d == nil {
			return nil
		}
		return r.d.prog
	})
	if err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	r.m = m
	for i := range events {
		r.note(&events[i])
		o.after(events[i].Time)
	}
	if r.d != nil {
		for _, s := range r.d.All() {
			if name := Name(s); name != "" {
				r.order[name] = len(r.order)
			}
		}
	}
	o.actors = append(o.actors, r)
	return r, nil
}

// after has the forecast begin no sooner than t: what is recorded is not foreseen.
func (o *outlook) after(t time.Time) {
	if t.After(o.now) {
		o.now = t
	}
}

// surround reads the environments that a run may come to.
func (o *outlook) surround(r *actor) error {
	if r.d == nil {
		return nil
	}
	for i := range int32(r.m.Size()) {
		if n := r.m.Node(i); n.Kind == machine.Stage && n.Exclusive {
			if err := o.visit(n.Environment); err != nil {
				return err
			}
		}
	}
	return nil
}

// visit reads an environment and the runs that are there.
func (o *outlook) visit(name string) error {
	if slices.ContainsFunc(o.sites, func(s *site) bool { return s.Name == name }) {
		return nil
	}
	env := &machine.Environment{Name: name}
	o.sites = append(o.sites, &site{Environment: env})
	events, err := o.events(machine.Journal(name))
	if err != nil {
		return fmt.Errorf("pipeline: environment %s: %w", name, err)
	}
	for i := range events {
		if err := env.Apply(&events[i]); err != nil {
			return fmt.Errorf("pipeline: %w", err)
		}
		o.after(events[i].Time)
	}
	for _, v := range append([]machine.Visitor{env.Holder}, env.Queue...) {
		if err := o.meet(v.Run); err != nil {
			return err
		}
	}
	return nil
}

// meet adds a run that is in an environment, or before it, unless it is there
// already. Of one that cannot be read nothing is known.
func (o *outlook) meet(run string) error {
	if run == "" || o.actor(run) != nil || len(o.actors) == maxForeseen {
		return nil
	}
	events, err := o.events(run)
	if o.ctx.Err() != nil {
		return err
	}
	if err != nil || len(events) == 0 {
		return nil
	}
	if events[len(events)-1].Kind != journal.Ended {
		_, _ = o.cast(run, events)
	}
	return nil
}

// actor returns the run with the given ID, or nil if nothing is known of it.
func (o *outlook) actor(run string) *actor {
	for _, r := range o.actors {
		if r.m.Run == run {
			return r
		}
	}
	return nil
}
