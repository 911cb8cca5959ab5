package checkpoint

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// origin is the first line of a checkpoint.
func origin(c journal.Checkpoint) string { return "penstock/" + c.Store }

// text is what is signed.
func text(c journal.Checkpoint) []byte {
	digest, _ := hex.DecodeString(c.Head.Digest.Hex())
	return fmt.Appendf(nil, "%s\n%d\n%s\n", origin(c), c.Head.Events, base64.StdEncoding.EncodeToString(digest))
}

// write returns the note of c with a signature.
func write(c journal.Checkpoint, signature []byte) []byte {
	return fmt.Appendf(text(c), "\n— %s %s\n", origin(c), base64.StdEncoding.EncodeToString(signature))
}

// Open returns what a note says that was made by [Key.Sign], with the public half
// of the key alone. An error for which errors.Is(err, [journal.ErrCorrupt]) means
// that it was not signed with the key, or is not as it was signed;
// [journal.ErrInput] that there is no such key.
func Open(note []byte, key ed25519.PublicKey) (journal.Checkpoint, error) {
	if err := checkPublic(key); err != nil {
		return journal.Checkpoint{}, err
	}
	c, err := open(note, key)
	if err != nil {
		return journal.Checkpoint{}, fmt.Errorf("checkpoint: %w: %w", err, journal.ErrCorrupt)
	}
	return c, nil
}

func open(note []byte, key ed25519.PublicKey) (journal.Checkpoint, error) {
	c, err := read(note)
	if err != nil {
		return c, err
	}
	raw, err := base64.StdEncoding.DecodeString(string(note[bytes.LastIndexByte(note, ' ')+1:]))
	if err != nil {
		return c, fmt.Errorf("signature: %w", err)
	}
	// All is made anew, so that one checkpoint has one form: the decoder does
	// not mind line breaks.
	if !bytes.Equal(write(c, raw), note) {
		return c, errors.New("no signature, or another form")
	}
	signature, ok := bytes.CutPrefix(raw, id(c, key))
	if !ok || !ed25519.Verify(key, text(c), signature) {
		return c, errors.New("not signed with this key")
	}
	return c, nil
}

// read returns what the three lines of a note say, whoever wrote them.
func read(note []byte) (c journal.Checkpoint, err error) {
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
	return c, err
}
