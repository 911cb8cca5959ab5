package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// J2, I8, I9: the database and its witness are synced at the same time, so a crash
// can leave the last commit in both, in either one or in none, and half of its
// line. Each time all that was acknowledged is there, nothing is half there, to
// look at it is no alarm, and the next append goes on. Two commits in one place
// alone are no crash.
func TestCrashDuringACommit(t *testing.T) {
	_, old := scenes(t, 9)
	w := &workshop{t: t, dir: t.TempDir()}
	states := 0
	for k := 1; k < len(old); k++ {
		before, after := old[k-1], old[k]
		log, at, line := lastCommit(after.image)
		witness := func(n int) image { // with n bytes of the line
			im := maps.Clone(after.image)
			im[log] = bytes.Clone(im[log])
			clear(im[log][at+n:])
			return im
		}
		for _, c := range []struct {
			name        string
			db, witness image
			want        scene
		}{
			{"the witness has it alone", before.image, witness(line), after},
			{"the database has it alone", after.image, before.image, after},
			{"none has it", before.image, before.image, before},
			{"both have it", after.image, after.image, after},
			{"none has it, the witness a byte", before.image, witness(1), before},
			{"none has it, the witness half a line", before.image, witness(line / 2), before},
			{"none has it, the witness a line without its end", before.image, witness(line - 1), before},
			{"the database has it, the witness a byte", after.image, witness(1), after},
			{"the database has it, the witness half a line", after.image, witness(line / 2), after},
			{"the database has it, the witness a line without its end", after.image, witness(line - 1), after},
			{"both have it, and the next line is torn", after.image, witness(line + 1), after},
		} {
			states++
			w.wantAfterCrash(fmt.Sprintf("commit %d, %s", k+1, c.name), both(c.db, c.witness), c.want)
		}
		if k > 1 {
			w.wantFound(fmt.Sprintf("commit %d, the witness has two alone", k+1), both(old[k-2].image, after.image), journal.ErrRolledBack)
			w.wantFound(fmt.Sprintf("commit %d, the database has two alone", k+1), both(after.image, old[k-2].image), journal.ErrCorrupt)
		}
		if witness := bytes.TrimRight(after.image[log], "\x00"); len(witness) > at+line {
			w.wantFound(fmt.Sprintf("commit %d, the witness goes on after it, and the database has not got it", k+1), both(before.image, after.image), journal.ErrRolledBack)
		}
	}
	t.Logf("%d states", states)
}

// wantFound wants an image to be refused.
func (w *workshop) wantFound(when string, im image, want error) {
	w.t.Helper()
	w.put(im)
	path := filepath.Join(w.dir, "s.db")
	if err := w.write(path); !errors.Is(err, want) || !errors.Is(err, journal.ErrCorrupt) {
		w.t.Errorf("%s: Open = %v; want %v", when, err, want)
	}
	if _, _, err := look(path, nil); !errors.Is(err, want) {
		w.t.Errorf("%s: Verify = %v; want %v", when, err, want)
	}
}

// both returns the database of one image with the witness of another.
func both(db, witness image) image {
	im := image{}
	for name, b := range db {
		if !strings.HasSuffix(name, logSuffix) {
			im[name] = b
		}
	}
	for name, b := range witness {
		if strings.HasSuffix(name, logSuffix) {
			im[name] = b
		}
	}
	return im
}

// lastCommit returns the log with the last commit, and where its line is.
func lastCommit(im image) (log string, at, length int) {
	for _, log = range slices.Backward(slices.Sorted(maps.Keys(im))) {
		if i := bytes.LastIndex(im[log], []byte("\n"+commits+" ")); i >= 0 && strings.HasSuffix(log, logSuffix) {
			return log, i + 1, bytes.IndexByte(im[log][i+1:], '\n') + 1
		}
	}
	return "", 0, 0
}

// wantAfterCrash looks at an image, opens it to be written, and appends.
func (w *workshop) wantAfterCrash(when string, im image, want scene) {
	w.t.Helper()
	w.put(im)
	path := filepath.Join(w.dir, "s.db")
	if _, _, err := look(path, nil); err != nil {
		w.t.Errorf("%s: Verify = %v; want nil, for a crash is no damage", when, err)
	}
	if err := w.write(path); err != nil {
		w.t.Errorf("%s: Open = %v; want nil", when, err)
		return
	}
	r, got, err := look(path, nil)
	if err != nil || r.Head != want.head || !reflect.DeepEqual(got, want.truth) {
		w.t.Errorf("%s: after Open, head %v, %v; want %v and what was acknowledged", when, r.Head, err, want.head)
	}
	if i := slices.IndexFunc(r.SetAside, func(s string) bool { return !strings.HasSuffix(s, tornSuffix) }); i >= 0 {
		w.t.Errorf("%s: after Open still %q", when, r.SetAside[i])
	}
	s := openAt(w.t, path)
	must(w.t, s, batch("next", 0, note("x")))
	s.Close()
}

// J5: what a crash may have left in one place alone is put into the other only if
// its hashes say that it is whole.
func TestWhatIsPutBackIsChecked(t *testing.T) {
	whole := `{"time":"2026-03-02T12:00:00Z","kind":"stopped","by":"ada"}`
	next := func(t *testing.T, s *Store, line string) (p part, e entry) {
		h, err := find(s.writer, "a")
		if err != nil {
			t.Fatal(err)
		}
		p = part{Batch: batch("a", h.length, note("")), lines: [][]byte{[]byte(line)}}
		return p, entry{"a", int64(h.length), [32]byte(journal.Chain(h.hash, []byte(whole))), 0, []byte(line)}
	}
	witness := func(line string) func(t *testing.T, s *Store) error {
		return func(t *testing.T, s *Store) error {
			_, e := next(t, s, line)
			return s.witness.add(s.witness.tip.next(e.hash[:]), []entry{e})
		}
	}
	database := func(line string) func(t *testing.T, s *Store) error {
		return func(t *testing.T, s *Store) error {
			p, _ := next(t, s, line)
			return s.writer.transact(t.Context(), func() error {
				s.tip, s.start = s.witness.tip, s.witness.tip.seq+1
				refused, failed := s.add(s.writer, []part{p})
				return errors.Join(refused, failed)
			})
		}
	}
	for _, c := range []struct {
		name  string
		leave func(t *testing.T, s *Store) error
		want  error
		says  string
	}{
		{"a line in the witness", witness(whole), nil, ""},
		{"a line in the witness that is not that of its hash", witness(strings.Replace(whole, "ada", "bob", 1)), journal.ErrCorrupt, "makes sum"},
		{"a line in the witness of a newer version (J6)", witness(`{"kind":"teleported"}`), journal.ErrUnknown, "event 3 of journal"},
		{"a line in the database", database(whole), nil, ""},
		{"a line in the database that would be two in the witness", database(strings.Replace(whole, ",", ",\n", 1)), journal.ErrCorrupt, "control characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journals.db")
			s := openAt(t, path)
			appendTo(t, s, 3)
			if err := c.leave(t, s); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s, err := Open(t.Context(), path)
			if err != nil {
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("Open = %v; want %v that says %q", err, c.want, c.says)
				}
				return
			}
			defer s.Close()
			if events, err := s.Events(t.Context(), "a", 0); c.want != nil || err != nil || len(events) != 4 {
				t.Errorf("Open = nil, with %d events, %v; want %v, or 4", len(events), err, c.want)
			}
		})
	}
}

// J5: a store under which its witness is changed acknowledges nothing any more.
func TestOldWitnessUnderAnOpenStore(t *testing.T) {
	for name, change := range map[string]func(s *Store) error{
		"cut":              func(s *Store) error { return s.witness.log.Truncate(s.witness.size / 2) },
		"without its end":  func(s *Store) error { return s.witness.log.Truncate(s.witness.size - 1) },
		"with another end": func(s *Store) error { return realDisk.write(s.witness.log, []byte("x"), s.witness.size-1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, filepath.Join(t.TempDir(), "journals.db"))
			appendTo(t, s, 3)
			if err := change(s); err != nil {
				t.Fatal(err)
			}
			if err := s.Append(t.Context(), batch("a", 3, note("x"))); !errors.Is(err, journal.ErrCorrupt) || !errors.Is(err, journal.ErrClosed) {
				t.Errorf("Append = %v; want ErrCorrupt and ErrClosed", err)
			}
			wantDead(t, s, journal.ErrCorrupt)
		})
	}
}
