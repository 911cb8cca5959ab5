package sqlite

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/penstock/penstock/pipeline/journal"
)

// A Config is how a store is opened. The zero Config is that of [Open].
type Config struct {
	// ReadOnly opens a store to look at: it has to be there, nothing in it
	// is changed or repaired, and Append, Archive and Renew are errors. Open does not
	// look for damage then, so that what is damaged can be read as far as it
	// goes, and Verify can say where.
	ReadOnly bool

	// Key signs a checkpoint after every thousand events or so, and before a
	// log of the witness is left for the next. The note is kept in the
	// witness, and Verify checks those that are there. If it cannot sign, or panics, Log
	// is told, and the next checkpoint is signed a thousand events later. nil
	// means there are none. The key has to be kept where who can change the
	// store cannot read it.
	Key journal.Key

	// Sink is given each checkpoint that Key signs, to send it elsewhere. One
	// caller of Append calls it when its events are committed, and waits: it
	// should take no longer than a caller can bear, and must not call the
	// Store, which waits for it. If it fails or panics, Log is told, and the
	// next checkpoint says more. It is not called at once by several. nil
	// means they stay here.
	Sink func(ctx context.Context, note []byte) error

	// Log is told of what a crash left, and was set aside or put back, and of
	// a checkpoint that could not be signed or sent. nil means nobody is;
	// Verify reports the former too.
	Log *slog.Logger

	disk *disk // nil means the real one
}

// Open is [Open] with c.
func (c Config) Open(ctx context.Context, path string) (*Store, error) {
	s, err := c.open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

// checkKey asks Key whether it can sign.
func (c Config) checkKey() error {
	if k, ok := c.Key.(interface{ Check() error }); ok {
		return k.Check()
	}
	return nil
}
