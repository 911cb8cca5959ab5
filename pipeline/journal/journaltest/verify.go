package journaltest

import (
	"errors"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline/journal"
)

var verifyRules = []rule{
	{"a sound store verifies, and all of it is looked at (J5)", func(t testing.TB, s journal.Store) {
		wantSound(t, s, 0, 0)
		must(t, s, batch("a", 0, notes(3)...), batch("b", 0, ended()))
		must(t, s, batch("a", 3, appended()...))
		wantSound(t, s, 2, int64(4+len(appended())))
	}},

	verifying("a store has gone through the heads that it had, and through no others (I10)", func(t testing.TB, s journal.Store, v journal.Verifier) {
		var heads []journal.Head
		for i := range 4 {
			must(t, s, batch("a", i, note("x")))
			r := wantSound(t, s, 1, int64(i+1), heads...)
			for _, h := range heads {
				if h.Digest == r.Head.Digest {
					t.Errorf("the head after %d events is that after %d; want another one", r.Head.Events, h.Events)
				}
			}
			heads = append(heads, r.Head)
		}
		other := heads[2]
		other.Digest = artifact.DigestBytes([]byte("of another store"))
		ahead := heads[3]
		ahead.Events++
		for name, h := range map[string]journal.Head{"of a moment with other events": other, "of a later moment": ahead} {
			_, err := journal.Verify(t.Context(), s, heads[0], h)
			if !errors.Is(err, journal.ErrRolledBack) || !errors.Is(err, journal.ErrCorrupt) {
				t.Errorf("Verify against a head %s = %v; want ErrRolledBack and ErrCorrupt", name, err)
			}
		}
	}),
}

// verifying makes a rule of stores that are Verifiers.
func verifying(name string, check func(testing.TB, journal.Store, journal.Verifier)) rule {
	return rule{name, func(t testing.TB, s journal.Store) {
		if v, ok := s.(journal.Verifier); ok {
			check(t, s, v)
		}
	}}
}

func wantSound(t testing.TB, s journal.Store, journals int, events int64, heads ...journal.Head) journal.Report {
	t.Helper()
	r, err := journal.Verify(t.Context(), s, heads...)
	if err != nil || r.Journals != journals || r.Head.Events != events || len(r.Damage) != 0 {
		t.Errorf("Verify = %d events in %d journals, %v; want %d in %d, and nil", r.Head.Events, r.Journals, err, events, journals)
	}
	return r
}
