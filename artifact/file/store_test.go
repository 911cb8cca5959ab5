package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/artifact/artifacttest"
)

func TestStore(t *testing.T) {
	artifacttest.Run(t, func(t *testing.T) artifact.Store {
		dir := t.TempDir()
		return alterable{open(t, dir), dir}
	})
}

// alterable is an [artifacttest.Alterer].
type alterable struct {
	*Store
	dir string
}

func (s alterable) Alter(d artifact.Digest, change func([]byte) []byte) error {
	name := path(s.dir, d)
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, change(b), 0o666)
}

// open opens dir and closes it when the test ends.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v; want nil", err)
		}
	})
	return s
}

// path returns where the content with digest d is, as image-layout.md says.
func path(dir string, d artifact.Digest) string {
	return filepath.Join(dir, "blobs", "sha256", d.Hex())
}

// put puts content under a name.
func put(t testing.TB, s *Store, name, content string) artifact.Artifact {
	t.Helper()
	a, err := s.Put(t.Context(), artifact.Artifact{Name: name}, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// get returns the content of a.
func get(t testing.TB, s *Store, a artifact.Artifact) (string, error) {
	t.Helper()
	r, err := s.Open(t.Context(), a)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestContentOutlivesTheStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	a := put(t, open(t, dir), "image", "content")
	if got, err := get(t, open(t, dir), a); got != "content" || err != nil {
		t.Errorf("another Store has %q, %v; want what was put", got, err)
	}
}

func TestURILeadsToTheContent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b#c%")
	a := put(t, open(t, dir), "image", "content")
	if want := "/a%20b%23c%25/blobs/sha256/" + a.Digest.Hex(); !strings.HasPrefix(a.URI, "file:///") || !strings.HasSuffix(a.URI, want) {
		t.Errorf("URI = %q; want a file URL that ends with %q", a.URI, want)
	}
}

// TestEachByteIsVerified alters content on the disk, a byte at a time.
func TestEachByteIsVerified(t *testing.T) {
	const content = "a small artifact, of which each byte counts"
	dir := t.TempDir()
	s := open(t, dir)
	a := put(t, s, "image", content)
	for i := range len(content) {
		for bit := range 8 {
			b := []byte(content)
			b[i] ^= 1 << bit
			if err := os.WriteFile(path(dir, a.Digest), b, 0o666); err != nil {
				t.Fatal(err)
			}
			for _, a := range []artifact.Artifact{a, {Name: "image", Digest: a.Digest}} {
				if got, err := get(t, s, a); !errors.Is(err, artifact.ErrMismatch) {
					t.Errorf("with bit %d of byte %d flipped, size %d known, there is %q, %v; want ErrMismatch", bit, i, a.Size, got, err)
				}
			}
		}
	}
}

func TestPutHealsAlteredContent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a := put(t, s, "image", "content")
	if err := os.WriteFile(path(dir, a.Digest), []byte("cOntent"), 0o666); err != nil {
		t.Fatal(err)
	}
	put(t, s, "image", "content")
	if got, err := get(t, s, a); got != "content" || err != nil {
		t.Errorf("after putting it again there is %q, %v; want what was put", got, err)
	}
}

func TestReaderGoesOnWhileContentIsPutAgain(t *testing.T) {
	s := open(t, t.TempDir())
	a := put(t, s, "image", "content")
	r, err := s.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	put(t, s, "image", "content")
	if b, err := io.ReadAll(r); string(b) != "content" || err != nil {
		t.Errorf("reading gives %q, %v; want the content", b, err)
	}
}

func TestWhatIsInPlaceOfContent(t *testing.T) {
	tests := []struct {
		name string
		make func(t *testing.T, dir, path string) error
	}{
		{"a directory", func(t *testing.T, dir, path string) error { return os.Mkdir(path, 0o777) }},
		{"a link to a file with the content", func(t *testing.T, dir, path string) error {
			outside := filepath.Join(t.TempDir(), "content")
			return errors.Join(os.WriteFile(outside, []byte("content"), 0o666), os.Symlink(outside, path))
		}},
		{"a link to itself", func(t *testing.T, dir, path string) error { return os.Symlink(filepath.Base(path), path) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			a := put(t, s, "image", "content")
			if err := errors.Join(os.Remove(path(dir, a.Digest)), tt.make(t, dir, path(dir, a.Digest))); err != nil {
				t.Fatal(err)
			}
			if got, err := get(t, s, a); !errors.Is(err, artifact.ErrMismatch) {
				t.Errorf("Open gives %q, %v; want ErrMismatch", got, err)
			}
		})
	}
}

func TestNoPathLeavesTheDirectory(t *testing.T) {
	for _, replaced := range []string{"blobs/sha256", "blobs", ".penstock", "index.json"} {
		t.Run(replaced+" is a link to elsewhere", func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			s := open(t, dir)
			a := put(t, s, "image", "content")
			name := filepath.Join(dir, filepath.FromSlash(replaced))
			moved := filepath.Join(outside, "moved")
			if err := errors.Join(os.Rename(name, moved), os.Symlink(moved, name)); err != nil {
				t.Fatal(err)
			}
			before := list(t, outside)
			if _, err := s.Put(t.Context(), artifact.Artifact{Name: "other"}, strings.NewReader("other content")); err == nil {
				t.Error("Put = nil; want an error")
			}
			if got, err := get(t, s, a); strings.HasPrefix(replaced, "blobs") && err == nil {
				t.Errorf("Open gives %q from outside of the directory", got)
			}
			if after := list(t, outside); after != before {
				t.Errorf("outside of the directory there is now\n%s\nwhere there was\n%s", after, before)
			}
		})
	}
}

// list returns the names and sizes of all files under dir, a line each.
func list(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			b.WriteString(path + " " + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFailedPutLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before := list(t, dir)
	_, err := s.Put(t.Context(), artifact.Artifact{Name: "image", Size: 3}, strings.NewReader("content"))
	if !errors.Is(err, artifact.ErrMismatch) {
		t.Errorf("Put = %v; want ErrMismatch", err)
	}
	if after := list(t, dir); after != before {
		t.Errorf("the directory has\n%s\nwhere it had\n%s", after, before)
	}
}

func TestClosedStore(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := put(t, s, "image", "content")
	r, err := s.Open(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v; want nil", err)
	}
	if b, err := io.ReadAll(r); string(b) != "content" || err != nil {
		t.Errorf("reading what was opened before gives %q, %v; want the content", b, err)
	}
	if _, err := s.Open(t.Context(), a); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Open = %v; want fs.ErrClosed", err)
	}
	if _, err := s.Put(t.Context(), a, strings.NewReader("content")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Put = %v; want fs.ErrClosed", err)
	}
}
