package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/artifact"
)

// A Checkpoint says of which store a [Head] is. Signed and sent elsewhere it is
// what a store can be verified against when nobody trusts its disk.
type Checkpoint struct {
	Store string // the store's name for itself: no spaces
	Head  Head
}

// origin is the first line of a checkpoint.
func (c Checkpoint) origin() string { return "penstock/" + c.Store }

// text is what is signed.
func (c Checkpoint) text() []byte {
	digest, _ := hex.DecodeString(c.Head.Digest.Hex())
	return fmt.Appendf(nil, "%s\n%d\n%s\n", c.origin(), c.Head.Events, base64.StdEncoding.EncodeToString(digest))
}

// Sign returns c as a signed note (C2SP, signed-note.md): three lines, of the
// store, the number of events and the digest, and the signature.
func (c Checkpoint) Sign(key ed25519.PrivateKey) []byte {
	text := c.text()
	sig := append(keyID(c.origin(), key.Public().(ed25519.PublicKey)), ed25519.Sign(key, text)...)
	return fmt.Appendf(text, "\n— %s %s\n", c.origin(), base64.StdEncoding.EncodeToString(sig))
}

// keyID is by what a note names a key (C2SP, signed-note.md, "Signature types").
func keyID(name string, key ed25519.PublicKey) []byte {
	const typeEd25519 = 1
	h := sha256.Sum256(append(append([]byte(name), '\n', typeEd25519), key...))
	return h[:4]
}

// OpenCheckpoint returns what a note made by [Checkpoint.Sign] says. An error
// for which errors.Is(err, [ErrCorrupt]) means that it was not signed with the
// key, or is not as it was signed.
func OpenCheckpoint(note []byte, key ed25519.PublicKey) (Checkpoint, error) {
	c, err := openCheckpoint(note, key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("journal: checkpoint: %w: %w", err, ErrCorrupt)
	}
	return c, nil
}

func openCheckpoint(note []byte, key ed25519.PublicKey) (c Checkpoint, err error) {
	if len(key) != ed25519.PublicKeySize {
		return c, fmt.Errorf("key of %d bytes, want %d", len(key), ed25519.PublicKeySize)
	}
	lines := strings.SplitN(string(note), "\n", 4)
	if len(lines) < 4 {
		return c, errors.New("less than three lines")
	}
	ok := false
	if c.Store, ok = strings.CutPrefix(lines[0], "penstock/"); !ok {
		return c, fmt.Errorf("first line %.40q, want that of a store", lines[0])
	}
	if c.Head.Events, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return c, err
	}
	digest, err := base64.StdEncoding.DecodeString(lines[2])
	if err == nil {
		c.Head.Digest, err = artifact.ParseDigest("sha256:" + hex.EncodeToString(digest))
	}
	if err != nil {
		return c, err
	}
	// What is signed is made anew, so that one checkpoint has one form.
	sig, ok := bytes.CutPrefix(note, append(c.text(), "\n— "+c.origin()+" "...))
	if !ok {
		return c, errors.New("no signature, or another form")
	}
	sig, ok = bytes.CutSuffix(sig, []byte("\n"))
	raw, err := base64.StdEncoding.Strict().DecodeString(string(sig))
	if id := keyID(c.origin(), key); !ok || err != nil || !bytes.HasPrefix(raw, id) || !ed25519.Verify(key, c.text(), raw[len(id):]) {
		return c, errors.New("not signed with this key")
	}
	return c, nil
}
