package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"fmt"

	"github.com/penstock/penstock/pipeline/journal"
)

// Append implements [journal.Store]. If ctx is done while it waits for another
// process, nothing is added.
func (s *Store) Append(ctx context.Context, batches ...journal.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := journal.Check(batches); err != nil {
		return err
	}
	parts := make([]part, len(batches))
	for i, b := range batches {
		var err error
		if parts[i], err = encode(b); err != nil {
			return err
		}
	}
	err := s.commit(ctx, func(c *conn) (refused, failed error) { return s.add(c, parts) })
	if err != nil {
		return s.fail(err, "append to %q", batches[0].Journal)
	}
	s.ring()
	return nil
}

// A part is a batch in the form in which it is kept.
type part struct {
	journal.Batch
	lines [][]byte
	head  head
}

// A head is what is kept of a journal as a whole.
type head struct {
	id     int64 // 0 if there is no such journal yet
	length int
	first  int // that is not archived
	ended  bool
	hash   []byte
}

func encode(b journal.Batch) (part, error) {
	p := part{Batch: b, lines: make([][]byte, len(b.Events))}
	for i, e := range b.Events {
		var err error
		if p.lines[i], err = e.MarshalJSON(); err != nil {
			return part{}, fmt.Errorf("event %d for %q: %w: %w", b.Length+i, b.Journal, journal.ErrInput, err)
		}
	}
	return p, nil
}

// add looks at the lengths of all journals before it changes any, so that a
// refusal leaves no trace in a transaction that others share.
func (s *Store) add(c *conn, parts []part) (refused, failed error) {
	for i := range parts {
		p := &parts[i]
		if p.head, failed = find(c, p.Journal); failed != nil {
			return nil, failed
		}
		if p.head.length != p.Length {
			return fmt.Errorf("%q has %d events, not %d: %w", p.Journal, p.head.length, p.Length, journal.ErrConflict), nil
		}
		if p.head.first > 0 {
			return fmt.Errorf("%q: %w", p.Journal, journal.ErrArchived), nil
		}
	}
	for i := range parts {
		if err := s.write(c, &parts[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func find(c *conn, name string) (head, error) {
	h := head{hash: journal.Seed(name)}
	err := c.query(func(v []driver.Value) error {
		length, _ := v[1].(int64)
		first, _ := v[2].(int64)
		h.id, _ = v[0].(int64)
		h.length, h.first, h.ended = int(length), int(first), v[3] == int64(1)
		h.hash, _ = v[4].([]byte)
		return nil
	}, "select id, length, first, ended, hash from journals where name = ?", []byte(name))
	return h, err
}

func (s *Store) write(c *conn, p *part) error {
	hashes := make([][]byte, len(p.lines))
	hash := p.head.hash
	for i, line := range p.lines {
		hash = journal.Chain(hash, line)
		hashes[i] = hash
	}
	length, ended := int64(p.Length+len(p.lines)), int64(0)
	last := p.Events[len(p.Events)-1].Kind
	switch last {
	case journal.Ended, journal.Archived:
		ended = 1
	case journal.Released:
		s.parked = true
	}
	id := p.head.id
	var err error
	if id == 0 {
		id, err = c.exec("insert into journals (name, length, first, ended, hash) values (?, ?, 0, ?, ?)", []byte(p.Journal), length, ended, hash)
	} else {
		_, err = c.exec("update journals set length = ?, ended = ?, hash = ? where id = ?", length, ended, hash, id)
	}
	for i, line := range p.lines {
		if err != nil {
			break
		}
		s.tip = s.tip.next(hashes[i])
		s.added = append(s.added, entry{p.Journal, int64(p.Length + i), [sha256.Size]byte(hashes[i]), p.Events[i].Fence(), line})
		_, err = c.exec("insert into events (seq, journal, number, line, hash, sum, start) values (?, ?, ?, ?, ?, ?, ?)",
			s.tip.seq, id, int64(p.Length+i), line, hashes[i], s.tip.sum[:], s.start)
	}
	if err == nil && last == journal.Archived {
		err = forget(c, id, length-1)
	}
	return err
}
