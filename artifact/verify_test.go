package artifact_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

// oddly holds ways to read the same content, all allowed by [io.Reader].
var oddly = map[string]func(io.Reader) io.Reader{
	"at once":            func(r io.Reader) io.Reader { return r },
	"byte by byte":       iotest.OneByteReader,
	"in halves":          iotest.HalfReader,
	"with EOF and data":  iotest.DataErrReader,
	"with empty reads":   func(r io.Reader) io.Reader { return &hesitant{r: r} },
	"slowly, EOF at end": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
}

// hesitant gives nothing at each second Read.
type hesitant struct {
	r    io.Reader
	gave bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.gave = !h.gave; h.gave {
		return 0, nil
	}
	return h.r.Read(p)
}

func TestVerify(t *testing.T) {
	const content = "the content of an artifact"
	size := int64(len(content))
	d := artifact.DigestBytes([]byte(content))
	tests := []struct {
		name    string
		content string
		a       artifact.Artifact
		ok      bool
	}{
		{"the right content", content, artifact.Artifact{Digest: d, Size: size}, true},
		{"the right content, of unknown size", content, artifact.Artifact{Digest: d}, true},
		{"no content, as named", "", artifact.Artifact{Digest: artifact.DigestBytes(nil)}, true},
		{"no content", "", artifact.Artifact{Digest: d}, false},
		{"other content of the same size", strings.ToUpper(content), artifact.Artifact{Digest: d, Size: size}, false},
		{"other content of unknown size", strings.ToUpper(content), artifact.Artifact{Digest: d}, false},
		{"content cut off", content[:size-1], artifact.Artifact{Digest: d, Size: size}, false},
		{"content cut off, of unknown size", content[:size-1], artifact.Artifact{Digest: d}, false},
		{"content that goes on", content + "!", artifact.Artifact{Digest: d, Size: size}, false},
		{"the right content with another size", content, artifact.Artifact{Digest: d, Size: size + 1}, false},
		{"the right content with a smaller size", content, artifact.Artifact{Digest: d, Size: size - 1}, false},
		{"a size below nothing", content, artifact.Artifact{Digest: d, Size: -1}, false},
		{"no digest", content, artifact.Artifact{Size: size}, false},
	}
	for _, tt := range tests {
		for how, read := range oddly {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				r := artifact.Verify(read(strings.NewReader(tt.content)), tt.a)
				b, err := io.ReadAll(r)
				if tt.ok && (err != nil || string(b) != tt.content) {
					t.Errorf("ReadAll = %q, %v; want %q", b, err, tt.content)
				}
				if !tt.ok && !errors.Is(err, artifact.ErrMismatch) {
					t.Errorf("ReadAll = %v; want ErrMismatch", err)
				}
				if n, again := r.Read(make([]byte, 9)); !tt.ok && (n != 0 || again != err) {
					t.Errorf("Read after a mismatch = %d, %v; want 0 and the same error", n, again)
				}
			})
		}
	}
}

func TestVerifyAfterReadingNothing(t *testing.T) {
	r := artifact.Verify(strings.NewReader("one"), artifact.Artifact{Name: "a", Digest: one})
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of no bytes = %d, %v; want 0, nil: the content has not ended", n, err)
	}
	if b, err := io.ReadAll(r); string(b) != "one" || err != nil {
		t.Errorf("ReadAll = %q, %v; want all of the content", b, err)
	}
}

func TestVerifyHoldsBackTheLastBytes(t *testing.T) {
	bad := []byte("cOntent")
	for how, read := range oddly {
		t.Run(how, func(t *testing.T) {
			a := artifact.Artifact{Name: "a", Digest: artifact.DigestBytes([]byte("content")), Size: int64(len(bad))}
			n, err := io.ReadFull(artifact.Verify(read(bytes.NewReader(bad)), a), make([]byte, len(bad)))
			if n == len(bad) || !errors.Is(err, artifact.ErrMismatch) {
				t.Errorf("ReadFull of %d bytes = %d, %v; want ErrMismatch before the last byte, for a caller who does not wait for io.EOF", len(bad), n, err)
			}
		})
	}
}

func TestVerifyGivesTheErrorOfTheReader(t *testing.T) {
	broken := errors.New("cable pulled")
	a := artifact.Artifact{Name: "a", Digest: artifact.DigestBytes([]byte("content"))}
	for _, size := range []int64{0, 7, 8} {
		a.Size = size
		r := artifact.Verify(io.MultiReader(strings.NewReader("con"), iotest.ErrReader(broken)), a)
		if _, err := io.ReadAll(r); !errors.Is(err, broken) || errors.Is(err, artifact.ErrMismatch) {
			t.Errorf("with size %d: ReadAll = %v; want the reader's error alone: that one cannot look is no proof of other content", size, err)
		}
	}
}

func TestMatch(t *testing.T) {
	d, other := artifact.DigestBytes([]byte("a")), artifact.DigestBytes([]byte("b"))
	tests := []struct {
		name string
		a    artifact.Artifact
		want string
	}{
		{"nothing is known", artifact.Artifact{}, ""},
		{"the digest is right", artifact.Artifact{Digest: d}, ""},
		{"the size is right", artifact.Artifact{Size: 1}, ""},
		{"another digest", artifact.Artifact{Name: "x", Digest: other}, `artifact "x": content of 1 bytes has digest ` + d.String() + "; want " + other.String()},
		{"too long", artifact.Artifact{Name: "x", Digest: d, Size: -1}, "goes on after -1 bytes"},
		{"too short", artifact.Artifact{Name: "x", Digest: d, Size: 2}, "ends after 1 bytes; want 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.a.Match(d, 1)
			if tt.want == "" {
				if err != nil {
					t.Errorf("Match = %v; want nil", err)
				}
				return
			}
			if !errors.Is(err, artifact.ErrMismatch) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Match = %v; want ErrMismatch with %q", err, tt.want)
			}
		})
	}
}
