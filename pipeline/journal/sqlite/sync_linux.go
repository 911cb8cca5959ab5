package sqlite

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dataSync syncs what is in f, and its length, but not its times, for which the
// file system would have to write too.
func dataSync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}
