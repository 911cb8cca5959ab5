package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	lib "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/pipeline/journal"
)

// explain says what an error of SQLite means to who runs the program.
func explain(err error) error {
	if damaged(err) {
		return fmt.Errorf("%w: %w", journal.ErrCorrupt, err)
	}
	switch code(err) {
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

// damaged reports whether SQLite says that what it read is not a database.
func damaged(err error) bool { return damage(code(err)) }

func damage(code int) bool { return code == lib.SQLITE_CORRUPT || code == lib.SQLITE_NOTADB }

// unread returns an error if what SQLite's check of integrity says is that it could
// not read a page. It says so as if that were damage.
func unread(says string) error {
	for line := range strings.SplitSeq(says, "\n") {
		_, code, _ := strings.Cut(line, "unable to get the page. error code=")
		if n, err := strconv.Atoi(code); err == nil && !damage(n&0xff) {
			return fmt.Errorf("the disk failed: %s", line)
		}
	}
	return nil
}
