//go:build unix

package killtest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// pace is how long a step takes in a process that is killed.
const pace = 4 * time.Millisecond

// execute takes runs forward. If it is doomed it says that a hook is called.
func execute(ctx context.Context, p part, store *sqlite.Store) error {
	at := &platform{ledger: files{p.Dir}, store: store, process: strconv.Itoa(os.Getpid()), executor: p.Name, pace: pace}
	if p.Doomed {
		at.doomed = func() { p.say(ctx, "called") }
	}
	if !p.Paused {
		at.inside = (&doors{p: at, open: map[string]*door{}}).enter
	}
	x := pipeline.Executor{
		Pipelines: append(pipelines(at), holding(at)), Store: store, Name: p.Name, Lease: p.Lease,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	return x.Serve(ctx)
}

// approve votes, and has done anew what is held. It says which votes were
// acknowledged.
func approve(ctx context.Context, p part, store *sqlite.Store) error {
	x := desk(p.Dir, p.Name, store)
	crowd := people{desk: func() *pipeline.Executor { return x }, acked: map[string]string{}}
	crowd.voted = func(id, gate string) { p.say(ctx, "acknowledged %s %s", id, gate) }
	for ctx.Err() == nil {
		runs, err := x.Runs(ctx, pipeline.Query{Open: true})
		if err != nil {
			return alarming(ctx, err)
		}
		for _, r := range runs {
			crowd.look(ctx, r.ID)
		}
		rest(ctx)
	}
	return nil
}

// view looks at what can be seen of runs and environments. It says how many
// runs are open.
func view(ctx context.Context, p part, store *sqlite.Store) error {
	x := desk(p.Dir, p.Name, store)
	for ctx.Err() == nil {
		runs, err := x.Runs(ctx, pipeline.Query{Open: true})
		if err != nil {
			return alarming(ctx, err)
		}
		for _, r := range runs {
			if _, err := x.Explain(ctx, r.ID, "ann"); err != nil {
				return alarming(ctx, err)
			}
		}
		for _, name := range []string{"staging", "production"} {
			if _, err := x.Environment(ctx, name); err != nil {
				return alarming(ctx, err)
			}
		}
		p.say(ctx, "seen %d", len(runs))
		rest(ctx)
	}
	return nil
}

// alarming returns err, or nil if it came since the process was told to end.
func alarming(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

// desk returns an executor that does not serve, for people to work with.
func desk(dir, name string, store *sqlite.Store) *pipeline.Executor {
	p := &platform{ledger: files{dir}, store: store, pace: pace}
	return &pipeline.Executor{Pipelines: append(pipelines(p), holding(p)), Store: store, Name: name, Log: slog.New(slog.DiscardHandler)}
}

// A register is what people were told, in whatever process they were.
type register struct {
	mu    sync.Mutex
	votes map[string]string // gates by the IDs of votes that were acknowledged
}

// hear notes what an approver says.
func (r *register) hear(line string) {
	var id, gate string
	if n, _ := fmt.Sscanf(line, "acknowledged %s %s", &id, &gate); n == 2 {
		r.mu.Lock()
		r.votes[id] = gate
		r.mu.Unlock()
	}
}
