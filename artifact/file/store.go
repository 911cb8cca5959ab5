package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/artifact"
)

// A Store is an [artifact.Store] in a directory. Make one with [Open].
//
// Several Stores may share a directory, also in several processes, if it is on
// a file system with locks (flock on Unix). No path leads out of the directory,
// whatever symbolic links are put into it.
//
// When Put has returned, the content outlives a crash of the process and of the
// machine, as far as the disk does what fsync asks for. Windows has no fsync of
// directories: there, the last that was put may be missing after the machine
// lost power.
//
// A Put that dies leaves nothing that Open gives, or the whole content, which
// index.json may not list. The time that Put takes grows with the length of
// index.json, which is at most 64 MiB. Nothing is ever removed but leftovers of
// Puts.
type Store struct {
	root *os.Root
	url  string        // of root
	turn chan struct{} // full while a goroutine has the lock or waits for it
}

// Open opens the directory dir as a Store. It makes what is missing, also the
// directories above, with the permissions that the umask leaves. It refuses an
// image layout of another version than 1.0.0.
//
// It removes what processes that died in the middle of Put have left, never
// what is being put by one that lives. Close the Store when it is done with.
func Open(ctx context.Context, dir string) (_ *Store, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("artifact/file: opening %q: %w", dir, err)
		}
	}()
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root, url: fileURL(dir), turn: make(chan struct{}, 1)}
	if err := s.prepare(ctx); err != nil {
		root.Close()
		return nil, err
	}
	return s, nil
}

// fileURL returns the URL of an absolute path (RFC 8089).
func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}

// Close closes s. Content that was opened can still be read.
func (s *Store) Close() error { return s.root.Close() }

// Put implements [artifact.Store]. A URI that it fills in is a file URL.
//
// It writes the content also if it is there already. So it heals content that
// was altered, and depends on no fsync that another may not have done yet.
func (s *Store) Put(ctx context.Context, a artifact.Artifact, r io.Reader) (artifact.Artifact, error) {
	kept, err := s.keep(ctx, a, r)
	if err == nil {
		err = s.list(ctx, kept)
	}
	if err != nil {
		return artifact.Artifact{}, fmt.Errorf("artifact/file: putting %.140q: %w", a.Name, err)
	}
	if kept.URI == "" {
		kept.URI = s.url + "/" + blob(kept.Digest)
	}
	return kept, nil
}

// keep makes a blob of the content.
func (s *Store) keep(ctx context.Context, a artifact.Artifact, r io.Reader) (kept artifact.Artifact, err error) {
	err = s.place(func(w io.Writer) (string, error) {
		kept, err = artifact.Copy(ctx, w, r, a)
		return blob(kept.Digest), err
	})
	return kept, err
}

// list lists a, whose content is kept, in index.json. When it returns nil, the
// content is durable too.
func (s *Store) list(ctx context.Context, a artifact.Artifact) error {
	d, text, err := manifestOf(a)
	if err != nil {
		return err
	}
	if err := s.write(blob(d.Digest), text); err != nil {
		return err
	}
	if err := syncDir(s.root, blobs); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := s.read(indexFile, maxIndex)
	if err != nil {
		return err
	}
	listed, err := addTo(old, d, maxIndex)
	if err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	if listed != nil {
		if err := s.write(indexFile, listed); err != nil {
			return err
		}
	}
	return syncDir(s.root, ".")
}

// Open implements [artifact.Store].
func (s *Store) Open(ctx context.Context, a artifact.Artifact) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if a.Digest.IsZero() {
		return nil, fmt.Errorf("artifact/file: opening %.140q: no digest to find it by: %w", a.Name, fs.ErrNotExist)
	}
	f, err := s.openRegular(blob(a.Digest))
	if errors.Is(err, errIrregular) {
		err = fmt.Errorf("%w: %w", err, artifact.ErrMismatch)
	}
	if err != nil {
		return nil, fmt.Errorf("artifact/file: opening %.140q: %w", a.Name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{artifact.Verify(f, a), f}, nil
}
