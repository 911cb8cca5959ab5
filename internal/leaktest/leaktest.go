// Package leaktest has the tests of a package fail if something outlives them.
package leaktest

import (
	"fmt"
	"os"
	"time"

	"go.uber.org/goleak"
)

// patience is for how long a goroutine may take to end after the tests: that of a
// process that was killed, or of a connection that was closed, on a busy machine.
const patience = 2 * time.Minute

// Main runs the tests of a package, for its TestMain, and ends the process. It
// reports a goroutine that outlives them.
func Main(m interface{ Run() int }, options ...goleak.Option) { os.Exit(Run(m, options...)) }

// Run is Main for a TestMain that has more to do: it returns what to exit with.
func Run(m interface{ Run() int }, options ...goleak.Option) int {
	code := m.Run()
	if code != 0 {
		return code
	}
	err := leak(patience, options...)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "leaktest:", err)
	return 1
}

// leak returns what has not ended within a time, or nil.
func leak(within time.Duration, options ...goleak.Option) error {
	for begun := time.Now(); ; {
		err := goleak.Find(options...) // tries for half a second
		if err == nil || time.Since(begun) > within {
			return err
		}
	}
}
