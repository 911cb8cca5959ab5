package journal

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/penstock/penstock/artifact"
)

// Seed returns the hash of a journal before its first event: the SHA-256 of its
// name.
func Seed(journal string) []byte {
	h := sha256.Sum256([]byte(journal))
	return h[:]
}

// Chain returns the hash of a journal after one more event: the SHA-256 of the
// hash before it and the JSON form of the event. It covers all events before, in
// their order.
func Chain(before, line []byte) []byte {
	h := sha256.New()
	h.Write(before)
	h.Write(line)
	return h.Sum(nil)
}

// digestOf returns a hash in the form for people.
func digestOf(hash []byte) artifact.Digest {
	d, err := artifact.ParseDigest("sha256:" + hex.EncodeToString(hash))
	if err != nil {
		panic(err) // it is of 32 bytes
	}
	return d
}
