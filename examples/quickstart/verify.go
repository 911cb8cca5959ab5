package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// verify compares all that was recorded with what was appended, and prints what
// it has looked at and where it found damage. It changes nothing, so that it
// can be asked again.
func verify(ctx context.Context, o options) error {
	if err := delivered(o.dir); err != nil {
		return err
	}
	store, err := sqlite.Config{ReadOnly: true}.Open(ctx, filepath.Join(o.dir, journalDir, journalFile))
	if err != nil {
		return err
	}
	defer store.Close()
	report, err := journal.Verify(ctx, store)
	fmt.Println(report)
	return err
}
