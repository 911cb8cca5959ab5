//go:build unix

package platform

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

const exe = ""

// errLocked says that another process has the lock.
var errLocked = errors.New("platform: runs already")

// lock takes the lock at path until unlock is called or the process ends, however it does.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, err
	}
	return f.Close, nil
}

// detach lets the process of c live on when the terminal it was started from is closed.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
