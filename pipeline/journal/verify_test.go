package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// A rotten store returns an error for one of its journals.
type rotten struct {
	journal.Memory
	err error
}

func (s *rotten) Events(ctx context.Context, name string, from int) ([]journal.Event, error) {
	if name == "b" {
		return nil, s.err
	}
	return s.Memory.Events(ctx, name, from)
}

// Damage and what could not be looked at are told apart, and after damage the
// rest is looked at.
func TestVerifyReadsAStoreThatIsNoVerifier(t *testing.T) {
	down := errors.New("the disk is away")
	for _, c := range []struct {
		err      error
		corrupt  bool
		journals int
	}{
		{fmt.Errorf("event 3 is missing: %w", journal.ErrCorrupt), true, 3},
		{down, false, 1},
	} {
		s := &rotten{err: c.err}
		for _, name := range []string{"a", "b", "c"} {
			if err := s.Append(t.Context(), journal.Batch{Journal: name, Events: []journal.Event{{Time: noon, Kind: journal.Began}}}); err != nil {
				t.Fatal(err)
			}
		}
		r, err := journal.Verify(t.Context(), s)
		if !errors.Is(err, c.err) || errors.Is(err, journal.ErrCorrupt) != c.corrupt || (len(r.Damage) == 1) != c.corrupt || r.Journals != c.journals {
			t.Errorf("Verify of a store whose journal b returns %q = %d journals, damage %v, %v; want %d, damage %v", c.err, r.Journals, r.Damage, err, c.journals, c.corrupt)
		}
		if c.corrupt && !strings.Contains(err.Error(), `journal "b"`) {
			t.Errorf("Verify = %v; want it to name the journal", err)
		}
	}
	if _, err := journal.Verify(t.Context(), new(journal.Memory), journal.Head{Events: 1}); !errors.Is(err, journal.ErrInput) {
		t.Errorf("Verify of a store that keeps no heads against one = %v; want ErrInput, for it was not compared", err)
	}
}

// A busy store is no Verifier, and one of its journals is archived as soon as the
// journals that are not have been listed.
type busy struct {
	journal.Store
	archive func()
}

func (s *busy) List(ctx context.Context, q journal.Query) ([]string, error) {
	names, err := s.Store.List(ctx, q)
	if !q.Archived {
		s.archive()
	}
	return names, err
}

func TestVerifyCountsAJournalOnceThatIsArchivedMeanwhile(t *testing.T) { // J5, J9
	var s journal.Memory
	events := []journal.Event{{Time: noon, Kind: journal.Began}, {Time: noon, Kind: journal.Ended, Data: &journal.End{Status: "succeeded"}}}
	for _, name := range []string{"a", "b"} {
		if err := s.Append(t.Context(), journal.Batch{Journal: name, Events: events}); err != nil {
			t.Fatal(err)
		}
	}
	r, err := journal.Verify(t.Context(), &busy{&s, func() {
		_, left, err := journal.MarshalArchive("a", events)
		if err == nil {
			err = s.Archive(t.Context(), "a", 2, journal.Event{Time: noon, Kind: journal.Archived, Data: &left})
		}
		if err != nil {
			t.Error(err)
		}
	}})
	if err != nil || r.Journals != 2 || r.Head.Events != 5 {
		t.Errorf("Verify = %v, %v; want 5 events in 2 journals, one of them that it was archived", r, err)
	}
}

func TestVerifyWithoutAStore(t *testing.T) {
	if r, err := journal.Verify(t.Context(), nil); !errors.Is(err, journal.ErrInput) || errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("Verify = %v, %v; want ErrInput, and nothing said of a store", r, err)
	}
}
