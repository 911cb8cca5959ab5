package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

// I25: who goes on with an older copy says so, and no number is used again that
// was handed out in the time that was lost.
func TestAcceptRollback(t *testing.T) {
	epoch := func(n int64) journal.Event {
		return journal.Event{Time: note("").Time, Kind: journal.Claimed, By: "x", Epoch: n}
	}
	taken := func(token int64) journal.Event {
		return journal.Event{Time: note("").Time, Kind: journal.Taken, By: "run-1", Data: &journal.Hold{Token: token}}
	}
	ended := journal.Event{Time: note("").Time, Kind: journal.Ended}
	for _, c := range []struct {
		name   string
		damage func(path string)
		fence  int64
		lost   int64
	}{
		{"with its witness", func(string) {}, 42, 5},
		{"without its witness", func(path string) { os.RemoveAll(witnessDir(path)) }, 6 + unseen, 0},
		{"with half a witness", func(path string) {
			paths, _ := logs(witnessDir(path))
			os.Remove(paths[len(paths)-1])
		}, 0, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, copied := filepath.Join(t.TempDir(), "journals.db"), filepath.Join(t.TempDir(), "copy.db")
			s := shortLogs(openAt(t, path))
			must(t, s, batch("run-1", 0, epoch(1)), batch("run-0", 0, ended), batch("env/a", 0, taken(5)))
			s.Close()
			copyFile(t, path, copied)
			s = shortLogs(openAt(t, path))
			for i := range 3 {
				must(t, s, batch("run-2", i, epoch(int64(i+1))))
			}
			must(t, s, batch("run-1", 1, epoch(2)))
			must(t, s, batch("env/b", 0, taken(41)))
			s.Close()

			if _, err := (Config{}).AcceptRollback(t.Context(), path, "ada", "why not"); !errors.Is(err, journal.ErrInput) {
				t.Errorf("AcceptRollback of a sound store = %v; want ErrInput, for there is nothing to accept", err)
			}
			copyFile(t, copied, path)
			c.damage(path)
			if _, err := (Config{}).AcceptRollback(t.Context(), path, "", ""); !errors.Is(err, journal.ErrInput) {
				t.Errorf("AcceptRollback by nobody = %v; want ErrInput", err)
			}
			r, err := (Config{}).AcceptRollback(t.Context(), path, "ada", "the disk broke")
			if err != nil || c.fence != 0 && r.Fence != c.fence || c.lost >= 0 && r.Lost != c.lost {
				t.Fatalf("AcceptRollback = %+v, %v; want fence %d and %d lost", r, err, c.fence, c.lost)
			}
			s = openAt(t, path)
			if _, err := s.Verify(t.Context()); err != nil {
				t.Errorf("Verify after it = %v", err)
			}
			names, _ := s.List(t.Context(), journal.Query{})
			if want := slices.Contains(r.From, "env/b"); slices.Contains(names, "env/b") != want {
				t.Errorf("journals %q; want that of the environment that was lost: %v", names, want)
			}
			for _, name := range names {
				events, err := s.Events(t.Context(), name, 0)
				if err != nil {
					t.Fatal(err)
				}
				last := events[len(events)-1]
				if name == "run-0" {
					if last.Kind != journal.Ended {
						t.Errorf("the last event of a run that ended is %v; want it to stay so", last)
					}
					continue
				}
				if last.Kind != journal.Restored || last.By != "ada" || last.Fence() != r.Fence || last.Data.(*journal.Restoration).Text != "the disk broke" {
					t.Errorf("the last event of %q is %+v; want restored by ada with fence %d", name, last, r.Fence)
				}
			}
			for _, f := range r.Moved {
				if _, err := os.Stat(f); err != nil || !strings.Contains(f, ".before-") {
					t.Errorf("the log %s: %v; want it to be kept", f, err)
				}
			}
		})
	}
}

// I25: who is killed while a rollback is accepted, between any two changes of
// files and once more during the second try, does it again; and until it is done
// the store does not open with numbers that were handed out.
func TestCrashDuringAcceptRollback(t *testing.T) {
	const highest = 80
	epoch := func(n int) journal.Event {
		return journal.Event{Time: note("").Time, Kind: journal.Claimed, By: "x", Epoch: int64(n)}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "s.db")
	s := shortLogs(openAt(t, path))
	must(t, s, batch("run-1", 0, epoch(1)), batch("run-2", 0, epoch(2)))
	s.Close()
	old, err := imageOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	s = shortLogs(openAt(t, path))
	for i := 1; i <= 8; i++ {
		must(t, s, batch("run-1", i, epoch(i*highest/8)))
	}
	s.Close()
	now, err := imageOf(dir)
	if err != nil {
		t.Fatal(err)
	}

	w := &workshop{t: t, dir: t.TempDir()}
	path = filepath.Join(w.dir, "s.db")
	accept := func(at int) (r Rollback, happened bool, err error) {
		f := &fault{at: at, witness: true, sticky: true}
		r, err = Config{disk: newDrive(f).disk("")}.AcceptRollback(t.Context(), path, "ada", "the disk broke")
		happened = f.strikes > 0
		if w, ok := errors.AsType[*way](err); ok != happened {
			t.Errorf("AcceptRollback when change %d fails = %v, %v; want that", at, err, w)
		}
		return r, happened, err
	}
	const never = 1 << 30
	tries := 0
	for first, again := 1, true; again; first++ {
		for second, more := 0, true; more; second++ {
			w.has = nil
			w.put(both(old, now))
			when := fmt.Sprintf("killed before change %d, then %d", first, second)
			if _, again, _ = accept(first); !again {
				break
			}
			if second == 0 {
				wantAbove(t, path, highest, when)
			} else {
				_, more, _ = accept(second)
			}
			if r, _, err := accept(never); err != nil && !errors.Is(err, journal.ErrInput) || err == nil && r.Fence <= highest {
				t.Errorf("%s: the last AcceptRollback = %+v, %v; want a fence above %d, or that there is nothing to accept", when, r, err, highest)
			}
			if !wantAbove(t, path, highest, when) {
				t.Errorf("%s: the store cannot be opened; want it to be accepted", when)
			}
			tries++
		}
	}
	t.Logf("%d tries", tries)
}

// wantAbove reports whether the store can be opened, and if it can wants each
// journal to end with a higher fence.
func wantAbove(t *testing.T, path string, highest int64, when string) bool {
	t.Helper()
	s, err := Open(t.Context(), path)
	if errors.Is(err, journal.ErrCorrupt) {
		return false
	}
	if err != nil {
		t.Errorf("%s: Open = %v; want nil or ErrCorrupt", when, err)
		return false
	}
	defer s.Close()
	if _, err := s.Verify(t.Context()); err != nil {
		t.Errorf("%s: Verify = %v", when, err)
	}
	for _, name := range []string{"run-1", "run-2"} {
		events, err := s.Events(t.Context(), name, 0)
		if err != nil || len(events) < 2 || events[len(events)-1].Fence() <= highest {
			t.Errorf("%s: journal %s has %v, %v; want it to end with a fence above %d", when, name, events, err, highest)
		}
	}
	return true
}

// A database that is damaged in itself is not accepted.
func TestAcceptRollbackOfADamagedDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journals.db")
	s := openAt(t, path)
	appendTo(t, s, 3)
	s.Close()
	execAt(t, path, "delete from events where seq = 2")
	before := contents(t, filepath.Dir(path))
	if _, err := (Config{}).AcceptRollback(t.Context(), path, "ada", "it broke"); !errors.Is(err, journal.ErrCorrupt) {
		t.Errorf("AcceptRollback of a damaged database = %v; want ErrCorrupt", err)
	}
	if !slices.Equal(contents(t, filepath.Dir(path)), before) {
		t.Error("a rollback that was refused changed files")
	}
}
