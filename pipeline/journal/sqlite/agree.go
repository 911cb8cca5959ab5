package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"unicode"

	"github.com/penstock/penstock/pipeline/journal"
)

// meet has the store go on from what the witness and the database have, when it
// is opened. Of the database it checks the events that are in the last log.
func (s *Store) meet(ctx context.Context) error {
	if err := s.witness.openLock(); err != nil {
		return err
	}
	if err := s.witness.acquire(ctx); err != nil {
		return err
	}
	defer s.witness.release()
	return s.writer.transact(ctx, func() error {
		have, _, err := newest(s.writer, s.id)
		if err != nil {
			return err
		}
		begins, entries, err := s.witness.load(have)
		if err != nil {
			return err
		}
		if err := s.agree(); err != nil {
			return err
		}
		return compare(s.writer, begins, entries)
	})
}

// agree compares the newest event of the database with that of the witness.
// They were written at the same time, and the next commit began when both were
// on the disk: so a crash leaves them as they were acknowledged, and the last
// commit in either of them, both or none. Which it was cannot be known, nor
// whether a disk lost the end of one of them later; so the commit is kept, from
// where it is. Everything else is no crash.
//
// The caller has the lock, and has begun a transaction, which may be another
// one afterwards.
func (s *Store) agree() error {
	if s.witness.off {
		return nil
	}
	if _, err := s.witness.catchUp(); err != nil {
		return err
	}
	have, start, err := newest(s.writer, s.id)
	if err != nil {
		return err
	}
	want := s.witness.tip
	switch {
	case have == want:
		return nil
	case s.witness.last != nil && have == s.witness.before:
		return s.redo(have)
	case have.seq < want.seq:
		return fmt.Errorf("the database has %d events, want %d that the witness has in %s: %w: %w",
			have.seq, want.seq, s.witness.log.Name(), journal.ErrRolledBack, journal.ErrCorrupt)
	case have.seq == want.seq:
		return fmt.Errorf("event %d of the store has sum %x, want %x that the witness has in %s: %w",
			have.seq, have.sum, want.sum, s.witness.log.Name(), journal.ErrCorrupt)
	case start > want.seq+1:
		return fmt.Errorf("the witness has %d events in %s, want %d or more, for those were acknowledged: %w",
			want.seq, s.witness.log.Name(), start-1, journal.ErrCorrupt)
	}
	var missing []entry
	t := want
	err = rows(s.writer, want.seq, func(r *row) error {
		var e journal.Event
		if err := e.UnmarshalJSON(r.line); err != nil {
			return fmt.Errorf("event %d of %q: %w", r.entry.number, r.entry.journal, err)
		}
		if bytes.ContainsFunc(r.line, unicode.IsControl) {
			return fmt.Errorf("event %d of %q has control characters: %w", r.entry.number, r.entry.journal, journal.ErrCorrupt)
		}
		r.entry.fence, r.entry.line = e.Fence(), r.line
		missing = append(missing, r.entry)
		t = t.next(r.entry.hash[:])
		return nil
	})
	if err != nil {
		return err
	}
	if t != have {
		return fmt.Errorf("events %d to %d of the store have sum %x, want %x: %w", start, have.seq, have.sum, t.sum, journal.ErrCorrupt)
	}
	return s.witness.add(have, missing)
}

// redo commits what only the witness has. The transaction goes on in another,
// so that never more than one commit is in one place alone.
func (s *Store) redo(have tip) error {
	w := s.witness
	s.tip, s.start, s.added = have, have.seq+1, s.added[:0]
	for i := range w.last {
		e := &w.last[i]
		p := part{Batch: journal.Batch{Journal: e.journal, Length: int(e.number), Events: make([]journal.Event, 1)}, lines: [][]byte{e.line}}
		if err := p.Events[0].UnmarshalJSON(e.line); err != nil {
			return fmt.Errorf("%v of the witness: %w", e, err)
		}
		refused, failed := s.again(&p)
		if refused != nil {
			refused = fmt.Errorf("%v of the witness: %w: %w", e, refused, journal.ErrCorrupt)
		}
		if err := errors.Join(refused, failed); err != nil {
			return err
		}
	}
	if s.tip != w.tip {
		return fmt.Errorf("event %d of the witness makes sum %x, want %x: %w", s.tip.seq, s.tip.sum, w.tip.sum, journal.ErrCorrupt)
	}
	if s.config.Log != nil {
		s.config.Log.Warn("a crash left a commit in the witness alone, which was put back", "log", w.log.Name(), "events", len(w.last), "from", s.start)
	}
	if _, err := s.writer.exec("commit"); err != nil {
		return err
	}
	return s.writer.begin()
}

// again does what led to the event of p, which the witness has.
func (s *Store) again(p *part) (refused, failed error) {
	if e := &p.Events[0]; e.Kind == journal.Archived {
		a, err := journal.CheckArchive(p.Journal, p.Length, e)
		if err != nil {
			return err, nil
		}
		err = fits(context.Background(), s.writer, p.Journal, a)
		if errors.Is(err, journal.ErrInput) {
			return err, nil
		}
		if err != nil {
			return nil, err
		}
		return s.archive(s.writer, p, nil)
	}
	return s.add(s.writer, []part{*p})
}

// compare checks the events of the database after a tip against the entries of
// the witness, of which there may be fewer.
func compare(c *conn, begins tip, entries []entry) error {
	sum := begins.sum[:]
	if err := c.query(func(v []driver.Value) error { sum, _ = v[0].([]byte); return nil }, "select sum from events where seq = ?1 union all select sum from archived where seq = ?1", begins.seq); err != nil {
		return err
	}
	if !bytes.Equal(sum, begins.sum[:]) {
		return fmt.Errorf("event %d of the store has sum %x, want %x that the witness has: %w", begins.seq, sum, begins.sum, journal.ErrCorrupt)
	}
	t := begins
	return rows(c, begins.seq, func(r *row) error {
		t = t.next(r.entry.hash[:])
		if r.seq != t.seq || !bytes.Equal(r.sum, t.sum[:]) {
			return fmt.Errorf("event %d of the store has sum %x, want event %d with %x: %w", r.seq, r.sum, t.seq, t.sum, journal.ErrCorrupt)
		}
		if len(entries) == 0 {
			return nil
		}
		if want := &entries[0]; !want.is(&r.entry) {
			return fmt.Errorf("event %d of the store is %v, want %v that the witness has: %w", r.seq, &r.entry, want, journal.ErrCorrupt)
		}
		entries = entries[1:]
		return nil
	})
}

// A row is an event in the database, with the entry that it should have in the
// witness but for the fence.
type row struct {
	seq   int64
	entry entry
	line  []byte // nil if it is archived
	sum   []byte
}

// rows calls visit with each event of the store after the first so many.
func rows(c *conn, after int64, visit func(r *row) error) error {
	return c.query(func(v []driver.Value) error {
		e := storedOf(v)
		name, _ := v[len(v)-1].([]byte)
		r := row{seq: e.seq, line: e.line, sum: e.sum, entry: entry{journal: string(name), number: e.number}}
		copy(r.entry.hash[:], e.hash)
		return visit(&r)
	}, whole(", (select name from journals where id = journal)"), after+1)
}
