package journal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Memory is a [Store] that forgets everything when the process ends. It is a
// [Watcher], a [Leaser] and an [Archiver], so several executors in one process may
// share it.
// The zero Memory is ready to use. It must not be copied.
type Memory struct {
	mu       sync.Mutex
	journals map[string]*memory
	order    []string               // names, in the order of their first events
	grow     []*memory              // by batch of an Append: the journals that grow
	seq      int64                  // of the last append
	recent   []grown                // what grew last, oldest first
	dropped  int64                  // highest seq that recent has forgotten
	waiters  map[chan struct{}]bool // one bell for each call of Changes that waits
	leases   map[string]time.Time
}

type memory struct {
	chunks [][]Event // full but for the last one, so that no event is ever moved
	length int
	last   Kind
	number int // in order
	gone   int // events that were archived, which are not in chunks
}

func (j *memory) add(events []Event) {
	j.length += len(events)
	j.last = events[len(events)-1].Kind
	for len(events) > 0 {
		n := len(j.chunks) - 1
		if n < 0 || len(j.chunks[n]) == cap(j.chunks[n]) {
			j.chunks = append(j.chunks, make([]Event, 0, min(max(8, j.length), 512)))
			n++
		}
		c := j.chunks[n]
		k := min(len(events), cap(c)-len(c))
		j.chunks[n] = append(c, events[:k]...)
		events = events[k:]
	}
}

// from returns a copy of the events from number n on, of which none is gone.
func (j *memory) from(n int) []Event {
	if n >= j.length {
		return nil
	}
	out := make([]Event, 0, j.length-n)
	n -= j.gone
	for _, c := range j.chunks {
		if n >= len(c) {
			n -= len(c)
			continue
		}
		out = append(out, c[n:]...)
		n = 0
	}
	return out
}

type grown struct {
	name string
	seq  int64
}

// Append implements [Store].
func (s *Memory) Append(ctx context.Context, batches ...Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := Check(batches); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grow = s.grow[:0]
	for i := range batches {
		b := &batches[i]
		j := s.journals[b.Journal]
		if j == nil {
			j = new(memory)
		}
		if j.length != b.Length {
			return fmt.Errorf("%q has %d events, not %d: %w", b.Journal, j.length, b.Length, ErrConflict)
		}
		if j.last == Archived {
			return fmt.Errorf("append to %q: %w", b.Journal, ErrArchived)
		}
		s.grow = append(s.grow, j)
	}
	for i := range batches {
		s.add(s.grow[i], &batches[i])
	}
	s.ring()
	return nil
}

// ring ends every call of Changes that waits.
func (s *Memory) ring() {
	if len(s.waiters) == 0 {
		return
	}
	for bell := range s.waiters {
		close(bell)
	}
	clear(s.waiters)
}

// add adds the events of b to j, its journal.
func (s *Memory) add(j *memory, b *Batch) {
	if j.length == 0 {
		if s.journals == nil {
			s.journals = map[string]*memory{}
		}
		j.number = len(s.order)
		s.journals[b.Journal] = j
		s.order = append(s.order, b.Journal)
	}
	j.add(b.Events)
	s.seq++
	if n := len(s.recent); n > 0 && s.recent[n-1].name == b.Journal {
		s.recent[n-1].seq = s.seq
		return
	}
	const keep = 1 << 12
	if len(s.recent) == 2*keep {
		s.dropped = s.recent[keep-1].seq
		s.recent = append(s.recent[:0], s.recent[keep:]...)
	}
	s.recent = append(s.recent, grown{b.Journal, s.seq})
}

// Events implements [Store].
func (s *Memory) Events(ctx context.Context, name string, from int) ([]Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journals[name]
	if j == nil {
		return nil, nil
	}
	if from = max(from, 0); from < j.gone {
		return nil, NewArchivedError(name, &j.chunks[0][0])
	}
	return j.from(from), nil
}

// List implements [Store].
func (s *Memory) List(ctx context.Context, q Query) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at, step := 0, 1
	if q.Newest {
		at, step = len(s.order)-1, -1
	}
	if q.After != "" {
		j := s.journals[q.After]
		if j == nil {
			return nil, fmt.Errorf("list after %q, of which there is no journal: %w", q.After, ErrInput)
		}
		at = j.number + step
	}
	var names []string
	for ; at >= 0 && at < len(s.order); at += step {
		name := s.order[at]
		last := s.journals[name].last
		if !strings.HasPrefix(name, q.Prefix) || q.Archived != (last == Archived) || q.Open && (last == Ended || last == Archived) {
			continue
		}
		names = append(names, name)
		if len(names) == q.Limit {
			break
		}
	}
	return names, nil
}

// Archive implements [Archiver].
func (s *Memory) Archive(ctx context.Context, name string, length int, e Event, seen ...Seen) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := CheckArchive(name, length, &e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journals[name]
	if j == nil || j.length != length {
		return fmt.Errorf("%q does not have %d events: %w", name, length, ErrConflict)
	}
	for _, other := range seen {
		if n := s.length(other.Journal); n != other.Length {
			return fmt.Errorf("archive of %q: %q has %d events, not %d: %w", name, other.Journal, n, other.Length, ErrConflict)
		}
	}
	if j.gone > 0 {
		return fmt.Errorf("archive of %q: %w: %w", name, ErrArchived, ErrInput)
	}
	if err := a.Check(name, j.from(0)); err != nil {
		return err
	}
	j.chunks, j.gone = [][]Event{make([]Event, 0, 1)}, length
	s.add(j, &Batch{Journal: name, Events: []Event{e}})
	s.ring()
	return nil
}

func (s *Memory) length(name string) int {
	if j := s.journals[name]; j != nil {
		return j.length
	}
	return 0
}

// Changes implements [Watcher].
func (s *Memory) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	s.mu.Lock()
	if mark < 0 {
		mark = s.seq
	}
	defer s.mu.Unlock()
	for s.seq <= mark {
		if err := s.wait(ctx); err != nil {
			return nil, mark, err
		}
	}
	if mark < s.dropped {
		return slices.Clone(s.order), s.seq, nil
	}
	var names []string
	seen := map[string]bool{}
	for i := len(s.recent) - 1; i >= 0 && s.recent[i].seq > mark; i-- {
		if name := s.recent[i].name; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	slices.Reverse(names)
	return names, s.seq, nil
}

// wait lets go of s.mu until something is appended or ctx is done. A bell that
// nobody waits for any more is thrown away, for it may belong to a bubble of
// testing/synctest, outside of which it must not be touched.
func (s *Memory) wait(ctx context.Context) error {
	bell := make(chan struct{})
	if s.waiters == nil {
		s.waiters = map[chan struct{}]bool{}
	}
	s.waiters[bell] = true
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-bell:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.waiters, bell)
		s.mu.Unlock()
		return ctx.Err()
	}
}

// Renew implements [Leaser].
func (s *Memory) Renew(ctx context.Context, owner string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !until.After(time.Now()) {
		delete(s.leases, owner)
		return nil
	}
	if s.leases == nil {
		s.leases = map[string]time.Time{}
	}
	s.leases[owner] = until
	return nil
}

// Alive implements [Leaser].
func (s *Memory) Alive(ctx context.Context, owner string, now time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Before(s.leases[owner]), nil
}
