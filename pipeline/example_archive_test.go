package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// Each night runs that ended long ago go to a file, at the end of which they are
// added. It is read years later, and compared with what the store still knows.
func ExampleExecutor_Archive() {
	ctx := context.Background()
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{{Name: "nightly", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "deploy", Environment: stage.Environment{Name: "production"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			image := artifact.Artifact{Name: "image", Digest: artifact.DigestBytes([]byte(in.Run))}
			return stage.Output{Live: artifact.Set{"image": image}, Traffic: 100, Summary: "deployed " + in.Run}, nil
		})},
	}}}}
	defer serving(ctx, x)()
	for _, key := range []string{"monday", "tuesday", "wednesday"} {
		run, err := x.Start(ctx, "nightly", pipeline.Trigger{Key: key})
		if err != nil {
			log.Fatal(err)
		}
		for range x.Watch(ctx, run) {
		}
	}
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// What is done each night. It goes on where it was if it is interrupted.
	path := filepath.Join(dir, "runs.jsonl")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		log.Fatal(err)
	}
	done, err := x.Archive(ctx, pipeline.Archive{
		Before: time.Now(), // most often months ago
		By:     "ann",
		Keep: func(_ context.Context, run string, text []byte) (place string, err error) {
			if _, err := file.Write(text); err != nil {
				return "", err
			}
			return filepath.Base(path), file.Sync()
		},
	})
	if err := errors.Join(err, file.Close()); err != nil {
		log.Print(err) // what could be archived was
	}
	fmt.Println("archived", done.Runs)
	for _, run := range slices.Sorted(maps.Keys(done.Kept)) {
		fmt.Println("kept", run+":", done.Kept[run])
	}

	// What is done when somebody asks for the run.
	var archived *journal.ArchivedError
	if _, err := x.Run(ctx, "monday"); !errors.As(err, &archived) {
		log.Fatal(err)
	}
	fmt.Println(archived.Journal, archived.Status, "is in", archived.Place)
	if file, err = os.Open(filepath.Join(dir, archived.Place)); err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for c, err := range journal.ReadArchive(file) {
		if err != nil {
			log.Print(err) // what a crash left of a run, which follows once more
			continue
		}
		if c.Journal != archived.Journal || c.Digest != archived.Digest {
			continue // another run, or what somebody made of this one
		}
		r, err := pipeline.Replay(c.Journal, c.Events)
		fmt.Println(r.ID, r.Status, r.Steps[0].Reason, err)
	}
	// Output:
	// archived [monday]
	// kept tuesday: the run deployed what is live, or would be gone back to, in environment production
	// kept wednesday: the run brought what is live in environment production
	// monday succeeded is in runs.jsonl
	// monday succeeded deployed monday <nil>
}
