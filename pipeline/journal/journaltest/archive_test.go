package journaltest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

func TestRulesFindBrokenArchives(t *testing.T) {
	// kept has a store archive what is there, whatever it was told.
	kept := func(s *journal.Memory, name string, e journal.Event) (int, journal.Event) {
		events, _ := s.Events(context.Background(), name, 0)
		_, left, _ := journal.MarshalArchive(name, events)
		e.Kind, e.Data = journal.Archived, &left
		return len(events), e
	}
	for _, c := range []struct {
		name  string
		hooks hooks
		want  string // in what is said
	}{
		{"archives nothing", hooks{archive: func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error {
			return nil
		}}, "want an ArchivedError, so that nothing is taken for the whole journal (J6)"},

		{"does not look at what it forgets", hooks{archive: func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error {
			n, e := kept(s, name, e)
			return s.Archive(ctx, name, n, e, seen...)
		}}, "Archive of a journal with another digest = <nil>"},

		{"takes the fence on trust", hooks{archive: func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error {
			events, _ := s.Events(ctx, name, 0)
			if left, ok := e.Data.(*journal.Archival); ok && len(events) == length {
				_, want, _ := journal.MarshalArchive(name, events)
				right := *left
				right.Fence = want.Fence
				e.Data = &right
			}
			return s.Archive(ctx, name, length, e, seen...)
		}}, "Archive with fence 0 of a journal with epoch 7 = <nil>"},

		{"does not look at other journals", hooks{archive: func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error {
			return s.Archive(ctx, name, length, e)
		}}, `Archive when "env" was said to be of length 1, and is not = <nil>`},

		{"does not look at its context", hooks{archive: func(s *journal.Memory, ctx context.Context, name string, length int, e journal.Event, seen []journal.Seen) error {
			return s.Archive(context.WithoutCancel(ctx), name, length, e, seen...)
		}}, "Archive with a canceled context = <nil>"},

		{"says that what was archived was never there", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			events, err := s.Events(ctx, name, from)
			if errors.Is(err, journal.ErrArchived) {
				return nil, nil
			}
			return events, err
		}}, "want an ArchivedError"},

		{"returns what is left of an archived journal", hooks{events: func(s *journal.Memory, ctx context.Context, name string, from int) ([]journal.Event, error) {
			events, err := s.Events(ctx, name, from)
			if a := (*journal.ArchivedError)(nil); errors.As(err, &a) {
				return s.Events(ctx, name, a.Events)
			}
			return events, err
		}}, "= 1 events, <nil>; want an ArchivedError"},

		{"lists what is archived with the others", hooks{list: func(s *journal.Memory, ctx context.Context, q journal.Query) ([]string, error) {
			names, err := s.List(ctx, q)
			q.Archived = true
			more, _ := s.List(ctx, q)
			return append(names, more...), err
		}}, "an archived journal is listed only where those are asked for"},

		{"takes the name again", hooks{append: func(s *journal.Memory, ctx context.Context, batches []journal.Batch) error {
			err := s.Append(ctx, batches...)
			if errors.Is(err, journal.ErrArchived) || len(batches) == 1 && batches[0].Length == 0 && errors.Is(err, journal.ErrConflict) {
				return nil
			}
			return err
		}}, "the name of an archived journal is never free again (R1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := broken(t, func() journal.Store { return &store{hooks: c.hooks} })
			if !strings.Contains(said, c.want) {
				t.Errorf("the rules say of a store that %s:\n%s\nwant %q in it", c.name, said, c.want)
			}
		})
	}
}
