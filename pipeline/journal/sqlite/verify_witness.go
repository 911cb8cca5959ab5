package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/pipeline/journal"
)

// A walk goes through the logs of a witness as they were at one moment, event
// by event.
type walk struct {
	paths []string // of the logs that are left to read
	tail  []byte   // what the last one had
	store string

	base    tip // with which the first log begins
	at      int64
	entries []entry  // of the events after at that are read
	notes   []record // the checkpoints
	torn    string   // what a crash left at the end; empty if nothing
	reader  logReader
}

// next returns what the witness has of the event after those it returned
// before, and nil at the end.
func (w *walk) next() (*entry, error) {
	if err := w.fill(); err != nil || len(w.entries) == 0 {
		return nil, err
	}
	e := &w.entries[0]
	w.entries = w.entries[1:]
	w.at++
	return e, nil
}

// fill reads on until there are entries, or nothing is left.
func (w *walk) fill() error {
	for len(w.entries) == 0 && len(w.paths) > 0 {
		if err := w.read(); err != nil {
			return err
		}
	}
	return nil
}

// alone reports whether what is left of the witness is the one commit after t,
// as a crash can leave it.
func (w *walk) alone(t tip) bool {
	return w.reader.last != nil && w.reader.before == t && w.at == t.seq
}

// read reads the next log.
func (w *walk) read() error {
	path := w.paths[0]
	w.paths = w.paths[1:]
	b := w.tail
	if len(w.paths) > 0 {
		var err error
		if b, err = readLog(path); err != nil {
			return err
		}
	}
	l := &logReader{path: path, store: w.store, tip: w.reader.tip}
	w.entries = nil
	err := l.read(b, func(e []entry) { w.entries = append(w.entries, e...) })
	if err != nil {
		return err
	}
	if l.whole < int64(len(b)) || len(b) == 0 {
		w.torn = fmt.Sprintf("%s, from byte %d", path, l.whole)
	}
	if len(w.paths) > 0 && !l.full {
		return fmt.Errorf("%s: at byte %d: it ends without %q, and another log follows: %w", path, l.whole, full, journal.ErrCorrupt)
	}
	if w.reader.tip == (tip{}) {
		w.base, w.at = l.base, l.base.seq
	}
	w.notes = append(w.notes, l.notes...)
	w.reader = *l
	return nil
}

// moment has the verifier see the database and its witness as they are at one
// moment between two commits.
func (v *verifier) moment() (w *walk, err error) {
	dir := v.store.witness.dir
	// The lock of the store itself would not keep out its own writer.
	f, err := os.Open(filepath.Join(dir, lockName))
	if err == nil {
		defer f.Close()
		err = retry(v.ctx, func() error { return lock(f, true) })
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if v.newest, v.start, err = newest(v.c, v.store.id); err != nil { // begins the snapshot
		return nil, err
	}
	w = &walk{store: v.store.id}
	if w.paths, err = logs(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if n := len(w.paths); n > 0 {
		if w.tail, err = readLog(w.paths[n-1]); err != nil {
			return nil, err
		}
	}
	torn, err := filesOf(dir, tornSuffix)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	v.report.SetAside = torn
	return w, nil
}

// witness reads the first log of the witness.
func (v *verifier) witness() error {
	if v.walk == nil {
		return nil
	}
	if len(v.walk.paths) == 0 {
		v.walk = nil
		return v.found(&journal.Damage{Event: -1, Where: v.store.witness.dir, Got: "no witness", Want: "one of all events"})
	}
	return v.stroll(v.walk.read())
}

// stroll ends the walk if there is an error, which is damage of the witness.
func (v *verifier) stroll(err error) error {
	if err == nil {
		return nil
	}
	v.walk = nil
	if !errors.Is(err, journal.ErrCorrupt) {
		return err
	}
	return v.found(&journal.Damage{Event: -1, Where: v.store.witness.dir, Got: err.Error(), Want: "lines as they were written", Err: err})
}

// witnessed compares an event of the database with what the witness has.
func (v *verifier) witnessed(e *stored, name string) error {
	w := v.walk
	if w == nil || e.seq < w.base.seq {
		return nil
	}
	if e.seq == w.base.seq {
		if string(e.sum) != string(w.base.sum[:]) {
			return v.found(&journal.Damage{Journal: name, Event: int(e.number), Where: w.reader.path, Got: fmt.Sprintf("sum %x", e.sum), Want: fmt.Sprintf("%x, with which the witness begins", w.base.sum)})
		}
		return nil
	}
	if err := v.lost(e.seq - 1); err != nil || v.walk == nil {
		return err
	}
	if w.at >= e.seq { // a number twice
		return nil
	}
	want, err := w.next()
	if err != nil || want == nil {
		return v.stroll(err)
	}
	got := entry{journal: name, number: e.number}
	copy(got.hash[:], e.hash)
	v.report.Witnessed++
	if want.is(&got) {
		return nil
	}
	return v.found(&journal.Damage{Journal: want.journal, Event: int(want.number), Where: w.reader.path,
		Got: fmt.Sprintf("%v as event %d of the store", &got, e.seq), Want: want.String()})
}

// lost reports the events up to seq that only the witness has.
func (v *verifier) lost(seq int64) error {
	for v.walk != nil && v.walk.at < seq {
		e, err := v.walk.next()
		if err != nil {
			return v.stroll(err)
		}
		if e == nil {
			return nil
		}
		err = v.found(&journal.Damage{Journal: e.journal, Event: int(e.number), Where: v.walk.reader.path, Got: "no such event", Want: e.String(), Err: journal.ErrRolledBack})
		if err != nil {
			return err
		}
	}
	return nil
}

// unmatched reports what only one of database and witness has.
func (v *verifier) unmatched() error {
	w := v.walk
	if w == nil {
		return nil
	}
	if err := w.fill(); err != nil {
		return v.stroll(err)
	}
	if w.alone(v.newest) {
		v.report.SetAside = append(v.report.SetAside, fmt.Sprintf("%s, a commit of %d events after %d, to be put back", w.reader.path, len(w.entries), w.at))
	} else if err := v.lost(1<<63 - 1); err != nil || v.walk == nil {
		return err
	}
	if w.torn != "" {
		v.report.SetAside = append(v.report.SetAside, w.torn+", to be set aside")
	}
	// One commit may be unwitnessed, for who made it died.
	if end := w.reader.tip.seq; v.newest.seq > end && v.start > end+1 {
		return v.found(&journal.Damage{Event: -1, Where: w.reader.path, Got: fmt.Sprintf("%d events", end), Want: fmt.Sprintf("%d or more, for those were acknowledged", v.start-1)})
	}
	return nil
}
