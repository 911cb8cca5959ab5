package pipeline

import (
	"errors"
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// A brokenError says that the Store failed, so that nothing can be acknowledged
// any more. All other errors are of one journal, and leave other runs alone.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// broken marks an error that the Store returned, unless it is of one journal.
func broken(err error) error {
	if err == nil {
		return nil
	}
	for _, one := range []error{journal.ErrConflict, journal.ErrCorrupt, journal.ErrUnknown, journal.ErrArchived} {
		if errors.Is(err, one) {
			return err
		}
	}
	return &brokenError{err}
}

// conflicts counts those in a row. Each says that another writer was first, so
// a thousand say that the Store says so to everybody.
type conflicts int

// another counts err, and returns what is wrong if there are too many.
func (c *conflicts) another(err error) error {
	if *c++; *c > 1000 {
		return &brokenError{fmt.Errorf("%d times in a row: %w", int(*c), err)}
	}
	return nil
}

// suffer stops the server if err is of the Store, and else leaves the run alone
// that it is of.
func (s *server) suffer(run string, err error) {
	if b := (*brokenError)(nil); errors.As(err, &b) {
		s.fail(b.err)
		return
	}
	if errors.Is(err, journal.ErrArchived) {
		return // it has ended
	}
	s.log.Error("a run is left alone, for its journal cannot be gone on with", "run", run, "error", err)
}
