package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
// It is written while the commit is, and nothing is acknowledged nor begun
// before both are on the disk. So it is ahead of the database or behind it by
// one commit at most, for which the next writer then makes up; to that end a
// line has the events themselves. All this is done by who has the lock.
//
// Lines are written over zeros that were synced earlier, a step of them at a
// time: then a sync has no length of a file to keep, and takes half as long.
//
// A witness is not safe for use by several goroutines at once.
type witness struct {
	dir   string
	store string // what its logs have to be of
	disk  disk
	limit int64        // bytes in a log that is full
	step  int64        // bytes of zeros that are written at once
	off   bool         // nothing is witnessed; only a benchmark does so
	tell  *slog.Logger // of what is set aside; may be nil
	lock  *os.File     // never removed, or two could hold it

	log    *os.File // the newest
	size   int64    // how much of it is known
	base   tip      // with which it begins
	tip    tip      // what it witnesses
	full   bool     // the next log is to begin
	signed int64    // tip.seq of the last checkpoint
	before tip      // before the last line
	last   []entry  // of the last line, if it is of a commit and not written here
	line   []byte   // to encode in
	page   [4096]byte
}

// A disk is how the store changes files. Tests put another in place that fails.
type disk struct {
	vfs   string // by which SQLite does; empty means its own
	write func(f *os.File, b []byte, at int64) error
	sync  func(f *os.File) error // of what is in a log, and its length
	full  func(f *os.File) error // of all there is, also of a directory
	move  func(from, to string) error
}

var realDisk = disk{
	write: func(f *os.File, b []byte, at int64) error {
		_, err := f.WriteAt(b, at)
		return err
	},
	sync: dataSync,
	full: (*os.File).Sync,
	move: os.Rename,
}

const (
	logSuffix  = ".log"
	tornSuffix = ".torn"
	lockName   = "lock"

	logSize = 1 << 20 // bytes in a log, about 3,000 events; the last log is read whenever the store is opened
	logStep = 1 << 16 // bytes written ahead, about 200 events
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
	w.log, err = os.OpenFile(last, os.O_RDWR, 0)
	if err != nil {
		return tip{}, nil, err
	}
	if err := w.syncDir(w.dir); err != nil { // as take does with its lines
		return tip{}, nil, err
	}
	b, err := readLog(last)
	if err != nil {
		return tip{}, nil, err
	}
	entries, err = w.take(b)
	return w.base, entries, err
}

// lastTip returns what a log witnesses that is not the last.
func lastTip(path, store string) (tip, error) {
	b, err := readLog(path)
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
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
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
	w.line = r.encode(w.line[:0])
	size := w.size + int64(len(w.line))
	if room := w.room(size); room > w.room(w.size) {
		w.line = append(w.line, make([]byte, room-size)...)
	}
	if err := w.disk.write(w.log, w.line, w.size); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := w.disk.sync(w.log); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	w.size, w.tip, w.last = size, r.tip, nil
	return nil
}

// room is how long a file is that has so many bytes of lines.
func (w *witness) room(size int64) int64 { return (size + w.step - 1) / w.step * w.step }

// add witnesses events after which the store has come to t.
func (w *witness) add(t tip, entries []entry) error {
	if w.off {
		w.tip = t
		return nil
	}
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
// to the logs that they began, or to the last if others were moved away. What one
// that died left of a line is copied to
// a file of its own and wiped out.
func (w *witness) catchUp() (entries []entry, err error) {
	for {
		b, err := w.fresh()
		if err != nil {
			return nil, err
		}
		more, err := w.take(b)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
		if !w.full {
			return entries, nil
		}
		next, err := os.OpenFile(filepath.Join(w.dir, logName(w.tip.seq)), os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			moved, err := w.moved()
			if err != nil || !moved {
				return entries, err
			}
			w.log.Close()
			w.log, w.size, w.full = nil, 0, false
			if _, entries, err = w.load(tip{}); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		w.log.Close()
		w.log, w.size, w.full = next, 0, false
		if err := w.syncDir(w.dir); err != nil { // as take does with its lines
			return nil, err
		}
	}
}

// moved reports whether the log that follows was moved away, for there are later
// ones. What it had is covered by the sum with which those begin.
func (w *witness) moved() (bool, error) {
	paths, err := logs(w.dir)
	return len(paths) > 0 && filepath.Base(paths[len(paths)-1]) > logName(w.tip.seq), err
}

// fresh returns what is in the log after what is known of it. From one byte
// before, so that it is seen if that is not there any more.
func (w *witness) fresh() (b []byte, err error) {
	from := max(0, w.size-1)
	for end := len(w.page); end == len(w.page); {
		n, err := w.log.ReadAt(w.page[:], from+int64(len(b)))
		if err != nil && err != io.EOF {
			return nil, err
		}
		if end = bytes.IndexByte(w.page[:n], 0); end < 0 {
			end = n
		}
		b = append(b, w.page[:end]...)
	}
	if w.size == 0 {
		return b, nil
	}
	if len(b) == 0 || b[0] != '\n' {
		return nil, fmt.Errorf("%s has no line that ends at byte %d, and had one: %w", w.log.Name(), w.size, journal.ErrCorrupt)
	}
	return b[1:], nil
}

// take goes on with what is new in the log.
func (w *witness) take(b []byte) (entries []entry, err error) {
	if len(b) > 0 {
		l := &logReader{path: w.log.Name(), store: w.store, at: w.size, tip: w.tip}
		if err := l.read(b, func(e []entry) { entries = append(entries, e...) }); err != nil {
			return nil, err
		}
		if w.size == 0 {
			w.base = l.base
		}
		w.tip, w.size, w.full, w.signed = l.tip, w.size+l.whole, l.full, max(w.signed, l.signed)
		if l.whole > 0 {
			w.before, w.last = l.before, l.last
			// Who wrote it may have died before it was synced.
			if err := w.disk.sync(w.log); err != nil {
				return nil, fmt.Errorf("witness: %w", err)
			}
		}
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
// of its own, and writes zeros over it.
func (w *witness) setAside(torn []byte) error {
	name := strings.TrimSuffix(filepath.Base(w.log.Name()), logSuffix)
	f, err := os.CreateTemp(w.dir, fmt.Sprintf("%s-%d-*%s", name, w.size, tornSuffix))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.disk.write(f, torn, 0); err != nil {
		return err
	}
	if err := w.disk.full(f); err != nil {
		return err
	}
	if err := w.syncDir(w.dir); err != nil {
		return err
	}
	if w.tell != nil {
		w.tell.Warn("a crash left part of a line at the end of the witness, which was never acknowledged", "log", w.log.Name(), "at", w.size, "bytes", len(torn), "kept", f.Name())
	}
	if err := w.disk.write(w.log, make([]byte, len(torn)), w.size); err != nil {
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
	return w.disk.full(f)
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
