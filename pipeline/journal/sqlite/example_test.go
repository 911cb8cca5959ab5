package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// What is appended is there when the program is started again.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	for life := range 2 {
		store, err := sqlite.Open(ctx, filepath.Join(dir, "journals.db"))
		if err != nil {
			fmt.Println(err)
			return
		}
		err = store.Append(ctx, journal.Batch{Journal: "run-1", Length: life, Events: []journal.Event{
			{Time: time.Now(), Kind: journal.Retried, By: "ada", Step: "deploy"},
		}})
		events, _ := store.Events(ctx, "run-1", 0)
		fmt.Println(len(events), err)
		store.Close()
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
}
