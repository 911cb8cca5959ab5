package artifacttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing/iotest"

	"github.com/penstock/penstock/artifact"
)

// The rules in this file are about content that a Store keeps.

func opensWhatWasPut(ctx context.Context, t reporter, s artifact.Store) {
	r := source()
	for _, size := range []int{0, 1, 511, 512, 4096, 64<<10 + 1, 1 << 20} {
		a, content := Random(r, size)
		if put(ctx, t, s, a, content) {
			opens(ctx, t, s, a, content)
		}
	}
	for name, read := range readers {
		a, content := Random(r, 1000)
		if _, err := s.Put(ctx, a, read(bytes.NewReader(content))); err != nil {
			t.Errorf("Put from a reader %s = %v; want nil, since io.Reader allows it", name, err)
			continue
		}
		opens(ctx, t, s, a, content)
	}
}

// readers are ways to give the same content that io.Reader allows.
var readers = map[string]func(io.Reader) io.Reader{
	"that gives byte by byte":              iotest.OneByteReader,
	"that gives half of what is asked for": iotest.HalfReader,
	"that gives io.EOF with the last byte": iotest.DataErrReader,
	"that gives nothing first":             func(r io.Reader) io.Reader { return io.MultiReader(&once{do: func() {}}, r) },
}

func completes(ctx context.Context, t reporter, s artifact.Store) {
	want, content := Random(source(), 100)
	known := []struct {
		what string
		a    artifact.Artifact
	}{
		{"nothing but the name", artifact.Artifact{Name: want.Name, MediaType: want.MediaType}},
		{"the size", artifact.Artifact{Name: want.Name, MediaType: want.MediaType, Size: want.Size}},
		{"the digest", artifact.Artifact{Name: want.Name, MediaType: want.MediaType, Digest: want.Digest}},
		{"digest and size", want},
	}
	for _, k := range known {
		got, err := s.Put(ctx, k.a, bytes.NewReader(content))
		got.URI = "" // the store's own
		if err != nil || got != want {
			t.Errorf("Put, %s known = %+v, %v; want %+v: with Digest and Size, and all else as it was", k.what, got, err, want)
		}
	}
	a := want
	a.URI = "https://example.com/" + want.Digest.Hex()
	if got, err := s.Put(ctx, a, bytes.NewReader(content)); got != a || err != nil {
		t.Errorf("Put of an artifact with a URI = %+v, %v; want %+v: a URI that there was stays", got, err, a)
	}
}

func foundByDigest(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	if !put(ctx, t, s, a, content) {
		return
	}
	for _, other := range []artifact.Artifact{
		{Digest: a.Digest},
		{Digest: a.Digest, Name: "another name"},
		{Digest: a.Digest, Name: a.Name, MediaType: "x/other"},
		{Digest: a.Digest, Name: a.Name, URI: "https://example.com/elsewhere"},
	} {
		opens(ctx, t, s, other, content)
	}
}

func putAgain(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	first, err := s.Put(ctx, a, bytes.NewReader(content))
	for range 2 {
		again, errAgain := s.Put(ctx, a, bytes.NewReader(content))
		if err != nil || errAgain != nil || again != first {
			t.Errorf("Put of the same = %+v, %v; then %+v, %v; want the same, nil, so that a caller that died may call again", first, err, again, errAgain)
		}
	}
	opens(ctx, t, s, a, content)
}

func severalNames(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	names := []string{"app", "app-signed", "App", "an app"}
	for _, name := range names {
		a.Name = name
		got, err := s.Put(ctx, a, bytes.NewReader(content))
		if err != nil || got.Name != name {
			t.Errorf("Put of one content under the name %q = %q, %v; want it under this name too", name, got.Name, err)
		}
	}
	for _, name := range names {
		a.Name = name
		opens(ctx, t, s, a, content)
	}
}

func severalContents(ctx context.Context, t reporter, s artifact.Store) {
	r := source()
	kept := map[artifact.Artifact][]byte{}
	for range 4 {
		a, content := Random(r, 100)
		a.Name, a.MediaType = "app", ""
		put(ctx, t, s, a, content)
		kept[a] = content
	}
	for a, content := range kept { // an older release is what a rollback needs
		opens(ctx, t, s, a, content)
	}
}

func keepsACopy(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 100)
	mine := bytes.Clone(content)
	if _, err := s.Put(ctx, a, bytes.NewBuffer(mine)); err != nil {
		t.Errorf("Put = %v; want nil", err)
		return
	}
	clear(mine)
	opens(ctx, t, s, a, content)
}

func readersApart(ctx context.Context, t reporter, s artifact.Store) {
	a, content := Random(source(), 1000)
	if !put(ctx, t, s, a, content) {
		return
	}
	first, err := s.Open(ctx, a)
	if err != nil {
		t.Errorf("Open = %v; want nil", err)
		return
	}
	if _, err := io.ReadFull(first, make([]byte, 10)); err != nil {
		t.Errorf("reading 10 bytes = %v; want nil", err)
	}
	opens(ctx, t, s, a, content) // from its beginning, though first has begun
	rest, err := io.ReadAll(first)
	if err != nil || !bytes.Equal(rest, content[10:]) {
		t.Errorf("reading on gives %d bytes, %v; want the %d after those read: another reader is not to disturb", len(rest), err, len(content)-10)
	}
	if err := first.Close(); err != nil {
		t.Errorf("Close = %v; want nil", err)
	}
	opens(ctx, t, s, a, content)
}

// source returns where the random artifacts of a rule come from. It is always
// the same, so that what was found is found again.
func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// put puts content and reports whether that went well.
func put(ctx context.Context, t reporter, s artifact.Store, a artifact.Artifact, content []byte) bool {
	t.Helper()
	if _, err := s.Put(ctx, a, bytes.NewReader(content)); err != nil {
		t.Errorf("Put(%+v) of %d bytes = %v; want nil", a, len(content), err)
		return false
	}
	return true
}

// opens checks that a has this content, read in steps of several lengths.
func opens(ctx context.Context, t reporter, s artifact.Store, a artifact.Artifact, content []byte) {
	t.Helper()
	r, err := s.Open(ctx, a)
	if err != nil {
		t.Errorf("Open(%+v) = %v; want what was put", a, err)
		return
	}
	if err := iotest.TestReader(r, content); err != nil {
		t.Errorf("Open(%+v) does not give the %d bytes that were put: %.300s", a, len(content), fmt.Sprint(err))
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close after reading %+v = %v; want nil", a, err)
	}
}

// once does what it is told at the first Read, which gives nothing. It has no
// content.
type once struct{ do func() }

func (o *once) Read([]byte) (int, error) {
	if o.do == nil {
		return 0, io.EOF
	}
	o.do()
	o.do = nil
	return 0, nil
}
