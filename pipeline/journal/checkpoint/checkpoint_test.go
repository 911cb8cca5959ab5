package checkpoint_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/checkpoint"
)

var (
	private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	public  = private.Public().(ed25519.PublicKey)
	key     = checkpoint.Key{Ed25519: private}
	point   = journal.Checkpoint{Store: "S", Head: journal.Head{Events: 12, Digest: artifact.DigestBytes([]byte("x"))}}
)

func sign(t testing.TB, c journal.Checkpoint) []byte {
	t.Helper()
	note, err := key.Sign(c)
	if err != nil {
		t.Fatal(err)
	}
	return note
}

func Example() {
	point := journal.Checkpoint{Store: "QX3VWU", Head: journal.Head{Events: 12, Digest: artifact.DigestBytes(nil)}}
	note, err := checkpoint.Key{Ed25519: private}.Sign(point)
	fmt.Printf("%s%v\n", note, err)

	read, err := checkpoint.Open(note, public)
	fmt.Println(read == point, err)
	// Output:
	// penstock/QX3VWU
	// 12
	// 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
	//
	// — penstock/QX3VWU Fowzrz4VtMVyF7fY5+b41ymDIL1+kHq7g5H5h8Hd0oovzD5tsOEnXUjdVUfaQv+GvNgUQmGIKF+DhoULSwmZjTNPGgw=
	// <nil>
	// true <nil>
}

// I10: a checkpoint that was changed in any byte, or signed by another, is none.
func TestCheckpointThatIsNotTheSigners(t *testing.T) {
	note := sign(t, point)
	for i := range note {
		for bit := range 8 {
			b := bytes.Clone(note)
			b[i] ^= 1 << bit
			if c, err := checkpoint.Open(b, public); !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("bit %d of byte %d changed: %+v, %v; want ErrCorrupt", bit, i, c, err)
			}
		}
		if _, err := checkpoint.Open(note[:i], public); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v; want ErrCorrupt", i, err)
		}
		if _, err := checkpoint.Open(slices.Insert(bytes.Clone(note), i, '\n'), public); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("a line break before byte %d: %v; want ErrCorrupt, for a checkpoint has one form", i, err)
		}
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err := (checkpoint.Key{Ed25519: other}).Open(note); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("Open with another key = %v; want ErrCorrupt", err)
	}
	if got, err := key.Open(note); got != point || err != nil {
		t.Errorf("Open with the key that signed = %+v, %v; want %+v", got, err, point)
	}
	for _, short := range []ed25519.PublicKey{nil, public[1:]} {
		if _, err := checkpoint.Open(note, short); !errors.Is(err, journal.ErrInput) || errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("Open with a key of %d bytes = %v; want ErrInput, for it says nothing of the note", len(short), err)
		}
	}
}

// What Open could not read is not signed.
func TestSignOfWhatNoNoteCanHold(t *testing.T) {
	for _, c := range []journal.Checkpoint{
		{},
		{Store: "S"},
		{Store: "S\n1", Head: point.Head},
	} {
		if note, err := key.Sign(c); note != nil || !errors.Is(err, journal.ErrInput) {
			t.Errorf("Sign(%+v) = %q, %v; want ErrInput", c, note, err)
		}
	}
}

// A device is a signer that keeps its key to itself.
type device struct {
	public crypto.PublicKey
	sign   func(message []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (d device) Public() crypto.PublicKey { return d.public }

func (d device) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return d.sign(message, opts)
}

func TestADeviceSignsCheckpoints(t *testing.T) {
	good := device{public, func(message []byte, opts crypto.SignerOpts) ([]byte, error) {
		return private.Sign(nil, message, opts)
	}}
	got, err := checkpoint.Key{Ed25519: good}.Sign(point)
	if want := sign(t, point); !bytes.Equal(got, want) || err != nil {
		t.Errorf("Sign = %q, %v; want %q, as with the key itself", got, err, want)
	}
	away := errors.New("away")
	bad := device{public, func([]byte, crypto.SignerOpts) ([]byte, error) { return nil, away }}
	if note, err := (checkpoint.Key{Ed25519: bad}).Sign(point); note != nil || !errors.Is(err, away) {
		t.Errorf("Sign by a device that is away = %q, %v; want its error", note, err)
	}
	bad.sign = func([]byte, crypto.SignerOpts) ([]byte, error) { return make([]byte, ed25519.SignatureSize), nil }
	if note, err := (checkpoint.Key{Ed25519: bad}).Sign(point); note != nil || err == nil {
		t.Errorf("Sign by a device that signs with something else = %q, %v; want an error", note, err)
	}
}

func TestAKeyThatIsNotOfEd25519(t *testing.T) {
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		key  crypto.Signer
		want string
	}{
		{"no key", nil, "no key to sign with"},
		{"a private key of no length", ed25519.PrivateKey(nil), "private key of 0 bytes, want 64"},
		{"a private key that is too short", private[1:], "private key of 63 bytes, want 64"},
		{"a public half that is too short", device{public: public[1:]}, "public key of 31 bytes, want 32"},
		{"a device without a public half", device{}, "of type <nil>, want ed25519.PublicKey"},
		{"ECDSA", ecdsaKey, "of type *ecdsa.PublicKey, want ed25519.PublicKey"},
	} {
		k := checkpoint.Key{Ed25519: test.key}
		if err := k.Check(); !errors.Is(err, journal.ErrInput) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Check = %v; want ErrInput, and %q", test.name, err, test.want)
		}
		if note, err := k.Sign(point); note != nil || !errors.Is(err, journal.ErrInput) {
			t.Errorf("%s: Sign = %q, %v; want ErrInput", test.name, note, err)
		}
		if _, err := k.Open(sign(t, point)); !errors.Is(err, journal.ErrInput) {
			t.Errorf("%s: Open = %v; want ErrInput", test.name, err)
		}
	}
	if err := key.Check(); err != nil {
		t.Errorf("Check of a key of Ed25519 = %v; want nil", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sign(f, point))
	f.Add([]byte("penstock/S\n1\n\n\n"))
	f.Fuzz(func(t *testing.T, note []byte) {
		c, err := checkpoint.Open(note, public)
		if err == nil && !bytes.Equal(sign(t, c), note) {
			t.Errorf("%q is accepted as %+v, whose note is another; want one form", note, c)
		}
	})
}
