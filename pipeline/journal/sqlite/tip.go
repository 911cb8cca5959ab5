package sqlite

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

// A tip is how far the store has come: the number of events, and a hash of all
// of them.
type tip struct {
	seq int64
	sum [sha256.Size]byte
}

// first is the tip of a store with no events.
func first(store string) tip { return tip{sum: sha256.Sum256([]byte(store))} }

// next is the tip after one more event, of which hash is the hash in its
// journal. That covers the name of the journal, the place of the event there,
// and its line.
func (t tip) next(hash []byte) tip {
	var b [2 * sha256.Size]byte
	copy(b[:], t.sum[:])
	copy(b[sha256.Size:], hash)
	return tip{t.seq + 1, sha256.Sum256(b[:])}
}

func (t tip) head() journal.Head {
	d, err := artifact.ParseDigest("sha256:" + hex.EncodeToString(t.sum[:]))
	if err != nil {
		panic(err) // it is 32 bytes
	}
	return journal.Head{Events: t.seq, Digest: d}
}

// newest returns the tip that the database has, and the number of the first
// event of its last commit.
func newest(c *conn, store string) (t tip, start int64, err error) {
	t = first(store)
	err = c.query(func(v []driver.Value) error {
		t.seq, _ = v[0].(int64)
		sum, _ := v[1].([]byte)
		start, _ = v[2].(int64)
		t.sum = [sha256.Size]byte{}
		copy(t.sum[:], sum)
		return nil
	}, "select seq, sum, start from events order by seq desc limit 1")
	return t, start, err
}
