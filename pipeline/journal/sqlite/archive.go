package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline/journal"
)

// whole selects all events of the store from one on, and more of each. Those that are
// archived have no line. It merges two tables, so that nothing has to be sorted.
func whole(more string) string {
	return `select seq, journal, number, line, hash, sum, start` + more + ` from events where seq >= ?1
		union all select seq, journal, number, null, hash, sum, seq` + more + ` from archived where seq >= ?1
		order by seq`
}

// Archive implements [journal.Archiver]. Of each event that is forgotten its
// hashes stay, in about a hundred bytes, so that Verify goes through all that there
// ever was. The space of the rest is used again; the file becomes smaller by
// SQLite's VACUUM alone. The witness has the events until its older logs are moved
// away.
func (s *Store) Archive(ctx context.Context, name string, length int, e journal.Event, seen ...journal.Seen) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := journal.CheckArchive(name, length, &e)
	if err != nil {
		return err
	}
	p, err := encode(journal.Batch{Journal: name, Length: length, Events: []journal.Event{e}})
	if err != nil {
		return err
	}
	err = s.read(ctx, func(c *conn) error { return fits(ctx, c, name, a) }) // before others have to wait
	if err == nil {
		err = s.commit(ctx, func(c *conn) (refused, failed error) { return s.archive(c, &p, seen) })
	}
	if err != nil {
		return s.fail(err, "archive %q", name)
	}
	s.ring()
	return nil
}

// fits compares what would be left of a journal with its events, which never change.
// If there are more or fewer of them now, archive is to say so.
func fits(ctx context.Context, c *conn, name string, a *journal.Archival) error {
	events, err := chapter(ctx, c, name, 0)
	if errors.Is(err, journal.ErrArchived) || err == nil && len(events) != a.Events {
		return nil
	}
	if err != nil {
		return err
	}
	return a.Check(name, events)
}

// archive leaves of a journal what p says, if it is as long, and the others are. It
// fits then.
func (s *Store) archive(c *conn, p *part, seen []journal.Seen) (refused, failed error) {
	if p.head, failed = find(c, p.Journal); failed != nil {
		return nil, failed
	}
	// What was added in this transaction is not witnessed yet, and so that has
	// to be able to read it.
	fresh := slices.ContainsFunc(s.added, func(e entry) bool { return e.journal == p.Journal })
	switch {
	case fresh:
		return fmt.Errorf("%q has grown in the same commit: %w", p.Journal, journal.ErrConflict), nil
	case p.head.length != p.Length:
		return fmt.Errorf("%q has %d events, not %d: %w", p.Journal, p.head.length, p.Length, journal.ErrConflict), nil
	case p.head.first > 0:
		return fmt.Errorf("%q: %w: %w", p.Journal, journal.ErrArchived, journal.ErrInput), nil
	}
	for _, other := range seen {
		h, err := find(c, other.Journal)
		if err != nil {
			return nil, err
		}
		if h.length != other.Length {
			return fmt.Errorf("%q has %d events, not %d: %w", other.Journal, h.length, other.Length, journal.ErrConflict), nil
		}
	}
	return nil, s.write(c, p)
}

// forget leaves the hashes of the events before number first of a journal.
func forget(c *conn, id, first int64) error {
	for _, statement := range []string{
		"update journals set first = ?2 where id = ?1",
		"insert into archived (seq, journal, number, hash, sum) select seq, journal, number, hash, sum from events where journal = ?1 and number < ?2",
		"delete from events where journal = ?1 and number < ?2",
	} {
		if _, err := c.exec(statement, id, first); err != nil {
			return err
		}
	}
	return nil
}

// remains returns what a journal that is archived ends with, which has the hash of
// what was before.
func remains(c *conn, name string, h head) (e journal.Event, err error) {
	var line, kept []byte
	err = c.query(func(v []driver.Value) error {
		line, _ = v[0].([]byte)
		kept, _ = v[1].([]byte)
		return nil
	}, "select line, hash from events where journal = ? and number = ?", h.id, int64(h.first))
	if err != nil {
		return e, err
	}
	if err := e.UnmarshalJSON(line); err != nil {
		return e, fmt.Errorf("event %d: %w", h.first, err)
	}
	a, ok := e.Data.(*journal.Archival)
	if !ok || h.length != h.first+1 {
		return e, fmt.Errorf("event %d, of %d, is of kind %q, want the last and of kind %q: %w", h.first, h.length, e.Kind, journal.Archived, journal.ErrCorrupt)
	}
	before, _ := hex.DecodeString(a.Digest.Hex())
	if hash := journal.Chain(before, line); !bytes.Equal(hash, kept) || !bytes.Equal(hash, h.hash) {
		return e, fmt.Errorf("event %d is not what was recorded: %w", h.first, journal.ErrCorrupt)
	}
	return e, nil
}
