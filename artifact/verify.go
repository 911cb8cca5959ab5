package artifact

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// ErrMismatch says that content is not what an [Artifact] names: it has another
// digest or another size. Errors for which errors.Is(err, ErrMismatch) say
// which.
var ErrMismatch = errors.New("artifact: content is not what the artifact names")

// Match reports whether content with digest d and size bytes can be what a
// names: an error for which errors.Is(err, [ErrMismatch]) if not. A zero Digest
// and a Size of 0 in a are not known, and match.
func (a Artifact) Match(d Digest, size int64) error {
	switch {
	case a.Size != 0 && size > a.Size:
		return fmt.Errorf("artifact %q: content goes on after %d bytes: %w", a.Name, a.Size, ErrMismatch)
	case a.Size != 0 && size < a.Size:
		return fmt.Errorf("artifact %q: content ends after %d bytes; want %d: %w", a.Name, size, a.Size, ErrMismatch)
	case !a.Digest.IsZero() && a.Digest != d:
		return fmt.Errorf("artifact %q: content of %d bytes has digest %s; want %s: %w", a.Name, size, d, a.Digest, ErrMismatch)
	}
	return nil
}

// Verify returns a reader of the content of a, which r gives. It returns io.EOF
// only after the whole content was read and has the Digest and the Size of a;
// else it returns an error for which errors.Is(err, [ErrMismatch]).
//
// What was read is not verified until then: use it only where it can be thrown
// away. If a.Size is known, the last bytes are held back until the digest is
// found to be right, so also a caller who reads just so many bytes finds out.
//
// An artifact with a zero Digest names nothing and never verifies.
func Verify(r io.Reader, a Artifact) io.Reader {
	v := &verifier{r: r, a: a, h: sha256.New()}
	if a.Digest.IsZero() {
		v.err = fmt.Errorf("artifact %q: no digest to verify by: %w", a.Name, ErrMismatch)
	}
	return v
}

type verifier struct {
	r    io.Reader
	a    Artifact
	h    hash.Hash // of what was read
	size int64     // of what was read
	err  error     // given to each Read from now on
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.size += int64(n)
	v.err = err
	if err == io.EOF || v.a.Size > 0 && v.size >= v.a.Size {
		if bad := v.a.Match(sum(v.h), v.size); bad != nil {
			v.err = bad
			return 0, bad
		}
	}
	return n, err
}
