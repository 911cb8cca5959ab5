package journaltest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

var archiveRules = []rule{
	archiving("what was archived is forgotten, and nothing else is (J9)", func(t testing.TB, s journal.Store, a journal.Archiver) {
		story := append(notes(40), ended())
		must(t, s, batch("a", 0, story...), batch("b", 0, notes(3)...))
		must(t, s, batch("c", 0, ended()))
		e := archived(t, "a", story)
		mustArchive(t, a, "a", len(story), e)
		for _, from := range []int{-1, 0, 1, 39, 40} {
			wantArchived(t, s, "a", from, e)
		}
		same(t, s, "a", 41, []journal.Event{e}, "which says what was archived")
		same(t, s, "a", 42, nil, "after the last")
		same(t, s, "b", 0, notes(3), "though another journal was archived")
		same(t, s, "c", 0, []journal.Event{ended()}, "though another journal was archived")
		must(t, s, batch("b", 3, note("3")))
		wantSound(t, s, 3, 41+1+4+1)
	}),

	archiving("an archived journal is listed only where those are asked for", func(t testing.TB, s journal.Store, a journal.Archiver) {
		for _, name := range []string{"a", "b", "c", "d"} {
			must(t, s, batch(name, 0, ended()))
		}
		must(t, s, batch("open", 0, note("x")))
		for _, name := range []string{"b", "d"} {
			mustArchive(t, a, name, 1, archived(t, name, []journal.Event{ended()}))
		}
		wantList(t, s, journal.Query{}, "a", "c", "open")
		wantList(t, s, journal.Query{Open: true}, "open")
		wantList(t, s, journal.Query{Archived: true}, "b", "d")
		wantList(t, s, journal.Query{Archived: true, Newest: true, Limit: 1}, "d")
		wantList(t, s, journal.Query{Archived: true, Prefix: "d"}, "d")
		wantList(t, s, journal.Query{Archived: true, Open: true})
		wantList(t, s, journal.Query{After: "b"}, "c", "open")
		wantList(t, s, journal.Query{After: "d", Newest: true}, "c", "a")
	}),

	archiving("the name of an archived journal is never free again (R1)", func(t testing.TB, s journal.Store, a journal.Archiver) {
		must(t, s, batch("a", 0, ended()))
		e := archived(t, "a", []journal.Event{ended()})
		mustArchive(t, a, "a", 1, e)
		conflicts(t, s, "a journal that was archived", batch("a", 0, note("x")))
		if err := s.Append(t.Context(), batch("b", 0, note("x")), batch("a", 2, note("x"))); !errors.Is(err, journal.ErrArchived) || errors.Is(err, journal.ErrConflict) {
			t.Errorf("Append to a journal that was archived = %v; want ErrArchived, for nobody can have read it", err)
		}
		same(t, s, "b", 0, nil, "after an append together with one to an archived journal")
		same(t, s, "a", 1, []journal.Event{e}, "after appends that were refused")
	}),

	archiving("what is not as the event says is not archived", func(t testing.TB, s journal.Store, a journal.Archiver) {
		story := append(notes(3), ended())
		must(t, s, batch("a", 0, story...), batch("open", 0, notes(4)...))
		e := archived(t, "a", story)
		changed := func(change func(d *journal.Archival)) journal.Event {
			d := *e.Data.(*journal.Archival)
			change(&d)
			e := e
			e.Data = &d
			return e
		}
		other := changed(func(d *journal.Archival) { d.Digest = artifact.DigestBytes([]byte("another")) })
		fewer := changed(func(d *journal.Archival) { d.Events = 3 })
		for _, c := range []struct {
			what, name string
			length     int
			e          journal.Event
			want       error
		}{
			{"with another digest", "a", 4, other, journal.ErrInput},
			{"with fewer events than there are", "a", 4, fewer, journal.ErrInput},
			{"at a length that it does not have any more", "a", 3, fewer, journal.ErrConflict},
			{"at a length that it does not have yet", "a", 5, changed(func(d *journal.Archival) { d.Events = 5 }), journal.ErrConflict},
			{"that has not ended", "open", 4, archived(t, "open", notes(4)), journal.ErrInput},
			{"that was never appended to", "never", 0, changed(func(d *journal.Archival) { d.Events = 0 }), journal.ErrInput},
			{"that was never appended to, at a length", "never", 4, e, journal.ErrConflict},
			{"with an event of another kind", "a", 4, ended(), journal.ErrInput},
			{"with no data", "a", 4, journal.Event{Time: e.Time, Kind: journal.Archived}, journal.ErrInput},
		} {
			if err := a.Archive(t.Context(), c.name, c.length, c.e); !errors.Is(err, c.want) {
				t.Errorf("Archive of a journal %s = %v; want %v", c.what, err, c.want)
			}
		}
		if err := s.Append(t.Context(), batch("a", 4, e)); !errors.Is(err, journal.ErrInput) {
			t.Errorf("Append of an event of kind %q = %v; want ErrInput, for Archive appends those", e.Kind, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Archive(ctx, "a", 4, e); !errors.Is(err, context.Canceled) {
			t.Errorf("Archive with a canceled context = %v; want context.Canceled", err)
		}
		same(t, s, "a", 0, story, "after calls of Archive that were refused")
		same(t, s, "open", 0, notes(4), "after calls of Archive that were refused")

		mustArchive(t, a, "a", 4, e)
		if err := a.Archive(t.Context(), "a", 4, e); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("Archive once more = %v; want ErrConflict", err)
		}
		again := changed(func(d *journal.Archival) { d.Events = 5 })
		if err := a.Archive(t.Context(), "a", 5, again); !errors.Is(err, journal.ErrInput) {
			t.Errorf("Archive of what was archived = %v; want ErrInput, for it has not ended with an event that says so", err)
		}
		same(t, s, "a", 4, []journal.Event{e}, "after it was archived again")
	}),

	archiving("the highest number that was handed out is not lost with what is archived (I25)", func(t testing.TB, s journal.Store, a journal.Archiver) {
		claim := journal.Event{Time: note("").Time, Kind: journal.Claimed, By: "x", Epoch: 7}
		story := []journal.Event{claim, ended()}
		must(t, s, batch("a", 0, story...))
		for _, fence := range []int64{0, 6, 8} {
			e := archived(t, "a", story)
			e.Data.(*journal.Archival).Fence = fence
			if err := a.Archive(t.Context(), "a", 2, e); !errors.Is(err, journal.ErrInput) {
				t.Errorf("Archive with fence %d of a journal with epoch 7 = %v; want ErrInput, for nothing else is left to know it by", fence, err)
			}
		}
		same(t, s, "a", 0, story, "after calls of Archive that were refused")
		mustArchive(t, a, "a", 2, archived(t, "a", story))
	}),

	archiving("what the others were looked at for is still so when a journal is archived (J9)", func(t testing.TB, s journal.Store, a journal.Archiver) {
		story := []journal.Event{note("x"), ended()}
		must(t, s, batch("a", 0, story...), batch("env", 0, notes(2)...))
		e := archived(t, "a", story)
		for _, seen := range []journal.Seen{{Journal: "env", Length: 1}, {Journal: "env", Length: 3}, {Journal: "env"}, {Journal: "never", Length: 1}} {
			if err := a.Archive(t.Context(), "a", 2, e, journal.Seen{Journal: "env", Length: 2}, seen); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("Archive when %q was said to be of length %d, and is not = %v; want ErrConflict, for it may need what would be forgotten", seen.Journal, seen.Length, err)
			}
		}
		same(t, s, "a", 0, story, "after calls of Archive that were refused")
		if err := a.Archive(t.Context(), "a", 2, e, journal.Seen{Journal: "env", Length: 2}, journal.Seen{Journal: "never"}); err != nil {
			t.Errorf("Archive when the others are as they were = %v; want nil", err)
		}
		wantArchived(t, s, "a", 0, e)
	}),

	archiving("the text of an archive has the digest that the store keeps", func(t testing.TB, s journal.Store, a journal.Archiver) {
		story := append(appended(), ended())
		must(t, s, batch("run/é\n", 0, story...))
		read, err := s.Events(t.Context(), "run/é\n", 0)
		if err != nil {
			t.Fatalf("Events = %v; want nil", err)
		}
		mustArchive(t, a, "run/é\n", len(story), archived(t, "run/é\n", read))
	}),

	archiving("who waits for changes is told what was archived", func(t testing.TB, s journal.Store, a journal.Archiver) {
		w, ok := s.(journal.Watcher)
		if !ok {
			return
		}
		must(t, s, batch("a", 0, ended()), batch("b", 0, ended()))
		_, mark := wantChanges(t, w, 0, "a", "b")
		mustArchive(t, a, "a", 1, archived(t, "a", []journal.Event{ended()}))
		wantChanges(t, w, mark, "a")
		wantChanges(t, w, 0, "a", "b")
	}),

	archiving("a store goes through the heads that it had before it was archived from (I10)", func(t testing.TB, s journal.Store, a journal.Archiver) {
		if _, ok := s.(journal.Verifier); !ok {
			return
		}
		var heads []journal.Head
		look := func(journals int, events int64) {
			t.Helper()
			heads = append(heads, wantSound(t, s, journals, events, heads...).Head)
		}
		for i := range 3 {
			must(t, s, batch(fmt.Sprint(i), 0, note("x"), ended()), batch("env", i, note("x")))
			look(i+2, int64(3*(i+1)))
		}
		for i := range 3 {
			name := fmt.Sprint(i)
			mustArchive(t, a, name, 2, archived(t, name, []journal.Event{note("x"), ended()}))
			look(4, int64(10+i))
		}
		same(t, s, "env", 0, []journal.Event{note("x"), note("x"), note("x")}, "among archived ones")
	}),
}

// archiving makes a rule of stores that are Archivers.
func archiving(name string, check func(testing.TB, journal.Store, journal.Archiver)) rule {
	return rule{name, func(t testing.TB, s journal.Store) {
		if a, ok := s.(journal.Archiver); ok {
			check(t, s, a)
		}
	}}
}

// archived returns the event with which a journal is archived.
func archived(t testing.TB, name string, events []journal.Event) journal.Event {
	t.Helper()
	_, left, err := journal.MarshalArchive(name, events)
	if err != nil {
		t.Fatalf("MarshalArchive(%q, …) = %v; want nil", name, err)
	}
	left.Pipeline, left.Status, left.Place = "shop", "succeeded", "2026.jsonl"
	return journal.Event{Time: note("").Time, Kind: journal.Archived, By: "ada", Data: &left}
}

func mustArchive(t testing.TB, a journal.Archiver, name string, length int, e journal.Event) {
	t.Helper()
	if err := a.Archive(t.Context(), name, length, e); err != nil {
		t.Fatalf("Archive(%q, %d) = %v; want nil", name, length, err)
	}
}

// wantArchived checks that what is read of an archived journal says where it is.
func wantArchived(t testing.TB, s journal.Store, name string, from int, e journal.Event) {
	t.Helper()
	events, err := s.Events(t.Context(), name, from)
	var a *journal.ArchivedError
	if !errors.As(err, &a) || !errors.Is(err, journal.ErrArchived) || len(events) > 0 {
		t.Errorf("Events(%q, %d) = %d events, %v; want an ArchivedError, so that nothing is taken for the whole journal (J6)", name, from, len(events), err)
		return
	}
	if a.Journal != name || a.By != e.By || !a.Time.Equal(e.Time) || a.Archival != *e.Data.(*journal.Archival) {
		t.Errorf("Events(%q, %d) = %+v; want what %s says, so that it can be found", name, from, a, form(t, e))
	}
}
