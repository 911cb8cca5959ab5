package command

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A tree is a program and what it started: a job. What the program starts in
// the moment before adopt is not in it.
type tree struct {
	cmd *exec.Cmd
	job windows.Handle
}

// plant makes cmd start a tree, which can be sent a Ctrl-Break of its own.
func plant(cmd *exec.Cmd) (*tree, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		windows.CloseHandle(job)
		return nil, os.NewSyscallError("SetInformationJobObject", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	return &tree{cmd, job}, nil
}

// adopt puts the program, which was started, into the job.
func (t *tree) adopt() error {
	h, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, t.pid())
	if err != nil {
		return os.NewSyscallError("OpenProcess", err)
	}
	defer windows.CloseHandle(h)
	return os.NewSyscallError("AssignProcessToJobObject", windows.AssignProcessToJobObject(t.job, h))
}

func (t *tree) tellToEnd() error {
	return os.NewSyscallError("GenerateConsoleCtrlEvent", windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, t.pid()))
}

func (t *tree) pid() uint32 { return uint32(t.cmd.Process.Pid) }

func (t *tree) kill()  { windows.TerminateJobObject(t.job, 1) }
func (t *tree) close() { windows.CloseHandle(t.job) }

func (t *tree) alive() bool {
	var a accounting
	err := windows.QueryInformationJobObject(t.job, windows.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
	return err == nil && a.ActiveProcesses > 0
}

// An accounting is a JOBOBJECT_BASIC_ACCOUNTING_INFORMATION (winnt.h).
type accounting struct {
	TotalUserTime, TotalKernelTime                                            int64
	ThisPeriodTotalUserTime, ThisPeriodTotalKernelTime                        int64
	TotalPageFaultCount, TotalProcesses, ActiveProcesses, TotalTerminatedJobs uint32
}
