package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

func ended() journal.Event {
	return journal.Event{Time: note("").Time, Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}}
}

// putAway archives a journal.
func putAway(t testing.TB, s *Store, name string) {
	t.Helper()
	events, err := s.Events(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, left, err := journal.MarshalArchive(name, events)
	if err != nil {
		t.Fatal(err)
	}
	e := journal.Event{Time: note("").Time, Kind: journal.Archived, By: "ada", Data: &left}
	if err := s.Archive(t.Context(), name, len(events), e); err != nil {
		t.Fatal(err)
	}
}

// story appends runs that have ended, with an environment between them.
func story(t testing.TB, s *Store) {
	t.Helper()
	must(t, s, batch("a", 0, note("zero"), note("one")), batch("env", 0, note("zero")))
	must(t, s, batch("b", 0, note("zero"), ended()))
	must(t, s, batch("a", 2, ended()), batch("env", 1, note("one")))
}

// J5, J9, I10: an event that is gone and was not archived is damage, and so is
// whatever is left of one that was, if it is not as it was.
func TestVerifyFindsWhatWasNotArchived(t *testing.T) {
	const forged = "update journals set first = 1 where name = cast('b' as blob); insert into archived select seq, journal, number, hash, sum from events where seq = 4; delete from events where seq = 4"
	for _, c := range []struct {
		name   string
		change string
		says   []string // one for each place of damage
	}{
		{"nothing", "select 1", nil},
		{"what was archived said not to be", "update journals set first = 0 where id = 1",
			[]string{`journal "a", event 0, event 1 of the store: got archived: true; want false`, `journal "a", event 1`, `journal "a", event 2`, `: got 0 events archived; want 3, from its last event`}},
		{"more said to be archived", "update journals set first = 1 where id = 2",
			[]string{`journal "env", event 0, event 3 of the store: got archived: false; want true`, `: got 1 events archived; want 0, from its last event`}},
		{"a forged archive", forged, []string{`: got 1 events archived; want 0, from its last event`}},
		{"a forged archive of all", strings.ReplaceAll(strings.ReplaceAll(forged, "seq = 4", "seq in (4, 5)"), "first = 1", "first = 2"), []string{`: got ended 1; want false, from its last event`}},
		{"a forged archive that says so", forged + "; insert into events select 10, journal, 2, line, hash, sum, 10 from events where seq = 8; update journals set length = 3 where name = cast('b' as blob)", []string{`event 10 of the store: got`}},
		{"the event that says it gone", "delete from events where seq = 8",
			[]string{`event 9 of the store: got number 9 in the store; want number 8`, `: got 3 events; want 4`}},
		{"what is left of an event gone", "delete from archived where seq = 2",
			[]string{`journal "env", event 0, event 3 of the store: got number 3 in the store; want number 2`, `journal "a", event 2`}},
		{"a hash of what is left", "update archived set hash = zeroblob(32) where seq = 2",
			[]string{`got event 1 of journal "a" with hash 0000`, `journal "a", event 1, event 2 of the store: got sum`}},
		{"the last hash of what is left", "update archived set hash = zeroblob(32) where seq = 6", []string{`journal "a", event 3, event 8 of the store: got hash`}},
		{"a sum of what is left", "update archived set sum = zeroblob(32) where seq = 2", []string{`journal "a", event 1, event 2 of the store: got sum`}},
		{"what is left given to another", "update archived set journal = 3 where seq = 2", []string{`journal "b"`}},
		{"what the event says", "update events set line = cast(replace(line, '\"events\":3', '\"events\":2') as blob) where seq = 8", []string{`journal "a", event 3, event 8 of the store: got hash`}},
		{"an event put back", "insert into events select seq, journal, number, x'7b7d', hash, sum, seq from archived where seq = 2", []string{`event 2 of the store`}},
		{"what is left for an event that is there", "insert into archived select seq, journal, number, hash, sum from events where seq = 4", []string{`event 4 of the store`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			s := openAt(t, path)
			story(t, s)
			putAway(t, s, "a")
			must(t, s, batch("env", 2, note("two")))
			execAt(t, path, strings.Split(c.change, "; ")...)
			r, err := readAt(t, path).Verify(t.Context())
			if errors.Is(err, journal.ErrCorrupt) != (len(c.says) > 0) || len(r.Damage) > 9 {
				t.Errorf("Verify = %v\nwant damage: %v, and one change to be few places", err, len(c.says) > 0)
			}
			for _, want := range c.says {
				if !slices.ContainsFunc(r.Damage, func(d *journal.Damage) bool { return strings.Contains(d.Error(), want) }) {
					t.Errorf("Verify = %v\nwant it to say %q", err, want)
				}
			}
		})
	}
}

// What an archived journal was is not told by what may have been changed (J5).
func TestEventsOfAnArchiveThatWasChanged(t *testing.T) {
	for _, change := range []string{
		"update events set line = cast(replace(line, '\"events\":3', '\"events\":2') as blob) where seq = 8",
		"update events set line = cast(replace(line, 'ada', 'bob') as blob) where seq = 8",
		"update events set hash = zeroblob(32) where seq = 8",
		"update journals set hash = zeroblob(32) where id = 1",
		"update journals set first = 0 where id = 1",
		"update journals set first = 2 where id = 1",
		"delete from events where seq = 8",
	} {
		path := filepath.Join(t.TempDir(), "journals.db")
		s := openAt(t, path)
		story(t, s)
		putAway(t, s, "a")
		execAt(t, path, change)
		for from := range 4 {
			if events, err := readAt(t, path).Events(t.Context(), "a", from); !errors.Is(err, journal.ErrCorrupt) || errors.Is(err, journal.ErrArchived) {
				t.Errorf("%s: Events from %d = %v, %v; want ErrCorrupt", change, from, events, err)
			}
		}
	}
}

// J2, J9: a crash while a journal is archived leaves it archived or not, whichever
// of database and witness has the commit, and both say the same.
func TestACrashWhileArchiving(t *testing.T) {
	for _, c := range []struct {
		name string
		kept string // what of the time before is put back
		want bool   // it is archived
	}{
		{"in the witness alone", "journals.db", true},
		{"in the database alone", "journals.db.witness", true},
		{"in neither", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, copied := t.TempDir(), t.TempDir()
			path := filepath.Join(dir, "journals.db")
			s := openAt(t, path)
			story(t, s)
			s.Close()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			s = openAt(t, path)
			putAway(t, s, "a")
			s.Close()
			for _, name := range []string{"journals.db", "journals.db.witness"} {
				if c.kept != "" && name != c.kept {
					continue
				}
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
				var err error
				if name == "journals.db" {
					copyFile(t, filepath.Join(copied, name), filepath.Join(dir, name))
				} else {
					err = os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(copied, name)))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			s = openAt(t, path)
			if _, err := s.Verify(t.Context()); err != nil {
				t.Errorf("Verify = %v; want nil, for a crash is no damage", err)
			}
			events, err := s.Events(t.Context(), "a", 0)
			if errors.Is(err, journal.ErrArchived) != c.want || !c.want && len(events) != 3 {
				t.Errorf("Events = %d events, %v; want it archived: %v", len(events), err, c.want)
			}
			must(t, s, batch("env", 2, note("two")))
		})
	}
}

// An archive that the witness alone has is checked as one that is asked for (J5,
// I25).
func TestAnArchiveThatIsPutBackIsChecked(t *testing.T) {
	for name, forge := range map[string]func(left *journal.Archival){
		"another digest": func(left *journal.Archival) { left.Digest = artifact.DigestBytes(nil) },
		"another fence":  func(left *journal.Archival) { left.Fence++ },
	} {
		path := filepath.Join(t.TempDir(), "journals.db")
		s := openAt(t, path)
		story(t, s)
		h, err := find(s.writer, "a")
		if err != nil {
			t.Fatal(err)
		}
		events, err := s.Events(t.Context(), "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		_, left, err := journal.MarshalArchive("a", events)
		if err != nil {
			t.Fatal(err)
		}
		forge(&left)
		line, err := journal.Event{Time: note("").Time, Kind: journal.Archived, Data: &left}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		forged := entry{"a", 3, [32]byte(journal.Chain(h.hash, line)), left.Fence, line}
		if err := s.witness.add(s.witness.tip.next(forged.hash[:]), []entry{forged}); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := Open(t.Context(), path); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("Open = %v; want ErrCorrupt, for the archive is of %s", err, name)
		}
	}
}

// What was appended in the transaction that archives it is not witnessed yet, and is
// not forgotten in it.
func TestWhatIsNotWitnessedIsNotArchived(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	events := []journal.Event{ended()}
	_, left, err := journal.MarshalArchive("a", events)
	if err != nil {
		t.Fatal(err)
	}
	p, err := encode(batch("a", 0, events...))
	if err != nil {
		t.Fatal(err)
	}
	away, err := encode(batch("a", 1, journal.Event{Time: note("").Time, Kind: journal.Archived, Data: &left}))
	if err != nil {
		t.Fatal(err)
	}
	err = s.commit(t.Context(), func(c *conn) (refused, failed error) {
		if refused, failed = s.add(c, []part{p}); refused != nil || failed != nil {
			return refused, failed
		}
		refused, failed = s.archive(c, &away, nil)
		if !errors.Is(refused, journal.ErrConflict) {
			t.Errorf("archive in the same transaction = %v; want ErrConflict", refused)
		}
		return nil, failed
	})
	if err != nil {
		t.Fatal(err)
	}
	putAway(t, s, "a")
}

// Numbers that were handed out in what is archived are not handed out again after
// a backup was restored (I25).
func TestAcceptRollbackKnowsWhatWasArchived(t *testing.T) {
	path, copied := filepath.Join(t.TempDir(), "journals.db"), filepath.Join(t.TempDir(), "copy.db")
	s := openAt(t, path)
	claim := journal.Event{Time: note("").Time, Kind: journal.Claimed, By: "x", Epoch: 77}
	must(t, s, batch("a", 0, claim, ended()), batch("open", 0, note("x")))
	putAway(t, s, "a")
	s.Close()
	copyFile(t, path, copied)
	s = openAt(t, path)
	must(t, s, batch("open", 1, note("y")))
	must(t, s, batch("open", 2, note("z")))
	s.Close()
	copyFile(t, copied, path)
	os.RemoveAll(witnessDir(path))
	r, err := (Config{}).AcceptRollback(t.Context(), path, "ada", "the disk broke")
	if err != nil || r.Fence != 78+unseen {
		t.Fatalf("AcceptRollback = %+v, %v; want fence %d", r, err, 78+unseen)
	}
	s = openAt(t, path)
	if _, err := s.Verify(t.Context()); err != nil {
		t.Errorf("Verify after it = %v", err)
	}
	if _, err := s.Events(t.Context(), "a", 0); !errors.Is(err, journal.ErrArchived) {
		t.Errorf("Events of what was archived = %v; want ErrArchived", err)
	}
}

// A journal that is archived while it is read is whole, or archived (J5).
func TestReadersOfWhatIsArchived(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	const runs = 40
	for k := range runs {
		must(t, s, batch(fmt.Sprint(k), 0, note("x"), note("y"), ended()))
	}
	failed := make(chan error)
	for range 2 {
		go func() {
			for {
				archived := 0
				for k := range runs {
					events, err := s.Events(t.Context(), fmt.Sprint(k), 0)
					if errors.Is(err, journal.ErrArchived) {
						archived++
					} else if err != nil || len(events) != 3 {
						failed <- fmt.Errorf("%d events, %w", len(events), err)
						return
					}
				}
				if archived == runs {
					failed <- nil
					return
				}
			}
		}()
	}
	for k := range runs {
		putAway(t, s, fmt.Sprint(k))
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Errorf("Events = %v; want all of it, or ErrArchived", err)
		}
	}
}

// The space of what is archived is used again, and the file does not grow while as
// much is archived as is added (J9).
func TestArchivedSpaceIsUsedAgain(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
	const runs, length = 20, 50
	text := strings.Repeat("all work and no play ", 20)
	round := func(r int) {
		for k := range runs {
			events := make([]journal.Event, length)
			for i := range events {
				events[i] = note(text)
			}
			must(t, s, batch(fmt.Sprint(r, " ", k), 0, append(events, ended())...), batch("env", r*runs+k, note(text)))
		}
		if r > 0 {
			for k := range runs {
				putAway(t, s, fmt.Sprint(r-1, " ", k))
			}
		}
	}
	size := func() int64 {
		pages, err := s.writer.number("pragma page_count")
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := s.writer.number("pragma page_size")
		if err != nil {
			t.Fatal(err)
		}
		return pages * bytes
	}
	round(0)
	one := size()
	round(1)
	round(2)
	before := size()
	const more = 6
	for r := range more {
		round(3 + r)
	}
	each := (size() - before) / more
	left := each / (runs * length)
	t.Logf("%d bytes for %d events, %d more when as many were archived: %d for each", one, runs*length, each, left)
	if each > one/4 {
		t.Errorf("the file grows by %d bytes while as much is archived as is added, which was %d; want a quarter at the most", each, one)
	}
}
