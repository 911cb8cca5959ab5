package checkpoint

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Key is a [journal.Key]. The zero Key is none: its methods return errors. What
// may be called at once on the signer may be on the Key.
type Key struct {
	// Ed25519 is an [ed25519.PrivateKey], or what asks the device or the
	// service that has one. It is given whole messages, not digests of them,
	// with the options crypto.Hash(0).
	Ed25519 crypto.Signer
}

var _ journal.Key = Key{}

// Check returns an error for which errors.Is(err, [journal.ErrInput]) if k has no
// key of Ed25519.
func (k Key) Check() error {
	_, err := k.public()
	return err
}

// public returns what the signatures of k are verified with.
func (k Key) public() (ed25519.PublicKey, error) {
	if k.Ed25519 == nil {
		return nil, fmt.Errorf("checkpoint: no key to sign with: %w", journal.ErrInput)
	}
	// One of another length panics when it is used.
	if private, ok := k.Ed25519.(ed25519.PrivateKey); ok && len(private) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("checkpoint: private key of %d bytes, want %d: %w", len(private), ed25519.PrivateKeySize, journal.ErrInput)
	}
	public, ok := k.Ed25519.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("checkpoint: key with a public half of type %T, want ed25519.PublicKey: %w", k.Ed25519.Public(), journal.ErrInput)
	}
	return public, checkPublic(public)
}

func checkPublic(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("checkpoint: public key of %d bytes, want %d: %w", len(key), ed25519.PublicKeySize, journal.ErrInput)
	}
	return nil
}

// Sign returns c as a signed note. A checkpoint that no note can hold, such as one
// without a digest, is an error for which errors.Is(err, [journal.ErrInput]).
func (k Key) Sign(c journal.Checkpoint) (note []byte, err error) {
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	if said, err := read(text(c)); err != nil || said != c {
		return nil, fmt.Errorf("checkpoint: sign %+v, want the name of a store and a SHA-256: %w", c, journal.ErrInput)
	}
	signature, err := k.Ed25519.Sign(rand.Reader, text(c), crypto.Hash(0))
	if err == nil && !ed25519.Verify(public, text(c), signature) {
		err = errors.New("the signature is not one of the key's public half")
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: sign %d events of store %q: %w", c.Head.Events, c.Store, err)
	}
	return write(c, append(id(c, public), signature...)), nil
}

// Open returns what a note says that was signed with k, as [Open] does.
func (k Key) Open(note []byte) (journal.Checkpoint, error) {
	public, err := k.public()
	if err != nil {
		return journal.Checkpoint{}, err
	}
	return Open(note, public)
}

// id is by what a note names a key (C2SP, signed-note.md, "Signature types").
func id(c journal.Checkpoint, key ed25519.PublicKey) []byte {
	const typeEd25519 = 1
	h := sha256.Sum256(append(append([]byte(origin(c)), '\n', typeEd25519), key...))
	return h[:4]
}
