package sqlite

import (
	"cmp"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	lib "modernc.org/sqlite/lib"
)

// An op is an operation on files, by the name that SQLite or a disk has for it.
type op string

// A way is how an operation fails.
type way struct {
	name  string
	code  int32         // that SQLite is told
	errno syscall.Errno // that the witness is told
	part  float64       // of it that is done nevertheless
	lost  bool          // and what was written since the last sync is lost
	harm  bool          // it says that what it holds is damaged
	times int           // it fails so often, and never for good; 0 means once, or for good
}

func (w *way) Error() string { return "no more of this disk: " + w.name }
func (w *way) Unwrap() error { return w.errno }

// failing returns the ways in which an operation of SQLite's fails, all with a
// code and some with other ones.
func failing(code int32, more ...way) []way {
	return append([]way{{name: "input/output error", code: code, errno: syscall.EIO}}, more...)
}

var (
	// What cannot be had now is no fault: SQLite's patience is at an end after
	// some ten tries, and then ours begins.
	busy = way{name: "busy", code: lib.SQLITE_BUSY, times: 20}

	halfWritten = way{name: "half of it written", code: lib.SQLITE_IOERR_WRITE, errno: syscall.EIO, part: 0.5}
	allWritten  = way{name: "all of it written, and not said so", code: lib.SQLITE_IOERR_WRITE, errno: syscall.EIO, part: 1}
	noSpace     = way{name: "no space", code: lib.SQLITE_FULL, errno: syscall.ENOSPC}
	shortSpace  = way{name: "space for half of it", code: lib.SQLITE_FULL, errno: syscall.ENOSPC, part: 0.5}
	syncedYet   = way{name: "synced, and not said so", code: lib.SQLITE_IOERR_FSYNC, errno: syscall.EIO, part: 1}
	thrownAway  = way{name: "not synced, and what was written is lost", code: lib.SQLITE_IOERR_FSYNC, errno: syscall.EIO, lost: true}
	noMemory    = way{name: "no memory", code: lib.SQLITE_IOERR_NOMEM}
)

// ways has those of each operation of SQLite's, and below of a disk.
var ways = map[op][]way{
	"open":              failing(lib.SQLITE_IOERR, way{name: "cannot be opened", code: lib.SQLITE_CANTOPEN}, noSpace),
	"close":             {{name: "closed, with an error", code: lib.SQLITE_IOERR_CLOSE, part: 1}},
	"read":              failing(lib.SQLITE_IOERR_READ, noMemory, way{name: "the file system is damaged", code: lib.SQLITE_IOERR_CORRUPTFS, harm: true}),
	"write":             failing(lib.SQLITE_IOERR_WRITE, halfWritten, allWritten, noSpace, shortSpace),
	"truncate":          failing(lib.SQLITE_IOERR_TRUNCATE, way{name: "cut, and not said so", code: lib.SQLITE_IOERR_TRUNCATE, part: 1}),
	"sync":              failing(lib.SQLITE_IOERR_FSYNC, syncedYet, thrownAway, noSpace),
	"filesize":          failing(lib.SQLITE_IOERR_FSTAT),
	"lock":              failing(lib.SQLITE_IOERR_LOCK, busy),
	"unlock":            {{name: "unlocked, with an error", code: lib.SQLITE_IOERR_UNLOCK, part: 1}},
	"checkreservedlock": failing(lib.SQLITE_IOERR_CHECKRESERVEDLOCK),
	"shmmap":            failing(lib.SQLITE_IOERR_SHMMAP, way{name: "cannot grow", code: lib.SQLITE_IOERR_SHMSIZE}, noMemory),
	"shmlock":           failing(lib.SQLITE_IOERR_SHMLOCK, busy),
	"shmunlock":         {{name: "unlocked, with an error", code: lib.SQLITE_IOERR_SHMLOCK, part: 1}},
	"delete":            failing(lib.SQLITE_IOERR_DELETE, way{name: "deleted, and not said so", code: lib.SQLITE_IOERR_DELETE, part: 1}),
	"access":            failing(lib.SQLITE_IOERR_ACCESS),
	"fullpathname":      failing(lib.SQLITE_CANTOPEN_FULLPATH),

	"witness write": failing(0, halfWritten, allWritten, noSpace, shortSpace),
	"witness sync":  failing(0, syncedYet, thrownAway, noSpace),
	"witness full":  failing(0, syncedYet, thrownAway),
	"witness move":  failing(0, way{name: "moved, and not said so", errno: syscall.EIO, part: 1}),
}

// A fault has one operation fail, or that and all that follow.
type fault struct {
	at      int  // the operation that fails, from 1
	way     int  // of those it has
	witness bool // it is one of the witness; else one of SQLite's
	sticky  bool
	times   int // that a busy one fails; 0 means as often as its way says

	mu      sync.Mutex
	calls   int
	could   int  // in how many ways they could have failed
	hit     op   // that failed first
	first   *way // how; nil if it has no such way, and nothing fails
	strikes int  // how often any operation failed
}

// strike returns how an operation fails, or nil. A nil fault is none.
func (f *fault) strike(o op) *way {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := ways[o]
	if f.hit == "" {
		if f.witness != strings.HasPrefix(string(o), "witness") {
			return nil
		}
		f.could += len(all)
		if f.calls++; f.calls < f.at {
			return nil
		}
		f.hit = o
		if f.way < len(all) && !(f.sticky && all[f.way].times > 0) {
			f.first = &all[f.way]
		}
	}
	var w *way
	switch {
	case f.first == nil:
	case f.strikes == 0, o == f.hit && f.first.times > 0 && cmp.Or(f.times, f.first.times) > f.strikes:
		w = f.first
	case f.sticky:
		if w = &all[f.way%len(all)]; w.times > 0 {
			w = &all[0]
		}
	}
	if w != nil {
		f.strikes++
	}
	return w
}

// how returns in which way an operation failed first, nil if none did.
func (f *fault) how() *way {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// A medium knows what a loss of power would leave of files: nothing reaches the
// disk before it is synced, nor does the name of a new log of the witness before
// its directory is. SQLite syncs directories by itself, and out of sight.
type medium struct {
	mu      sync.Mutex
	pending map[string][]change // that were not synced yet, by path
	unnamed map[string]bool     // files that are new in their directories
}

// A change has what a file was before it.
type change struct {
	size int64
	from int64
	old  []byte
}

// A raw is a file as it is.
type raw interface {
	read(b []byte, from int64) error // what is not there is zero
	write(b []byte, from int64) error
	truncate(size int64) error
	size() (int64, error)
}

// changes notes that n bytes are about to change, or all from there if n is
// negative.
func (m *medium) changes(path string, f raw, from, n int64) error {
	size, err := f.size()
	if err != nil {
		return err
	}
	c := change{size: size, from: from}
	if end := size; from < end {
		if n >= 0 {
			end = min(end, from+n)
		}
		c.old = make([]byte, end-from)
		if err := f.read(c.old, from); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[path] = append(m.pending[path], c)
	if size == 0 && strings.HasSuffix(path, logSuffix) {
		m.unnamed[path] = true
	}
	return nil
}

// settle forgets the changes of a file or a directory, and returns them.
func (m *medium) settle(path string) []change {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.unnamed, func(name string, _ bool) bool { return filepath.Dir(name) == path })
	c := m.pending[path]
	delete(m.pending, path)
	return c
}

// rename notes that a file has another name.
func (m *medium) rename(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pending[to] = m.pending[from]
	delete(m.pending, from)
}

// lose makes a file what it was when it was synced last.
func (m *medium) lose(path string, f raw) error {
	for _, c := range slices.Backward(m.settle(path)) {
		if err := f.write(c.old, c.from); err != nil {
			return err
		}
		if err := f.truncate(c.size); err != nil {
			return err
		}
	}
	return nil
}

// A drive is a medium that may fail.
type drive struct {
	*medium
	*fault
}

func newDrive(f *fault) drive {
	return drive{&medium{pending: map[string][]change{}, unnamed: map[string]bool{}}, f}
}

// does has an operation done that changes no file, and returns its code.
func (d drive) does(o op, do func() int32) int32 {
	w := d.strike(o)
	if w == nil {
		return do()
	}
	if w.part > 0 {
		do()
	}
	return w.code
}

func (d drive) write(o op, path string, f raw, b []byte, from int64) error {
	w := d.strike(o)
	if w != nil {
		b = b[:int(float64(len(b))*w.part)]
	}
	if len(b) > 0 {
		if err := d.changes(path, f, from, int64(len(b))); err != nil {
			return err
		}
		if err := f.write(b, from); err != nil {
			return err
		}
	}
	return failure(w)
}

func (d drive) truncate(o op, path string, f raw, size int64) error {
	w := d.strike(o)
	if w == nil || w.part > 0 {
		if err := d.changes(path, f, size, -1); err != nil {
			return err
		}
		if err := f.truncate(size); err != nil {
			return err
		}
	}
	return failure(w)
}

// sync leaves the real file as it is: what a loss of power would leave of it is
// known here.
func (d drive) sync(o op, path string, f raw) error {
	w := d.strike(o)
	if w == nil || w.part > 0 {
		d.settle(path)
	} else if w.lost {
		if err := d.lose(path, f); err != nil {
			return err
		}
	}
	return failure(w)
}

func (d drive) move(from, to string) error {
	w := d.strike("witness move")
	if w == nil || w.part > 0 {
		if err := realDisk.move(from, to); err != nil {
			return err
		}
		d.rename(from, to)
	}
	return failure(w)
}

// failure returns w as an error, nil if there is none.
func failure(w *way) error {
	if w == nil {
		return nil
	}
	return w
}

// disk is the drive as a store has it.
func (d drive) disk(vfs string) *disk {
	return &disk{
		vfs: vfs,
		write: func(f *os.File, b []byte, at int64) error {
			return d.write("witness write", f.Name(), osFile{f}, b, at)
		},
		sync: func(f *os.File) error { return d.sync("witness sync", f.Name(), osFile{f}) },
		full: func(f *os.File) error { return d.sync("witness full", f.Name(), osFile{f}) },
		move: d.move,
	}
}

// An osFile is a file of the witness, or a directory.
type osFile struct{ *os.File }

func (f osFile) write(b []byte, from int64) error { _, err := f.WriteAt(b, from); return err }
func (f osFile) truncate(size int64) error        { return f.Truncate(size) }

func (f osFile) read(b []byte, from int64) error {
	n, err := f.ReadAt(b, from)
	clear(b[n:])
	if err == io.EOF {
		return nil
	}
	return err
}

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// A memory is a file that is none.
type memory struct{ b []byte }

func (f *memory) write(b []byte, from int64) error {
	if grow := int(from) + len(b) - len(f.b); grow > 0 {
		f.b = append(f.b, make([]byte, grow)...)
	}
	copy(f.b[from:], b)
	return nil
}

func (f *memory) truncate(size int64) error {
	if grow := int(size) - len(f.b); grow > 0 {
		f.b = append(f.b, make([]byte, grow)...)
	}
	f.b = f.b[:size]
	return nil
}

func (f *memory) read(b []byte, from int64) error {
	clear(b)
	if from < int64(len(f.b)) {
		copy(b, f.b[from:])
	}
	return nil
}

func (f *memory) size() (int64, error) { return int64(len(f.b)), nil }
