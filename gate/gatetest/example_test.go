package gatetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/gatetest"
)

// TestSettled tests a gate of one's own, once for each way in which it decides.
func TestSettled(t *testing.T) {
	settled := gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		over := req.Since.Add(time.Hour)
		if req.Now.Before(over) {
			return gate.Waitf("settles until %s", over.Format(time.TimeOnly)).Until(over), nil
		}
		return gate.Passf("settled for an hour"), nil
	})

	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	got := gatetest.Run(t, settled,
		gate.Request{Since: began, Now: began},
		gate.Request{Since: began, Now: began.Add(time.Hour)},
	)
	for i, want := range []gate.Verdict{gate.Waiting, gate.Passed} {
		if got[i].Verdict != want {
			t.Errorf("request %d: %v (%s); want %v", i, got[i].Verdict, got[i].Reason, want)
		}
	}
}

// printer stands in for the *testing.T of a test.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Context() context.Context          { return context.Background() }
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// What Run finds, it explains.
func ExampleRun() {
	var t printer // in a test, its *testing.T
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

	hasty := gate.Func(func(_ context.Context, req gate.Request) (gate.Decision, error) {
		return gate.Waitf("ticket is open").Until(req.Now), nil
	})
	gatetest.Run(t, hasty, gate.Request{Now: now})
	// Output:
	// request 1 of 1: Recheck 2026-03-02 09:00:00 +0000 UTC is not after Request.Now 2026-03-02 09:00:00 +0000 UTC; the executor would ask without pause
}
