// Package checkpoint signs what a store of journals is at some moment, and reads
// what was signed.
//
// A checkpoint is a signed note (C2SP, signed-note.md): three lines, of the
// store, the number of events and the digest, and the signature. Ed25519 is what
// it is signed with.
package checkpoint
