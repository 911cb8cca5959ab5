package sqlite

import (
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// checkDisk refuses directories on file systems of other machines. SQLite in
// WAL mode needs memory that all processes share (sqlite.org/wal.html), and
// locks that all of them see.
func checkDisk(dir string) error {
	name, err := remote(dir)
	if err != nil {
		return err
	}
	if name == "" {
		return nil
	}
	return fmt.Errorf("%s is on %s, want a disk of this machine: there locks and shared memory do not hold between all who can open the file: %w", dir, name, journal.ErrInput)
}
