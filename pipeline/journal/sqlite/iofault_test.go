//go:build unix

package sqlite

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

var iofaults = flag.Int("iofaults", 0, "how many operations TestEveryOperationFails fails at least; -1 means each in each way; 0 means 300, or 100 with -short")

// I8, I9: whichever operation of SQLite or of the witness fails, in whichever way,
// once or for good: nothing that was acknowledged is lost, neither when the files
// are opened again nor after the power goes; what was refused is not there; after
// a commit that failed nothing is acknowledged; and nothing hangs or stays open.
func TestEveryOperationFails(t *testing.T) {
	c := newCampaign(t)
	began := time.Now()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		l := newLane(t)
		workers.Go(func() { c.run(l) })
	}
	workers.Wait()
	for _, name := range slices.Sorted(maps.Keys(c.did)) {
		t.Logf("%6d  %s", c.did[name], name)
	}
	t.Logf("%d faults in %d workloads in %v, %d of them seen by who used the store, %d problems",
		c.faults, len(workloads), time.Since(began).Round(time.Second), c.seen, c.problems)
	if c.faults < c.want {
		t.Errorf("%d faults; want %d or more", c.faults, c.want)
	}
}

// Who was stopped while it had a lock of SQLite's is waited for, wherever a call
// meets it, and also when SQLite gives up: after a hundred tries to begin to read
// (SQLITE_PROTOCOL).
func TestWhoStandsStillIsWaitedFor(t *testing.T) {
	l := newLane(t)
	s := &series{from: makeOrigins(t)["open"]}
	for name, call := range map[string]func(s *Store) error{
		"Events": func(s *Store) error { _, err := s.Events(t.Context(), "a", 0); return err },
		"Renew":  func(s *Store) error { return s.Renew(t.Context(), "x", time.Now().Add(time.Hour)) },
	} {
		met := 0
		for n, more := 1, true; more; n++ {
			u := l.user(t, s, nil)
			store := u.open()
			f := &fault{at: n, way: slices.Index(ways["shmlock"], busy), times: 250}
			l.faulty.drive.fault = f
			err := call(store)
			l.faulty.drive.fault = nil
			u.leave()
			more = f.hit != ""
			if f.hit != "shmlock" {
				continue
			}
			met++
			if err != nil {
				t.Errorf("%s when operation %d finds that another has the lock, for long = %v; want nil", name, n, err)
			}
		}
		if met == 0 {
			t.Errorf("%s met nobody; want it to ask for a lock", name)
		}
	}
}

// A page that the disk does not give now is none that is damaged: Verify could not
// look, whatever it is that fails.
func TestVerifyTellsAFailingDiskFromDamage(t *testing.T) {
	l := newLane(t)
	s := &series{from: makeOrigins(t)["open"]}
	failed := 0
	for n := 1; ; n++ {
		u := l.user(t, s, nil)
		store := u.open()
		f := &fault{at: n}
		l.faulty.drive.fault = f
		_, err := store.Verify(t.Context())
		l.faulty.drive.fault = nil
		u.leave()
		if f.hit == "" {
			break
		}
		if err != nil {
			failed++
		}
		if errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("Verify when operation %d, %s, fails = %v; want an error that is not ErrCorrupt", n, f.hit, err)
		}
	}
	if failed < 10 {
		t.Errorf("%d operations had Verify fail; want 10 or more", failed)
	}
}

// I8: what a store wrote in the witness and could not sync is synced by the next
// one, before that goes on: whatever of its own fails then, a loss of power leaves
// no more than one commit in one place alone.
func TestWhatAnotherCouldNotSyncIsSynced(t *testing.T) {
	l := newLane(t)
	s := &series{workload: workload{limit: 600}, from: makeOrigins(t)["closed"]}
	tries := 0
	for first, again := 1, true; again; first++ {
		for second, more := 1, true; more; second++ {
			u := l.user(t, s, nil)
			u.fault = &fault{at: first, witness: true}
			other := &fault{at: second, witness: true}
			one, two := u.open(), u.open()
			one.witness.disk = *drive{l.sound.drive.medium, u.fault}.disk("")
			two.witness.disk = *drive{l.sound.drive.medium, other}.disk("")
			u.appends(one, 10, "a")
			u.appends(one, 10, "a")
			u.appends(two, 10, "a", "b")
			u.appends(two, 10, "a", "b")
			lost := l.durable(t)
			u.leave()
			l.put(t, lost)
			u.audit("after the power went", u.path, l.sound.disk())
			for _, p := range u.problems {
				t.Errorf("operation %d of one fails (%s), and %d of the next (%s): %s", first, u.fault.hit, second, other.hit, p)
			}
			again, more = u.fault.hit != "", other.hit != ""
			tries++
		}
	}
	t.Logf("%d tries", tries)
}

// A campaign fails operation after operation of each workload.
type campaign struct {
	t      *testing.T
	series []*series
	want   int
	all    int // faults that there are, about

	mu       sync.Mutex
	did      map[string]int // by operation and way
	faults   int
	seen     int
	problems int
}

// A series is a workload in which one operation after the other fails.
type series struct {
	workload
	from    origin
	witness bool
	sticky  bool
	length  int // operations, about
	before  int // those of the series before it
	next    atomic.Int64
}

func newCampaign(t *testing.T) *campaign {
	c := &campaign{t: t, want: *iofaults, did: map[string]int{}}
	switch {
	case c.want == 0 && testing.Short():
		c.want = 100
	case c.want == 0:
		c.want = 300
	}
	origins := makeOrigins(t)
	l := newLane(t)
	before := 0
	for _, w := range workloads {
		for _, witness := range []bool{false, true} {
			f := &fault{at: never, witness: witness}
			c.try(l, &series{workload: w, from: origins[w.from]}, f)
			c.all += 2 * f.could
			for _, sticky := range []bool{false, true} {
				c.series = append(c.series, &series{workload: w, from: origins[w.from], witness: witness, sticky: sticky, length: f.calls, before: before})
				before += f.calls
			}
		}
	}
	return c
}

// picks reports whether an operation is among those that fail, which are spread
// evenly. What is after the last is, to see that it is.
func (c *campaign) picks(s *series, at int) bool {
	share := func(n int) int { return (s.before + n) * c.want * 11 / (10 * c.all) } // a tenth more
	return c.want < 0 || at > s.length || share(at) > share(at-1) || c.want > c.all
}

const never = 1 << 30

// run takes the next operation of each series until one does not fail, for there
// are no more.
func (c *campaign) run(l *lane) {
	for _, s := range c.series {
		for more := true; more; {
			at := int(s.next.Add(1))
			if !c.picks(s, at) {
				continue
			}
			for k := 0; ; k++ {
				f := &fault{at: at, way: k, witness: s.witness, sticky: s.sticky}
				c.try(l, s, f)
				if more = f.hit != ""; f.first == nil {
					break
				}
			}
		}
	}
}

// try plays a workload on a drive with a fault.
func (c *campaign) try(l *lane, s *series, f *fault) {
	when := fmt.Sprintf("%s, operation %d in way %d, witness %v, for good %v", s.name, f.at, f.way, f.witness, f.sticky)
	watch := time.AfterFunc(5*time.Minute, func() { panic(when + ": it hangs") })
	defer watch.Stop()
	u := l.user(c.t, s, f)
	s.play(u)
	lost := l.durable(c.t)
	u.leave()
	if f.at%2 == 0 { // the power goes later
		lost = l.durable(c.t)
	}
	l.sound.drive = newDrive(nil)
	u.audit("opened again", u.path, l.sound.disk())
	l.put(c.t, lost)
	u.audit("after the power went", u.path, l.sound.disk())

	if (f.first == nil || f.first.times > 0) && len(u.errs) > 0 {
		u.problem("%v; want nil", errors.Join(u.errs...))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.first != nil {
		c.faults++
		c.did[fmt.Sprintf("%s: %s", f.hit, f.first.name)]++
	}
	if len(u.errs) > 0 {
		c.seen++
	}
	c.problems += len(u.problems)
	if len(u.problems) > 0 {
		c.t.Errorf("%s (%s, %v):\n\t%s", when, f.hit, f.first, strings.Join(u.problems, "\n\t"))
	}
}

// A lane is a place where one workload is played at a time.
type lane struct {
	dir    string
	faulty *shim
	sound  *shim
}

func newLane(t *testing.T) *lane { return &lane{t.TempDir(), newShim(t), newShim(t)} }

// user returns one who has the store as it is at the beginning of a series.
func (l *lane) user(t *testing.T, s *series, f *fault) *user {
	l.faulty.drive = newDrive(f)
	l.sound.drive = drive{l.faulty.drive.medium, nil}
	l.put(t, s.from.image)
	u := &user{
		ctx: context.Background(), path: filepath.Join(l.dir, "s.db"),
		disk: l.faulty.disk(), peer: l.sound.disk(), limit: s.limit, fault: f,
		sound: map[*Store]bool{}, closed: map[*Store]bool{}, acked: map[string][]string{},
	}
	for name, all := range s.from.acked {
		u.acked[name] = slices.Clone(all)
	}
	return u
}

func (l *lane) put(t *testing.T, im image) {
	t.Helper()
	(&workshop{t: t, dir: l.dir}).put(im)
	if err := os.MkdirAll(l.dir, 0o777); err != nil {
		t.Error(err)
	}
}

// durable returns what is left of the files when the power goes.
func (l *lane) durable(t *testing.T) image {
	im, err := imageOf(l.dir)
	if err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(l.dir, "s.db-journal")); err == nil {
		im["s.db-journal"] = b
	}
	for name, b := range im {
		if l.faulty.drive.unnamed[filepath.Join(l.dir, name)] {
			delete(im, name)
			continue
		}
		f := &memory{b}
		if err := l.faulty.drive.lose(filepath.Join(l.dir, name), f); err != nil {
			t.Error(err)
		}
		im[name] = f.b
	}
	return im
}
