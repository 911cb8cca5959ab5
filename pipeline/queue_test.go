package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

func TestNoHookWaitsForAnother(t *testing.T) { // R4, R9
	ends := map[string]func() error{
		"return":              func() error { return nil },
		"fail":                func() error { return errors.New("503") },
		"panic":               func() error { panic("oh no") },
		"end their goroutine": func() error { runtime.Goexit(); return nil },
	}
	for how, end := range ends {
		t.Run("they "+how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hooks = 100
				var called sync.WaitGroup
				called.Add(hooks / 2)
				var steps pipeline.Parallel
				for i := range hooks {
					steps = append(steps, pipeline.Stage{Name: fmt.Sprint("step-", i), Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
						if i < hooks/2 {
							return stage.Output{}, end()
						}
						called.Done()
						called.Wait()
						return stage.Output{}, nil
					})})
				}
				x := executor(steps)
				serve(t, x)
				start(t, x, "one")
				if r := run(t, x, "one"); !r.Status.Done() {
					t.Errorf("a run of hooks that wait until all are called is %v; want it ended: nobody calls some of them", r.Status)
				}
			})
		})
	}
}

// A lazy store takes a minute to append.
type lazy struct{ *journal.Memory }

func (s lazy) Append(ctx context.Context, batches ...journal.Batch) error {
	time.Sleep(time.Minute)
	return s.Memory.Append(ctx, batches...)
}

func TestNoHookWaitsForWhatIsRecordedAfterItsIntent(t *testing.T) { // J3
	synctest.Test(t, func(t *testing.T) {
		var called time.Time
		note := pipeline.Stage{Name: "note", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			called = time.Now()
			return stage.Output{}, nil
		})}
		x := over(lazy{new(journal.Memory)}, pipeline.Parallel{note, asks("release")})
		serve(t, x)
		start(t, x, "one")
		intent := time.Now().Add(time.Minute) // when it is recorded
		pass(30 * time.Second)
		if err := x.Override(t.Context(), "one", "ann", "it burns", "release"); err != nil { // while the intent is
			t.Fatal(err)
		}
		pass(time.Hour)
		if !called.Equal(intent) {
			t.Errorf("the hook was called %v after its intent was recorded; want at once", called.Sub(intent))
		}
	})
}
