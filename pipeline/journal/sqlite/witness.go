package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/penstock/penstock/pipeline/journal"
)

// A witness says what was committed, in files that are only added to, in a
// directory beside the database. SQLite takes the first damaged frame of its
// WAL for the end of it, and cannot know that it is an old copy of itself; the
// witness is how that is found.
//
// It is written after the commit and before anything is acknowledged, so it is
// never ahead of the database, and behind it by one commit at most, which the
// next writer then makes up for. All this is done by who has the lock.
//
// A witness is not safe for use by several goroutines at once.
type witness struct {
	dir   string
	store string // what its logs have to be of
	disk  disk
	limit int64        // bytes in a log that is full
	tell  *slog.Logger // of what is set aside; may be nil
	lock  *os.File     // never removed, or two could hold it

	log    *os.File // the newest
	size   int64    // how much of it is known
	base   tip      // with which it begins
	tip    tip      // what it witnesses
	full   bool     // the next log is to begin
	signed int64    // tip.seq of the last checkpoint
}

// A disk is how the witness changes files. Tests put another in place that
// fails.
type disk struct {
	write func(f *os.File, b []byte) error
	sync  func(f *os.File) error
}

var realDisk = disk{
	write: func(f *os.File, b []byte) error {
		_, err := f.Write(b)
		return err
	},
	sync: (*os.File).Sync,
}

const (
	logSuffix  = ".log"
	tornSuffix = ".torn"
	lockName   = "lock"

	logSize = 1 << 20 // bytes in a log, about 6,000 events; the last log is read whenever the store is opened
)

// logName is the name of the log that begins after so many events.
func logName(seq int64) string { return fmt.Sprintf("%019d%s", seq, logSuffix) }

// witnessDir returns the directory of the witness of a database.
func witnessDir(path string) string { return path + ".witness" }

// logs returns the paths of all logs, in order.
func logs(dir string) ([]string, error) { return filesOf(dir, logSuffix) }

// filesOf returns the paths of the files in dir whose names end in suffix, in
// order.
func filesOf(dir, suffix string) (paths []string, err error) {
	files, err := os.ReadDir(dir) // is in order
	for _, f := range files {
		if strings.HasSuffix(f.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, f.Name()))
		}
	}
	return paths, err
}

// openLock opens the file whose lock orders all writers, and makes it and its
// directory if they are not there.
func (w *witness) openLock() (err error) {
	if err := os.MkdirAll(w.dir, 0o777); err != nil {
		return err
	}
	w.lock, err = os.OpenFile(filepath.Join(w.dir, lockName), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return w.syncDir(filepath.Dir(w.dir))
}

// load reads the last log. It returns the tip with which that begins, and what
// is in it. If there is no log it makes one, provided that nothing was
// appended yet, as have says.
func (w *witness) load(have tip) (begins tip, entries []entry, err error) {
	paths, err := logs(w.dir)
	if err != nil {
		return tip{}, nil, err
	}
	if len(paths) == 0 {
		if w.tip = first(w.store); have != w.tip {
			return tip{}, nil, fmt.Errorf("no witness in %s, want one of %d events: %w", w.dir, have.seq, journal.ErrCorrupt)
		}
		return w.tip, nil, w.create()
	}
	last := paths[len(paths)-1]
	if n := len(paths); n > 1 {
		if w.tip, err = lastTip(paths[n-2], w.store); err != nil {
			return tip{}, nil, err
		}
	} else if filepath.Base(last) == logName(have.seq) {
		w.tip = have // if it has no line yet
	}
	w.log, err = os.OpenFile(last, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return tip{}, nil, err
	}
	entries, err = w.catchUp()
	return w.base, entries, err
}

// lastTip returns what a log witnesses that is not the last.
func lastTip(path, store string) (tip, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return tip{}, err
	}
	l := &logReader{path: path, store: store}
	if err := l.read(b, nil); err != nil {
		return tip{}, err
	}
	if !l.full {
		return tip{}, fmt.Errorf("%s ends at byte %d without %q, and another log follows: %w", path, l.whole, full, journal.ErrCorrupt)
	}
	return l.tip, nil
}

// create makes the log that goes on from the tip.
func (w *witness) create() (err error) {
	path := filepath.Join(w.dir, logName(w.tip.seq))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if w.log != nil {
		w.log.Close()
	}
	w.log, w.size = f, 0
	return w.begin()
}

// begin writes the first line of an empty log.
func (w *witness) begin() error {
	if err := w.put(&record{kind: beginning, store: w.store, tip: w.tip}); err != nil {
		return err
	}
	w.base, w.full = w.tip, false
	return w.syncDir(w.dir)
}

// put adds a line to the log. When it returns nil the line outlives a crash.
func (w *witness) put(r *record) error {
	b := r.encode(nil)
	if err := w.disk.write(w.log, b); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := w.disk.sync(w.log); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	w.size += int64(len(b))
	w.tip = r.tip
	return nil
}

// add witnesses events after which the store has come to t.
func (w *witness) add(t tip, entries []entry) error {
	if w.full {
		if err := w.create(); err != nil {
			return err
		}
	}
	return w.put(&record{kind: commits, tip: t, entries: entries})
}

// turn ends a log that is long enough. The next one begins with the next commit.
func (w *witness) turn() error {
	if w.full || w.size < w.limit {
		return nil
	}
	w.full = true
	return w.put(&record{kind: full, tip: w.tip})
}

// catchUp reads what other processes have added to the log since, and goes on
// to the logs that they began. What one that died left of a line is copied to
// a file of its own and cut off.
func (w *witness) catchUp() (entries []entry, err error) {
	for {
		more, err := w.readOn()
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
		if !w.full {
			return entries, nil
		}
		next, err := os.OpenFile(filepath.Join(w.dir, logName(w.tip.seq)), os.O_RDWR|os.O_APPEND, 0)
		if errors.Is(err, os.ErrNotExist) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		w.log.Close()
		w.log, w.size, w.full = next, 0, false
	}
}

// readOn reads what is new in the log.
func (w *witness) readOn() (entries []entry, err error) {
	info, err := w.log.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Size() < w.size:
		return nil, fmt.Errorf("%s has %d bytes, and had %d: %w", w.log.Name(), info.Size(), w.size, journal.ErrCorrupt)
	case info.Size() > w.size:
		b := make([]byte, info.Size()-w.size)
		if _, err := w.log.ReadAt(b, w.size); err != nil {
			return nil, err
		}
		l := &logReader{path: w.log.Name(), store: w.store, at: w.size, tip: w.tip}
		if err := l.read(b, func(e []entry) { entries = append(entries, e...) }); err != nil {
			return nil, err
		}
		if w.size == 0 {
			w.base = l.base
		}
		w.tip, w.size, w.full, w.signed = l.tip, w.size+l.whole, l.full, max(w.signed, l.signed)
		if l.whole < int64(len(b)) {
			if err := w.setAside(b[l.whole:]); err != nil {
				return nil, err
			}
		}
	}
	if w.size == 0 { // who began the log died before it had a line
		if w.tip == (tip{}) {
			return nil, fmt.Errorf("%s has no line, and no log is before it: %w", w.log.Name(), journal.ErrCorrupt)
		}
		return nil, w.begin()
	}
	return entries, nil
}

// setAside copies what a crash left of a line at the end of the log to a file
// of its own, and cuts it off.
func (w *witness) setAside(torn []byte) error {
	name := strings.TrimSuffix(filepath.Base(w.log.Name()), logSuffix)
	f, err := os.CreateTemp(w.dir, fmt.Sprintf("%s-%d-*%s", name, w.size, tornSuffix))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.disk.write(f, torn); err != nil {
		return err
	}
	if err := w.disk.sync(f); err != nil {
		return err
	}
	if err := w.syncDir(w.dir); err != nil {
		return err
	}
	if w.tell != nil {
		w.tell.Warn("a crash left part of a line at the end of the witness, which was never acknowledged", "log", w.log.Name(), "at", w.size, "bytes", len(torn), "kept", f.Name())
	}
	if err := w.log.Truncate(w.size); err != nil {
		return err
	}
	return w.disk.sync(w.log)
}

// acquire waits for the lock.
func (w *witness) acquire(ctx context.Context) error {
	return retry(ctx, func() error { return lock(w.lock, true) })
}

// release lets go of the lock. What holds it goes away with the file at the
// latest.
func (w *witness) release() { unlock(w.lock) }

// syncDir makes the names in a directory outlive a crash.
func (w *witness) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // there it is an error, and not needed
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.disk.sync(f)
}

// close closes the files, and so gives the lock up.
func (w *witness) close() error {
	var err error
	for _, f := range []*os.File{w.log, w.lock} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// A logReader checks that the lines of a log follow each other.
type logReader struct {
	path  string
	store string
	at    int64 // where what it reads begins in the log
	tip   tip   // before that; zero if it is not known
	base  tip   // after the first line

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
