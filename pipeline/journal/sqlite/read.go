package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/pipeline/journal"
)

// Events implements [journal.Store]. It checks each event it returns against
// the hashes kept with it and with the journal.
func (s *Store) Events(ctx context.Context, name string, from int) (events []journal.Event, err error) {
	err = s.read(ctx, func(c *conn) (err error) {
		events, err = chapter(ctx, c, name, max(from, 0))
		return err
	})
	if err != nil {
		return nil, s.fail(err, "read %q", name)
	}
	return events, nil
}

// chapter reads a journal from an event on.
func chapter(ctx context.Context, c *conn, name string, from int) ([]journal.Event, error) {
	head, err := find(c, name)
	if err != nil || from >= head.length {
		return nil, err
	}
	if head.first > 0 {
		e, err := remains(c, name, head)
		if err == nil && from < head.first {
			err = journal.NewArchivedError(name, &e)
		}
		if err != nil {
			return nil, err
		}
		return []journal.Event{e}, nil
	}
	events, err := present(ctx, c, name, head, from)
	if errors.Is(err, journal.ErrCorrupt) {
		if now, failed := find(c, name); failed == nil && now.first > 0 {
			return chapter(ctx, c, name, from) // it was archived meanwhile
		}
	}
	return events, err
}

// present reads events of which none is archived. They are never changed, so those
// below the length that was read first are of one moment.
func present(ctx context.Context, c *conn, name string, head head, from int) ([]journal.Event, error) {
	hash, next := journal.Seed(name), 0
	if from > 0 {
		hash, next = nil, from-1 // the event before is read for its hash
	}
	events := make([]journal.Event, 0, head.length-from)
	err := c.query(func(v []driver.Value) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		number, _ := v[0].(int64)
		line, _ := v[1].([]byte)
		kept, _ := v[2].([]byte)
		if int(number) != next {
			return fmt.Errorf("event %d is missing: %w", next, journal.ErrCorrupt)
		}
		next++
		if hash == nil {
			hash = kept
			return nil
		}
		if hash = journal.Chain(hash, line); !bytes.Equal(hash, kept) {
			return fmt.Errorf("event %d is not what was recorded: %w", number, journal.ErrCorrupt)
		}
		var e journal.Event
		if err := e.UnmarshalJSON(line); err != nil {
			return fmt.Errorf("event %d: %w", number, err)
		}
		events = append(events, e)
		return nil
	}, "select number, line, hash from events where journal = ? and number >= ? and number < ? order by number", head.id, int64(next), int64(head.length))
	switch {
	case err != nil:
		return nil, err
	case next != head.length:
		return nil, fmt.Errorf("event %d, of %d, is missing: %w", next, head.length, journal.ErrCorrupt)
	case !bytes.Equal(hash, head.hash):
		return nil, fmt.Errorf("event %d is not the last that was recorded: %w", next-1, journal.ErrCorrupt)
	}
	return events, nil
}

// List implements [journal.Store].
func (s *Store) List(ctx context.Context, q journal.Query) (names []string, err error) {
	err = s.read(ctx, func(c *conn) (err error) {
		names, err = list(c, q)
		return err
	})
	if err != nil {
		return nil, s.fail(err, "list journals")
	}
	return names, nil
}

func list(c *conn, q journal.Query) (names []string, err error) {
	var where []string
	var args []any
	and := func(condition string, arg ...any) {
		where = append(where, condition)
		args = append(args, arg...)
	}
	and("(first > 0) = ?", q.Archived)
	if q.Open {
		and("ended = 0")
	}
	if q.Prefix != "" {
		and("name >= ?", []byte(q.Prefix))
		if end := after(q.Prefix); end != nil {
			and("name < ?", end)
		}
	}
	order, further := "id", "id > ?"
	if q.Newest {
		order, further = "id desc", "id < ?"
	}
	if q.After != "" {
		h, err := find(c, q.After)
		if err != nil {
			return nil, err
		}
		if h.id == 0 {
			return nil, fmt.Errorf("after %q, of which there is no journal: %w", q.After, journal.ErrInput)
		}
		and(further, h.id)
	}
	limit := int64(-1) // none
	if q.Limit > 0 {
		limit = int64(q.Limit)
	}
	err = c.query(func(v []driver.Value) error {
		name, _ := v[0].([]byte)
		names = append(names, string(name))
		return nil
	}, "select name from journals where "+strings.Join(where, " and ")+" order by "+order+" limit ?", append(args, limit)...)
	return names, err
}

// after returns the least name that is greater than all that begin with prefix,
// nil if there is none.
func after(prefix string) []byte {
	end := bytes.TrimRight([]byte(prefix), "\xff")
	if len(end) == 0 {
		return nil
	}
	end[len(end)-1]++
	return end
}

// read calls do with a connection that nobody else uses.
func (s *Store) read(ctx context.Context, do func(c *conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.use.RLock()
	defer s.use.RUnlock()
	return retry(ctx, func() error {
		c, err := s.borrow()
		if err != nil {
			return err
		}
		defer s.giveBack(c)
		return do(c)
	})
}

// spare is how many connections are kept to be read from later.
const spare = 4

func (s *Store) borrow() (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return nil, s.dead
	}
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return c, nil
	}
	return s.connect()
}

func (s *Store) giveBack(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) < spare {
		s.idle = append(s.idle, c)
		return
	}
	c.Close()
}
