package pipeline

import (
	"errors"

	"github.com/penstock/penstock/pipeline/journal"
)

// A brokenError says that the Store failed, so that nothing can be acknowledged
// any more. All other errors are of one journal, and leave other runs alone.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// broken marks an error that the Store returned, unless it is of one journal.
func broken(err error) error {
	switch {
	case err == nil, errors.Is(err, journal.ErrConflict), errors.Is(err, journal.ErrCorrupt), errors.Is(err, journal.ErrUnknown):
		return err
	}
	return &brokenError{err}
}

// suffer stops the server if err is of the Store, and else leaves the run alone
// that it is of.
func (s *server) suffer(run string, err error) {
	if b := (*brokenError)(nil); errors.As(err, &b) {
		s.fail(b.err)
		return
	}
	s.log.Error("a run is left alone, for its journal cannot be gone on with", "run", run, "error", err)
}
