// Package sqlite keeps journals in a SQLite file, which several processes on
// one machine may share.
//
// What Append has acknowledged outlives a crash of the process and of the
// machine: the file is in WAL mode and synced at each commit. Appends that wait
// at the same time are committed, and synced, together.
//
// Each event is kept with the hash of all events before it in its journal and
// with one of all events before it in the store, and each journal with its
// length and last hash. Events checks the former, so a line that was changed,
// lost or swapped is an error and never taken for the truth. Verify checks all
// of it.
//
// SQLite takes a damaged page at the end of its log for the end of what was
// written, and cannot know an old copy of itself. Therefore the directory whose
// name ends in ".witness" has lines that say which events were committed, with
// their hashes and the events themselves. It is written and synced while the
// database is, and Append acknowledges when both have it. Open and each Append
// compare: a commit that a crash left in one of the two alone is put into the
// other, and a database that lacks more than that is an error for which
// errors.Is(err, [journal.ErrRolledBack]). What a crash leaves of a line is
// copied to a file of that directory that ends in ".torn" and reported by
// Verify. Keep copies of the witness elsewhere, or of its last lines: who can
// put back old copies of both can have the store forget. Logs but the last two
// may be moved away.
//
// Of a journal that is archived the hashes stay, so that all of this goes on to hold
// for those between its events. See [Store.Archive].
//
// Do not copy the file while a program uses it, use SQLite's VACUUM INTO; do not
// rename or remove the files beside it whose names begin with its name; and do
// not open it in the same process by other means, since closing it there takes
// away SQLite's locks.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Store is a [journal.Store] in a file. It is a [journal.Watcher], a
// [journal.Leaser], a [journal.Verifier] and a [journal.Archiver] too. Use [Open] to
// make one.
//
// After a failed commit, or one that could not be witnessed, a Store acknowledges
// nothing any more: each call returns [journal.ErrClosed] and the cause. Whether the events of that commit
// are kept is known when the file is opened again.
type Store struct {
	path   string
	id     string
	config Config
	writer *conn // used by the one goroutine that leads a commit

	// use is held for reading while a connection is used, and for writing
	// by Close.
	use sync.RWMutex

	// These belong to the writer.
	owners  map[string]*os.File // locks held
	witness *witness
	tip     tip       // in the transaction
	start   int64     // number of the first event that it adds
	added   []entry   // of those that it adds
	unsent  []byte    // the newest checkpoint that Config.Sink was not given
	parked  bool      // a run has nothing to do since the last rest
	rested  time.Time // when the WAL was moved last

	mu      sync.Mutex
	dead    error // why nothing is acknowledged any more
	queue   []*write
	leading bool
	idle    []*conn // to read
	waiters map[chan struct{}]bool
}

var _ interface {
	journal.Store
	journal.Watcher
	journal.Leaser
	journal.Verifier
	journal.Archiver
} = (*Store)(nil)

// Open opens the file, and makes it if there is none. Its directory has to be
// there. If other processes do the same at the same time it waits for them
// until ctx is done.
//
// The file has to be on a disk of this machine. Open refuses NFS, SMB, 9P, FUSE
// and other file systems on which locks or shared memory do not work between
// all who can open the file.
//
// It returns an error for which errors.Is(err, [journal.ErrUnknown]) if the
// file was made by another version, [journal.ErrCorrupt] if it is seen to be
// damaged, does not agree with its witness or is no database at all, and
// [journal.ErrInput] if it is a database of something else or cannot be on that
// file system. It does not go through what is there: [Store.Verify] does, and
// whoever reads a damaged event is told.
func Open(ctx context.Context, path string) (*Store, error) {
	return Config{}.Open(ctx, path)
}

func (cfg Config) open(ctx context.Context, path string) (*Store, error) {
	s, err := cfg.enter(ctx, path)
	if err == nil && !cfg.ReadOnly {
		if err = s.meet(ctx); err != nil {
			err = errors.Join(explain(err), s.Close())
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// enter opens the database, without its witness.
func (cfg Config) enter(ctx context.Context, path string) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := cfg.checkKey(); err != nil {
		return nil, err
	}
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if err := checkDisk(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := cfg.checkThere(path); err != nil {
		return nil, err
	}
	s := &Store{
		path:    path,
		config:  cfg,
		owners:  map[string]*os.File{},
		waiters: map[chan struct{}]bool{},
		witness: &witness{dir: witnessDir(path), disk: realDisk, limit: logSize, step: logStep, tell: cfg.Log},
	}
	if cfg.disk != nil {
		s.witness.disk = *cfg.disk
	}
	err = retry(ctx, func() (err error) {
		s.writer, err = s.connect()
		return err
	})
	if err != nil {
		return nil, explain(err)
	}
	err = retry(ctx, func() (err error) {
		if err = s.prepare(ctx); err == nil {
			s.id, err = identity(s.writer)
		}
		return err
	})
	s.witness.store = s.id
	if err != nil {
		return nil, errors.Join(explain(err), s.Close())
	}
	return s, nil
}

// connect opens a connection.
func (s *Store) connect() (*conn, error) {
	mode := "rwc"
	if s.config.ReadOnly {
		mode = "ro"
	}
	return connect(s.path, mode, s.witness.disk.vfs)
}

// prepare looks at the file, and makes it what it should be unless it is only
// to be read.
func (s *Store) prepare(ctx context.Context) error {
	if !s.config.ReadOnly {
		return prepare(ctx, s.writer)
	}
	if err := checkVersion(s.writer); err != nil {
		return err
	}
	empty, err := check(s.writer)
	if err == nil && empty {
		err = fmt.Errorf("no journals, want a store that was opened for writing once: %w", journal.ErrInput)
	}
	return err
}

// checkThere refuses to make a database where only its witness is left, or one
// to be read.
func (cfg Config) checkThere(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) || cfg.ReadOnly {
		return err
	}
	paths, err := logs(witnessDir(path))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(paths) == 0 {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("there is no database, and its witness is in %s: %w: %w", witnessDir(path), journal.ErrRolledBack, journal.ErrCorrupt)
	}
	return err
}

// resolve returns the one path by which all processes know the file, so that
// they find each other's locks.
func resolve(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("no path: %w", journal.ErrInput)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		info, err := os.Stat(real)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("not a regular file (%v): %w", info.Mode(), journal.ErrInput)
		}
		return real, err
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return filepath.Join(dir, filepath.Base(path)), err
}

// Close gives up all leases and closes the file. Calls that wait return
// [journal.ErrClosed]. To close a Store again does nothing.
func (s *Store) Close() error {
	s.kill(journal.ErrClosed)
	s.use.Lock()
	defer s.use.Unlock()
	if s.writer == nil {
		return nil
	}
	var err error
	for _, lock := range s.owners {
		err = errors.Join(err, release(lock))
	}
	for _, c := range append(s.idle, s.writer) {
		err = errors.Join(err, c.Close())
	}
	err = errors.Join(err, s.witness.close())
	s.writer, s.idle = nil, nil
	if err != nil {
		return fmt.Errorf("sqlite: close %s: %w", s.path, err)
	}
	return nil
}

// kill has each call that follows return err, and wakes those that wait.
func (s *Store) kill(err error) {
	s.mu.Lock()
	if s.dead == nil {
		s.dead = err
	}
	s.mu.Unlock()
	s.ring()
}

// alive returns why nothing is acknowledged any more, nil if that is not so.
func (s *Store) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead
}

// fail says what was tried, and adds what is known of the cause.
func (s *Store) fail(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sqlite: %s in %s: %w", fmt.Sprintf(format, args...), s.path, explain(err))
}
