package journaltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/pipeline/journal"
)

// checkSequences tries drawn sequences of calls. Some share a store, in which
// each has names of its own.
func checkSequences(t *testing.T, open func() *handles) {
	const shared = 200
	var h *handles
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		if n%shared == 0 {
			h = open()
		}
		n++
		q := newSequence(h, fmt.Sprintf("%d/", n))
		actions := q.actions()
		actions[""] = func(t *rapid.T) {
			if q.said != "" {
				t.Fatal(q.said)
			}
		}
		t.Repeat(actions)
	})
}

// handles are stores on the same data.
type handles struct {
	stores []journal.Store
	again  func() journal.Store // opens another one; may be nil
}

// most is how many stores are open on the same data at a time.
const most = 6

// A sequence is what journals have to be after some calls of a store.
type sequence struct {
	*handles
	prefix string // of its names
	events map[string][]journal.Event
	order  []string
	leases map[string]time.Time
	marks  []mark // by store
	now    time.Time
	texts  int
	said   string // what was wrong first
}

// A mark is how far the changes of a store were read.
type mark struct {
	next  int64
	grown map[string]bool // since
}

func newSequence(h *handles, prefix string) *sequence {
	return &sequence{handles: h, prefix: prefix, events: map[string][]journal.Event{}, leases: map[string]time.Time{}, now: time.Now()}
}

func (q *sequence) actions() map[string]func(*rapid.T) {
	actions := map[string]func(*rapid.T){"append": q.append, "race": q.race, "read": q.read, "list": q.list, "lease": q.lease, "changes": q.changes}
	if q.again != nil {
		actions["again"] = func(*rapid.T) {
			if len(q.stores) < most {
				q.stores = append(q.stores, q.again())
			}
		}
	}
	for name, do := range actions {
		actions[name] = func(t *rapid.T) {
			if q.said == "" { // else nothing is known of what should be
				do(t)
			}
		}
	}
	return actions
}

func (q *sequence) wrong(format string, args ...any) {
	if q.said == "" {
		q.said = fmt.Sprintf(format, args...)
	}
}

// store draws one of the stores.
func (q *sequence) store(t *rapid.T) (journal.Store, int) {
	k := rapid.IntRange(0, len(q.stores)-1).Draw(t, "store")
	return q.stores[k], k
}

func (q *sequence) name(t *rapid.T) string {
	return q.prefix + rapid.SampledFrom([]string{"a", "b", "c", "env/a", "env/b"}).Draw(t, "name")
}

// batch draws a batch for the end of a journal.
func (q *sequence) batch(t *rapid.T, name string) journal.Batch {
	b := batch(name, len(q.events[name]))
	for range rapid.IntRange(1, 3).Draw(t, "events") {
		q.texts++
		e := note(fmt.Sprint(q.texts))
		if rapid.IntRange(0, 4).Draw(t, "ended") == 0 {
			e = ended()
		}
		b.Events = append(b.Events, e)
	}
	return b
}

// append appends to one journal or to several, now and then at another length.
func (q *sequence) append(t *rapid.T) {
	var batches []journal.Batch
	conflict := false
	for _, name := range rapid.SliceOfNDistinct(rapid.Custom(q.name), 1, 3, rapid.ID[string]).Draw(t, "names") {
		b := q.batch(t, name)
		if off := rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 1, -1}).Draw(t, "off"); b.Length+off >= 0 {
			b.Length += off
			conflict = conflict || off != 0
		}
		batches = append(batches, b)
	}
	s, _ := q.store(t)
	err := s.Append(t.Context(), slices.Clone(batches)...)
	switch {
	case conflict && !errors.Is(err, journal.ErrConflict):
		q.wrong("Append of %s, one of them at another length = %v; want ErrConflict (J1)", show(batches), err)
	case !conflict && err != nil:
		q.wrong("Append of %s = %v; want nil", show(batches), err)
	case !conflict:
		q.added(batches)
	}
}

func (q *sequence) added(batches []journal.Batch) {
	for _, b := range batches {
		if len(q.events[b.Journal]) == 0 {
			q.order = append(q.order, b.Journal)
		}
		q.events[b.Journal] = append(q.events[b.Journal], b.Events...)
		for _, m := range q.marks {
			m.grown[b.Journal] = true
		}
	}
}

// race has two appends at the same length, of which one wins.
func (q *sequence) race(t *rapid.T) {
	name := q.name(t)
	a, _ := q.store(t)
	b, _ := q.store(t)
	batches := []journal.Batch{q.batch(t, name), q.batch(t, name)}
	first := make(chan error)
	ctx := t.Context()
	go func() { first <- a.Append(ctx, batches[0]) }()
	errs := []error{nil, b.Append(ctx, batches[1])}
	errs[0] = <-first
	for k, err := range errs {
		if err == nil && errors.Is(errs[1-k], journal.ErrConflict) {
			q.added(batches[k : k+1])
			return
		}
	}
	q.wrong("two calls of Append at length %d of %q = %v and %v; want nil and ErrConflict (J1)", batches[0].Length, name, errs[0], errs[1])
}

func (q *sequence) read(t *rapid.T) {
	name := q.name(t)
	want := q.events[name]
	from := rapid.IntRange(0, len(want)+1).Draw(t, "from")
	s, _ := q.store(t)
	got, err := s.Events(t.Context(), name, from)
	if g, w := line(got), line(want[min(from, len(want)):]); err != nil || g != w {
		q.wrong("Events(%q, %d) = %s, %v; want %s", name, from, g, err, w)
	}
}

// line is what is compared of events.
func line(events []journal.Event) string {
	b, err := json.Marshal(slices.Concat([]journal.Event{}, events))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (q *sequence) list(t *rapid.T) {
	var all []listed
	for _, name := range q.order {
		events := q.events[name]
		all = append(all, listed{name, events[len(events)-1].Kind != journal.Ended})
	}
	query := journal.Query{
		Prefix: q.prefix + rapid.SampledFrom([]string{"", "a", "env/"}).Draw(t, "prefix"),
		Open:   rapid.Bool().Draw(t, "open"),
		Newest: rapid.Bool().Draw(t, "newest"),
		After:  rapid.SampledFrom(append([]string{""}, q.order...)).Draw(t, "after"),
		Limit:  rapid.IntRange(0, 3).Draw(t, "limit"),
	}
	s, _ := q.store(t)
	got, err := s.List(t.Context(), query)
	if want := pick(all, query); err != nil || !slices.Equal(got, want) {
		q.wrong("List(%+v) = %q, %v; want %q", query, got, err, want)
	}
}

// lease renews a lease, and looks at one through any store. An owner has one
// store, as an executor has.
func (q *sequence) lease(t *rapid.T) {
	s, k := q.store(t)
	l, ok := s.(journal.Leaser)
	if !ok {
		return
	}
	owner := fmt.Sprintf("%s%d", q.prefix, k)
	if rapid.Bool().Draw(t, "renew") {
		until := q.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "minutes")) * time.Minute)
		if err := l.Renew(t.Context(), owner, until); err != nil {
			q.wrong("Renew(%q, %v) = %v; want nil", owner, until, err)
		}
		q.leases[owner] = until
	}
	other, _ := q.store(t)
	at := q.now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "at")) * time.Minute)
	want := at.Before(q.leases[owner])
	if got, err := other.(journal.Leaser).Alive(t.Context(), owner, at); err != nil || got != want {
		q.wrong("Alive(%q, %v) = %v, %v; want %v: its lease runs until %v", owner, at, got, err, want, q.leases[owner])
	}
}

// changes reads on until it was told of all journals that grew.
func (q *sequence) changes(t *rapid.T) {
	s, k := q.store(t)
	w, ok := s.(journal.Watcher)
	if !ok {
		return
	}
	for len(q.marks) <= k {
		q.marks = append(q.marks, mark{next: q.here(q.stores[len(q.marks)]), grown: map[string]bool{}})
	}
	m := &q.marks[k]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(m.grown) > 0 {
		names, next, err := w.Changes(ctx, m.next)
		if err != nil {
			q.wrong("Changes(%d) = %v; want %v among the names", m.next, err, m.grown)
			return
		}
		for _, name := range names {
			delete(m.grown, name)
		}
		m.next = next
	}
}

// here returns the mark that is now.
func (q *sequence) here(s journal.Store) int64 {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_, next, _ := s.(journal.Watcher).Changes(done, -1)
	return next
}
