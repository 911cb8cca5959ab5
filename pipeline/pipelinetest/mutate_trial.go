package pipelinetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/penstock/penstock/pipeline"
)

// A trial is a test that keeps what is reported to it, for to find something is
// what it is for. What it does not keep goes to the test around it.
type trial struct {
	testing.TB

	mu       sync.Mutex
	reports  []string
	skipped  bool
	cleanups []func()
}

// try has check look at p, and returns what it reports; empty if nothing.
func try(t testing.TB, check func(testing.TB, pipeline.Pipeline), p pipeline.Pipeline) string {
	tr := &trial{TB: t}
	over := make(chan bool)
	go func() { // for FailNow ends it
		defer close(over)
		defer tr.clean()
		defer func() {
			if p := recover(); p != nil {
				tr.report(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		check(tr, p)
	}()
	<-over
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return strings.Join(tr.reports, "\n")
}

// bubbled returns the test that a bubble of synctest can be made for.
func bubbled(t testing.TB) *testing.T {
	switch t := t.(type) {
	case *testing.T:
		return t
	case *trial:
		return bubbled(t.TB)
	}
	t.Helper()
	t.Fatalf("pipelinetest: a story told to a %T; want a *testing.T, or what Mutate gives to its Check", t)
	return nil
}

func (t *trial) report(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reports = append(t.reports, strings.TrimSpace(text))
}

// clean does what is to be done when the trial is over, the last first.
func (t *trial) clean() {
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			return
		}
		f := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		f()
	}
}

func (t *trial) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

func (t *trial) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.reports) > 0
}

func (t *trial) Skipped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skipped
}

func (t *trial) SkipNow() {
	t.mu.Lock()
	t.skipped = true
	t.mu.Unlock()
	runtime.Goexit()
}

func (t *trial) FailNow() {
	t.Fail()
	runtime.Goexit()
}

func (t *trial) Fail()                     { t.report("failed") }
func (t *trial) Error(args ...any)         { t.report(fmt.Sprintln(args...)) }
func (t *trial) Errorf(f string, a ...any) { t.report(fmt.Sprintf(f, a...)) }
func (t *trial) Fatal(args ...any)         { t.Error(args...); runtime.Goexit() }
func (t *trial) Fatalf(f string, a ...any) { t.Errorf(f, a...); runtime.Goexit() }
func (t *trial) Skip(...any)               { t.SkipNow() }
func (t *trial) Skipf(string, ...any)      { t.SkipNow() }
func (t *trial) Log(...any)                {}
func (t *trial) Logf(string, ...any)       {}
func (t *trial) Helper()                   {}
