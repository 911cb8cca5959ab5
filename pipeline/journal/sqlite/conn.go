package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/penstock/penstock/pipeline/journal"
)

// A conn is one connection to the file. It is used by one goroutine at a time.
// It is the driver's own and not one of database/sql, which adds a goroutine
// and a pool that this package would have to work around: it needs one
// connection to write and a few to read.
type conn struct {
	driver.Conn
	prepared map[string]driver.Stmt
}

// patience is how long SQLite itself waits for a lock of another process
// before we look whether the context is done.
const patience = 50 * time.Millisecond

// connect opens a connection in a mode of SQLite's: rwc or ro. An empty vfs is
// SQLite's own.
func connect(path, mode, vfs string) (*conn, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/x is /C:/x in a URL
	}
	query := "mode=" + mode
	if vfs != "" {
		query += "&vfs=" + vfs
	}
	d, err := new(sqlite.Driver).Open((&url.URL{Scheme: "file", Path: slashed, RawQuery: query}).String())
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: d, prepared: map[string]driver.Stmt{}}
	for _, pragma := range []string{
		fmt.Sprintf("busy_timeout = %d", patience.Milliseconds()),
		"synchronous = full",
		"fullfsync = on",            // on macOS fsync alone leaves the data in the disk's cache
		"checkpoint_fullfsync = on", // the same
		"trusted_schema = off",
		"cell_size_check = on",
	} {
		if _, err := c.exec("pragma " + pragma); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// exec runs a statement that returns no rows, and returns its last new row ID.
func (c *conn) exec(query string, args ...any) (id int64, err error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(context.Background(), values(args))
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// transact has do done in a transaction, which is rolled back if it fails.
func (c *conn) transact(ctx context.Context, do func() error) error {
	if err := retry(ctx, c.begin); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = c.exec("commit")
	}
	if err != nil {
		c.exec("rollback") // it may have been done already
	}
	return err
}

// begin begins a transaction that writes.
func (c *conn) begin() error {
	_, err := c.exec("begin immediate")
	return err
}

// query calls row with each row that a statement returns.
func (c *conn) query(row func(v []driver.Value) error, query string, args ...any) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), values(args))
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	v := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(v); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := row(v); err != nil {
			return err
		}
	}
}

// number returns what a statement returns in one column of one row.
func (c *conn) number(query string, args ...any) (n int64, err error) {
	err = c.query(func(v []driver.Value) error {
		n, _ = v[0].(int64) // max of no rows is null, which is 0 to all that ask
		return nil
	}, query, args...)
	return n, err
}

func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s := c.prepared[query]; s != nil {
		return s, nil
	}
	s, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	c.prepared[query] = s
	return s, nil
}

// Close closes the connection and its statements.
func (c *conn) Close() error {
	var err error
	for _, s := range c.prepared {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, c.Conn.Close())
}

func values(args []any) []driver.NamedValue {
	v := make([]driver.NamedValue, len(args))
	for i, a := range args {
		v[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return v
}

// retry calls do until it does not fail because another connection has the
// lock that it needs, or until ctx is done.
func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !locked(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the lock that another process holds: %w", ctx.Err())
		}
		time.Sleep(time.Millisecond) // some kinds of busy do not wait by themselves
	}
}

// locked reports whether err is that another connection has a lock.
// SQLITE_PROTOCOL is that SQLite has tried for ten seconds to begin to read, as a
// process was stopped in the midst of that (sqlite.org/rescode.html). What has
// ended the Store does not pass.
func locked(err error) bool {
	c := code(err)
	return (c == lib.SQLITE_BUSY || c == lib.SQLITE_PROTOCOL || errors.Is(err, errHeld)) && !errors.Is(err, journal.ErrClosed)
}

// code returns the primary result code of SQLite, 0 if err is not its.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
