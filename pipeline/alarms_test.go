package pipeline

import (
	"testing"
	"time"
)

// All runs are looked at when the clock is set back, and no others: the machine
// knows how much less each has to wait then (I20).
func TestAlarmsRingWhenTheClockIsSetBack(t *testing.T) {
	for _, test := range []struct {
		name          string
		shown, passed time.Duration
		want          bool
	}{
		{"time has passed", time.Hour, time.Hour, false},
		{"clocks differ a little", 0, time.Minute - 1, false},
		{"set back by a year", -365 * 24 * time.Hour, time.Minute, true},
		{"set ahead", time.Hour, time.Minute, false},
	} {
		if got := setBack(test.shown, test.passed); got != test.want {
			t.Errorf("%s: setBack(%v, %v) = %v; want %v", test.name, test.shown, test.passed, got, test.want)
		}
	}
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	var a alarms
	a.set("one", now.AddDate(1, 0, 0))
	a.set("two", now.AddDate(2, 0, 0))
	a.ring(now)
	if got := a.due(now); len(got) != 2 {
		t.Errorf("due are %q; want both runs", got)
	}
	if next := a.next(); !next.IsZero() {
		t.Errorf("the next alarm is at %v; want none left over", next)
	}
}
