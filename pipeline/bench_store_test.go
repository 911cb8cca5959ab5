package pipeline_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
	"github.com/penstock/penstock/stage"
)

func openStore(b *testing.B, path string) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// started serves x until the returned function is called.
func started(b testing.TB, x *pipeline.Executor) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- x.Serve(ctx) }()
	return func() {
		cancel()
		if err := <-served; err != nil {
			b.Error(err)
		}
	}
}

// ended waits for the end of the given runs.
func ended(b *testing.B, x *pipeline.Executor, runs ...string) {
	b.Helper()
	for _, run := range runs {
		for wait := 50 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
			r, err := x.Run(context.Background(), run)
			if err != nil {
				b.Error(err)
				return
			}
			if r.Status.Done() {
				if r.Status != pipeline.Succeeded {
					b.Errorf("run %s has %v: %s", run, r.Status, r.Reason)
				}
				break
			}
			time.Sleep(wait)
		}
	}
}

// BenchmarkDurable measures steps per second of chains of 200 steps on SQLite,
// beside one inserted row per step on a file with the same settings.
func BenchmarkDurable(b *testing.B) {
	const steps = 200
	b.Run("raw-insert", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "raw.db")
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec("create table raw (id integer primary key, line blob)"); err != nil {
			b.Fatal(err)
		}
		insert, err := db.Prepare("insert into raw (line) values (?)")
		if err != nil {
			b.Fatal(err)
		}
		line := make([]byte, 400) // two events: the outcome of a step and the intent of the next
		for b.Loop() {
			for range steps {
				if _, err := insert.Exec(line); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.N*steps)/b.Elapsed().Seconds(), "steps/s")
	})
	for _, runs := range []int{1, 64} {
		b.Run(fmt.Sprintf("runs-%d", runs), func(b *testing.B) {
			store := openStore(b, filepath.Join(b.TempDir(), "journals.db"))
			defer store.Close()
			over := make(chan struct{})
			p := chain(steps).pipeline()
			p.Steps = append(p.Steps, last(over))
			x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{p}, Store: store}
			defer started(b, x)()
			for b.Loop() {
				for range runs {
					if _, err := x.Start(b.Context(), p.Name, pipeline.Trigger{}); err != nil {
						b.Fatal(err)
					}
				}
				for range runs {
					<-over
				}
			}
			b.ReportMetric(float64(b.N*runs*steps)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

// asking is a pipeline that waits for a person.
func asking() pipeline.Pipeline {
	work := stage.Func(func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil })
	return pipeline.Pipeline{Name: "asking", Steps: pipeline.Sequence{
		pipeline.Stage{Name: "build", Run: work},
		pipeline.Gate{Name: "approve", Require: approval.Quorum{From: []string{"ann"}}},
		pipeline.Stage{Name: "deploy", Run: work},
	}}
}

func approve(b *testing.B, x *pipeline.Executor, run string) {
	b.Helper()
	req, err := x.Ask(b.Context(), run, "approve")
	if err != nil {
		b.Fatal(err)
	}
	if err := x.Vote(b.Context(), run, "approve", gate.Vote{By: "ann", Approve: true, Subject: req.Subject}); err != nil {
		b.Fatal(err)
	}
}

// park starts runs and waits until all wait for a person.
func park(b *testing.B, x *pipeline.Executor, runs int) (ids []string) {
	b.Helper()
	ids = make([]string, runs)
	var all sync.WaitGroup
	for w := range 64 {
		all.Go(func() {
			for i := w; i < runs; i += 64 {
				id, err := x.Start(b.Context(), "asking", pipeline.Trigger{Key: fmt.Sprintf("run-%06d", i)})
				if err != nil {
					b.Error(err)
					return
				}
				ids[i] = id
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		for {
			events, err := x.Store.Events(b.Context(), id, 0)
			if err != nil {
				b.Fatal(err)
			}
			if events[len(events)-1].Kind == journal.Released {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	return ids
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkParked measures what a run costs that waits for a person, and how
// soon a vote is acted on while 100,000 others wait.
func BenchmarkParked(b *testing.B) {
	runs := 100_000
	if testing.Short() {
		runs = 20_000
	}
	stores := map[string]func() journal.Store{
		"memory": func() journal.Store { return new(journal.Memory) },
		"sqlite": func() journal.Store { return openStore(b, filepath.Join(b.TempDir(), "journals.db")) },
	}
	for _, name := range []string{"sqlite", "memory"} {
		b.Run(name, func(b *testing.B) {
			store := stores[name]()
			x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{asking()}, Store: store}
			stop := started(b, x)
			park(b, x, 100)
			before, goroutines := heap(), runtime.NumGoroutine()
			ids := park(b, x, runs)[100:]
			parked, more := heap(), runtime.NumGoroutine()-goroutines
			i := 0
			for b.Loop() {
				approve(b, x, ids[i])
				ended(b, x, ids[i])
				i++
			}
			b.ReportMetric(float64(int64(parked)-int64(before))/float64(len(ids)), "heap-B/run")
			b.ReportMetric(float64(more), "goroutines")
			stop()
		})
	}
}

// BenchmarkRestart measures from opening a store of 100,000 runs that have
// ended and 1,000 that wait, until one that got its vote while nobody served
// has ended.
func BenchmarkRestart(b *testing.B) {
	finished, open := 100_000, 1_000
	if testing.Short() {
		finished, open = 1_000, 100
	}
	path := filepath.Join(b.TempDir(), "journals.db")
	store := openStore(b, path)
	x := &pipeline.Executor{Pipelines: []pipeline.Pipeline{asking()}, Store: store}
	stop := started(b, x)
	ids := park(b, x, open)
	stop()
	now := time.Now()
	for i := 0; i < finished; i += 500 {
		var batches []journal.Batch
		for k := range 500 {
			batches = append(batches, journal.Batch{Journal: fmt.Sprintf("old-%06d", i+k), Events: []journal.Event{
				{Time: now, Kind: journal.Began, Data: &journal.Beginning{Pipeline: "asking"}},
				{Time: now, Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}},
			}})
		}
		if err := store.Append(b.Context(), batches...); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		b.StopTimer()
		approve(b, x, ids[i])
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		store = openStore(b, path)
		x = &pipeline.Executor{Pipelines: []pipeline.Pipeline{asking()}, Store: store}
		stop := started(b, x)
		ended(b, x, ids[i])
		b.StopTimer()
		stop()
		i++
		b.StartTimer()
	}
	store.Close()
}
