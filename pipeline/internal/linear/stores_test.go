package linear

import (
	"path/filepath"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// A store is what an executor has of one.
type store interface {
	journal.Store
	journal.Watcher
	journal.Leaser
}

// A shelf opens handles of one store. One is closed when its executor is gone.
type shelf func() (s store, close func() error, err error)

// inMemory returns a store that all share.
func inMemory() shelf {
	m := new(journal.Memory)
	return func() (store, func() error, error) { return m, func() error { return nil }, nil }
}

// inFile returns a store in a file that each opens by itself, as processes do.
func inFile(t *testing.T) shelf {
	path := filepath.Join(t.TempDir(), "journals.db")
	return func() (store, func() error, error) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
}
