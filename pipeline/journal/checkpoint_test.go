package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

var (
	testKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	testPoint = journal.Checkpoint{Store: "S", Head: journal.Head{Events: 12, Digest: artifact.DigestBytes([]byte("x"))}}
)

func ExampleCheckpoint() {
	point := journal.Checkpoint{Store: "QX3VWU", Head: journal.Head{Events: 12, Digest: artifact.DigestBytes(nil)}}
	note := point.Sign(testKey)
	fmt.Printf("%s", note)

	read, err := journal.OpenCheckpoint(note, testKey.Public().(ed25519.PublicKey))
	fmt.Println(read == point, err)
	// Output:
	// penstock/QX3VWU
	// 12
	// 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
	//
	// — penstock/QX3VWU Fowzrz4VtMVyF7fY5+b41ymDIL1+kHq7g5H5h8Hd0oovzD5tsOEnXUjdVUfaQv+GvNgUQmGIKF+DhoULSwmZjTNPGgw=
	// true <nil>
}

// I10: a checkpoint that was changed in any byte, or signed by another, is none.
func TestCheckpointThatIsNotTheSigners(t *testing.T) {
	note := testPoint.Sign(testKey)
	public := testKey.Public().(ed25519.PublicKey)
	for i := range note {
		for bit := range 8 {
			b := bytes.Clone(note)
			b[i] ^= 1 << bit
			if c, err := journal.OpenCheckpoint(b, public); !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("bit %d of byte %d changed: %+v, %v; want ErrCorrupt", bit, i, c, err)
			}
		}
		if _, err := journal.OpenCheckpoint(note[:i], public); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v; want ErrCorrupt", i, err)
		}
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for name, key := range map[string]ed25519.PublicKey{"another key": other.Public().(ed25519.PublicKey), "no key": nil} {
		if _, err := journal.OpenCheckpoint(note, key); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("OpenCheckpoint with %s = %v; want ErrCorrupt", name, err)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	f.Add(testPoint.Sign(testKey))
	f.Add([]byte("penstock/S\n1\n\n\n"))
	f.Fuzz(func(t *testing.T, note []byte) {
		c, err := journal.OpenCheckpoint(note, testKey.Public().(ed25519.PublicKey))
		if err == nil && !bytes.Equal(c.Sign(testKey), note) {
			t.Errorf("%q is accepted as %+v, whose note is another; want one form", note, c)
		}
	})
}
