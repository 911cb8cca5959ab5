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
// [Watcher] and a [Leaser], so several executors in one process may share it.
// The zero Memory is ready to use. It must not be copied.
type Memory struct {
	mu       sync.Mutex
	journals map[string]*memory
	order    []string // names, in the order of their first events
	seq      int64    // of the last append
	recent   []grown  // what grew last, oldest first
	dropped  int64    // highest seq that recent has forgotten
	bell     chan struct{}
	leases   map[string]time.Time
}

type memory struct {
	events []Event
	number int // in order
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
	for i := range batches {
		b := &batches[i]
		length := 0
		if j := s.journals[b.Journal]; j != nil {
			length = len(j.events)
		}
		if length != b.Length {
			return fmt.Errorf("%q has %d events, not %d: %w", b.Journal, length, b.Length, ErrConflict)
		}
	}
	for i := range batches {
		s.add(&batches[i])
	}
	if s.bell != nil {
		close(s.bell)
		s.bell = nil
	}
	return nil
}

func (s *Memory) add(b *Batch) {
	j := s.journals[b.Journal]
	if j == nil {
		if s.journals == nil {
			s.journals = map[string]*memory{}
		}
		j = &memory{number: len(s.order)}
		s.journals[b.Journal] = j
		s.order = append(s.order, b.Journal)
	}
	j.events = append(j.events, b.Events...)
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

// Check reports whether a [Store] can be asked to append the batches: an error
// for which errors.Is(err, [ErrInput]) if not. Stores call it first.
func Check(batches []Batch) error {
	if len(batches) == 0 {
		return fmt.Errorf("append of no batches: %w", ErrInput)
	}
	for i, b := range batches {
		if b.Journal == "" || len(b.Journal) > 160 {
			return fmt.Errorf("journal name of %d bytes, want 1 to 160: %w", len(b.Journal), ErrInput)
		}
		if b.Length < 0 || len(b.Events) == 0 {
			return fmt.Errorf("batch of %d events at length %d of %q: %w", len(b.Events), b.Length, b.Journal, ErrInput)
		}
		for j := range i {
			if batches[j].Journal == b.Journal {
				return fmt.Errorf("two batches for %q: %w", b.Journal, ErrInput)
			}
		}
	}
	return nil
}

// Events implements [Store].
func (s *Memory) Events(ctx context.Context, name string, from int) ([]Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j := s.journals[name]
	if j == nil || from >= len(j.events) {
		return nil, nil
	}
	// The events of a journal never change, so the caller may share them.
	return slices.Clip(j.events[max(from, 0):]), nil
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
		events := s.journals[name].events
		if !strings.HasPrefix(name, q.Prefix) || q.Open && events[len(events)-1].Kind == Ended {
			continue
		}
		names = append(names, name)
		if len(names) == q.Limit {
			break
		}
	}
	return names, nil
}

// Changes implements [Watcher].
func (s *Memory) Changes(ctx context.Context, mark int64) ([]string, int64, error) {
	s.mu.Lock()
	if mark < 0 {
		mark = s.seq
	}
	for s.seq <= mark {
		if s.bell == nil {
			s.bell = make(chan struct{})
		}
		bell := s.bell
		s.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, mark, ctx.Err()
		case <-bell:
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
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

// Renew implements [Leaser].
func (s *Memory) Renew(ctx context.Context, owner string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
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
