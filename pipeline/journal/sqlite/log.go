package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock/penstock/pipeline/journal"
)

// readLog returns what is in a log, without the zeros that follow.
func readLog(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	return bytes.TrimRight(b, "\x00"), err
}

// A logReader checks that the lines of a log follow each other.
type logReader struct {
	path  string
	store string
	at    int64 // where what it reads begins in the log
	tip   tip   // before that; zero if it is not known
	base  tip   // after the first line

	before tip     // before the last line
	last   []entry // of the last line, if it is of a commit

	whole  int64
	full   bool
	signed int64    // tip.seq of the last checkpoint
	notes  []record // the checkpoints
}

// read reads the next lines. What is left of a last line is no error:
// l.whole says where it begins in b.
func (l *logReader) read(b []byte, add func([]entry)) (err error) {
	l.whole, err = scan(b, l.at, func(r *record, at int64) error {
		if (r.kind == beginning) != (at == 0) {
			return fmt.Errorf("%q, want it to be at the beginning of a log and nowhere else: %w", beginning, journal.ErrCorrupt)
		}
		if l.full {
			return fmt.Errorf("%q, want nothing after %q: %w", r.kind, full, journal.ErrCorrupt)
		}
		if r.kind == beginning {
			return l.begin(r)
		}
		if err := r.check(l.tip); err != nil {
			return err
		}
		l.before, l.last = l.tip, r.entries
		l.tip, l.full = r.tip, r.kind == full
		if r.kind == checkpoint {
			l.signed = r.tip.seq
			l.notes = append(l.notes, *r)
		}
		if add != nil {
			add(r.entries)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	return nil
}

func (l *logReader) begin(r *record) error {
	if r.store != l.store {
		return fmt.Errorf("witness of store %.40q, want %q: %w", r.store, l.store, journal.ErrCorrupt)
	}
	if want := logName(r.tip.seq); filepath.Base(l.path) != want {
		return fmt.Errorf("log that begins after %d events, want it in %s: %w", r.tip.seq, want, journal.ErrCorrupt)
	}
	if l.tip != (tip{}) && l.tip != r.tip {
		return fmt.Errorf("log that begins after %d events with sum %x, want %d with sum %x as at the end of the one before: %w",
			r.tip.seq, r.tip.sum[:6], l.tip.seq, l.tip.sum[:6], journal.ErrCorrupt)
	}
	l.tip, l.base = r.tip, r.tip
	return nil
}
