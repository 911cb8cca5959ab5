package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/pipeline/journal"
)

// An Executor runs pipelines. Start, Vote, Cancel and the like only write to
// the Store; Serve does the work, in this process or in another one that shares
// the Store.
//
// The zero Executor knows no pipelines and keeps runs in memory. The fields
// must not be changed after the first call of a method. All methods may be
// called from several goroutines at once. An Executor must not be copied.
type Executor struct {
	Pipelines []Pipeline     // what can be started, and what is needed to go on after a restart
	Former    []Pipeline     // older definitions of them, for runs that drain
	Store     journal.Store  // nil means a new [journal.Memory]
	Policies  []Policy       // that Pipelines and Former have to keep; see package policy
	Name      string         // of this executor in journals, with something unique added; empty means the name of the program
	Limit     int            // stages called at a time; 0 means no limit
	Groups    map[string]int // stages called at a time by [Stage.Group]; a group that is not listed has no limit
	Grace     time.Duration  // how long a hook may go on after its context is done; 0 means 10 s
	Lease     time.Duration  // after which another executor takes over from one that hangs, at most an hour; 0 means 15 s
	OnDrift   Drift          // what becomes of a run that began under another definition

	// Compare says in the reason of a run that waits for drift what changed,
	// if its definition is in Former. Give it [Diff]; nil says nothing, and a
	// program that needs no Diff is half a megabyte smaller.
	Compare func(old, new Pipeline) Changes

	// Secrets looks up a secret, of at most 64 KiB, for a stage that asks for
	// it with [stage.Input.Secret]; nil means there are none.
	//
	// From then on the secret is hidden in what stages say and log, also in
	// base64, in JSON and the like, and a stage that returns it as a value or
	// state has failed. Secrets of fewer than 4 bytes are not hidden. What a
	// stage itself writes elsewhere, such as to a span, is its own affair.
	Secrets func(ctx context.Context, name string) (string, error)

	Log            *slog.Logger         // nil means slog.Default()
	TracerProvider trace.TracerProvider // nil means that nothing is traced; give otel.GetTracerProvider() for the global one
	MeterProvider  metric.MeterProvider // nil means that nothing is measured; give otel.GetMeterProvider() for the global one

	once    sync.Once
	err     error
	current map[string]*definition          // by name of pipeline
	known   map[artifact.Digest]*definition // those and the former ones
	meter   meter
	store   containedStore // Store
	log     *slog.Logger   // Log
	masked  mask.Mask      // what Secrets returned

	mu     sync.Mutex
	server *server // while Serve runs
}

// A Policy is what every pipeline of an [Executor] has to keep. If one does not,
// nothing can be started.
//
// Check returns why p does not keep it, or nil. A Policy that looks at several
// pipelines at once has a method CheckAll([]Pipeline) error too, which is called
// instead.
type Policy interface {
	Check(p Pipeline) error
}

// A Drift says what becomes of a run that began under a definition other than
// the one the Executor has now. Whoever edits a pipeline while runs of it wait
// for days decides it.
type Drift int

const (
	Park  Drift = iota // the run waits until a person calls [Executor.Adopt], [Executor.Drain] or [Executor.Cancel]
	Drain              // it goes on under the definition it began with, if that is in Former; else it is parked
	Adopt              // it goes on under the new definition; votes are void
)

// Errors of the methods of an [Executor], wrapped.
var (
	ErrNoRun   = errors.New("pipeline: no such run")
	ErrRefused = errors.New("pipeline: refused") // what was asked for cannot be, now; the error says why
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// A definition is a pipeline that was found valid.
type definition struct {
	Pipeline
	digest artifact.Digest
	prog   *machine.Program
}

func (x *Executor) init() error {
	x.once.Do(func() {
		if x.Store == nil {
			x.Store = new(journal.Memory)
		}
		if x.Log == nil {
			x.Log = slog.Default()
		}
		x.store, x.log = containedStore{x.Store}, slog.New(containedLog{x.Log.Handler()})
		if x.Grace == 0 {
			x.Grace = 10 * time.Second
		}
		if x.Lease == 0 {
			x.Lease = 15 * time.Second
		}
		x.masked.Most = maxSecrets
		x.current, x.known = map[string]*definition{}, map[artifact.Digest]*definition{}
		errs := []error{x.check()}
		for _, p := range x.Pipelines {
			if _, twice := x.current[p.Name]; twice {
				errs = append(errs, fmt.Errorf("pipeline: two pipelines with the name %q", p.Name))
			}
			d, err := x.define(p)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			x.current[p.Name] = d
		}
		for _, p := range x.Former {
			if _, err := x.define(p); err != nil {
				errs = append(errs, fmt.Errorf("former definition: %w", err))
			}
		}
		if errors.Join(errs...) == nil {
			errs = append(errs, x.keep(x.Pipelines), x.keep(x.Former))
		}
		if x.err = errors.Join(errs...); x.err == nil {
			x.err = guarded(func() error { return x.meter.init(x) })
		}
	})
	return x.err
}

// check reports the mistakes in the fields.
func (x *Executor) check() error {
	var errs []error
	if x.Limit < 0 {
		errs = append(errs, fmt.Errorf("pipeline: Executor.Limit is %d; want 0 for no limit, or more", x.Limit))
	}
	for _, name := range slices.Sorted(maps.Keys(x.Groups)) {
		if n := x.Groups[name]; n < 1 {
			errs = append(errs, fmt.Errorf("pipeline: Executor.Groups[%q] is %d; want 1 or more", name, n))
		}
	}
	if x.Grace < 0 || x.Lease < 0 {
		errs = append(errs, fmt.Errorf("pipeline: Executor.Grace is %v and Lease is %v; want neither below 0", x.Grace, x.Lease))
	}
	if x.Lease > maxLease {
		errs = append(errs, fmt.Errorf("pipeline: Executor.Lease is %v; want at most %v", x.Lease, maxLease))
	}
	for i, policy := range x.Policies {
		if policy == nil {
			errs = append(errs, fmt.Errorf("pipeline: Executor.Policies[%d] is nil; want a policy", i))
		}
	}
	return errors.Join(errs...)
}

// keep reports which policies the pipelines, found valid before, do not keep.
func (x *Executor) keep(pipelines []Pipeline) error {
	var errs []error
	for _, policy := range x.Policies {
		if all, ok := policy.(interface{ CheckAll([]Pipeline) error }); ok {
			errs = append(errs, guarded(func() error { return all.CheckAll(pipelines) }))
			continue
		}
		for _, p := range pipelines {
			errs = append(errs, guarded(func() error { return policy.Check(p) }))
		}
	}
	return errors.Join(errs...)
}

func (x *Executor) define(p Pipeline) (*definition, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	digest := p.Digest()
	if d := x.known[digest]; d != nil {
		return d, nil
	}
	d := &definition{Pipeline: p, digest: digest, prog: p.compile(digest)}
	x.known[digest] = d
	return d, nil
}

// named returns the definition of a pipeline that can be started.
func (x *Executor) named(pipeline string) (*definition, error) {
	if d := x.current[pipeline]; d != nil {
		return d, nil
	}
	hint := new(suggest.Hinter).Hint(pipeline, slices.Sorted(maps.Keys(x.current)))
	return nil, fmt.Errorf("pipeline: no pipeline %q%s", pipeline, hint)
}

// program returns the compiled definition with the given digest, if x has it.
func (x *Executor) program(name string, digest artifact.Digest) *machine.Program {
	if d := x.known[digest]; d != nil && d.Name == name {
		return d.prog
	}
	return nil
}

// fold reads the journal of a run.
func (x *Executor) fold(ctx context.Context, run string) (*machine.Machine, error) {
	if err := checkID(run); err != nil {
		return nil, err
	}
	events, err := x.store.Events(ctx, run, 0)
	if err != nil {
		return nil, fmt.Errorf("pipeline: run %s: %w", run, broken(err))
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoRun, run)
	}
	m, err := machine.Fold(run, events, x.program)
	if err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	return m, nil
}

// checkID reports whether id can name a run.
func checkID(id string) error {
	ok := 0 < len(id) && len(id) <= 128
	for i := range len(id) {
		c := id[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		ok = ok && (letter || i > 0 && strings.IndexByte("._-", c) >= 0)
	}
	if !ok {
		return fmt.Errorf("pipeline: run ID %.140q: want 1 to 128 letters, digits, dots, hyphens and underscores, the first a letter or a digit", id)
	}
	return nil
}

// Run returns what is known of a run. If there is none, errors.Is(err,
// [ErrNoRun]).
func (x *Executor) Run(ctx context.Context, id string) (Run, error) {
	if err := x.init(); err != nil {
		return Run{}, err
	}
	m, err := x.fold(ctx, id)
	if err != nil {
		return Run{}, err
	}
	return runOf(m), nil
}

// A Query says which runs to return.
type Query struct {
	Pipeline string // only those of this pipeline; empty means of all
	Open     bool   // only those that have not ended
	After    string // only those that were started before this run, which may be archived; empty means from the newest on
	Limit    int    // at most so many, and no more than 10,000; 0 means 100
}

// Runs returns runs, newest first, but for those that are archived. A run of which
// the journal cannot be read is left out; all errors are returned beside the others.
func (x *Executor) Runs(ctx context.Context, q Query) ([]Run, error) {
	if err := x.init(); err != nil {
		return nil, err
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, 10_000)
	var runs []Run
	var errs []error
	for after := q.After; ; {
		names, err := x.store.List(ctx, journal.Query{Open: q.Open, Newest: true, After: after, Limit: 2 * q.Limit})
		if err != nil {
			return runs, fmt.Errorf("pipeline: list of runs: %w", err)
		}
		for _, name := range names {
			if strings.Contains(name, "/") { // of an environment
				continue
			}
			r, err := x.Run(ctx, name)
			if errors.Is(err, journal.ErrArchived) { // since it was listed
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			if q.Pipeline != "" && r.Pipeline != q.Pipeline {
				continue
			}
			if runs = append(runs, r); len(runs) == q.Limit {
				return runs, errors.Join(errs...)
			}
		}
		if len(names) < 2*q.Limit {
			return runs, errors.Join(errs...)
		}
		after = names[len(names)-1]
	}
}
