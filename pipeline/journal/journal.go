// Package journal keeps the records of runs and environments.
//
// A journal is a list of events that only grows. It is all there is to a run:
// a program that can read journals can tell what happened, who agreed to it
// and why it waits, without the executor.
//
// Each run has a journal under its ID, and each environment one under "env/"
// and its name. [Memory] forgets them when the process ends; the package
// sqlite below this one keeps them in a file that several processes may share.
package journal

import (
	"context"
	"errors"
	"time"
)

// A Store keeps journals.
//
// Its methods may be called from several goroutines at once. Several processes
// may share a Store if it says so. A Store may have more methods, each found by
// assertion: those of [Watcher], [Leaser], [Verifier] and [Archiver].
//
// Test an implementation with
// [github.com/penstock/penstock/pipeline/journal/journaltest.Run].
type Store interface {
	// Append adds the events of all batches, or of none. It adds them only
	// if each journal is exactly as long as its batch says, and else returns
	// an error for which errors.Is(err, [ErrConflict]). When it returns nil
	// the events outlive a crash. After any other error it is not known
	// whether they do, and the Store may refuse all that follows.
	//
	// No two batches may name one journal. Append does not keep the slices
	// it is given, but may keep what Event.Data points to, which nobody
	// changes after.
	Append(ctx context.Context, batches ...Batch) error

	// Events returns a journal from event number from, counting from 0. A
	// journal that was never appended to is empty. The caller must not
	// change what Event.Data points to.
	//
	// An event of a kind that this version does not know is an error for
	// which errors.Is(err, [ErrUnknown]); a damaged one is one for which
	// errors.Is(err, [ErrCorrupt]). No event is ever left out: from one that
	// was archived it is an error for which errors.Is(err, [ErrArchived]).
	Events(ctx context.Context, journal string, from int) ([]Event, error)

	// List returns the names of journals, in the order of their first events.
	List(ctx context.Context, q Query) ([]string, error)
}

// A Batch is events for the end of one journal.
type Batch struct {
	Journal string  // 1 to 160 bytes
	Length  int     // of the journal now; 0 begins it
	Events  []Event // at least one
}

// A Query says which journals to list. The zero Query lists all of them that are
// not archived: of those the last event is of kind [Archived].
type Query struct {
	Prefix   string // of the name
	Open     bool   // only those whose last event is not of kind [Ended], nor [Archived]
	Archived bool   // those that are archived, and no others
	Newest   bool   // those that began last come first
	After    string // only those that come after this one, which may be archived; empty means from the start
	Limit    int    // at most so many; 0 means all
}

// A Watcher is a [Store] that can tell what others append.
type Watcher interface {
	// Changes returns the names of the journals that grew since mark, each
	// once, and the mark to go on from. If there are none it waits until
	// there are, or until ctx is done, and then returns ctx's error and,
	// still, the mark to go on from. Mark 0
	// is the beginning of the Store, and a negative one is now. Names may be
	// returned though they did not grow, but never the other way round.
	//
	// What another process appended is returned within a quarter of a second.
	Changes(ctx context.Context, mark int64) (names []string, next int64, err error)
}

// A Leaser is a [Store] that knows which executors are alive. An executor that
// shares a Store without these methods takes it that it is the only one.
type Leaser interface {
	// Renew says that owner lives until the given time. A time that is not
	// after now gives the lease up: owner holds none then, at whatever time.
	Renew(ctx context.Context, owner string, until time.Time) error

	// Alive reports whether owner holds a lease at the given time. A Store
	// that knows the process of owner to be dead says no before the lease
	// has run out.
	Alive(ctx context.Context, owner string, now time.Time) (bool, error)
}

// Errors that the methods of a [Store] return, wrapped or not.
var (
	ErrConflict = errors.New("journal: grown since it was read")   // another writer was first: read, decide again
	ErrUnknown  = errors.New("journal: not known to this version") // written by a newer version
	ErrCorrupt  = errors.New("journal: damaged")                   // what was recorded is not there as it was
	// ErrRolledBack comes together with ErrCorrupt.
	ErrRolledBack = errors.New("journal: an older copy was put back")
	ErrArchived   = errors.New("journal: archived")                       // an [ArchivedError] says where
	ErrClosed     = errors.New("journal: store is closed, or has failed") // nothing is acknowledged any more
	ErrInput      = errors.New("journal: not what a store can be asked")  // a mistake of the caller
)
