package artifacttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

// The rules in this file are about what a Store refuses to keep or to give.

func wrongDigest(ctx context.Context, t reporter, s artifact.Store) {
	r := source()
	a, content := Random(r, 100)
	other, _ := Random(r, 100)
	for _, size := range []int64{0, a.Size} {
		wrong := artifact.Artifact{Name: a.Name, Digest: other.Digest, Size: size}
		refuses(ctx, t, s, wrong, bytes.NewReader(content), artifact.ErrMismatch, "what was approved is what goes out")
	}
	absent(ctx, t, s, a.Digest)
	absent(ctx, t, s, other.Digest)
}

func wrongSize(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	for _, size := range []int64{1, a.Size - 1, a.Size + 1, 1 << 40} {
		for _, d := range []artifact.Digest{{}, a.Digest} {
			wrong := artifact.Artifact{Name: a.Name, Digest: d, Size: size}
			refuses(ctx, t, s, wrong, bytes.NewReader(content), artifact.ErrMismatch, "an upload that was cut off is not what was built")
		}
	}
	absent(ctx, t, s, a.Digest)
	absent(ctx, t, s, artifact.DigestBytes(content[:1]))
	absent(ctx, t, s, artifact.DigestBytes(content[:99]))
}

func mistakes(ctx context.Context, t reporter, s artifact.Store) {
	good, content := Random(source(), 100)
	for _, name := range []string{"", ".", "..", "../up", "/etc/passwd", `a\b`, "a\x00b", "a\xff"} {
		a := good
		a.Name = name
		refuses(ctx, t, s, a, bytes.NewReader(content), nil, "a name may become the name of a file")
	}
	a := good
	a.MediaType = "text/plain\r\nX-Evil: 1"
	refuses(ctx, t, s, a, bytes.NewReader(content), nil, "a media type may become a header")
	absent(ctx, t, s, good.Digest)
}

func readerFails(ctx context.Context, t reporter, s artifact.Store) {
	broken := errors.New("artifacttest: the reader fails")
	a, content := Random(source(), 100)
	for _, n := range []int{0, 1, 50, 100} { // after 100 bytes, all is there but io.EOF
		for _, known := range []artifact.Artifact{a, {Name: a.Name}} {
			r := io.MultiReader(bytes.NewReader(content[:n]), iotest.ErrReader(broken))
			refuses(ctx, t, s, known, r, broken, "the caller has to know that its reader was the cause")
		}
		absent(ctx, t, s, artifact.DigestBytes(content[:n]))
	}
}

func contextDone(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	done, cancel := context.WithCancel(ctx)
	cancel()
	refuses(done, t, s, a, bytes.NewReader(content), context.Canceled, "the caller has gone")

	for _, n := range []int{1, 50, 100} { // after 100 bytes, r has not ended
		done, cancel := context.WithCancel(ctx)
		defer cancel()
		r := io.MultiReader(bytes.NewReader(content[:n]), &once{do: cancel}, bytes.NewReader(content[n:]))
		refuses(done, t, s, a, r, context.Canceled, "a caller that goes away amid an upload is obeyed")
	}
	absent(ctx, t, s, a.Digest)
}

func putAfterFailure(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	half := io.MultiReader(bytes.NewReader(content[:50]), iotest.ErrReader(io.ErrClosedPipe))
	refuses(ctx, t, s, a, half, io.ErrClosedPipe, "half of the content is missing")
	refuses(ctx, t, s, a, bytes.NewReader(content[:50]), artifact.ErrMismatch, "half of the content is missing")
	if put(ctx, t, s, a, content) {
		opens(ctx, t, s, a, content)
	}
	refuses(ctx, t, s, a, bytes.NewReader(content[:50]), artifact.ErrMismatch, "that the content is there already does not make this its content")
	opens(ctx, t, s, a, content)
}

func doesNotExist(ctx context.Context, t reporter, s artifact.Store) {
	r := source()
	a, content := Random(r, 100)
	never, _ := Random(r, 100)
	absent(ctx, t, s, never.Digest)
	put(ctx, t, s, a, content)
	absent(ctx, t, s, never.Digest)
	absent(ctx, t, s, artifact.Digest{})
}

func opensWithSize(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	if !put(ctx, t, s, a, content) {
		return
	}
	for _, size := range []int64{1, a.Size - 1, a.Size + 1} {
		wrong := a
		wrong.Size = size
		if b, err := read(ctx, s, wrong); !errors.Is(err, artifact.ErrMismatch) {
			t.Errorf("reading content of %d bytes as an artifact of %d bytes = %d bytes, %v; want ErrMismatch", len(content), size, len(b), err)
		}
	}
	opens(ctx, t, s, a, content)
}

func altered(ctx context.Context, t reporter, s artifact.Store) {
	alterer, ok := s.(Alterer)
	if !ok {
		return
	}
	changes := []struct {
		what   string
		change func([]byte) []byte
	}{
		{"the first bit flipped", func(b []byte) []byte { b[0] ^= 0x80; return b }},
		{"the last bit flipped", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"the last byte cut off", func(b []byte) []byte { return b[:len(b)-1] }},
		{"all cut off", func([]byte) []byte { return nil }},
		{"a byte more", func(b []byte) []byte { return append(b, 0) }},
		{"zeros in place of a block", func(b []byte) []byte { clear(b[512:1024]); return b }},
	}
	r := source()
	for _, c := range changes {
		a, content := Random(r, 2000)
		put(ctx, t, s, a, content)
		if err := alterer.Alter(a.Digest, c.change); err != nil {
			t.Errorf("Alter = %v; want nil", err)
			continue
		}
		for _, a := range []artifact.Artifact{a, {Name: a.Name, Digest: a.Digest}} {
			if b, err := read(ctx, s, a); !errors.Is(err, artifact.ErrMismatch) {
				t.Errorf("reading content with %s, size %d known = %d bytes, %v; want ErrMismatch: what was approved is what goes out", c.what, a.Size, len(b), err)
			}
		}
	}
}

// refuses checks that Put fails with an error that is want, or with any if want
// is nil.
func refuses(ctx context.Context, t reporter, s artifact.Store, a artifact.Artifact, r io.Reader, want error, why string) {
	t.Helper()
	got, err := s.Put(ctx, a, r)
	switch {
	case err == nil:
		t.Errorf("Put(%+v) = %+v, nil; want an error: %s", a, got, why)
	case want != nil && !errors.Is(err, want):
		t.Errorf("Put(%+v) = %v; want an error that errors.Is finds to be %q: %s", a, err, want, why)
	}
}

// absent checks that there is no content with digest d.
func absent(ctx context.Context, t reporter, s artifact.Store, d artifact.Digest) {
	t.Helper()
	if b, err := read(ctx, s, artifact.Artifact{Name: "any", Digest: d}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("content with digest %q, which is not to be kept, opens with %d bytes, %v; want fs.ErrNotExist", d, len(b), err)
	}
}

// read returns all of the content of a.
func read(ctx context.Context, s artifact.Store, a artifact.Artifact) ([]byte, error) {
	r, err := s.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}
