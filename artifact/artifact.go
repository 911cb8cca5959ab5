// Package artifact describes what a pipeline delivers: content named by digest.
//
// The package only describes. Fetching and storing live in subpackages such
// as artifact/oci.
package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// A Digest names content by its hash. Digests are comparable.
//
// The text form is "algorithm:hex", as in the OCI image specification
// (image-spec, descriptor.md, "Digests"). Only sha256 is known.
// The zero Digest names nothing.
type Digest struct{ s string }

// ParseDigest parses the text form of a digest.
func ParseDigest(s string) (Digest, error) {
	hexpart, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return Digest{}, fmt.Errorf("artifact: digest %q: want sha256:<64 hex digits>", s)
	}
	if len(hexpart) != 2*sha256.Size || strings.Trim(hexpart, "0123456789abcdef") != "" {
		return Digest{}, fmt.Errorf("artifact: digest %q: want 64 lower-case hex digits after the colon", s)
	}
	return Digest{s}, nil
}

// DigestOf reads r to its end and returns the digest and the size in bytes of what it read.
func DigestOf(r io.Reader) (d Digest, size int64, err error) {
	h := sha256.New()
	if size, err = io.Copy(h, r); err != nil {
		return Digest{}, size, fmt.Errorf("artifact: computing digest: %w", err)
	}
	return sum(h), size, nil
}

func sum(h hash.Hash) Digest { return Digest{"sha256:" + hex.EncodeToString(h.Sum(nil))} }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d.s == "" }

// String returns the text form, or "" for the zero Digest.
func (d Digest) String() string { return d.s }

// Short returns the first 12 hex digits, for logs and messages.
func (d Digest) Short() string {
	_, h, _ := strings.Cut(d.s, ":")
	return h[:min(12, len(h))]
}

// MarshalText implements [encoding.TextMarshaler].
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.s), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Digest) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	*d, err = ParseDigest(string(b))
	return err
}

// An Artifact is one thing a pipeline delivers. It is immutable: new content
// is a new Artifact with a new Digest.
type Artifact struct {
	Name      string `json:"name"`                 // role in the pipeline, such as "image"; unique within a Set
	MediaType string `json:"media_type,omitempty"` // IANA media type; may be empty
	Digest    Digest `json:"digest"`               // names the content
	Size      int64  `json:"size,omitempty"`       // bytes; 0 if unknown
	URI       string `json:"uri,omitempty"`        // where the content can be fetched; a hint, never an identity
}

// String returns a short form for logs, such as "image@9f86d081884c".
func (a Artifact) String() string { return a.Name + "@" + a.Digest.Short() }

// A Set holds artifacts by name.
type Set map[string]Artifact

// Digest returns one digest for the names and digests in the set.
// It does not depend on media types, sizes or URIs. An approval is bound to it.
func (s Set) Digest() Digest {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %s\n", name, s[name].Digest)
	}
	return sum(h)
}
