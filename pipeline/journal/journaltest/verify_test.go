package journaltest

import (
	"context"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// A verifier is a Memory that can be asked to verify itself.
type verifier struct {
	journal.Memory
	verify func(s *journal.Memory, ctx context.Context) (journal.Report, error)
}

func (v *verifier) Verify(ctx context.Context, heads ...journal.Head) (journal.Report, error) {
	return v.verify(&v.Memory, ctx)
}

func TestRulesFindBrokenVerifiers(t *testing.T) {
	for _, c := range []struct {
		name   string
		verify func(s *journal.Memory, ctx context.Context) (journal.Report, error)
		want   string
	}{
		{"looks at nothing", func(*journal.Memory, context.Context) (journal.Report, error) {
			return journal.Report{}, nil
		}, "0 events in 0 journals"},
		{"has one head for ever, and does not compare it", func(s *journal.Memory, ctx context.Context) (journal.Report, error) {
			return journal.Verify(ctx, struct{ journal.Store }{s})
		}, "want another one"},
		{"does not compare heads", func(s *journal.Memory, ctx context.Context) (journal.Report, error) {
			return journal.Verify(ctx, struct{ journal.Store }{s})
		}, "want ErrRolledBack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := broken(t, func() journal.Store { return &verifier{verify: c.verify} })
			if !strings.Contains(said, c.want) {
				t.Errorf("the rules say of a store that %s:\n%s\nwant %q in it", c.name, said, c.want)
			}
		})
	}
}
