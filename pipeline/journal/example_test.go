package journal_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// Two writers read a journal at the same length. The first to append wins; the
// second reads what is new and decides again.
func ExampleStore() {
	ctx := context.Background()
	var store journal.Store = new(journal.Memory)
	stop := func(by string, length int) error {
		e := journal.Event{Time: noon, Kind: journal.Stopped, By: by, Data: &journal.Reason{Text: "wrong version"}}
		return store.Append(ctx, journal.Batch{Journal: "run-1", Length: length, Events: []journal.Event{e}})
	}
	fmt.Println("ada:", stop("ada", 0))
	err := stop("brian", 0)
	fmt.Println("brian conflicts:", errors.Is(err, journal.ErrConflict))

	events, err := store.Events(ctx, "run-1", 0)
	fmt.Println(len(events), events[0].By, err)
	// Output:
	// ada: <nil>
	// brian conflicts: true
	// 1 ada <nil>
}

// A run enters an environment: both journals say so, or neither does.
func ExampleBatch() {
	ctx := context.Background()
	var store journal.Memory
	err := store.Append(ctx,
		journal.Batch{Journal: "run-1", Events: []journal.Event{
			{Time: noon, Kind: journal.Took, Step: "deploy", Data: &journal.Entry{Environment: "production", Token: 1}},
		}},
		journal.Batch{Journal: "env/production", Events: []journal.Event{
			{Time: noon, Kind: journal.Taken, By: "run-1", Data: &journal.Hold{Token: 1}},
		}},
	)
	names, _ := store.List(ctx, journal.Query{})
	fmt.Println(names, err)
	// Output: [run-1 env/production] <nil>
}

func ExampleEvent_MarshalJSON() {
	e := journal.Event{Time: noon, Kind: journal.Failed, Step: "smoke", Data: &journal.Reason{Text: "3 of 40 failed"}}
	line, err := e.MarshalJSON()
	fmt.Println(string(line), err)

	err = e.UnmarshalJSON([]byte(`{"time":"2031-01-01T00:00:00Z","kind":"teleported"}`))
	fmt.Println(errors.Is(err, journal.ErrUnknown), err)
	// Output:
	// {"time":"2026-03-02T12:00:00Z","kind":"failed","step":"smoke","data":{"text":"3 of 40 failed"}} <nil>
	// true event of kind "teleported": journal: not known to this version
}

// List what still goes on, the newest first, without the environments.
func ExampleQuery() {
	ctx := context.Background()
	var store journal.Memory
	for _, run := range []string{"shop-1", "shop-2", "shop-3", "blog-1"} {
		store.Append(ctx, journal.Batch{Journal: run, Events: []journal.Event{{Time: noon, Kind: journal.Began}}})
	}
	store.Append(ctx, journal.Batch{Journal: "shop-2", Length: 1, Events: []journal.Event{{Time: noon, Kind: journal.Ended}}})

	open, err := store.List(ctx, journal.Query{Prefix: "shop-", Open: true, Newest: true})
	fmt.Println(open, err)
	// Output: [shop-3 shop-1] <nil>
}

// Go from mark to mark to learn of what others append.
func ExampleWatcher() {
	ctx := context.Background()
	var store journal.Memory
	go store.Append(ctx, journal.Batch{Journal: "run-1", Events: []journal.Event{{Time: noon, Kind: journal.Began}}})

	names, _, err := store.Changes(ctx, 0) // waits
	fmt.Println(names, err)
	// Output: [run-1] <nil>
}

func ExampleLeaser() {
	ctx := context.Background()
	var store journal.Memory
	now := time.Now()
	store.Renew(ctx, "worker-1", now.Add(time.Hour))
	fmt.Println(store.Alive(ctx, "worker-1", now))
	fmt.Println(store.Alive(ctx, "worker-1", now.Add(time.Hour)))

	store.Renew(ctx, "worker-1", now) // gives it up
	fmt.Println(store.Alive(ctx, "worker-1", now))
	// Output:
	// true <nil>
	// false <nil>
	// false <nil>
}

// A store that keeps no hashes is read from end to end.
func ExampleVerify() {
	ctx := context.Background()
	var store journal.Memory
	store.Append(ctx, journal.Batch{Journal: "run-1", Events: []journal.Event{{Time: noon, Kind: journal.Began}}})

	report, err := journal.Verify(ctx, &store)
	fmt.Println(report)
	fmt.Println(err)
	// Output:
	// 1 events in 1 journals: as they were appended
	// <nil>
}
