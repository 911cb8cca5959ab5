package sqlite

import (
	"fmt"

	lib "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/pipeline/journal"
)

// explain says what an error of SQLite means to who runs the program.
func explain(err error) error {
	switch code(err) {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("no space is left on the disk: %w", err)
	case lib.SQLITE_READONLY:
		return fmt.Errorf("the file cannot be written: %w", err)
	case lib.SQLITE_CANTOPEN:
		return fmt.Errorf("the file, or one beside it, cannot be opened or made: %w", err)
	case lib.SQLITE_IOERR:
		return fmt.Errorf("the disk failed: %w", err)
	}
	return err
}
