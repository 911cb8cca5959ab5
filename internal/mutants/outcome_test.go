package mutants

import (
	"regexp"
	"testing"
)

// An outcome is what came of a test on altered code.
type outcome string

const (
	passed     outcome = "passes"
	failed     outcome = "fails"
	deadlocked outcome = "is deadlocked" // which a bubble of testing/synctest tells at once
	panicked   outcome = "panics"        // in a goroutine that is of no test
	hung       outcome = "hangs"         // until its time was up, as it may for other reasons
	died       outcome = "dies"          // and no test says why
)

// noticed reports whether it was told at once that the code is altered.
func (o outcome) noticed() bool { return o == failed || o == deadlocked || o == panicked }

var (
	timedOut   = regexp.MustCompile(`(?m)^panic: test timed out after `)
	failure    = regexp.MustCompile(`(?m)^--- FAIL: `)
	standstill = regexp.MustCompile(`(?m)^(panic: deadlock: |fatal error: all goroutines are asleep - deadlock!)`)
	panics     = regexp.MustCompile(`(?m)^panic: `)
)

// outcomeOf returns what came of tests that did not pass, by what go test printed.
func outcomeOf(out string) outcome {
	switch {
	case timedOut.MatchString(out):
		return hung
	case standstill.MatchString(out):
		return deadlocked
	case failure.MatchString(out):
		return failed
	case panics.MatchString(out):
		return panicked
	}
	return died
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		want      outcome
		noticed   bool
	}{
		{"a failure", "--- FAIL: TestIt (0.00s)\n    it_test.go:3: got 1; want 2\nFAIL\nFAIL\tx\t0.014s\n", failed, true},
		{"a failure of a subtest", "--- FAIL: TestIt (0.00s)\n    --- FAIL: TestIt/one (0.00s)\nFAIL\n", failed, true},
		{"a panic in a test", "--- FAIL: TestIt (0.00s)\npanic: boo [recovered, repanicked]\n\ngoroutine 19 [running]:\n", failed, true},
		{"a bubble in which nothing moves", "--- FAIL: TestIt (0.00s)\npanic: deadlock: all goroutines in bubble are blocked [recovered, repanicked]\n", deadlocked, true},
		{"a bubble that is not empty", "--- FAIL: TestIt (0.00s)\npanic: deadlock: main bubble goroutine has exited but blocked goroutines remain [recovered, repanicked]\n", deadlocked, true},
		{"a program in which nothing moves", "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\n", deadlocked, true},
		{"time that is up", "panic: test timed out after 2m0s\n\trunning tests:\n\t\tTestIt (2m0s)\n", hung, false},
		{"time that is up after another test failed", "--- FAIL: TestOther (0.00s)\npanic: test timed out after 2m0s\n", hung, false},
		{"a panic in a goroutine of nobody", "panic: boo\n\ngoroutine 20 [running]:\n", panicked, true},
		{"an exit", "exit status 3\nFAIL\tx\t0.003s\nFAIL\n", died, false},
		{"a test that speaks of such things", "--- FAIL: TestIt (0.00s)\n    it_test.go:3: panic: test timed out after 2m0s, or a deadlock\n", failed, true},
	} {
		if got := outcomeOf(tt.out); got != tt.want || got.noticed() != tt.noticed {
			t.Errorf("%s: a test that %s, noticed: %v; want one that %s, noticed: %v", tt.name, got, got.noticed(), tt.want, tt.noticed)
		}
	}
}
