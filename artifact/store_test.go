package artifact_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

func TestCopy(t *testing.T) {
	const content = "content"
	d := artifact.DigestBytes([]byte(content))
	broken := errors.New("cable pulled")
	all := strings.NewReader
	tests := []struct {
		name string
		a    artifact.Artifact
		r    io.Reader
		want error // nil: it succeeds
	}{
		{"a name is enough", artifact.Artifact{Name: "a"}, all(content), nil},
		{"digest and size are right", artifact.Artifact{Name: "a", Digest: d, Size: 7}, all(content), nil},
		{"another digest", artifact.Artifact{Name: "a", Digest: one}, all(content), artifact.ErrMismatch},
		{"a size too small", artifact.Artifact{Name: "a", Size: 6}, all(content), artifact.ErrMismatch},
		{"a size too large", artifact.Artifact{Name: "a", Size: 8}, all(content), artifact.ErrMismatch},
		{"content that does not end", artifact.Artifact{Name: "a", Size: 7}, endless{}, artifact.ErrMismatch},
		{"content that does not end, with a digest", artifact.Artifact{Name: "a", Size: 7, Digest: d}, endless{}, artifact.ErrMismatch},
		{"a reader that fails", artifact.Artifact{Name: "a"}, iotest.ErrReader(broken), broken},
		{"a reader that fails at the end", artifact.Artifact{Name: "a", Digest: d, Size: 7}, io.MultiReader(all(content), iotest.ErrReader(broken)), broken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var w strings.Builder
			got, err := artifact.Copy(t.Context(), &w, tt.r, tt.a)
			if tt.want != nil {
				if !errors.Is(err, tt.want) || got != (artifact.Artifact{}) {
					t.Errorf("Copy = %v, %v; want no artifact and %v", got, err, tt.want)
				}
				return
			}
			want := tt.a
			want.Digest, want.Size = d, 7
			if got != want || err != nil || w.String() != content {
				t.Errorf("Copy = %+v, %v, having written %q; want %+v, nil, %q", got, err, w.String(), want, content)
			}
		})
	}
}

func TestCopyChecksTheArtifact(t *testing.T) {
	_, err := artifact.Copy(t.Context(), io.Discard, strings.NewReader(""), artifact.Artifact{Name: "../a"})
	if err == nil || errors.Is(err, artifact.ErrMismatch) {
		t.Errorf("Copy of an artifact called ../a = %v; want the error of Check", err)
	}
}

func TestCopySaysThatWritingFailed(t *testing.T) {
	full := errors.New("no space left")
	r, w := io.Pipe()
	r.CloseWithError(full)
	_, err := artifact.Copy(t.Context(), w, strings.NewReader("content"), artifact.Artifact{Name: "a"})
	if !errors.Is(err, full) {
		t.Errorf("Copy to a full disk = %v; want its error", err)
	}
}

func TestCopyObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(strings.NewReader("con"), readFunc(func([]byte) (int, error) { cancel(); return 0, nil }), endless{})
	if _, err := artifact.Copy(ctx, io.Discard, r, artifact.Artifact{Name: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Copy = %v; want context.Canceled, although the content goes on", err)
	}
}

// endless gives bytes for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func BenchmarkCopy(b *testing.B) {
	content := strings.Repeat("x", 1<<20)
	a := artifact.Artifact{Name: "a", Digest: artifact.DigestBytes([]byte(content)), Size: int64(len(content))}
	b.SetBytes(a.Size)
	for b.Loop() {
		if _, err := artifact.Copy(b.Context(), io.Discard, strings.NewReader(content), a); err != nil {
			b.Fatal(err)
		}
	}
}
