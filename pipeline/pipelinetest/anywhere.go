package pipelinetest

import (
	"fmt"
	"testing"
)

// CrashAnywhere plays a story over and over, and each time lets the executor
// die at another of its writes: once just before it is recorded, once just after.
// Check says what has to hold wherever that is, such as how the runs end and what
// is live. Each play is a subtest.
//
// The Platform of s has to be nil, so that each time there is a new one.
func CrashAnywhere(t *testing.T, s Story, check func(t *testing.T, got *Result)) {
	t.Helper()
	if s.Platform != nil {
		t.Fatal("pipelinetest: CrashAnywhere of a Story with a Platform; want nil, for each play needs a new one")
	}
	writes := Run(t, s).writes
	for n := 1; n <= writes && !t.Failed(); n++ {
		t.Run(fmt.Sprintf("before write %d of %d", n, writes), func(t *testing.T) { check(t, run(t, t, s, n)) })
		t.Run(fmt.Sprintf("after write %d of %d", n, writes), func(t *testing.T) { check(t, run(t, t, s, -n)) })
	}
}
