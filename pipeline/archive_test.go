package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
	"github.com/penstock/penstock/stage"
)

// shelf is where archived runs go.
type shelf map[string][]string // texts of each run

func (s shelf) keep(_ context.Context, run string, text []byte) (string, error) {
	s[run] = append(s[run], string(text))
	return "the shelf", nil
}

// chapter returns what the newest text of a run says.
func (s shelf) chapter(t *testing.T, run string) (c journal.Chapter) {
	t.Helper()
	if len(s[run]) == 0 {
		t.Fatalf("run %s was not handed over", run)
	}
	for c, err := range journal.ReadArchive(strings.NewReader(s[run][len(s[run])-1])) {
		if err != nil || c.Journal != run {
			t.Fatalf("text of run %s is of %q, %v", run, c.Journal, err)
		}
		return c
	}
	t.Fatalf("text of run %s is empty", run)
	return c
}

// releases is a pipeline that deploys what it builds.
func releases() []pipeline.Step {
	return []pipeline.Step{
		pipeline.Stage{Name: "build", Produces: []string{"image"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			return stage.Output{Artifacts: []artifact.Artifact{image(in.Run)}}, nil
		})},
		pipeline.Stage{Name: "deploy", Environment: production, Consumes: []string{"image"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			time.Sleep(time.Minute)
			return stage.Output{Live: in.Artifacts, Traffic: 100}, nil
		})},
	}
}

func TestArchive(t *testing.T) { // J9, R1
	synctest.Test(t, func(t *testing.T) {
		x, s := executor(releases()...), shelf{}
		stop := serve(t, x)
		before := map[string]pipeline.Run{}
		for k := range 5 {
			id := start(t, x, fmt.Sprint("r", k))
			pass(time.Hour)
			before[id] = run(t, x, id)
		}
		got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now().Add(-2*time.Hour + time.Minute), By: "ann", Keep: s.keep})
		if err != nil || fmt.Sprint(got.Runs) != "[r0 r1 r2]" || len(got.Kept) > 0 {
			t.Fatalf("Archive of what ended two hours ago = %+v, %v; want r0, r1 and r2", got, err)
		}
		got, err = x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), By: "ann", Keep: s.keep})
		want := map[string]string{
			"r3": "the run deployed what is live, or would be gone back to, in environment production",
			"r4": "the run brought what is live in environment production",
		}
		if err != nil || len(got.Runs) > 0 || !maps.Equal(got.Kept, want) {
			t.Errorf("Archive of the rest = %+v, %v; want nothing that a rollback could need", got, err)
		}

		if runs, err := x.Runs(t.Context(), pipeline.Query{}); err != nil || len(runs) != 2 || runs[0].ID != "r4" {
			t.Errorf("Runs = %d runs, %v; want r4 and r3, without an error", len(runs), err)
		}
		if runs, err := x.Runs(t.Context(), pipeline.Query{After: "r1"}); err != nil || len(runs) != 0 {
			t.Errorf("Runs before one that is archived = %d runs, %v; want none", len(runs), err)
		}
		var a *journal.ArchivedError
		if _, err := x.Run(t.Context(), "r1"); !errors.As(err, &a) || a.Place != "the shelf" || a.By != "ann" || a.Status != "succeeded" {
			t.Errorf("Run of an archived run = %v; want an ArchivedError that says where it is", err)
		}
		if err := x.Retry(t.Context(), "r1", "deploy", "ann", "once more"); !errors.Is(err, journal.ErrArchived) {
			t.Errorf("Retry of an archived run = %v; want ErrArchived", err)
		}
		if id := start(t, x, "r1"); id != "r1" {
			t.Errorf("Start with the key of an archived run = %q; want r1", id)
		}
		pass(time.Hour)
		if runs, err := x.Runs(t.Context(), pipeline.Query{}); err != nil || len(runs) != 2 {
			t.Errorf("after it there are %d runs, %v; want two, for r1 is not begun anew (R1)", len(runs), err)
		}

		for _, id := range []string{"r0", "r1", "r2"} {
			c := s.chapter(t, id)
			again, err := pipeline.Replay(id, c.Events)
			if err != nil || again.Status != pipeline.Succeeded || !reflect.DeepEqual(again.Artifacts, before[id].Artifacts) {
				t.Errorf("Replay of the archived run %s = %v, %v; want it as it was", id, again.Status, err)
			}
			if _, err := x.Run(t.Context(), id); !errors.As(err, &a) || a.Digest != c.Digest || a.Events != len(c.Events) {
				t.Errorf("the store has %v of run %s; want %d events with digest %v", err, id, len(c.Events), c.Digest)
			}
		}
		// It goes on as if nothing was archived.
		start(t, x, "r5")
		pass(time.Hour)
		wantRun(t, x, "r5", pipeline.Succeeded)
		stop()
	})
}

// A key of an archived run is not that of a run of another pipeline (R1).
func TestStartWithAnArchivedKeyOfAnotherPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Second))
		x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "blog", Steps: pipeline.Sequence{work("build", time.Second)}})
		serve(t, x)
		start(t, x, "r0")
		pass(time.Minute)
		if got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Pipeline: "blog", Keep: shelf{}.keep}); err != nil || len(got.Runs) > 0 {
			t.Errorf("Archive of another pipeline = %v, %v; want nothing", got, err)
		}
		if got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Pipeline: "shop", Keep: shelf{}.keep}); err != nil || len(got.Runs) != 1 {
			t.Fatalf("Archive = %v, %v; want r0", got, err)
		}
		if _, err := x.Start(t.Context(), "blog", pipeline.Trigger{Key: "r0"}); !errors.Is(err, pipeline.ErrRefused) {
			t.Errorf("Start of another pipeline with the key = %v; want ErrRefused", err)
		}
	})
}

func TestArchiveSaysWhatIsWrong(t *testing.T) {
	keep := shelf{}.keep
	for _, c := range []struct {
		name  string
		store journal.Store
		a     pipeline.Archive
		want  string
	}{
		{"no place for runs", nil, pipeline.Archive{}, "Archive.Keep is nil"},
		{"a limit below none", nil, pipeline.Archive{Keep: keep, Limit: -1}, "Archive.Limit is -1"},
		{"nobody that can be told from another", nil, pipeline.Archive{Keep: keep, By: "ann "}, `by "ann "`},
		{"a user ID without end", nil, pipeline.Archive{Keep: keep, By: strings.Repeat("a", 5000)}, "5000 bytes"},
		{"a store that forgets nothing", struct{ journal.Store }{new(journal.Memory)}, pipeline.Archive{Keep: keep}, "want a journal.Archiver"},
	} {
		x := &pipeline.Executor{Store: c.store}
		if _, err := x.Archive(t.Context(), c.a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Archive = %v; want an error that says %q", c.name, err, c.want)
		}
	}
}

// A run is forgotten only when it is kept, and nothing is forgotten after that has
// failed (J9, I18).
func TestArchiveThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", time.Second))
		serve(t, x)
		for k := range 3 {
			start(t, x, fmt.Sprint("r", k))
			pass(time.Minute)
		}
		full := errors.New("no space is left")
		for name, keep := range map[string]func(run string) (string, error){
			"fails":               func(string) (string, error) { return "", full },
			"panics":              func(string) (string, error) { panic("no shelf") },
			"says where for ever": func(string) (string, error) { return strings.Repeat("x", 5000), nil },
		} {
			calls := 0
			got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: func(_ context.Context, run string, _ []byte) (string, error) {
				calls++
				return keep(run)
			}})
			if err == nil || len(got.Runs) > 0 || calls != 1 {
				t.Errorf("a Keep that %s: Archive = %v, %v after %d calls; want an error after one", name, got, err, calls)
			}
			if name == "fails" && !errors.Is(err, full) {
				t.Errorf("Archive = %v; want the error of Keep in it", err)
			}
		}
		if runs, err := x.Runs(t.Context(), pipeline.Query{}); err != nil || len(runs) != 3 {
			t.Errorf("after it there are %d runs, %v; want all three", len(runs), err)
		}
		got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Limit: 2, Keep: shelf{}.keep})
		if err != nil || !slices.Equal(got.Runs, []string{"r0", "r1"}) {
			t.Errorf("Archive of two at most = %v, %v; want the oldest two", got, err)
		}
	})
}

// A run that a person has done anew while it is handed over stays (J1).
func TestArchiveOfARunThatIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := true
		x, s := executor(pipeline.Stage{Name: "build", Run: stage.Func(func(context.Context, stage.Input) (stage.Output, error) {
			if bad {
				return stage.Output{}, stage.Failf("no")
			}
			return stage.Output{}, nil
		})}), shelf{}
		serve(t, x)
		id := start(t, x, "r0")
		pass(time.Minute)
		got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: func(ctx context.Context, run string, text []byte) (string, error) {
			bad = false
			if err := x.Retry(ctx, run, "build", "ann", "it was the network"); err != nil {
				t.Error(err)
			}
			return s.keep(ctx, run, text)
		}})
		if err != nil || len(got.Runs) > 0 || got.Kept[id] == "" {
			t.Errorf("Archive = %v, %v; want the run kept", got, err)
		}
		pass(time.Minute)
		wantRun(t, x, id, pipeline.Succeeded)
		got, err = x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: s.keep})
		if err != nil || len(got.Runs) != 1 || len(s[id]) != 2 || s[id][0] == s[id][1] {
			t.Errorf("Archive of what it became = %v, %v; want it handed over again, with more events", got, err)
		}
	})
}

// Wherever a program dies that archives, each run is in the store or was kept, and
// the next one ends what it began (J9).
func TestACrashAnywhereWhileArchiving(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			done := false
			synctest.Test(t, func(t *testing.T) {
				store, s := new(journal.Memory), shelf{}
				x := over(store, releases()...)
				stop := serve(t, x)
				for k := range 5 {
					start(t, x, fmt.Sprint("r", k))
					pass(time.Hour)
				}
				stop()
				faulty := &journaltest.Faulty{Store: store, At: at, After: after, Reads: true}
				_, err := (&pipeline.Executor{Store: faulty}).Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: s.keep})
				if done = faulty.Count() < at; done {
					return
				}
				if err == nil {
					t.Fatalf("crash %d: Archive = nil; want an error", at)
				}
				if _, err := (&pipeline.Executor{Store: store}).Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: s.keep}); err != nil {
					t.Fatalf("crash %d: Archive by the next = %v", at, err)
				}
				for _, id := range []string{"r0", "r1", "r2"} {
					var a *journal.ArchivedError
					_, err := x.Run(t.Context(), id)
					if c := s.chapter(t, id); !errors.As(err, &a) || a.Digest != c.Digest || len(s[id]) > 2 {
						t.Errorf("crash %d: run %s: %v, kept %d times; want it archived as it was kept, once or twice", at, id, err, len(s[id]))
					}
				}
				if len(s) != 3 {
					t.Errorf("crash %d: %d runs were handed over; want 3", at, len(s))
				}
			})
			if done {
				if at < 10 {
					t.Errorf("only %d operations", at-1)
				}
				break
			}
		}
	}
}

// A run of which the journal is damaged stays, and keeps no other.
func TestArchiveOfDamagedRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(journal.Memory)
		x := over(store, work("build", time.Second))
		stop := serve(t, x)
		for k := range 3 {
			start(t, x, fmt.Sprint("r", k))
			pass(time.Minute)
		}
		stop()
		odd := journal.Event{Time: time.Now(), Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}}
		if err := store.Append(t.Context(), journal.Batch{Journal: "odd", Events: []journal.Event{odd}}); err != nil {
			t.Fatal(err)
		}
		bad := &badJournal{Memory: store, name: "r1", err: journal.ErrCorrupt}
		got, err := (&pipeline.Executor{Store: bad}).Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: shelf{}.keep})
		if !slices.Equal(got.Runs, []string{"r0", "r2"}) || !errors.Is(err, journal.ErrCorrupt) || !strings.Contains(err.Error(), "run odd: ") {
			t.Errorf("Archive = %v, %v; want r0 and r2, and errors of r1 and odd", got, err)
		}
	})
}

type badJournal struct {
	*journal.Memory
	name string
	err  error
}

func (b *badJournal) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if name == b.name {
		return nil, b.err
	}
	return b.Memory.Events(ctx, name, from)
}

// A store in a file verifies after runs were archived from it, and its archive has
// what it had (J5, J9).
func TestArchiveFromAFile(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "journals.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	x := over(store, counts("build", new(int)))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()
	for k := range 3 {
		for range x.Watch(t.Context(), start(t, x, fmt.Sprint("r", k))) {
		}
	}
	head, err := journal.Verify(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: func(_ context.Context, _ string, text []byte) (string, error) {
		file.Write(text)
		return "", nil
	}})
	if err != nil || len(got.Runs) != 3 {
		t.Fatalf("Archive = %v, %v; want all three runs", got, err)
	}
	for range x.Watch(t.Context(), start(t, x, "r3")) {
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v; want nil, for what was archived has ended", err)
	}
	if r, err := journal.Verify(t.Context(), store, head.Head); err != nil || r.Journals != 4 {
		t.Errorf("Verify = %v, %v; want nil, also against the head before", r, err)
	}
	read := 0
	for c, err := range journal.ReadArchive(&file) {
		var a *journal.ArchivedError
		if _, failed := x.Run(t.Context(), c.Journal); err != nil || !errors.As(failed, &a) || a.Digest != c.Digest {
			t.Errorf("the archive has %q with %v, %v, and the store says %v", c.Journal, c.Digest, err, failed)
		}
		read++
	}
	if read != 3 {
		t.Errorf("%d runs in the archive; want 3", read)
	}
}
