package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// buildsAndPromotes has a pipeline "shop" that builds, and one "promote" that
// deploys what it is given when ann agrees.
func buildsAndPromotes(store journal.Store) *pipeline.Executor {
	x := over(store, releases()[0])
	x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "promote", Given: []string{"image"}, Steps: pipeline.Sequence{
		pipeline.Gate{Name: "approve", Subject: []string{"image"}, Require: approval.Quorum{From: []string{"ann"}}},
		pipeline.Stage{Name: "deploy", Environment: production, Consumes: []string{"image"}, Run: stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
			return stage.Output{Live: in.Artifacts, Traffic: 100}, nil
		})},
	}})
	return x
}

// promote starts a run that is given what another has made.
func promote(t *testing.T, x *pipeline.Executor, key, made string) {
	t.Helper()
	trigger := pipeline.Trigger{Key: key, Artifacts: artifact.Set{"image": image(made)}}
	if _, err := x.Start(t.Context(), "promote", trigger); err != nil {
		t.Fatal(err)
	}
}

// wantArchived archives what has ended, and checks what stays and what does not.
func wantArchived(t *testing.T, x *pipeline.Executor, keep func(context.Context, string, []byte) (string, error), want pipeline.Archived) {
	t.Helper()
	got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: keep})
	if err != nil || !slices.Equal(got.Runs, want.Runs) || !maps.Equal(got.Kept, want.Kept) {
		t.Errorf("Archive = %v, %v; want %v", got, err, want)
	}
}

// The runs that made what an open run was given, or that its params name, stay until
// it has ended; and then as long as an environment needs them (J9).
func TestArchiveOfWhatOpenRunsWereGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, s := buildsAndPromotes(new(journal.Memory)), shelf{}
		serve(t, x)
		for k := range 4 {
			start(t, x, fmt.Sprint("r", k))
		}
		promote(t, x, "p0", "r0")
		promote(t, x, "p1", "r1")
		given := pipeline.Trigger{Key: "p2", Artifacts: artifact.Set{"image": image("x")}, Params: map[string]string{"instead-of": "r2"}}
		if _, err := x.Start(t.Context(), "promote", given); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		wantArchived(t, x, s.keep, pipeline.Archived{Runs: []string{"r3"}, Kept: map[string]string{
			"r0": `the run made artifact "image", which run p0 was given, that has not ended`,
			"r1": `the run made artifact "image", which run p1 was given, that has not ended`,
			"r2": `the run is named by param "instead-of" of run p2, that has not ended`,
		}})
		vote(t, x, "p0", "approve", "ann")
		for _, id := range []string{"p1", "p2"} {
			if err := x.Cancel(t.Context(), id, "ann", "no"); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Minute)
		wantRun(t, x, "p0", pipeline.Succeeded)
		wantArchived(t, x, s.keep, pipeline.Archived{Runs: []string{"r1", "r2", "p1", "p2"}, Kept: map[string]string{
			"r0": `the run made artifact "image", which environment production holds or would go back to`,
			"p0": "the run brought what is live in environment production",
		}})
	})
}

// A run stays that became needed while it was handed over: by a run that was started,
// or one that was done and has ended again (J9).
func TestArchiveOfWhatBecomesNeededMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, s := buildsAndPromotes(new(journal.Memory)), shelf{}
		serve(t, x)
		start(t, x, "r0")
		start(t, x, "r1")
		pass(time.Minute)
		wantArchived(t, x, func(ctx context.Context, run string, text []byte) (string, error) {
			promote(t, x, "of-"+run, run)
			pass(time.Minute)
			if run == "r1" {
				vote(t, x, "of-r1", "approve", "ann")
				pass(time.Minute)
				wantRun(t, x, "of-r1", pipeline.Succeeded)
			}
			return s.keep(ctx, run, text)
		}, pipeline.Archived{Kept: map[string]string{
			"r0": `the run made artifact "image", which run of-r0 was given, that has not ended`,
			"r1": `the run made artifact "image", which environment production holds or would go back to`,
		}})
	})
}

// What an open run needs that nobody can take forward is not asked for, and of one
// that a newer version wrote it is not known (J9).
func TestArchiveBesideOpenRunsThatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{journal.ErrCorrupt, []string{"r0"}},
		{journal.ErrUnknown, nil},
		{errors.New("the disk is gone"), nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := new(journal.Memory)
			x := buildsAndPromotes(store)
			stop := serve(t, x)
			start(t, x, "r0")
			promote(t, x, "p0", "r0")
			pass(time.Minute)
			stop()
			bad := &badJournal{Memory: store, name: "p0", err: c.err}
			got, err := (&pipeline.Executor{Store: bad}).Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: shelf{}.keep})
			if !slices.Equal(got.Runs, c.want) || !errors.Is(err, c.err) {
				t.Errorf("Archive beside an open run with %v = %v, %v; want %v archived, and the error", c.err, got.Runs, err, c.want)
			}
		})
	}
}

// What environments need is what they need when a run would leave, not when the
// first did (J9).
func TestArchiveWhileEnvironmentsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, s := new(journal.Memory), shelf{}
		x := over(store, releases()...)
		stop := serve(t, x)
		for k := range 5 {
			start(t, x, fmt.Sprint("r", k))
			pass(time.Hour)
		}
		stop()
		enters := func(env, run string) {
			before, err := store.Events(t.Context(), env, 0)
			if err != nil {
				t.Fatal(err)
			}
			e := journal.Event{Time: time.Now(), Kind: journal.Taken, By: run, Data: &journal.Hold{Token: 1000, Started: time.Now()}}
			if err := store.Append(t.Context(), journal.Batch{Journal: env, Length: len(before), Events: []journal.Event{e}}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := x.Archive(t.Context(), pipeline.Archive{Before: time.Now(), Keep: func(ctx context.Context, run string, text []byte) (string, error) {
			if run == "r0" { // others are at work meanwhile
				enters("env/production", "r1")
				enters("env/attic", "r2")
			}
			return s.keep(ctx, run, text)
		}})
		want := map[string]string{"r1": "the run is in environment production", "r2": "the run is in environment attic"}
		if err != nil || !slices.Equal(got.Runs, []string{"r0"}) || got.Kept["r1"] != want["r1"] || got.Kept["r2"] != want["r2"] {
			t.Errorf("Archive = %v, %v; want r0 archived, and kept %v", got, err, want)
		}
	})
}

// lateJournal is a store in which something happens right before a journal is
// archived.
type lateJournal struct {
	*journal.Memory
	before func(run string)
}

func (l *lateJournal) Archive(ctx context.Context, name string, length int, e journal.Event, seen ...journal.Seen) error {
	l.before(name)
	return l.Memory.Archive(ctx, name, length, e, seen...)
}

// What an environment needs is asked for until it has not grown in between (J1, J9).
func TestArchiveWhileEnvironmentsGrow(t *testing.T) {
	store := new(journal.Memory)
	appends := func(name string, length int, e journal.Event) {
		t.Helper()
		e.Time = time.Now()
		if err := store.Append(t.Context(), journal.Batch{Journal: name, Length: length, Events: []journal.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	changed := func(image artifact.Artifact) journal.Event {
		return journal.Event{Kind: journal.Changed, By: "another", Data: &journal.Live{Artifacts: artifact.Set{"image": image}, Traffic: 100}}
	}
	appends("env/production", 0, changed(image("x")))
	synctest.Test(t, func(t *testing.T) {
		x := over(store, releases()[0])
		stop := serve(t, x)
		for k := range 3 {
			start(t, x, fmt.Sprint("r", k))
		}
		pass(time.Minute)
		stop()
	})
	late := &lateJournal{store, nil}
	tries := map[string]int{}
	late.before = func(run string) {
		if tries[run]++; tries[run] > 1 {
			return
		}
		switch run {
		case "r0": // of no matter to the run
			appends("env/production", 1, changed(image("y")))
		case "r1": // what it made is live
			appends("env/production", 2, changed(image("r1")))
		case "r2": // another has archived it
			events, err := store.Events(t.Context(), run, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, left, err := journal.MarshalArchive(run, events)
			if err == nil {
				err = store.Archive(t.Context(), run, len(events), journal.Event{Time: time.Now(), Kind: journal.Archived, Data: &left})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	wantArchived(t, &pipeline.Executor{Store: late}, shelf{}.keep, pipeline.Archived{Runs: []string{"r0"}, Kept: map[string]string{
		"r1": `the run made artifact "image", which environment production holds or would go back to`,
		"r2": "the run was done anew or archived meanwhile",
	}})
	if want := map[string]int{"r0": 2, "r1": 1, "r2": 1}; !maps.Equal(tries, want) {
		t.Errorf("Archive was called %v times; want %v", tries, want)
	}
}
