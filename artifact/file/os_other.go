//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package file

import (
	"errors"
	"os"
)

// tryLock fails, and so does Open: without locks, processes cannot share a
// directory, and leftovers cannot be told from what is being put.
func tryLock(f *os.File) (held bool, err error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

func syncDir(*os.Root, string) error { return nil }
