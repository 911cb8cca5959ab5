package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline/journal"
)

// Verify implements [journal.Verifier]. It compares each event with its hash,
// with the hash of all events before it in the store, and with its place; each
// journal with what is kept of it as a whole; and has SQLite compare its indexes
// with its tables. Others may append meanwhile.
//
// Leases are not covered: a damaged one can make an executor wait or take over,
// which epochs are there for.
func (s *Store) Verify(ctx context.Context, heads ...journal.Head) (r journal.Report, err error) {
	err = s.read(ctx, func(c *conn) error {
		v := &verifier{ctx: ctx, store: s, c: c, heads: slices.Clone(heads)}
		err := v.snapshot()
		r = v.report
		return err
	})
	if err != nil {
		return r, s.fail(err, "verify")
	}
	if err := r.Err(); err != nil {
		return r, s.fail(err, "verify")
	}
	return r, nil
}

// A verifier looks at one moment of a store.
type verifier struct {
	ctx    context.Context
	store  *Store
	c      *conn
	heads  []journal.Head // that were not met yet
	report journal.Report

	newest tip   // that the database has
	start  int64 // number of the first event of its commit
	walk   *walk // nil once the witness cannot be read

	tip      tip
	journals map[int64]*chapterEnd
	order    int64 // highest ID of a journal met
}

// A chapterEnd is what is known of a journal up to some event.
type chapterEnd struct {
	name     string
	length   int64
	hash     []byte // of its last event; nil if that is lost
	ended    bool
	first    int64 // event that is not archived, as is kept of the journal
	archived int64 // events before the last one, if that says that they are
}

// most is how many places of damage are reported.
const most = 100

// errEnough says that there is too much damage to go on.
var errEnough = fmt.Errorf("too much damage to report: %w", journal.ErrCorrupt)

// found notes damage. Where it is nil error, looking goes on.
func (v *verifier) found(d *journal.Damage) error {
	v.report.Damage = append(v.report.Damage, d)
	if len(v.report.Damage) >= most {
		return errEnough
	}
	return nil
}

func (v *verifier) snapshot() (err error) {
	if _, err := v.c.exec("begin"); err != nil {
		return err
	}
	defer v.c.exec("rollback")
	if v.walk, err = v.moment(); damaged(err) {
		err = v.unreadable(err)
	}
	if err != nil {
		return err
	}
	for _, look := range []func() error{v.pages, v.schema, v.witness, v.names, v.events, v.unmatched, v.signatures, v.ends, v.met} {
		err := look()
		if damaged(err) {
			err = v.unreadable(err)
		}
		if err == errEnough {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alone looks at the database without its witness.
func (v *verifier) alone() error {
	for _, look := range []func() error{v.pages, v.schema, v.names, v.events, v.ends} {
		if err := look(); err != nil && err != errEnough {
			return err
		}
	}
	return v.report.Err()
}

// unreadable notes that SQLite cannot read the database.
func (v *verifier) unreadable(err error) error {
	return v.found(&journal.Damage{Event: -1, Where: v.store.path, Want: "a database that can be read", Got: err.Error()})
}

// pages has SQLite look at the structure of the file.
func (v *verifier) pages() error {
	return v.c.query(func(row []driver.Value) error {
		text, _ := row[0].(string)
		if text == "ok" {
			return v.ctx.Err()
		}
		if err := unread(text); err != nil {
			return err
		}
		return v.found(&journal.Damage{Event: -1, Where: v.store.path, Want: "sound pages and indexes", Got: text})
	}, fmt.Sprintf("pragma integrity_check(%d)", most))
}

// schema looks for tables, indexes and triggers that are not ours.
func (v *verifier) schema() error {
	var got []string
	err := v.c.query(func(row []driver.Value) error {
		text, _ := row[0].(string)
		got = append(got, text)
		return nil
	}, "select sql from sqlite_schema where sql is not null order by rowid")
	if err != nil {
		return err
	}
	for _, want := range statements("create ") {
		// SQLite writes the first words in capitals.
		i := slices.IndexFunc(got, func(s string) bool { return strings.EqualFold(s, want) })
		if i >= 0 {
			got = slices.Delete(got, i, i+1)
		} else if err := v.found(&journal.Damage{Event: -1, Where: v.store.path, Want: want, Got: "another schema"}); err != nil {
			return err
		}
	}
	for _, s := range got {
		if err := v.found(&journal.Damage{Event: -1, Where: v.store.path, Want: "no more than our schema", Got: s}); err != nil {
			return err
		}
	}
	return nil
}

// names reads what there is of journals.
func (v *verifier) names() error {
	v.tip = first(v.store.id)
	v.journals = map[int64]*chapterEnd{}
	return v.c.query(func(row []driver.Value) error {
		id, _ := row[0].(int64)
		name, _ := row[1].([]byte)
		first, _ := row[2].(int64)
		v.journals[id] = &chapterEnd{name: string(name), hash: journal.Seed(string(name)), first: first}
		return v.ctx.Err()
	}, "select id, name, first from journals")
}

// events reads all events in the order in which they were appended.
func (v *verifier) events() error {
	return v.c.query(func(row []driver.Value) error {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		e := storedOf(row)
		return v.event(&e)
	}, whole(""), int64(math.MinInt64))
}

// A stored event is a row of the table of events.
type stored struct {
	seq, journal, number int64
	line, hash, sum      []byte // line is nil if it is archived
	start                int64
}

// storedOf returns an event that whole selects.
func storedOf(row []driver.Value) (e stored) {
	e.seq, _ = row[0].(int64)
	e.journal, _ = row[1].(int64)
	e.number, _ = row[2].(int64)
	e.line, _ = row[3].([]byte)
	e.hash, _ = row[4].([]byte)
	e.sum, _ = row[5].([]byte)
	e.start, _ = row[6].(int64)
	return e
}

func (v *verifier) event(e *stored) error {
	where := fmt.Sprintf("event %d of the store", e.seq)
	j := v.journals[e.journal]
	if j == nil {
		j = &chapterEnd{length: e.number}
		v.journals[e.journal] = j
		if err := v.found(&journal.Damage{Event: int(e.number), Where: where, Want: "the journal that it belongs to", Got: "none of that number"}); err != nil {
			return err
		}
	}
	wrong := func(got, want string, args ...any) error {
		return v.found(&journal.Damage{Journal: j.name, Event: int(e.number), Where: where, Got: got, Want: fmt.Sprintf(want, args...)})
	}
	errs := []error{v.witnessed(e, j.name)}
	if want := v.tip.seq + 1; e.seq != want {
		errs = append(errs, wrong(fmt.Sprintf("number %d in the store", e.seq), "number %d", want))
	}
	if e.number != j.length {
		errs = append(errs, wrong(fmt.Sprintf("number %d in its journal", e.number), "number %d", j.length))
	}
	if want := e.number < j.first; want != (e.line == nil) {
		errs = append(errs, wrong(fmt.Sprintf("archived: %v", !want), "%v, for the first that is not is %d", want, j.first))
	}
	if hash := journal.Chain(j.hash, e.line); j.hash != nil && e.line != nil && !bytes.Equal(hash, e.hash) {
		errs = append(errs, wrong(fmt.Sprintf("hash %x", e.hash), "%x from the events up to it in its journal", hash))
	}
	t := v.tip.next(e.hash)
	if !bytes.Equal(t.sum[:], e.sum) {
		errs = append(errs, wrong(fmt.Sprintf("sum %x", e.sum), "%x from the events up to it in the store", t.sum))
	}
	if e.start < 1 || e.start > e.seq {
		errs = append(errs, wrong(fmt.Sprintf("a commit that began with event %d", e.start), "1 to %d", e.seq))
	}
	if j.length == 0 {
		if e.journal < v.order {
			errs = append(errs, wrong(fmt.Sprintf("journal of number %d", e.journal), "above %d, for it began later", v.order))
		}
		v.order = max(v.order, e.journal)
	}
	// Go on from what is there, so that one fault is one place of damage.
	v.tip.seq = e.seq
	v.tip.sum = [sha256.Size]byte{}
	copy(v.tip.sum[:], e.sum)
	errs = append(errs, v.kind(e, j, wrong))
	v.heads = slices.DeleteFunc(v.heads, func(h journal.Head) bool { return h.Events == e.seq && h == v.tip.head() })
	v.report.Head.Events++
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// kind goes on with what the line of e says of j, of which it is the last yet.
func (v *verifier) kind(e *stored, j *chapterEnd, wrong func(got, want string, args ...any) error) error {
	before := j.hash
	j.length, j.hash, j.ended, j.archived = e.number+1, e.hash, false, 0
	var event struct{ Kind journal.Kind }
	if e.line == nil || json.Unmarshal(e.line, &event) != nil {
		return nil
	}
	j.ended = event.Kind == journal.Ended || event.Kind == journal.Archived
	if event.Kind != journal.Archived {
		return nil
	}
	var all journal.Event
	if err := all.UnmarshalJSON(e.line); err != nil {
		return wrong(err.Error(), "an event of kind %q", journal.Archived)
	}
	a, ok := all.Data.(*journal.Archival)
	if !ok || int64(a.Events) != e.number || a.Digest.Hex() != hex.EncodeToString(before) {
		return wrong(fmt.Sprintf("an archive of %+v", a), "%d events with digest %x", e.number, before)
	}
	j.archived = e.number
	return nil
}

// ends compares what is kept of each journal as a whole with its events.
func (v *verifier) ends() error {
	v.report.Head.Digest = v.tip.head().Digest
	return v.c.query(func(row []driver.Value) error {
		id, _ := row[0].(int64)
		length, _ := row[1].(int64)
		first, _ := row[2].(int64)
		ended, _ := row[3].(int64)
		hash, _ := row[4].([]byte)
		j := v.journals[id]
		if j == nil { // the table was damaged before its row was reached
			j = &chapterEnd{name: fmt.Sprintf("number %d", id)}
		}
		v.report.Journals++
		wrong := func(got, want string) error {
			return v.found(&journal.Damage{Journal: j.name, Event: -1, Where: v.store.path, Got: got, Want: want})
		}
		switch {
		case length != j.length:
			return wrong(fmt.Sprintf("%d events", j.length), fmt.Sprint(length))
		case !bytes.Equal(hash, j.hash):
			return wrong(fmt.Sprintf("hash %x of its last event", j.hash), fmt.Sprintf("%x", hash))
		case length < 1:
			return wrong("no events", "at least one")
		case (ended == 1) != j.ended:
			return wrong(fmt.Sprintf("ended %d", ended), fmt.Sprintf("%v, from its last event", j.ended))
		case first != j.archived:
			return wrong(fmt.Sprintf("%d events archived", first), fmt.Sprintf("%d, from its last event", j.archived))
		}
		return v.ctx.Err()
	}, "select id, length, first, ended, hash from journals order by id")
}

// met looks for heads that the store has not gone through.
func (v *verifier) met() error {
	for _, h := range v.heads {
		if h == first(v.store.id).head() {
			continue
		}
		got := fmt.Sprintf("%d events in all", v.tip.seq)
		if h.Events <= v.tip.seq {
			got = fmt.Sprintf("others after %d events", h.Events)
		}
		err := v.found(&journal.Damage{Event: -1, Where: v.store.path, Got: got, Err: journal.ErrRolledBack,
			Want: fmt.Sprintf("to have had %d events with digest %v", h.Events, h.Digest)})
		if err != nil {
			return err
		}
	}
	return nil
}
