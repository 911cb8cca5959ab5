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
// its own, and is on a drive. SQLite knows it by its name, and it is
// there until the process ends.
type shim struct {
	vfs   lib.Tsqlite3_vfs
	cname [16]byte
	name  string
	real  uintptr // SQLite's own
	drive drive   // replaced only while nothing is open

	mu    sync.Mutex
	paths map[uintptr]string // of the files that are open
}

// A shimFile is a sqlite3_file. That of SQLite's own file system is after it.
type shimFile struct {
	methods uintptr
	shim    uintptr
}

const behind = unsafe.Sizeof(shimFile{})

// A thread is a *libc.TLS, which is handed through. Go passes it as it does any
// other pointer.
type thread = unsafe.Pointer

// shims keeps what SQLite has pointers to.
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
	shims.Lock()
	defer shims.Unlock()
	s := &shim{name: fmt.Sprintf("shim%d", len(shims.all)), paths: map[uintptr]string{}}
	shims.all = append(shims.all, s)
	copy(s.cname[:], s.name)
	here := threadOf(c, lib.Xsqlite3_vfs_find)
	s.real = lib.Xsqlite3_vfs_find(here, 0)
	s.vfs = *at[lib.Tsqlite3_vfs](s.real)
	s.vfs.FpNext = 0
	s.vfs.FszOsFile += int32(behind)
	s.vfs.FzName = uintptr(unsafe.Pointer(&s.cname))
	s.vfs.FpAppData = uintptr(unsafe.Pointer(s))
	s.vfs.FxOpen = pointer(shimOpen)
	s.vfs.FxDelete = pointer(shimDelete)
	s.vfs.FxAccess = pointer(shimAccess)
	s.vfs.FxFullPathname = pointer(shimFullPathname)
	if code := lib.Xsqlite3_vfs_register(here, uintptr(unsafe.Pointer(&s.vfs)), 0); code != lib.SQLITE_OK {
		t.Fatalf("sqlite3_vfs_register = %d", code)
	}
	return s
}

// disk returns that of a store which is behind the shim.
func (s *shim) disk() *disk { return s.drive.disk(s.name) }

// threadOf returns the thread of a connection, as f wants it: its type cannot be
// named where go.mod does not name its module.
func threadOf[T, R any](c *conn, f func(*T, uintptr) R) *T {
	return (*T)(reflect.ValueOf(c.Conn).Elem().FieldByName("tls").UnsafePointer())
}

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

func shimOf(vfs uintptr) *shim { return at[shim](at[lib.Tsqlite3_vfs](vfs).FpAppData) }

func (s *shim) own() *lib.Tsqlite3_vfs { return at[lib.Tsqlite3_vfs](s.real) }

func shimOpen(here thread, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	s, f := shimOf(vfs), at[shimFile](file)
	*f = shimFile{shim: uintptr(unsafe.Pointer(s))} // with no methods it is not closed
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
	f.methods = uintptr(unsafe.Pointer(&shimMethods))
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

// An opened is a file of SQLite's own, in a call.
type opened struct {
	here    thread
	file    uintptr
	methods *lib.Tsqlite3_io_methods
	drive   drive
	path    string // empty if it is a temporary one
	n       int64  // what size returns; here since no stack may move under C
}

func openedAt(here thread, file uintptr) *opened {
	s := at[shim](at[shimFile](file).shim)
	s.mu.Lock()
	path := s.paths[file]
	s.mu.Unlock()
	file += behind
	return &opened{here: here, file: file, methods: at[lib.Tsqlite3_io_methods](at[lib.Tsqlite3_file](file).FpMethods), drive: s.drive, path: path}
}

func (o *opened) write(b []byte, from int64) error {
	return failed(function[func(thread, uintptr, uintptr, int32, int64) int32](o.methods.FxWrite)(o.here, o.file, uintptr(unsafe.Pointer(unsafe.SliceData(b))), int32(len(b)), from))
}

func (o *opened) read(b []byte, from int64) error {
	code := function[func(thread, uintptr, uintptr, int32, int64) int32](o.methods.FxRead)(o.here, o.file, uintptr(unsafe.Pointer(unsafe.SliceData(b))), int32(len(b)), from)
	if code == lib.SQLITE_IOERR_SHORT_READ {
		return nil // the rest is zero
	}
	return failed(code)
}

func (o *opened) truncate(size int64) error {
	return failed(function[func(thread, uintptr, int64) int32](o.methods.FxTruncate)(o.here, o.file, size))
}

func (o *opened) size() (int64, error) {
	code := function[func(thread, uintptr, uintptr) int32](o.methods.FxFileSize)(o.here, o.file, uintptr(unsafe.Pointer(&o.n)))
	return o.n, failed(code)
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
			s := at[shim](at[shimFile](file).shim)
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
