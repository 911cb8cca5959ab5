package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strings"
	"unicode/utf8"
)

const (
	algorithm = "sha256"
	hexDigits = 2 * sha256.Size
)

// A Digest names content by its hash. Digests are comparable, and work as keys
// of a map, also in JSON.
//
// The text form is "sha256:" and 64 lower-case hex digits (OCI image-spec,
// descriptor.md, "Digests"). Other algorithms are refused, so that equal
// content has equal Digests. The zero Digest names nothing; its text is empty.
type Digest struct{ s string }

// ParseDigest parses the text form of a digest. It refuses the empty text.
func ParseDigest(s string) (Digest, error) {
	refuse := func(format string, args ...any) (Digest, error) {
		return Digest{}, fmt.Errorf("artifact: digest %.100q: %s", s, fmt.Sprintf(format, args...))
	}
	name, digits, ok := strings.Cut(s, ":")
	if !ok {
		return refuse("no colon; want %s:<%d hex digits>", algorithm, hexDigits)
	}
	if name != algorithm {
		return refuse("algorithm %.20q; want %q, the only one known", name, algorithm)
	}
	if i := strings.IndexFunc(digits, notHex); i >= 0 {
		c, _ := utf8.DecodeRuneInString(digits[i:])
		return refuse("%q at byte %d; want digits and lower-case a to f", c, len(name)+1+i)
	}
	if len(digits) != hexDigits {
		return refuse("%d hex digits after the colon; want %d", len(digits), hexDigits)
	}
	return Digest{s}, nil
}

func notHex(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') }

// DigestOf reads r to its end and returns the digest and the size in bytes of
// what it read.
func DigestOf(r io.Reader) (d Digest, size int64, err error) {
	h := sha256.New()
	if size, err = io.Copy(h, r); err != nil {
		return Digest{}, size, fmt.Errorf("artifact: computing digest: %w", err)
	}
	return sum(h), size, nil
}

// DigestBytes returns the digest of b.
func DigestBytes(b []byte) Digest {
	h := sha256.New()
	h.Write(b)
	return sum(h)
}

func sum(h hash.Hash) Digest { return Digest{algorithm + ":" + hex.EncodeToString(h.Sum(nil))} }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d.s == "" }

// String returns the text form, or "" for the zero Digest.
func (d Digest) String() string { return d.s }

// Hex returns the 64 hex digits alone, as sha256sum prints them, or "" for the
// zero Digest.
func (d Digest) Hex() string {
	_, h, _ := strings.Cut(d.s, ":")
	return h
}

// Short returns the first 12 hex digits, for logs and messages. They are too
// few to compare by.
func (d Digest) Short() string {
	h := d.Hex()
	return h[:min(12, len(h))]
}

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.s), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. The empty text is the
// zero Digest.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(b))
	return err
}
