package artifact

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Set holds artifacts by name.
type Set map[string]Artifact

// Digest returns one digest for the names and digests in the set. An approval
// is bound to it.
//
// Two sets have the same Digest only if they have the same names, and the same
// digests under them. It does not depend on media types, sizes or URIs, which
// do not change what is delivered. The names are the keys of the map. A nil Set
// has the Digest of an empty one. It is the same with every version of this
// package.
func (s Set) Digest() Digest {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		// %+q is the same with every version of Unicode, unlike %q.
		fmt.Fprintf(h, "%+q %s\n", name, s[name].Digest)
	}
	return sum(h)
}

// Check reports all mistakes in s, in the order of the names: those that
// [Artifact.Check] finds, a key that is not the Name of its artifact, and a
// zero Digest.
func (s Set) Check() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s)) {
		a := s[name]
		if a.Name != name {
			errs = append(errs, fmt.Errorf("artifact %.140q: listed as %.140q; want one name", a.Name, name))
		}
		if a.Digest.IsZero() {
			errs = append(errs, fmt.Errorf("artifact %.140q: no digest; want that of its content", a.Name))
		}
		errs = append(errs, a.Check())
	}
	return errors.Join(errs...)
}
