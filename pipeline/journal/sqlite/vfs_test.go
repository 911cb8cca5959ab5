//go:build unix

package sqlite

import (
	"fmt"
	"reflect"
	"sync"
	"testing"
	"unsafe"

	lib "modernc.org/sqlite/lib"
)

// A shim is a file system of SQLite's (sqlite.org/vfs.html) that stands before
// its own, and is on a drive. SQLite knows it by its name, and it is there until
// the process ends.
//
// What SQLite has pointers to is memory of C, for those to Go's would be refused
// with -race.
type shim struct {
	name    string
	real    uintptr // SQLite's own
	methods uintptr // of the files
	drive   drive   // replaced only while nothing is open

	mu    sync.Mutex
	paths map[uintptr]string // of the files that are open
}

// A shimFile is a sqlite3_file. That of SQLite's own file system is after it.
type shimFile struct {
	methods uintptr
	shim    uintptr // which
}

const behind = unsafe.Sizeof(shimFile{})

// A thread is a *libc.TLS, which is handed through. Go passes it as it does any
// other pointer, and its module is not named in go.mod.
type thread = unsafe.Pointer

// Functions of SQLite, with threads of that type.
var (
	findVFS     = function[func(thread, uintptr) uintptr](pointer(lib.Xsqlite3_vfs_find))
	registerVFS = function[func(thread, uintptr, int32) int32](pointer(lib.Xsqlite3_vfs_register))
	malloc      = function[func(thread, int32) uintptr](pointer(lib.Xsqlite3_malloc))
	free        = function[func(thread, uintptr)](pointer(lib.Xsqlite3_free))
)

// shims has all there are, by number.
var shims struct {
	sync.Mutex
	all []*shim
}

// newShim registers a shim.
func newShim(t *testing.T) *shim {
	t.Helper()
	c, err := connect(":memory:", "memory", "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	here := reflect.ValueOf(c.Conn).Elem().FieldByName("tls").UnsafePointer()
	shims.Lock()
	defer shims.Unlock()
	s := &shim{
		name:    fmt.Sprintf("shim%d", len(shims.all)),
		real:    findVFS(here, 0),
		methods: kept(here, shimMethods),
		paths:   map[uintptr]string{},
	}
	name := [16]byte{}
	copy(name[:], s.name)
	vfs := *s.own()
	vfs.FpNext = 0
	vfs.FszOsFile += int32(behind)
	vfs.FzName = kept(here, name)
	vfs.FpAppData = uintptr(len(shims.all))
	vfs.FxOpen = pointer(shimOpen)
	vfs.FxDelete = pointer(shimDelete)
	vfs.FxAccess = pointer(shimAccess)
	vfs.FxFullPathname = pointer(shimFullPathname)
	vfs.FxSleep = pointer(shimSleep)
	if code := registerVFS(here, kept(here, vfs), 0); code != lib.SQLITE_OK {
		t.Fatalf("sqlite3_vfs_register = %d", code)
	}
	shims.all = append(shims.all, s)
	return s
}

// kept returns a copy of v in memory of C.
func kept[T any](here thread, v T) uintptr {
	address := malloc(here, int32(unsafe.Sizeof(v)))
	*at[T](address) = v
	return address
}

// shimBy returns a shim by its number.
func shimBy(number uintptr) *shim {
	shims.Lock()
	defer shims.Unlock()
	return shims.all[number]
}

// disk returns that of a store which is behind the shim.
func (s *shim) disk() *disk { return s.drive.disk(s.name) }

// at returns what C has at an address.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// pointer returns f, which is no closure, as a pointer of C.
func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// function returns what a pointer of C points to.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// bytesAt returns n bytes of C's memory.
func bytesAt(address uintptr, n int32) []byte { return unsafe.Slice(at[byte](address), n) }

// textAt returns a string of C's, "" if there is none.
func textAt(address uintptr) string {
	if address == 0 {
		return ""
	}
	n := int32(0)
	for *at[byte](address + uintptr(n)) != 0 {
		n++
	}
	return string(bytesAt(address, n))
}

func shimOf(vfs uintptr) *shim { return shimBy(at[lib.Tsqlite3_vfs](vfs).FpAppData) }

func (s *shim) own() *lib.Tsqlite3_vfs { return at[lib.Tsqlite3_vfs](s.real) }

func shimOpen(here thread, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	s, f := shimOf(vfs), at[shimFile](file)
	*f = shimFile{shim: at[lib.Tsqlite3_vfs](vfs).FpAppData} // with no methods it is not closed
	if w := s.drive.strike("open"); w != nil {
		return w.code
	}
	code := function[func(thread, uintptr, uintptr, uintptr, int32, uintptr) int32](s.own().FxOpen)(here, s.real, name, file+behind, flags, out)
	if code != lib.SQLITE_OK {
		return code
	}
	s.mu.Lock()
	s.paths[file] = textAt(name)
	s.mu.Unlock()
	f.methods = s.methods
	return code
}

func shimDelete(here thread, vfs, name uintptr, sync int32) int32 {
	s := shimOf(vfs)
	return s.drive.does("delete", func() int32 {
		s.drive.settle(textAt(name))
		return function[func(thread, uintptr, uintptr, int32) int32](s.own().FxDelete)(here, s.real, name, sync)
	})
}

func shimAccess(here thread, vfs, name uintptr, flags int32, out uintptr) int32 {
	s := shimOf(vfs)
	return s.drive.does("access", func() int32 {
		return function[func(thread, uintptr, uintptr, int32, uintptr) int32](s.own().FxAccess)(here, s.real, name, flags, out)
	})
}

func shimFullPathname(here thread, vfs, name uintptr, n int32, out uintptr) int32 {
	s := shimOf(vfs)
	return s.drive.does("fullpathname", func() int32 {
		return function[func(thread, uintptr, uintptr, int32, uintptr) int32](s.own().FxFullPathname)(here, s.real, name, n, out)
	})
}

// shimSleep takes no time: what is busy is so for a number of tries.
func shimSleep(_ thread, _ uintptr, microseconds int32) int32 { return microseconds }

// An opened is a file of SQLite's own, in a call.
type opened struct {
	here    thread
	file    uintptr
	methods *lib.Tsqlite3_io_methods
	drive   drive
	path    string // empty if it is a temporary one
}

func openedAt(here thread, file uintptr) *opened {
	s := shimBy(at[shimFile](file).shim)
	s.mu.Lock()
	path := s.paths[file]
	s.mu.Unlock()
	file += behind
	return &opened{here: here, file: file, methods: at[lib.Tsqlite3_io_methods](at[lib.Tsqlite3_file](file).FpMethods), drive: s.drive, path: path}
}

func (o *opened) write(b []byte, from int64) error {
	if len(b) == 0 {
		return nil
	}
	buffer := malloc(o.here, int32(len(b)))
	defer free(o.here, buffer)
	copy(bytesAt(buffer, int32(len(b))), b)
	return failed(function[func(thread, uintptr, uintptr, int32, int64) int32](o.methods.FxWrite)(o.here, o.file, buffer, int32(len(b)), from))
}

func (o *opened) read(b []byte, from int64) error {
	buffer := malloc(o.here, int32(len(b)))
	defer free(o.here, buffer)
	code := function[func(thread, uintptr, uintptr, int32, int64) int32](o.methods.FxRead)(o.here, o.file, buffer, int32(len(b)), from)
	copy(b, bytesAt(buffer, int32(len(b))))
	if code == lib.SQLITE_IOERR_SHORT_READ {
		return nil // the rest is zero
	}
	return failed(code)
}

func (o *opened) truncate(size int64) error {
	return failed(function[func(thread, uintptr, int64) int32](o.methods.FxTruncate)(o.here, o.file, size))
}

func (o *opened) size() (int64, error) {
	n := kept(o.here, int64(0))
	defer free(o.here, n)
	code := function[func(thread, uintptr, uintptr) int32](o.methods.FxFileSize)(o.here, o.file, n)
	return *at[int64](n), failed(code)
}

// A codeError is a code of SQLite's that is not SQLITE_OK.
type codeError int32

func (e codeError) Error() string { return fmt.Sprintf("code %d of SQLite", int32(e)) }

func failed(code int32) error {
	if code == lib.SQLITE_OK {
		return nil
	}
	return codeError(code)
}

// result returns the code of an error.
func result(err error, otherwise int32) int32 {
	switch e := err.(type) {
	case nil:
		return lib.SQLITE_OK
	case codeError:
		return int32(e)
	case *way:
		return e.code
	}
	return otherwise
}

var shimMethods = lib.Tsqlite3_io_methods{
	FiVersion: 2, // 3 would be memory that is mapped, which we do without
	FxClose: pointer(func(here thread, file uintptr) int32 {
		o := openedAt(here, file)
		return o.drive.does("close", func() int32 {
			s := shimBy(at[shimFile](file).shim)
			s.mu.Lock()
			delete(s.paths, file)
			s.mu.Unlock()
			return function[func(thread, uintptr) int32](o.methods.FxClose)(here, o.file)
		})
	}),
	FxRead: pointer(func(here thread, file, buffer uintptr, n int32, from int64) int32 {
		o := openedAt(here, file)
		return o.drive.does("read", func() int32 {
			return function[func(thread, uintptr, uintptr, int32, int64) int32](o.methods.FxRead)(here, o.file, buffer, n, from)
		})
	}),
	FxWrite: pointer(func(here thread, file, buffer uintptr, n int32, from int64) int32 {
		o := openedAt(here, file)
		return result(o.drive.write("write", o.path, o, bytesAt(buffer, n), from), lib.SQLITE_IOERR_WRITE)
	}),
	FxTruncate: pointer(func(here thread, file uintptr, size int64) int32 {
		o := openedAt(here, file)
		return result(o.drive.truncate("truncate", o.path, o, size), lib.SQLITE_IOERR_TRUNCATE)
	}),
	FxSync: pointer(func(here thread, file uintptr, flags int32) int32 {
		o := openedAt(here, file)
		return result(o.drive.sync("sync", o.path, o), lib.SQLITE_IOERR_FSYNC)
	}),
	FxFileSize: pointer(func(here thread, file, out uintptr) int32 {
		o := openedAt(here, file)
		return o.drive.does("filesize", func() int32 {
			return function[func(thread, uintptr, uintptr) int32](o.methods.FxFileSize)(here, o.file, out)
		})
	}),
	FxLock: pointer(func(here thread, file uintptr, level int32) int32 {
		o := openedAt(here, file)
		return o.drive.does("lock", func() int32 {
			return function[func(thread, uintptr, int32) int32](o.methods.FxLock)(here, o.file, level)
		})
	}),
	FxUnlock: pointer(func(here thread, file uintptr, level int32) int32 {
		o := openedAt(here, file)
		return o.drive.does("unlock", func() int32 {
			return function[func(thread, uintptr, int32) int32](o.methods.FxUnlock)(here, o.file, level)
		})
	}),
	FxCheckReservedLock: pointer(func(here thread, file, out uintptr) int32 {
		o := openedAt(here, file)
		return o.drive.does("checkreservedlock", func() int32 {
			return function[func(thread, uintptr, uintptr) int32](o.methods.FxCheckReservedLock)(here, o.file, out)
		})
	}),
	FxFileControl: pointer(func(here thread, file uintptr, what int32, argument uintptr) int32 {
		o := openedAt(here, file)
		return function[func(thread, uintptr, int32, uintptr) int32](o.methods.FxFileControl)(here, o.file, what, argument)
	}),
	FxSectorSize: pointer(func(here thread, file uintptr) int32 {
		o := openedAt(here, file)
		return function[func(thread, uintptr) int32](o.methods.FxSectorSize)(here, o.file)
	}),
	FxDeviceCharacteristics: pointer(func(here thread, file uintptr) int32 {
		o := openedAt(here, file)
		return function[func(thread, uintptr) int32](o.methods.FxDeviceCharacteristics)(here, o.file)
	}),
	FxShmMap: pointer(func(here thread, file uintptr, region, size, extend int32, out uintptr) int32 {
		o := openedAt(here, file)
		return o.drive.does("shmmap", func() int32 {
			return function[func(thread, uintptr, int32, int32, int32, uintptr) int32](o.methods.FxShmMap)(here, o.file, region, size, extend, out)
		})
	}),
	FxShmLock: pointer(func(here thread, file uintptr, offset, n, flags int32) int32 {
		o := openedAt(here, file)
		name := op("shmlock")
		if flags&lib.SQLITE_SHM_UNLOCK != 0 {
			name = "shmunlock"
		}
		return o.drive.does(name, func() int32 {
			return function[func(thread, uintptr, int32, int32, int32) int32](o.methods.FxShmLock)(here, o.file, offset, n, flags)
		})
	}),
	FxShmBarrier: pointer(func(here thread, file uintptr) {
		o := openedAt(here, file)
		function[func(thread, uintptr)](o.methods.FxShmBarrier)(here, o.file)
	}),
	FxShmUnmap: pointer(func(here thread, file uintptr, remove int32) int32 {
		o := openedAt(here, file)
		return function[func(thread, uintptr, int32) int32](o.methods.FxShmUnmap)(here, o.file, remove)
	}),
}
