package regulated

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// statement is what is signed: that an image is made of what its bill says.
func statement(s artifact.Set) []byte {
	return fmt.Appendf(nil, "image %v is made of what sbom %v says\n", s["image"].Digest, s["sbom"].Digest)
}

// sign signs what was built.
type sign struct {
	key   ed25519.PrivateKey
	store artifact.Store
}

func (s sign) Check() error {
	if len(s.key) != ed25519.PrivateKeySize {
		return fmt.Errorf("sign: key of %d bytes; want %d", len(s.key), ed25519.PrivateKeySize)
	}
	return nil
}

func (s sign) Describe() string { return "sign image and sbom" }

func (s sign) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	signature := ed25519.Sign(s.key, statement(in.Artifacts))
	a, err := s.store.Put(ctx, artifact.Artifact{Name: "signature", MediaType: "application/octet-stream"}, bytes.NewReader(signature))
	return stage.Output{Artifacts: []artifact.Artifact{a}}, err
}

// signed is a gate that passes what has the signature of a key.
type signed struct {
	key   ed25519.PublicKey
	store artifact.Store
}

func (g signed) Check() error {
	if len(g.key) != ed25519.PublicKeySize {
		return fmt.Errorf("signed: key of %d bytes; want %d", len(g.key), ed25519.PublicKeySize)
	}
	return nil
}

func (g signed) Describe() string { return "signed by " + keyName(g.key) }

func (g signed) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	signature, err := read(ctx, g.store, req.Artifacts["signature"])
	if errors.Is(err, fs.ErrNotExist) {
		return gate.Rejectf("the signature is not in the store"), nil
	}
	if err != nil {
		return gate.Decision{}, err
	}
	if !ed25519.Verify(g.key, statement(req.Artifacts), signature) {
		return gate.Rejectf("the signature of image and sbom is not by %s", keyName(g.key)), nil
	}
	return gate.Passf("signed by %s", keyName(g.key)), nil
}

func read(ctx context.Context, store artifact.Store, a artifact.Artifact) ([]byte, error) {
	r, err := store.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// keyName returns the digest of a key, short, which is enough for people.
func keyName(key ed25519.PublicKey) string { return "key " + artifact.DigestBytes(key).Short() }
