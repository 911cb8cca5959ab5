package platform

import (
	"errors"
	"os/exec"
	"syscall"
)

const exe = ".exe"

// errLocked says that another process has the lock.
var errLocked = errors.New("platform: runs already")

// lock takes the lock at path until unlock is called or the process ends, however it does.
func lock(path string) (unlock func() error, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const shareWithNobody, sharingViolation = 0, syscall.Errno(32)
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, shareWithNobody,
		nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		err = errLocked
	}
	if err != nil {
		return nil, err
	}
	return func() error { return syscall.CloseHandle(h) }, nil
}

// detach lets the process of c live on when the terminal it was started from is closed.
func detach(c *exec.Cmd) {
	const detachedProcess = 8 // DETACHED_PROCESS in winbase.h
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | detachedProcess}
}
