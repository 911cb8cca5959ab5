package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Runs go to a file at the end of which they are added. It is read later, and
// compared with what the store still knows.
func ExampleExecutor_Archive() {
	ctx := context.Background()
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{{Name: "nightly", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "test", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			return stage.Output{Summary: "412 tests passed"}, nil
		})},
	}}}}
	defer serving(ctx, x)()
	run, _ := x.Start(ctx, "nightly", pipeline.Trigger{Key: "monday"})
	for range x.Watch(ctx, run) {
	}

	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file, err := os.OpenFile(filepath.Join(dir, "2026.jsonl"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	done, err := x.Archive(ctx, pipeline.Archive{
		Before: time.Now(), // most often months ago
		By:     "ann",
		Keep: func(_ context.Context, run string, text []byte) (place string, err error) {
			if _, err := file.Write(text); err != nil {
				return "", err
			}
			return filepath.Base(file.Name()), file.Sync()
		},
	})
	fmt.Println(done.Runs, err)

	var archived *journal.ArchivedError
	if _, err := x.Run(ctx, run); errors.As(err, &archived) {
		fmt.Println(archived.Journal, archived.Status, "is in", archived.Place)
	}
	file.Seek(0, 0)
	for c, err := range journal.ReadArchive(file) {
		if err != nil {
			log.Fatal(err)
		}
		r, err := pipeline.Replay(c.Journal, c.Events)
		fmt.Println(r.ID, r.Status, r.Steps[0].Reason, err)
		fmt.Println("as it was:", c.Digest == archived.Digest)
	}
	// Output:
	// [monday] <nil>
	// monday succeeded is in 2026.jsonl
	// monday succeeded 412 tests passed <nil>
	// as it was: true
}
