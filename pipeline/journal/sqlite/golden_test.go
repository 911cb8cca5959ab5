package sqlite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/journal/journaltest"
)

var update = flag.Bool("update", false, "add a store of this version's form to testdata, if it is not there")

// goldenStores has a store of each form that was ever released: its files, as they
// were closed, and in tale.txt all that can be read of it.
const goldenStores = "testdata/stores"

func TestMakeGoldenStore(t *testing.T) {
	dir := filepath.Join(goldenStores, fmt.Sprintf("schema-%d", version))
	_, err := os.Stat(dir)
	if err == nil {
		return // and is never changed
	}
	if !*update {
		t.Fatalf("%v; want a store of this version's form, which -update adds", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := Config{Key: keyOf(1)}.Open(t.Context(), filepath.Join(dir, "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	s.witness.limit, s.witness.step = 3000, 512 // several logs, which sign each a checkpoint
	if err := s.witness.log.Truncate(512); err != nil {
		t.Fatal(err)
	}
	story(t, s)
	for i, e := range journaltest.Events() {
		if e.Kind != journal.Archived {
			must(t, s, batch(fmt.Sprint("kinds ", e.Kind), 0, e), batch("more", i, note(fmt.Sprint("with ", e.Kind))))
		} else {
			must(t, s, batch("more", i, note("archived is that of a")))
		}
	}
	putAway(t, s, "a")
	all, err := tale(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tale.txt"), strings.Join(all, "\n")+"\n")
}

// J6: what any version has written is read, verified and gone on with by this one.
// What it reads is that of journals; the forms of events have golden files too.
func TestGoldenStores(t *testing.T) {
	eachGolden(t, func(t *testing.T, path string, want []string) {
		s, err := Config{ReadOnly: true, Key: keyOf(1)}.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r, err := s.Verify(t.Context())
		if err != nil || r.Signed == 0 || r.Head.Events == 0 || r.Witnessed == 0 || len(r.SetAside) > 0 {
			t.Errorf("Verify = %+v, %v; want all of it sound, witnessed and signed", r, err)
		}
		got, err := tale(s)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%d lines, %v; want the %d of tale.txt:\n%s", len(got), err, len(want), strings.Join(got, "\n"))
		}
		w := openAt(t, path)
		must(t, w, batch("next", 0, note("x")))
		if r, err := w.Verify(t.Context()); err != nil {
			t.Errorf("after an append Verify = %+v, %v; want nil", r, err)
		}
	})
}

// J6: what a newer version has written is refused as not known, not as damaged,
// and nothing is changed.
func TestNewerStoresAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"a newer schema", func(t *testing.T, path string) {
			execAt(t, path, fmt.Sprintf("pragma user_version = %d", version+1))
		}},
		{"a newer witness", func(t *testing.T, path string) {
			paths, _ := logs(witnessDir(path))
			log := paths[len(paths)-1]
			b, err := readLog(log)
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := strings.Cut(string(b), "\n")
			body, _, _ := cutLast([]byte(strings.Replace(first, beginning, "penstock-witness/99", 1)), ' ')
			writeFile(t, log, fmt.Sprintf("%s %08x\n%s", body, crc32.Checksum(body, castagnoli), rest))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachGolden(t, func(t *testing.T, path string, _ []string) {
				c.change(t, path)
				before := contents(t, filepath.Dir(path))
				s, err := Open(t.Context(), path)
				if err == nil {
					s.Close()
				}
				if !errors.Is(err, journal.ErrUnknown) || errors.Is(err, journal.ErrCorrupt) {
					t.Errorf("Open = %v; want ErrUnknown, and not that it is damaged", err)
				}
				_, err = Config{}.AcceptRollback(context.Background(), path, "ada", "it does not open")
				if !errors.Is(err, journal.ErrUnknown) {
					t.Errorf("AcceptRollback = %v; want ErrUnknown, for there is nothing to accept", err)
				}
				if after := contents(t, filepath.Dir(path)); !slices.Equal(after, before) {
					t.Error("what was refused was changed")
				}
			})
		})
	}
}

// eachGolden does something with a copy of each golden store.
func eachGolden(t *testing.T, do func(t *testing.T, path string, tale []string)) {
	dirs, err := filepath.Glob(filepath.Join(goldenStores, "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d golden stores, %v; want one or more", len(dirs), err)
	}
	for _, from := range dirs {
		t.Run(filepath.Base(from), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, "tale.txt"))
			if err != nil {
				t.Fatal(err)
			}
			do(t, filepath.Join(dir, "s.db"), strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
		})
	}
}
