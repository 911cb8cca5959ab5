package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		store func() journal.Store
	}{
		{"a Watcher", func() journal.Store { return new(journal.Memory) }},
		{"a plain Store", func() journal.Store { return struct{ journal.Store }{new(journal.Memory)} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := over(tt.store(), work("build", time.Minute), asks("release"), work("deploy", time.Minute))
				id := start(t, x, "")
				var seen []pipeline.Status
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					for r, err := range x.Watch(t.Context(), id) {
						if err != nil {
							t.Errorf("Watch: %v", err)
						}
						if len(seen) == 0 || seen[len(seen)-1] != r.Status {
							seen = append(seen, r.Status)
						}
					}
				}()
				pass(time.Second)
				serve(t, x)
				pass(2 * time.Minute)
				vote(t, x, id, "release", "ann")
				<-ended
				if want := []pipeline.Status{pipeline.Pending, pipeline.Running, pipeline.Waiting, pipeline.Running, pipeline.Succeeded}; !slices.Equal(seen, want) {
					t.Errorf("seen %v; want %v, and then the end", seen, want)
				}
				for range x.Watch(t.Context(), id) { // of a run that has ended: once
					return
				}
				t.Error("Watch of a run that has ended yields nothing; want it as it is")
			})
		})
	}
}

func TestWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(asks("release"))
		id := start(t, x, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last error
		for _, err := range x.Watch(ctx, id) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("Watch ends with %v; want the error of its context", last)
		}
		for _, err := range x.Watch(t.Context(), "nope") {
			if last = err; !errors.Is(err, pipeline.ErrNoRun) {
				t.Errorf("Watch = %v; want ErrNoRun", err)
			}
		}
		for range x.Watch(t.Context(), id) {
			break // must not panic
		}
	})
}

func TestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := executor(work("build", 0), deploy("deploy", 0, production))
		x.Pipelines = append(x.Pipelines, pipeline.Pipeline{Name: "till", Steps: pipeline.Sequence{asks("release")}})
		serve(t, x)
		for i := range 5 {
			start(t, x, fmt.Sprintf("s%d", i))
			if _, err := x.Start(t.Context(), "till", pipeline.Trigger{Key: fmt.Sprintf("t%d", i)}); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
		}
		for _, tt := range []struct {
			name  string
			query pipeline.Query
			want  []string
		}{
			{"all, newest first", pipeline.Query{}, []string{"t4", "s4", "t3", "s3", "t2", "s2", "t1", "s1", "t0", "s0"}},
			{"open ones", pipeline.Query{Open: true}, []string{"t4", "t3", "t2", "t1", "t0"}},
			{"of a pipeline", pipeline.Query{Pipeline: "shop"}, []string{"s4", "s3", "s2", "s1", "s0"}},
			{"the first of them", pipeline.Query{Pipeline: "shop", Limit: 2}, []string{"s4", "s3"}},
			{"and those after", pipeline.Query{Pipeline: "shop", Limit: 2, After: "s3"}, []string{"s2", "s1"}},
			{"open ones of a pipeline that has none", pipeline.Query{Pipeline: "shop", Open: true}, nil},
		} {
			runs, err := x.Runs(t.Context(), tt.query)
			var got []string
			for _, r := range runs {
				got = append(got, r.ID)
			}
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s: Runs = %q, %v; want %q", tt.name, got, err, tt.want)
			}
		}
		if _, err := x.Runs(t.Context(), pipeline.Query{After: "nope"}); err == nil {
			t.Error("Runs after one that there is not = nil; want an error")
		}
		if _, err := x.Run(t.Context(), "nope"); !errors.Is(err, pipeline.ErrNoRun) {
			t.Errorf("Run = %v; want ErrNoRun", err)
		}
		if env, err := x.Environment(t.Context(), "nope"); err != nil || env.Name != "nope" || env.Token != 0 {
			t.Errorf("Environment = %+v, %v; want an empty one", env, err)
		}
	})
}
