package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	// text has to outlive a crash, for then the Store forgets the run: so a
	// file is to be synced, and its directory too when the file is new.
	//
	// It may be given a run again, with the same text: if there was a crash
	// before the Store had forgotten it, or the run was needed by then after
	// all. If a person had a run done anew in that moment, it is given again
	// with more events when that has ended.
	Keep func(ctx context.Context, run string, text []byte) (place string, err error)
}

// Archived is what [Executor.Archive] did.
type Archived struct {
	Runs []string          // that were archived, in the order in which they were started
	Kept map[string]string // those that ended before, but have to stay, and why
}

// Archive moves runs out of the Store that ended before a time. It may be called
// while runs are taken forward, and by several processes at once: a run may be given
// to the Keep of each then, and leaves once. It needs none of the Pipelines, so a
// nightly program can do without.
//
// Nothing leaves that a rollback could need: what an environment holds, is about to
// hold or would go back to, and who made the artifacts there. Nor does a run leave
// that made what an open run was given or found in an environment, or that a param
// of an open run names: by its ID, or by the digest of what it made. What is there
// when the run leaves counts; who starts or retries a run after that may still give
// it what the other made, of which the archive tells.
//
// Of a run that left, [Executor.Run] and all else that is asked of it is an error for
// which errors.Is(err, [journal.ErrArchived]), and errors.As finds a
// [journal.ArchivedError] that says when and where it went. [Executor.Runs] leaves it
// out, and the History of an [Environment] still names it. What it made stays where
// it is. A run that is started again with its Key is still the same run, for ever, and
// is not begun anew.
//
// A run of which the journal is damaged stays, and the others are archived; all
// such errors are returned. If Keep fails or the Store does, the rest stays too, and
// so it does if an environment is damaged or a newer version wrote to an open run:
// nobody knows what those need. A Store that is no [journal.Archiver] is an error for
// which errors.Is(err, [errors.ErrUnsupported]).
func (x *Executor) Archive(ctx context.Context, a Archive) (Archived, error) {
	if err := x.init(); err != nil {
		return Archived{}, err
	}
	r := &removal{x: x, Archive: a, done: Archived{Kept: map[string]string{}}, damaged: map[string]error{}}
	err := r.check()
	if err == nil {
		err = r.sweep(ctx)
	}
	errs := []error{err}
	for _, run := range slices.Sorted(maps.Keys(r.damaged)) {
		errs = append(errs, fmt.Errorf("run %s: %w", run, r.damaged[run]))
	}
	if err := errors.Join(errs...); err != nil {
		return r.done, fmt.Errorf("pipeline: archive: %w", err)
	}
	return r.done, nil
}

// A removal is one call of Archive.
type removal struct {
	Archive
	x            *Executor
	store        journal.Archiver
	open         []*machine.Machine     // all runs that have not ended, but for damaged ones
	environments []*machine.Environment // all that there are
	done         Archived
	damaged      map[string]error // why a run cannot be read
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

// survey reads what is new in open runs and environments. Runs are first: what one
// of them brought to an environment and then ended is seen in the environment.
func (r *removal) survey(ctx context.Context) error {
	if err := r.surveyRuns(ctx); err != nil {
		return err
	}
	return r.surveyEnvironments(ctx)
}

func (r *removal) surveyRuns(ctx context.Context) error {
	names, err := r.x.store.List(ctx, journal.Query{Open: true})
	if err != nil {
		return err
	}
	known := make(map[string]*machine.Machine, len(r.open))
	for _, m := range r.open {
		known[m.Run] = m
	}
	r.open = nil
	for _, name := range names {
		if strings.Contains(name, "/") || r.damaged[name] != nil {
			continue
		}
		m := known[name]
		if m == nil {
			m = machine.New(name, nil)
		}
		switch err := r.grow(ctx, m); {
		case err == nil:
			r.open = append(r.open, m)
		case errors.Is(err, journal.ErrArchived): // it ended since it was listed
		case errors.Is(err, journal.ErrCorrupt), errors.Is(err, machine.ErrOrder): // nobody can take it forward
			r.damaged[name] = err
		default:
			return fmt.Errorf("run %s, which has not ended: %w", name, err)
		}
	}
	return nil
}

// grow applies what was appended to the journal of m since.
func (r *removal) grow(ctx context.Context, m *machine.Machine) error {
	events, err := r.x.store.Events(ctx, m.Run, m.Length)
	for i := range events {
		if err == nil {
			err = m.Apply(&events[i])
		}
	}
	return err
}

func (r *removal) surveyEnvironments(ctx context.Context) error {
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
		r.damaged[run] = err
		return began, nil
	}
	if !m.Old(r.Before) || r.Pipeline != "" && r.Pipeline != m.Beginning.Pipeline {
		return m.Begun, nil
	}
	free, err := r.free(ctx, m, events)
	if free {
		err = r.remove(ctx, m, events)
	}
	return m.Begun, err
}

// free reports whether nothing needs the run now, and else notes what does.
func (r *removal) free(ctx context.Context, m *machine.Machine, events []journal.Event) (bool, error) {
	if err := r.survey(ctx); err != nil {
		return false, err
	}
	if why := m.CanArchive(events, r.environments, r.open); why != nil {
		r.done.Kept[m.Run] = why.Error()
		return false, nil
	}
	return true, nil
}

// remove hands a run over, and then has the Store forget it.
func (r *removal) remove(ctx context.Context, m *machine.Machine, events []journal.Event) error {
	text, left, err := journal.MarshalArchive(m.Run, events)
	if err != nil {
		return err
	}
	left.Pipeline, left.Status = m.Beginning.Pipeline, m.Status.String()
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
	return r.forget(ctx, m, events, left)
}

// forget has the Store forget a run, if nothing needs it after Keep either, which may
// have taken long.
func (r *removal) forget(ctx context.Context, m *machine.Machine, events []journal.Event, left journal.Archival) error {
	for tries := conflicts(0); ; {
		if free, err := r.free(ctx, m, events); !free {
			return err
		}
		e := journal.Event{Time: time.Now().UTC(), Kind: journal.Archived, By: r.By, Data: &left}
		err := r.store.Archive(ctx, m.Run, len(events), e, r.seen()...)
		if err == nil {
			r.done.Runs = append(r.done.Runs, m.Run)
			return nil
		}
		if errors.Is(err, journal.ErrConflict) {
			var news []journal.Event
			if news, err = r.x.store.Events(ctx, m.Run, len(events)); len(news) > 0 {
				r.done.Kept[m.Run] = "the run was done anew or archived meanwhile"
				return nil
			}
			if err == nil { // an environment has grown
				err = tries.another(journal.ErrConflict)
			}
		}
		if err != nil {
			return fmt.Errorf("run %s: %w", m.Run, err)
		}
	}
}

// seen says of which moment the environments are: a run leaves only if none has grown
// since.
func (r *removal) seen() (all []journal.Seen) {
	for _, e := range r.environments {
		all = append(all, journal.Seen{Journal: machine.Journal(e.Name), Length: e.Length})
	}
	return all
}
