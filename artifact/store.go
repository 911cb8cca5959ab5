package artifact

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// A Store keeps the content of artifacts.
//
// Content is found by Digest alone. Names, media types and URIs tell people and
// other programs about it; one content may be put under several names, and one
// name may be put with several contents: none replaces another.
//
// Its methods may be called from several goroutines at once. Several processes
// may share a Store if it says so. A crash in the middle of Put leaves either
// the whole content or nothing that Open gives. Which crashes kept content
// outlives, the Store says.
//
// An implementation finds most of what it needs in [Copy] and [Verify]. Test it
// with [github.com/penstock/penstock/artifact/artifacttest.Run].
type Store interface {
	// Put keeps what r gives until io.EOF as the content of a, and returns
	// a with its Digest and Size filled in, and a URI if it had none.
	//
	// It fails if [Artifact.Check] does.
	//
	// If a has a Digest or a Size already, the content must match them;
	// else the error is one for which errors.Is(err, [ErrMismatch]), and
	// the content is not kept. It is not kept either if r fails, whose
	// error is wrapped, or if ctx is done before r has ended.
	//
	// Putting the same content again is not an error and changes nothing,
	// whoever put it first. So a caller that died may call again.
	Put(ctx context.Context, a Artifact, r io.Reader) (Artifact, error)

	// Open returns the content with a.Digest. Reading it gives io.EOF only
	// if all of it has that Digest, and a.Size if that is known; else Open
	// or a Read returns an error for which errors.Is(err, [ErrMismatch]).
	//
	// If the Store does not have it, errors.Is(err, fs.ErrNotExist). The
	// caller closes what is returned, and does not cancel ctx before that.
	Open(ctx context.Context, a Artifact) (io.ReadCloser, error)
}

// Copy writes to w the content of a, which r gives, and returns a with Digest
// and Size filled in. It is what Put does besides keeping.
//
// It fails if [Artifact.Check] does, if a has a Digest or a Size that the
// content does not match ([ErrMismatch]), if r or w fails, and with ctx's error
// when ctx is done, which it looks at before each Read. If a.Size is known, it
// reads at most one byte more. What was written before a failure is of no use.
func Copy(ctx context.Context, w io.Writer, r io.Reader, a Artifact) (Artifact, error) {
	if err := a.Check(); err != nil {
		return Artifact{}, err
	}
	r = &cancelable{ctx, r}
	if a.Size > 0 {
		r = io.LimitReader(r, a.Size+1) // enough to see that it goes on
	}
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(w, h), r)
	if err != nil {
		return Artifact{}, fmt.Errorf("artifact %q: content after %d bytes: %w", a.Name, size, err)
	}
	d := sum(h)
	if err := a.Match(d, size); err != nil {
		return Artifact{}, err
	}
	a.Digest, a.Size = d, size
	return a, nil
}

// cancelable is a reader that fails when ctx is done. It lives no longer than
// the call that ctx was given to.
type cancelable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
