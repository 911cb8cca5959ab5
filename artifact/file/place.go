package file

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	work   = ".penstock"    // a directory beside the layout
	locked = work + "/lock" // a file that is never removed: a lock on a file that is gone excludes nobody
	begun  = "put-"         // what names of files in work begin with while they are written
)

// errIrregular says that there is something else in place of a file.
var errIrregular = errors.New("not a regular file")

// place makes a file of what fill writes, under the name that fill returns. It
// is there whole or not at all, whenever the machine crashes; to be sure that
// it is there, sync its directory. It replaces a file of that name: readers who
// have that open go on reading the old one.
func (s *Store) place(fill func(io.Writer) (name string, err error)) error {
	f, temp, err := s.create()
	if err != nil {
		return err
	}
	defer f.Close()
	name, err := fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		s.root.Remove(temp) // else sweep does
	}
	return err
}

// write makes a file of text, as place does.
func (s *Store) write(name string, text []byte) error {
	return s.place(func(w io.Writer) (string, error) {
		_, err := w.Write(text)
		return name, err
	})
}

// create makes a file to be written, and returns its name, which is new. The
// file is locked until it is closed, so that sweep leaves it alone.
func (s *Store) create() (*os.File, string, error) {
	for {
		name := work + "/" + begun + rand.Text()
		f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return nil, "", err
		}
		held, err := tryLock(f)
		if err == nil && held {
			if _, err = s.root.Lstat(name); err == nil {
				return f, name, nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.root.Remove(name)
			return nil, "", err
		}
		// A sweep was quicker to lock it, and removes it.
	}
}

// sweep removes files that were being written when their process died: those
// that nobody has locked.
func (s *Store) sweep() error {
	entries, err := fs.ReadDir(s.root.FS(), work)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), begun) {
			continue
		}
		err := s.sweepFile(work + "/" + e.Name())
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("removing a leftover: %w", err)
		}
	}
	return nil
}

func (s *Store) sweepFile(name string) error {
	f, err := s.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	held, err := tryLock(f)
	if err != nil || !held {
		return err
	}
	return s.root.Remove(name)
}

// read returns what the file has, up to limit bytes; more is an error.
func (s *Store) read(name string, limit int64) ([]byte, error) {
	f, err := s.openRegular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", name, limit)
	}
	return text, err
}

// openRegular opens a regular file. To open anything else could take for ever, as
// a named pipe does.
func (s *Store) openRegular(name string) (*os.File, error) {
	info, err := s.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", name, errIrregular)
	}
	return s.root.Open(name)
}

// makeDir makes a directory, and those above it that are missing, durably.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o777)
	above := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && above != dir {
		if err := makeDir(above); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // a directory, or OpenRoot says that it is none
	}
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		return err
	}
	defer root.Close()
	return syncDir(root, ".")
}
