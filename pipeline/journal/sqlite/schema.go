package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/pipeline/journal"
)

const (
	application = 0x50656e73 // "Pens", in the header of the file
	version     = 4          // of the schema
	oldest      = "3.51.3"   // SQLite: from 3.7.0 to 3.51.2 a reset of the WAL could damage the file (sqlite.org/wal.html)
)

// Names and lines are blobs, so that any bytes are kept and compared as they
// are. The index of open journals keeps a store with many ended runs fast. The
// triggers are for a hand that slips: who means to can drop them, and Verify says
// so.
const schema = `
create table store (
	id text not null -- by which the store is told from others; in one row
) strict;
create table journals (
	id     integer primary key, -- in the order of first events
	name   blob    not null unique,
	length integer not null,
	first  integer not null,    -- number of the first event that is not archived
	ended  integer not null,    -- 1 if the last event is of kind ended or archived
	hash   blob    not null     -- of the last event
) strict;
create index open on journals (id) where ended = 0;
create table events (
	seq     integer primary key, -- in the order of appends to all journals, from 1
	journal integer not null,
	number  integer not null,    -- in its journal, from 0
	line    blob    not null,    -- JSON
	hash    blob    not null,    -- SHA-256 of the hash before and the line; before the first, that of the name
	sum     blob    not null,    -- SHA-256 of the sum before, in all journals, and the hash; before the first, that of the store's ID
	start   integer not null     -- seq of the first event that was committed with it
) strict;
create unique index place on events (journal, number);
create trigger kept before delete on events when not exists (select 1 from archived where seq = old.seq) begin select raise(abort, 'events are never removed, but when they are archived'); end;
create trigger fixed before update on events begin select raise(abort, 'events are never changed'); end;
create table archived (
	seq     integer primary key, -- the same of events of which the line is elsewhere
	journal integer not null,
	number  integer not null,
	hash    blob    not null,
	sum     blob    not null
) strict;
create trigger archived_kept before delete on archived begin select raise(abort, 'what is left of events is never removed'); end;
create trigger archived_fixed before update on archived begin select raise(abort, 'what is left of events is never changed'); end;
create trigger archived_true before insert on archived when not exists (
	select 1 from events join journals on id = journal
	where seq = new.seq and journal = new.journal and number = new.number and events.hash = new.hash and sum = new.sum and number < first
) begin select raise(abort, 'what is left of events is as they were'); end;
create table leases (
	owner blob    primary key,
	until integer not null       -- microseconds since 1970
) strict, without rowid;
pragma application_id = %d;
pragma user_version = %d;
`

// prepare makes the tables of a new file and checks those of an old one. It
// changes nothing in a file that is not ours.
func prepare(ctx context.Context, c *conn) error {
	if err := checkVersion(c); err != nil {
		return err
	}
	if _, err := check(c); err != nil {
		return err
	}
	mode := ""
	if err := c.query(func(v []driver.Value) error { mode, _ = v[0].(string); return nil }, "pragma journal_mode = wal"); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %q, want wal: %w", mode, journal.ErrInput)
	}
	return c.transact(ctx, func() error {
		empty, err := check(c)
		if err == nil && empty {
			err = create(c)
		}
		if err == nil {
			// Changes nothing, but fails if the file cannot be written, of
			// which begin does not complain.
			_, err = c.exec("delete from leases where false")
		}
		return err
	})
}

// check reports whether the file has nothing in it yet, and returns an error
// if it has what this version does not know.
func check(c *conn) (empty bool, err error) {
	app, err := c.number("pragma application_id")
	if err != nil {
		return false, err
	}
	ver, err := c.number("pragma user_version")
	if err != nil {
		return false, err
	}
	tables, err := c.number("select count(*) from sqlite_schema")
	if err != nil {
		return false, err
	}
	switch {
	case app == 0 && ver == 0 && tables == 0:
		return true, nil
	case app != application:
		return false, fmt.Errorf("a database of something else, application %#x with %d tables and indexes: %w", app, tables, journal.ErrInput)
	case ver != version:
		return false, fmt.Errorf("schema %d, want %d: made by another version: %w", ver, version, journal.ErrUnknown)
	}
	return false, nil
}

func create(c *conn) error {
	for _, statement := range statements("") {
		if _, err := c.exec(statement); err != nil {
			return err
		}
	}
	_, err := c.exec("insert into store (id) values (?)", rand.Text())
	return err
}

// statements returns those of the schema that begin with prefix.
func statements(prefix string) (all []string) {
	for s := range strings.SplitSeq(fmt.Sprintf(schema, application, version), ";\n") {
		if s = strings.TrimSpace(s); s != "" && strings.HasPrefix(s, prefix) {
			all = append(all, s)
		}
	}
	return all
}

// identity returns the ID of the store.
func identity(c *conn) (id string, err error) {
	rows := 0
	err = c.query(func(v []driver.Value) error {
		id, _ = v[0].(string)
		rows++
		return nil
	}, "select id from store")
	if err == nil && (rows != 1 || id == "") {
		err = fmt.Errorf("%d IDs of the store, the last %q, want one: %w", rows, id, journal.ErrCorrupt)
	}
	return id, err
}

func checkVersion(c *conn) error {
	have := ""
	if err := c.query(func(v []driver.Value) error { have, _ = v[0].(string); return nil }, "select sqlite_version()"); err != nil {
		return err
	}
	if older(have, oldest) {
		return fmt.Errorf("SQLite %s, want %s or later, for older ones can damage the file", have, oldest)
	}
	return nil
}

// older reports whether version a is before b. Versions are numbers and dots.
func older(a, b string) bool {
	return slices.Compare(numbers(a), numbers(b)) < 0
}

func numbers(version string) (all []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // 0 if it is none, which is old
		all = append(all, n)
	}
	return all
}
