package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/internal/person"
	"github.com/penstock/penstock/pipeline/journal"
)

// An Archive says which runs leave the Store of an [Executor], and where they go.
type Archive struct {
	Before   time.Time // runs that ended before it; the zero Time means none
	Pipeline string    // only those of this pipeline; empty means of all
	Limit    int       // at most so many at a time; 0 means all
	By       string    // who has it done, as it is recorded; may be empty

	// Keep keeps the text of a run, for [journal.ReadArchive], and says where
	// it is, to tell who asks for the run later. When it returns nil the
	// text has to outlive a crash, for then the Store forgets the run.
	//
	// It may be given a run again, with the same text: if there was a crash
	// before the Store had forgotten it. If a person had a run done anew in
	// that moment, it is given again with more events when that has ended.
	Keep func(ctx context.Context, run string, text []byte) (place string, err error)
}

// Archived is what [Executor.Archive] did.
type Archived struct {
	Runs []string          // that were archived, in the order in which they were started
	Kept map[string]string // those that ended before, but have to stay, and why
}

// Archive moves runs out of the Store that ended before a time. It may be called
// while runs are taken forward, by this process or others.
//
// Nothing leaves that a rollback could need: what an environment holds, is about to
// hold or would go back to, and who made the artifacts there. After that
// [Executor.Run] and all else that is asked of the run is an error for which
// errors.Is(err, [journal.ErrArchived]), and errors.As finds a
// [journal.ArchivedError] that says when and where it went. A run that is started
// again with its Key is still the same run, for ever, and is not begun anew.
//
// A run of which the journal is damaged stays, and the others are archived; all
// such errors are returned. If Keep fails or the Store does, the rest stays too, and
// so it does if an environment is damaged: nobody knows what that needs. A Store
// that is no [journal.Archiver] is an error for which errors.Is(err,
// [errors.ErrUnsupported]).
func (x *Executor) Archive(ctx context.Context, a Archive) (Archived, error) {
	if err := x.init(); err != nil {
		return Archived{}, err
	}
	r := &removal{x: x, Archive: a, done: Archived{Kept: map[string]string{}}}
	err := r.check()
	if err == nil {
		err = r.sweep(ctx)
	}
	if err = errors.Join(append(r.damaged, err)...); err != nil {
		return r.done, fmt.Errorf("pipeline: archive: %w", err)
	}
	return r.done, nil
}

// A removal is one call of Archive.
type removal struct {
	Archive
	x            *Executor
	store        journal.Archiver
	environments []*machine.Environment
	done         Archived
	damaged      []error
}

func (r *removal) check() error {
	store, ok := r.x.Store.(journal.Archiver)
	switch {
	case !ok:
		return fmt.Errorf("a %T forgets nothing; want a journal.Archiver: %w", r.x.Store, errors.ErrUnsupported)
	case r.Keep == nil:
		return errors.New("Archive.Keep is nil; want where runs are kept")
	case r.Limit < 0:
		return fmt.Errorf("Archive.Limit is %d; want 0 for no limit, or more", r.Limit)
	case r.By != "" && person.Check(r.By) != nil:
		return fmt.Errorf("by %.140q: user ID with %w", r.By, person.Check(r.By))
	case len(r.By) > maxComment:
		return fmt.Errorf("by a user ID of %d bytes; want at most %d", len(r.By), maxComment)
	}
	r.store = containedArchiver{store}
	return nil
}

// survey reads what is new in all environments, and those that are new.
func (r *removal) survey(ctx context.Context) error {
	q := journal.Query{Prefix: machine.Journal("")}
	if n := len(r.environments); n > 0 {
		q.After = machine.Journal(r.environments[n-1].Name)
	}
	names, err := r.x.store.List(ctx, q)
	if err != nil {
		return err
	}
	for _, name := range names {
		r.environments = append(r.environments, &machine.Environment{Name: strings.TrimPrefix(name, machine.Journal(""))})
	}
	for _, e := range r.environments {
		if err := r.x.growEnvironment(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// young is after how many runs that began too late those that follow are not looked
// at. Runs are listed in the order in which they began, but clocks may differ.
const young = 100

// sweep goes through the runs.
func (r *removal) sweep(ctx context.Context) error {
	const page = 500
	late := 0
	for after := ""; ; {
		names, err := r.x.store.List(ctx, journal.Query{After: after, Limit: page})
		if err != nil {
			return err
		}
		for _, name := range names {
			if strings.Contains(name, "/") { // of an environment
				continue
			}
			began, err := r.run(ctx, name)
			if err != nil {
				return err
			}
			if late++; began.Before(r.Before) {
				late = 0
			}
			if late > young || r.Limit > 0 && len(r.done.Runs) == r.Limit {
				return nil
			}
		}
		if len(names) < page {
			return nil
		}
		after = names[len(names)-1]
	}
}

// run archives a run if it may be, and returns when it began.
func (r *removal) run(ctx context.Context, run string) (began time.Time, err error) {
	events, err := r.x.store.Events(ctx, run, 0)
	if errors.Is(err, journal.ErrArchived) { // by somebody else, just now
		return began, nil
	}
	if b := (*brokenError)(nil); errors.As(broken(err), &b) {
		return began, fmt.Errorf("run %s: %w", run, err)
	}
	var m *machine.Machine
	if err == nil {
		m, err = machine.Fold(run, events, func(string, artifact.Digest) *machine.Program { return nil })
	}
	if err != nil {
		r.damaged = append(r.damaged, fmt.Errorf("run %s: %w", run, err))
		return began, nil
	}
	if !m.Old(r.Before) || r.Pipeline != "" && r.Pipeline != m.Beginning.Pipeline {
		return m.Begun, nil
	}
	if err := r.survey(ctx); err != nil { // each time: others go on, and Keep may take long
		return m.Begun, err
	}
	if why := m.CanArchive(r.environments); why != nil {
		r.done.Kept[run] = why.Error()
		return m.Begun, nil
	}
	return m.Begun, r.remove(ctx, m, events)
}

// remove hands a run over, and then has the Store forget it.
func (r *removal) remove(ctx context.Context, m *machine.Machine, events []journal.Event) error {
	text, digest, err := journal.MarshalArchive(m.Run, events)
	if err != nil {
		return err
	}
	left := &journal.Archival{Events: len(events), Digest: digest, Pipeline: m.Beginning.Pipeline, Status: m.Status.String()}
	for i := range events {
		left.Fence = max(left.Fence, events[i].Fence())
	}
	err = guarded(func() (err error) {
		left.Place, err = r.Keep(ctx, m.Run, text)
		return err
	})
	if err == nil && len(left.Place) > maxComment {
		err = fmt.Errorf("place of %d bytes; want at most %d", len(left.Place), maxComment)
	}
	if err != nil {
		return fmt.Errorf("run %s: could not be kept: %w", m.Run, err)
	}
	err = r.store.Archive(ctx, m.Run, len(events), journal.Event{Time: time.Now().UTC(), Kind: journal.Archived, By: r.By, Data: left})
	switch {
	case errors.Is(err, journal.ErrConflict):
		r.done.Kept[m.Run] = "the run was done anew or archived meanwhile"
		return nil
	case err != nil:
		return fmt.Errorf("run %s: %w", m.Run, err)
	}
	r.done.Runs = append(r.done.Runs, m.Run)
	return nil
}
