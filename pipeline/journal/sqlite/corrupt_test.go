package sqlite

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

var corruptions = flag.Int("corruptions", 0, "how many bytes TestNoCorruptionIsSilent changes at least; -1 means every one; 0 means 2000, or 500 with -short")

// An image is the files of a store at one moment, by their names.
type image map[string][]byte

func imageOf(dir string) (image, error) {
	im := image{}
	for _, pattern := range []string{"s.db", "s.db-wal", "s.db.witness/*.log"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if im[strings.TrimPrefix(p, dir+"/")], err = os.ReadFile(p); err != nil {
				return nil, err
			}
		}
	}
	return im, nil
}

// A mutation is one way in which a disk, a crash or a person harms an image.
type mutation struct {
	name string
	make func(im image)
	sure bool           // it has to be found; else the store may be as it was
	head []journal.Head // to verify against
}

// What a store that was harmed may be: no other outcome is allowed (I8).
const (
	found     = iota // an error that names the store
	identical        // all is there, as it was
	torn             // all is there, and what is torn at the end of the witness is reported
	putBack          // reported, and all is there once it was opened to be written
	silent
)

// J5, I8: every change of a byte of the database, its WAL or its witness, every
// sector that is zeroed, swapped or doubled, every cut and every older file that
// is put back is found, or has changed nothing that can be read.
func TestNoCorruptionIsSilent(t *testing.T) {
	states, old := scenes(t, 26)
	want := *corruptions
	switch {
	case want == 0 && testing.Short():
		want = 500
	case want == 0:
		want = 2000
	}
	var did [silent + 1]atomic.Int64
	var all atomic.Int64
	began := time.Now()
	jobs := make(chan func(w *workshop))
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		w := &workshop{t: t, dir: t.TempDir(), truth: old[len(old)-1].truth}
		workers.Go(func() {
			for job := range jobs {
				job(w)
			}
		})
	}
	try := func(im image, m mutation) {
		jobs <- func(w *workshop) {
			outcome, why := w.try(im, m)
			did[outcome].Add(1)
			all.Add(1)
			if outcome == silent || m.sure && outcome != found && outcome != putBack {
				t.Errorf("%s: outcome %d, %v; want an error that says where", m.name, outcome, why)
			}
		}
	}
	for _, im := range states {
		for _, m := range mutations(im, want/len(states)) {
			try(im, m)
		}
	}
	for _, m := range restored(old) {
		try(old[len(old)-1].image, m)
	}
	close(jobs)
	workers.Wait()
	t.Logf("%d corruptions in %v: %d found, %d of bytes that nothing reads, %d torn tails reported, %d last commits put back, %d silent",
		all.Load(), time.Since(began).Round(time.Second), did[found].Load(), did[identical].Load(), did[torn].Load(), did[putBack].Load(), did[silent].Load())
	if n := all.Load(); n < int64(want) {
		t.Errorf("%d corruptions; want %d or more", n, want)
	}
}

// A scene is a store after some appends.
type scene struct {
	image image
	truth []string
	head  journal.Head
}

// scenes makes a store, and returns its last image with and without a WAL, and
// what it was after each of the appends.
func scenes(t *testing.T, appends int) (states []image, old []scene) {
	dir := t.TempDir()
	s := openAt(t, filepath.Join(dir, "s.db"))
	s.witness.limit, s.witness.step = 3000, 512
	if err := s.witness.log.Truncate(512); err != nil {
		t.Fatal(err)
	}
	for i := range appends {
		events := []journal.Event{note(fmt.Sprint("event ", i)), note("of a run")}
		if i%8 == 7 {
			events[1] = journal.Event{Time: note("").Time, Kind: journal.Ended}
		}
		name := fmt.Sprint("run-", i/8)
		must(t, s, batch(name, i%8*2, events...), batch("env/production", i, note("deployed")))
		truth, err := tale(s)
		if err != nil {
			t.Fatal(err)
		}
		im, err := imageOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		old = append(old, scene{im, truth, s.witness.tip.head()})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed, err := imageOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	return []image{old[len(old)-1].image, closed}, old
}

// tale returns all that can be read of a store.
func tale(s *Store) (all []string, err error) {
	ctx := context.Background()
	for _, q := range []journal.Query{{}, {Open: true}, {Newest: true}, {Prefix: "run-"}, {Archived: true}} {
		names, err := s.List(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprint(names))
	}
	names, err := everything(ctx, s)
	for _, name := range names {
		events, err := remembered(ctx, s, name)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			line, err := e.MarshalJSON()
			if err != nil {
				return nil, err
			}
			all = append(all, name+" "+string(line))
		}
	}
	return all, err
}

// everything returns the names of all journals, those that are archived last.
func everything(ctx context.Context, s *Store) ([]string, error) {
	names, err := s.List(ctx, journal.Query{})
	if err != nil {
		return nil, err
	}
	archived, err := s.List(ctx, journal.Query{Archived: true})
	return append(names, archived...), err
}

// remembered returns what is left of a journal: its events, or the one with which
// it was archived.
func remembered(ctx context.Context, s *Store, name string) ([]journal.Event, error) {
	events, err := s.Events(ctx, name, 0)
	if a, ok := errors.AsType[*journal.ArchivedError](err); ok {
		return s.Events(ctx, name, a.Events)
	}
	return events, err
}

// A workshop has a directory in which images are harmed and looked at.
type workshop struct {
	t     *testing.T
	dir   string
	truth []string
	has   image // what is in the directory
}

func (w *workshop) try(im image, m mutation) (outcome int, why error) {
	harmed := image{}
	for name, b := range im {
		harmed[name] = b
	}
	m.make(harmed)
	w.put(harmed)
	path := filepath.Join(w.dir, "s.db")
	r, got, err := look(path, m.head)
	outcome = identical
	if len(r.SetAside) > 0 {
		outcome = torn
		if err == nil && !reflect.DeepEqual(got, w.truth) {
			outcome = putBack
			if err = w.write(path); err == nil {
				_, got, err = look(path, m.head)
			}
		}
	}
	switch {
	case err != nil && strings.Contains(err.Error(), path):
		return found, err
	case err != nil:
		return silent, fmt.Errorf("an error that does not say where: %w", err)
	case !reflect.DeepEqual(got, w.truth):
		return silent, errors.New("what is read is not what was appended")
	}
	return outcome, nil
}

// write opens the store to be written.
func (w *workshop) write(path string) error {
	w.has = nil // for it changes files
	s, err := Open(context.Background(), path)
	if err != nil {
		return err
	}
	return s.Close()
}

// look reads and verifies a store, without a change to it.
func look(path string, heads []journal.Head) (r journal.Report, got []string, err error) {
	s, err := Config{ReadOnly: true}.Open(context.Background(), path)
	if err != nil {
		return r, nil, err
	}
	defer s.Close()
	if r, err = s.Verify(context.Background(), heads...); err != nil {
		return r, nil, err
	}
	got, err = tale(s)
	return r, got, err
}

// put makes the directory hold an image. Only files that differ are written.
func (w *workshop) put(im image) {
	if w.has == nil {
		os.RemoveAll(w.dir)
	}
	os.Remove(filepath.Join(w.dir, "s.db-shm"))
	for name := range w.has {
		if _, ok := im[name]; !ok {
			os.Remove(filepath.Join(w.dir, name))
		}
	}
	if _, ok := im["s.db-wal"]; !ok {
		os.Remove(filepath.Join(w.dir, "s.db-wal")) // reading may have made one
	}
	for name, b := range im {
		if old, ok := w.has[name]; ok && (len(b) == len(old) && len(b) > 0 && &b[0] == &old[0] || bytes.Equal(b, old)) {
			continue
		}
		path := filepath.Join(w.dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o777)
		if err == nil {
			err = os.WriteFile(path, b, 0o666)
		}
		if err != nil {
			w.t.Error(err)
		}
	}
	w.has = im
}

// mutations returns about so many things that are done to one image, or more, and
// as many of them to the witness as to the database; all there are if want is
// negative.
func mutations(im image, want int) (all []mutation) {
	witness := func(name string) bool { return strings.HasSuffix(name, logSuffix) }
	size := map[bool]int{}
	for name, b := range im {
		size[witness(name)] += len(b)
	}
	for _, name := range slices.Sorted(maps.Keys(im)) {
		b := im[name]
		every := 1
		if want >= 0 {
			every = max(1, 2*size[witness(name)]/max(want, 1))
		}
		change := func(what string, change func(b []byte) []byte) {
			all = append(all, mutation{name: name + ": " + what, make: func(im image) { im[name] = change(bytes.Clone(b)) }})
		}
		for i := 0; i < len(b); i += every {
			change(fmt.Sprintf("bit %d of byte %d changed", (i/every)%8, i), func(b []byte) []byte {
				b[i] ^= 1 << ((i / every) % 8)
				return b
			})
		}
		for _, sector := range []int{512, 4096} {
			for i := 0; i+sector <= len(b); i += sector * max(1, every/4) {
				change(fmt.Sprintf("%d bytes at %d zeroed", sector, i), func(b []byte) []byte {
					clear(b[i : i+sector])
					return b
				})
				if j := (i + sector) % (len(b) / sector * sector); j != i {
					change(fmt.Sprintf("%d bytes at %d and %d swapped", sector, i, j), func(b []byte) []byte {
						x, y := b[i:i+sector], b[j:j+sector]
						for k := range x {
							x[k], y[k] = y[k], x[k]
						}
						return b
					})
					change(fmt.Sprintf("%d bytes at %d written over those at %d too", sector, i, j), func(b []byte) []byte {
						copy(b[j:j+sector], b[i:i+sector])
						return b
					})
				}
			}
		}
		for i := 0; i < len(b); i += every * 8 {
			change(fmt.Sprintf("cut to %d bytes", i), func(b []byte) []byte { return b[:i] })
		}
		all = append(all, mutation{name: name + ": removed", make: func(im image) { delete(im, name) }})
	}
	return all
}

// restored returns each older copy put back: of the database with its WAL, of the
// WAL alone, of the witness, and of all, which only a head kept elsewhere shows.
func restored(old []scene) (all []mutation) {
	last := old[len(old)-1]
	for k, scene := range old[:len(old)-1] {
		replace := func(is func(name string) bool) func(im image) {
			return func(im image) {
				for name := range last.image {
					if is(name) {
						delete(im, name)
					}
				}
				for name, b := range scene.image {
					if is(name) {
						im[name] = b
					}
				}
			}
		}
		witness := func(name string) bool { return strings.HasSuffix(name, logSuffix) }
		all = append(all,
			mutation{fmt.Sprintf("the database as it was after %d appends", k+1), replace(func(name string) bool { return !witness(name) }), true, nil},
			mutation{fmt.Sprintf("the WAL as it was after %d appends", k+1), replace(func(name string) bool { return name == "s.db-wal" }), true, nil},
			// One commit that is not witnessed is what a crash leaves.
			mutation{fmt.Sprintf("the witness as it was after %d appends", k+1), replace(witness), k < len(old)-2, nil},
			mutation{fmt.Sprintf("all files as they were after %d appends", k+1), replace(func(string) bool { return true }), true, []journal.Head{last.head}})
	}
	return all
}
