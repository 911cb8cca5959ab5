package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// errHeld says that another process, or another Store, has a lock.
var errHeld = errors.New("held by another")

// Renew implements [journal.Leaser]. The lease is kept in the file, to the
// microsecond. As long as it is held, so is a lock on a file of its own in the
// directory beside the store whose name ends in ".owners". The kernel frees the
// lock when the process dies, and then Alive says so at once.
//
// An owner that holds a lease through another Store, in this process or in
// another, is an error for which errors.Is(err, [journal.ErrInput]): two
// executors must not share a name.
func (s *Store) Renew(ctx context.Context, owner string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	change := func(c *conn) (refused, failed error) { return s.renew(c, owner, until) }
	if !until.After(time.Now()) {
		change = func(c *conn) (refused, failed error) { return s.release(c, owner) }
	}
	// The one who has the lock may only be asking in Alive, or tidying up.
	err := errHeld
	for tries := 0; errors.Is(err, errHeld) && tries < 20; tries++ {
		if tries > 0 && !pause(ctx, 5*time.Millisecond) {
			return ctx.Err()
		}
		err = s.commit(ctx, change)
	}
	if errors.Is(err, errHeld) {
		err = fmt.Errorf("it is alive in another process or Store, want a name for each: %w", journal.ErrInput)
	}
	return s.fail(err, "renew the lease of %q", owner)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (s *Store) renew(c *conn, owner string, until time.Time) (refused, failed error) {
	if s.owners[owner] == nil {
		lock, err := s.hold(owner)
		if err != nil {
			return err, nil
		}
		s.owners[owner] = lock
		if _, err := c.exec("delete from leases where until <= ?", time.Now().UnixMicro()); err != nil {
			return nil, err
		}
	}
	_, err := c.exec("insert into leases (owner, until) values (?, ?) on conflict (owner) do update set until = excluded.until", []byte(owner), until.UnixMicro())
	return nil, err
}

// release gives the lease up that this Store holds. That of another is left
// to it.
func (s *Store) release(c *conn, owner string) (refused, failed error) {
	lock := s.owners[owner]
	if lock == nil {
		return nil, nil
	}
	if _, err := c.exec("delete from leases where owner = ?", []byte(owner)); err != nil {
		return nil, err
	}
	delete(s.owners, owner)
	return release(lock), nil
}

// Alive implements [journal.Leaser].
func (s *Store) Alive(ctx context.Context, owner string, now time.Time) (alive bool, err error) {
	err = s.read(ctx, func(c *conn) error {
		until, err := c.number("select until from leases where owner = ?", []byte(owner))
		alive = err == nil && now.UnixMicro() < until
		return err
	})
	if err == nil && alive {
		alive, err = held(s.lockFile(owner))
	}
	return alive, s.fail(err, "look for the lease of %q", owner)
}

// lockFile returns the path of the file whose lock the process of owner holds.
// Its name is a hash, since owners may have names that no file can have.
func (s *Store) lockFile(owner string) string {
	return filepath.Join(s.path+".owners", fmt.Sprintf("%x", sha256.Sum256([]byte(owner)))[:32])
}

// hold takes the lock of owner. The files of owners that died are removed on
// the way, or a program that is restarted often would fill the directory.
func (s *Store) hold(owner string) (*os.File, error) {
	path := s.lockFile(owner)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if dead, err := take(filepath.Join(filepath.Dir(path), f.Name()), 0); err == nil {
			release(dead)
		}
	}
	return take(path, os.O_CREATE)
}

// take locks a file. Whoever has the lock may remove the file, so it is made
// sure that the file locked is still the one of that name.
func take(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lock(f, true); err != nil {
		f.Close()
		return nil, err
	}
	mine, err := f.Stat()
	if err == nil {
		if there, e := os.Stat(path); e != nil || !os.SameFile(mine, there) {
			err = errHeld // by nobody any more: try again
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// release removes and unlocks the file. On Windows it cannot be removed while
// it is open, and is left to the next who takes it.
func release(f *os.File) error {
	os.Remove(f.Name())
	return f.Close()
}

// held reports whether somebody has locked the file. Those who ask do not
// disturb each other.
func held(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = lock(f, false)
	if errors.Is(err, errHeld) {
		return true, nil
	}
	return false, err
}
