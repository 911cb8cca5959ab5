//go:build unix

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/pipeline/journal"
)

// A user does with stores what a program does, and keeps a ledger of what it was
// told outside of them.
type user struct {
	ctx   context.Context
	path  string
	disk  *disk // with faults
	peer  *disk // of another process, which has none
	limit int64 // bytes in a log of the witness; 0 means the usual
	fault *fault

	stores   []*Store
	sound    map[*Store]bool     // those of another
	closed   map[*Store]bool     // those that acknowledge nothing any more
	said     int                 // events that were tried, for each to have a text of its own
	acked    map[string][]string // texts by journal, in order
	maybe    [][]string          // texts of appends that failed with an unknown outcome
	errs     []error             // that calls returned
	problems []string
}

func (u *user) problem(format string, args ...any) {
	u.problems = append(u.problems, fmt.Sprintf(format, args...))
}

// told notes what a call returned, and reports whether it succeeded. A disk that
// fails is no damage, no conflict and no mistake of the caller. The store is nil
// if there is none yet.
func (u *user) told(s *Store, call string, err error) bool {
	if err == nil {
		return true
	}
	u.errs = append(u.errs, fmt.Errorf("%s: %w", call, err))
	if errors.Is(err, journal.ErrConflict) && len(u.maybe) > 0 {
		return false // what was unknown turns out to be there
	}
	never := []error{journal.ErrConflict, journal.ErrInput, journal.ErrUnknown}
	if w := u.fault.how(); w == nil || !w.harm {
		never = append(never, journal.ErrCorrupt)
	}
	for _, not := range never {
		if errors.Is(err, not) {
			u.problem("%s = %v; want no %v, for the disk failed", call, err, not)
		}
	}
	if u.sound[s] {
		u.problem("%s of another, whose disk is sound = %v; want nil", call, err)
	}
	if s != nil && errors.Is(err, journal.ErrClosed) {
		u.dead(s)
	}
	return false
}

// dead wants every call to fail from now on (I9).
func (u *user) dead(s *Store) {
	if u.closed[s] {
		return
	}
	u.closed[s] = true
	for call, err := range calls(u.ctx, s) {
		if !errors.Is(err, journal.ErrClosed) {
			u.problem("%s after a commit that failed = %v; want ErrClosed (I9)", call, err)
		}
	}
}

// open returns a store, nil if it cannot be opened.
func (u *user) open() *Store { return u.with(Config{disk: u.disk}) }

// other opens the store as another process, on which the faults have no say.
func (u *user) other() *Store {
	s := u.with(Config{disk: u.peer})
	if s == nil {
		u.problem("another, whose disk is sound, cannot open the store: %v", u.errs[len(u.errs)-1])
	}
	u.sound[s] = true
	return s
}

func (u *user) with(c Config) *Store {
	s, err := c.Open(u.ctx, u.path)
	if !u.told(nil, "Open", err) {
		return nil
	}
	if u.limit > 0 {
		s.witness.limit, s.witness.step = u.limit, 300
	}
	u.stores = append(u.stores, s)
	return s
}

// appends adds an event of about so many bytes to each journal in one call, and
// tries again once if it was refused.
func (u *user) appends(s *Store, size int, names ...string) {
	for range 2 {
		if s == nil || u.closed[s] {
			return
		}
		there, ok := u.measure(s, names)
		if !ok || u.closed[s] {
			return
		}
		batches, texts := u.batches(size, names, there)
		if !u.note(s, names, texts, there, s.Append(u.ctx, batches...)) {
			return
		}
	}
}

// measure returns what is in some journals. Only after an unknown outcome does it
// ask the store.
func (u *user) measure(s *Store, names []string) (there map[string][]string, ok bool) {
	if len(u.maybe) == 0 {
		return u.acked, true
	}
	there = map[string][]string{}
	for _, name := range names {
		events, err := s.Events(u.ctx, name, 0)
		if !u.told(s, "Events", err) {
			return nil, false
		}
		there[name] = texts(events)
	}
	return there, true
}

// batches makes an event for each journal, of which texts has the texts.
func (u *user) batches(size int, names []string, there map[string][]string) (batches []journal.Batch, texts []string) {
	for _, name := range names {
		u.said++
		text := fmt.Sprintf("%d of %s %s", u.said, name, strings.Repeat("x", size))
		batches = append(batches, batch(name, len(there[name]), note(text)))
		texts = append(texts, text)
	}
	return batches, texts
}

// note enters in the ledger what an append returned, and reports whether it was
// refused.
func (u *user) note(s *Store, names, texts []string, there map[string][]string, err error) (refused bool) {
	switch {
	case u.told(s, "Append", err):
		for i, name := range names {
			u.acked[name] = append(slices.Clip(there[name]), texts[i])
		}
	case errors.Is(err, journal.ErrClosed):
		u.maybe = append(u.maybe, texts)
	default:
		return true
	}
	return false
}

func texts(events []journal.Event) (all []string) {
	for _, e := range events {
		text := string(e.Kind)
		if r, ok := e.Data.(*journal.Reason); ok {
			text = r.Text
		}
		all = append(all, text)
	}
	return all
}

// reads reads all there is, and wants it to be what was acknowledged.
func (u *user) reads(s *Store) {
	if s == nil {
		return
	}
	names, err := everything(u.ctx, s)
	if !u.told(s, "List", err) {
		return
	}
	if len(names) != len(u.acked) && len(u.maybe) == 0 {
		u.problem("List = %q; want %d journals", names, len(u.acked))
	}
	for _, name := range names {
		events, err := remembered(u.ctx, s, name)
		if u.told(s, "Events", err) && len(u.maybe) == 0 && !slices.Equal(texts(events), u.acked[name]) {
			u.problem("Events(%q) = %d events; want the %d that were acknowledged", name, len(events), len(u.acked[name]))
		}
	}
}

// leave closes all stores. Their files are closed whatever the disk says.
func (u *user) leave() {
	for _, s := range u.stores {
		if err := s.Close(); err != nil {
			u.errs = append(u.errs, err)
		}
		if !s.config.ReadOnly {
			u.dead(s)
		}
	}
	u.stores = nil
	for _, name := range openFiles(filepath.Dir(u.path)) {
		u.problem("%s is still open after Close", name)
	}
}

// openFiles returns the files below a directory that this process has open. It
// knows of none where there is no /proc.
func openFiles(dir string) (names []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	return names
}

// audit opens a copy of the files on a disk without faults, and compares it with
// the ledger: all that was acknowledged is there, in order; what is of unknown
// outcome is there as a whole or not at all; and nothing else is.
func (u *user) audit(when, path string, on *disk) {
	ctx, cancel := context.WithTimeout(u.ctx, time.Minute)
	defer cancel()
	s, err := Config{disk: on}.Open(ctx, path)
	if err != nil {
		u.problem("%s: Open = %v; want nil (I9)", when, err)
		return
	}
	defer s.Close()
	r, err := s.Verify(ctx)
	if err != nil {
		u.problem("%s: Verify = %v; want nil (I8)", when, err)
		return
	}
	if i := slices.IndexFunc(r.SetAside, func(s string) bool { return !strings.HasSuffix(s, tornSuffix) }); i >= 0 {
		u.problem("%s: after Open still %q", when, r.SetAside[i])
	}
	names, err := everything(ctx, s)
	if err != nil {
		u.problem("%s: List = %v", when, err)
		return
	}
	there := map[string]bool{}
	for _, name := range names {
		events, err := remembered(ctx, s, name)
		if err != nil {
			u.problem("%s: Events(%q) = %v", when, name, err)
			return
		}
		acked := u.acked[name]
		for _, text := range texts(events) {
			there[text] = true
			if len(acked) > 0 && text == acked[0] {
				acked = acked[1:]
			} else if !slices.ContainsFunc(u.maybe, func(m []string) bool { return slices.Contains(m, text) }) {
				u.problem("%s: %q has %.40q, which was not acknowledged and whose outcome was not unknown", when, name, text)
			}
		}
		if len(acked) > 0 {
			u.problem("%s: %q has %d events; want %.40q too, which was acknowledged (I8)", when, name, len(events), acked[0])
		}
	}
	for name, acked := range u.acked {
		if len(acked) > 0 && !slices.Contains(names, name) {
			u.problem("%s: no journal %q; want %d events that were acknowledged (I8)", when, name, len(acked))
		}
	}
	for _, m := range u.maybe {
		n := 0
		for _, text := range m {
			if there[text] {
				n++
			}
		}
		if n != 0 && n != len(m) {
			u.problem("%s: %d of %d events of one append are there; want all or none (J1)", when, n, len(m))
		}
	}
	if err := s.Append(ctx, batch("after", 0, note("x"))); err != nil {
		u.problem("%s: Append = %v; want nil", when, err)
	}
}
