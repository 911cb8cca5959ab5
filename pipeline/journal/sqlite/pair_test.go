package sqlite

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A pair is two Stores on one file that take turns. An owner keeps to one of
// them, since its lease belongs to the Store that renewed it.
type pair struct {
	stores [2]*Store
	calls  atomic.Int64
}

func (p *pair) next() *Store { return p.stores[p.calls.Add(1)%2] }

func (p *pair) Append(ctx context.Context, batches ...journal.Batch) error {
	return p.next().Append(ctx, batches...)
}

func (p *pair) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	return p.next().Events(ctx, name, from)
}

func (p *pair) List(ctx context.Context, q journal.Query) ([]string, error) {
	return p.next().List(ctx, q)
}

func (p *pair) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	return p.next().Changes(ctx, mark)
}

func (p *pair) Renew(ctx context.Context, owner string, until time.Time) error {
	return p.stores[len(owner)%2].Renew(ctx, owner, until)
}

func (p *pair) Alive(ctx context.Context, owner string, now time.Time) (bool, error) {
	return p.next().Alive(ctx, owner, now)
}

func (p *pair) Verify(ctx context.Context, heads ...journal.Head) (journal.Report, error) {
	return p.next().Verify(ctx, heads...)
}
