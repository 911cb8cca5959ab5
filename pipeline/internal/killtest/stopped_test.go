//go:build linux

package killtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
)

// Executors are stopped at random moments for longer than their lease, also
// while they hold the lock under which one process writes, and go on. Who was
// replaced meanwhile writes nothing, and its hooks are told to end (I6); while
// the lock is held others wait or say why; and all runs end as undisturbed. Who
// only looks on is stopped too, and is in nobody's way.
func TestStopped(t *testing.T) {
	calm := tell(t, plots[0], settings[0])
	if why := plots[0].calm(calm); why != "" {
		t.Fatal(why)
	}
	chance, want := theSeed(t), less(*stops)
	for lane := range 2 {
		t.Run(fmt.Sprintf("lane %d", lane+1), func(t *testing.T) {
			t.Parallel()
			stopAll(t, calm, max(3, (want+1)/2), rand.New(rand.NewPCG(chance, uint64(lane)))) // of each kind one
		})
	}
}

// shortLease is soon over. Who is slow may lose it without being stopped, which
// is in order too.
const shortLease = time.Second

// stopAll stops processes want times.
func stopAll(t *testing.T, calm story, want int, rnd *rand.Rand) {
	c, err := newCrowd(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.store.Close()
	h := &halter{T: t, crowd: c, rnd: rnd, executors: map[string]*process{}}
	for _, name := range []string{"first", "second"} {
		h.executors[name] = h.start(part{Role: "executor", Name: name, Lease: shortLease, Paused: true})
	}
	approver, viewer := h.start(part{Role: "approver"}), h.start(part{Role: "viewer"})
	if _, err := c.x.Start(t.Context(), "holding", pipeline.Trigger{Key: "one"}); err != nil {
		t.Fatal(err)
	}
	enough := make(chan struct{})
	go c.work(t.Context(), func() bool {
		select {
		case <-enough:
			return true
		default:
			return false
		}
	}, nil)
	begun := time.Now()
	var replaced, writing, looking int
	for n := range want {
		switch n % 3 {
		case 0:
			h.replace()
			replaced++
		case 1:
			h.stopWriter()
			writing++
		case 2:
			h.stopViewer(viewer)
			looking++
		}
	}
	close(enough)
	if err := os.WriteFile(filepath.Join(c.dir, "go"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	until(t, "the run that was held has succeeded", func() bool { return status(t, c, "one") == pipeline.Succeeded })
	<-c.over
	fenced, ofOne := 0, 0
	for _, p := range []*process{h.executors["first"], h.executors["second"], approver, viewer} {
		if err := p.end(); err != nil {
			t.Error(err)
		}
		for l := range bytes.Lines(p.laments.Bytes()) {
			if bytes.Contains(l, []byte("the run was taken over; its hooks are stopped")) {
				fenced++
				ofOne += bytes.Count(l, []byte(" run=one "))
			}
		}
	}
	_, lates := c.judge(t, calm)
	_, err = meant(c.store, files{c.dir}, "one")
	if err := errors.Join(err, blame(files{c.dir}, "one"), rising(c.store, "one")); err != nil {
		t.Error(err)
	}
	t.Logf("%d processes were stopped for longer than their lease in %v: %d executors were replaced, %d had the lock to write, %d looked on",
		want, time.Since(begun).Round(time.Second), replaced, writing, looking)
	t.Logf("an executor found itself replaced %d times, and called %d hooks before it did; %d runs and %d votes were acknowledged, and all are there",
		fenced, lates, len(c.runs), len(c.told.votes))
	if ofOne < replaced {
		t.Errorf("executors found themselves replaced %d times in the run that lasts; want %d, each that was (I6)", ofOne, replaced)
	}
}

// A halter stops processes.
type halter struct {
	*testing.T
	*crowd
	rnd       *rand.Rand
	executors map[string]*process // by name
}

func (h *halter) start(p part) *process {
	h.Helper()
	p.Dir = h.dir
	return start(h.T, p, h.told.hear)
}

// replace stops the executor that has the run with stages that last, until
// another has taken it.
func (h *halter) replace() {
	h.Helper()
	var victim *process
	var calls []line
	until(h.T, "the executor is stopped that has the run, and is in nobody's way", func() bool {
		victim = h.owner()
		if victim == nil {
			return false
		}
		h.doze(20 * time.Millisecond)
		h.stop(victim)
		calls = h.lines("call", victim)
		if h.owner() == victim && len(calls) > 0 && !h.writes(victim) && h.canWrite() {
			return true
		}
		send(h.T, victim, syscall.SIGCONT)
		return false
	})
	until(h.T, "another takes the run", func() bool { p := h.owner(); return p != nil && p != victim })
	taken := length(h.T, h.store)
	send(h.T, victim, syscall.SIGCONT)
	until(h.T, "the hooks of who was replaced are told to end", func() bool {
		told := map[string]bool{}
		for _, l := range h.lines("canceled", victim) {
			told[fmt.Sprint(l.Step, l.Attempt)] = true
		}
		for _, l := range calls {
			if !told[fmt.Sprint(l.Step, l.Attempt)] {
				return false
			}
		}
		return true
	})
	h.wroteNothing(victim, taken)
}

// wroteNothing reports whether an executor that was replaced recorded something
// later, unless it has taken the run again since.
func (h *halter) wroteNothing(victim *process, from int) {
	h.Helper()
	events, err := h.store.Events(h.Context(), "one", 0)
	if err != nil {
		h.Fatal(err)
	}
	epoch := int64(0)
	for n, e := range events {
		if n >= from && e.Epoch != 0 && e.Epoch < epoch {
			h.Errorf("event %d, %v, has epoch %d after %d: who was replaced has written (I6)", n, e.Kind, e.Epoch, epoch)
		}
		epoch = max(epoch, e.Epoch)
	}
}

// stopWriter stops an executor while it has the lock under which one process
// writes, for longer than its lease. Nobody else can write then, and says so;
// all can read; and all goes on when it does.
func (h *halter) stopWriter() {
	h.Helper()
	var victim *process
	until(h.T, "an executor is stopped that has the lock", func() bool {
		for _, victim = range h.executors {
			if !h.writes(victim) {
				continue
			}
			if h.stop(victim); h.writes(victim) && !h.bars(victim) {
				return true
			}
			send(h.T, victim, syscall.SIGCONT)
		}
		return false
	})
	// A slow machine may not come as far as the lock in the time it has.
	for wait := 2 * shortLease; ; wait *= 2 {
		ctx, cancel := context.WithTimeout(h.Context(), wait)
		_, err := h.x.Start(ctx, "delivery", pipeline.Trigger{Key: "in-vain", Actor: "zoe"})
		cancel()
		late := errors.Is(err, context.DeadlineExceeded)
		if late && strings.Contains(err.Error(), ": waiting for ") {
			break
		}
		if !late || wait > time.Minute {
			h.Errorf("Start while a process is stopped that writes, for %v = %v; want DeadlineExceeded that says why", wait, err)
			break
		}
	}
	if _, err := h.x.Run(h.Context(), "one"); err != nil {
		h.Errorf("Run while a process is stopped that writes = %v; want nil", err)
	}
	send(h.T, victim, syscall.SIGCONT)
	if _, err := h.x.Run(h.Context(), "in-vain"); !errors.Is(err, pipeline.ErrNoRun) {
		h.Errorf("a run of which Start said that it was not started = %v; want ErrNoRun", err)
	}
	h.write("after a process goes on that had the lock")
}

// stopViewer stops who looks on, at any moment but one. All others can write.
func (h *halter) stopViewer(viewer *process) {
	h.Helper()
	until(h.T, "who looks on is stopped where others can read", func() bool {
		h.doze(20 * time.Millisecond)
		h.stop(viewer)
		if !h.bars(viewer) {
			return true
		}
		send(h.T, viewer, syscall.SIGCONT)
		return false
	})
	h.write("while one is stopped that looks on")
	time.Sleep(shortLease)
	h.write("while one is stopped that looks on")
	send(h.T, viewer, syscall.SIGCONT)
}

// write writes to the store, which it can.
func (h *halter) write(when string) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), 5*time.Minute)
	defer cancel()
	if err := h.store.Renew(ctx, "crowd", time.Now().Add(time.Minute)); err != nil {
		h.Fatalf("Renew %s = %v; want nil", when, err)
	}
}

// canWrite reports whether nobody who is stopped keeps the store from being
// written to. One that moves SQLite's log to the database does so too, though it
// has no lock of the witness.
func (h *halter) canWrite() bool {
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	return h.store.Renew(ctx, "crowd", time.Now().Add(time.Minute)) == nil
}

// doze waits for a random time.
func (h *halter) doze(most time.Duration) { time.Sleep(time.Duration(h.rnd.Int64N(int64(most)))) }

// stop stops p, and waits until it stands still.
func (h *halter) stop(p *process) {
	h.Helper()
	send(h.T, p, syscall.SIGSTOP)
	until(h.T, "a process that was stopped stands still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Process.Pid))
		if err != nil || len(threads) == 0 {
			h.Fatalf("process %d has ended: %v: %s", p.Process.Pid, err, p.laments.Bytes())
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if _, state, ok := strings.Cut(string(text), ") "); err == nil && ok && state[0] != 'T' {
				return false
			}
		}
		return true
	})
}

// writes reports whether p has the lock under which one process writes.
func (h *halter) writes(p *process) bool {
	h.Helper()
	return len(h.locked(p, "store.witness", "lock")) > 0
}

// bars reports whether p keeps others from reading. SQLite has a lock for itself
// alone for a microsecond when it begins to read, or begins its log anew: it is on
// one of the bytes from 122 (sqlite.org/walformat.html, "WAL Locks").
func (h *halter) bars(p *process) bool {
	h.Helper()
	return slices.ContainsFunc(h.locked(p, "store-shm"), func(last int) bool { return last >= 122 })
}

// locked returns the last byte of each part of a file that p has for itself alone.
func (h *halter) locked(p *process, elem ...string) (ends []int) {
	h.Helper()
	info, err := os.Stat(filepath.Join(h.dir, filepath.Join(elem...)))
	if err != nil {
		h.Fatal(err)
	}
	file, err := os.Open("/proc/locks")
	if err != nil {
		h.Fatal(err)
	}
	defer file.Close()
	locks, err := io.ReadAll(bufio.NewReaderSize(file, 1<<20)) // between two reads lines get lost
	if err != nil {
		h.Fatal(err)
	}
	inode := fmt.Sprint(":", info.Sys().(*syscall.Stat_t).Ino)
	for l := range strings.Lines(string(locks)) {
		f := strings.Fields(l) // 1: FLOCK ADVISORY WRITE 711 08:01:262147 0 EOF
		if len(f) == 8 && f[3] == "WRITE" && f[4] == strconv.Itoa(p.Process.Pid) && strings.HasSuffix(f[5], inode) {
			last, err := strconv.Atoi(f[7])
			if err != nil {
				last = math.MaxInt // EOF
			}
			ends = append(ends, last)
		}
	}
	return ends
}

// owner returns who has the run with stages that last, once it has called them;
// else nil.
func (h *halter) owner() *process {
	h.Helper()
	events, err := h.store.Events(h.Context(), "one", 0)
	if err != nil {
		h.Fatal(err)
	}
	name, attempts := "", map[string]int{}
	for _, e := range events {
		if e.Kind == journal.Claimed {
			name, _, _ = strings.Cut(e.By, "-")
			clear(attempts)
		}
		if c, ok := e.Data.(*journal.Call); ok && isHeld[e.Step] {
			attempts[e.Step] = c.Attempt
		}
	}
	p := h.executors[name]
	if p == nil || len(attempts) < len(isHeld) {
		return nil
	}
	for _, l := range h.lines("call", p) {
		if attempts[l.Step] == l.Attempt {
			delete(attempts, l.Step)
		}
	}
	if len(attempts) > 0 {
		return nil
	}
	return p
}

// lines returns what the platform noted of the stages that last in a process.
func (h *halter) lines(what string, p *process) (lines []line) {
	h.Helper()
	all, err := files{h.dir}.read("one")
	if err != nil {
		h.Fatal(err)
	}
	for _, l := range all {
		if l.What == what && isHeld[l.Step] && l.Process == strconv.Itoa(p.Process.Pid) {
			lines = append(lines, l)
		}
	}
	return lines
}
