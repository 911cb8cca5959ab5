//go:build unix

package command

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// A tree is a program and what it started: a process group.
type tree struct{ cmd *exec.Cmd }

// plant makes cmd start a tree. It is a session too, so that a program that
// asks for a password finds no terminal and fails, and a Ctrl-C is left to this
// process.
func plant(cmd *exec.Cmd) (*tree, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return &tree{cmd}, nil
}

// adopt has nothing to do once the program was started.
func (t *tree) adopt() error { return nil }

func (t *tree) tellToEnd() error {
	err := t.signal(syscall.SIGTERM)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func (t *tree) kill()       { t.signal(syscall.SIGKILL) }
func (t *tree) alive() bool { return t.signal(0) == nil }
func (t *tree) close()      {}

// signal sends to the group, which keeps its number while anybody is in it.
func (t *tree) signal(s syscall.Signal) error { return syscall.Kill(-t.cmd.Process.Pid, s) }
