//go:build darwin || freebsd

package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// remote returns the name of the file system of dir if it is one of another
// machine.
func remote(dir string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if s.Flags&unix.MNT_LOCAL != 0 {
		return "", nil
	}
	return "a network file system", nil
}
