package sqlite

import (
	"context"
	"fmt"
	"log/slog"
)

// A Config is how a store is opened. The zero Config is that of [Open].
type Config struct {
	// ReadOnly opens a store to look at: it has to be there, nothing in it
	// is changed or repaired, and Append and Renew are errors. Open does not
	// look for damage then, so that what is damaged can be read as far as it
	// goes, and Verify can say where.
	ReadOnly bool

	// Log is told of what a crash left and was set aside. nil means nobody
	// is; Verify reports it too.
	Log *slog.Logger
}

// Open is [Open] with c.
func (c Config) Open(ctx context.Context, path string) (*Store, error) {
	s, err := c.open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}
