package pipelinetest

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"},
		{833*time.Millisecond + 785*time.Microsecond, "833ms"},
		{time.Second, "1s"},
		{61*time.Minute + 1900*time.Millisecond, "1h 1m 1s"},
		{24 * time.Hour, "1d"},
		{10*24*time.Hour + time.Minute, "10d 1m"},
	} {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q; want %q", tt.d, got, tt.want)
		}
	}
}

func TestTimesOnTheClockOnTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	friday := time.Date(2026, time.March, 27, 15, 0, 0, 0, berlin) // the clock is set forward on Sunday
	for _, tt := range []struct{ name, clock, want string }{
		{"later that day", "15:30", "2026-03-27T15:30:00+01:00"},
		{"at once", "15:00", "2026-03-27T15:00:00+01:00"},
		{"the next morning", "09:00", "2026-03-28T09:00:00+01:00"},
		{"today, by name", "Fri 15:00", "2026-03-27T15:00:00+01:00"},
		{"in a week, for it is past", "Fri 14:59", "2026-04-03T14:59:00+02:00"},
		{"after the clock was changed", "Mon 09:00", "2026-03-30T09:00:00+02:00"},
		{"on a date", "2026-05-01 12:00", "2026-05-01T12:00:00+02:00"},
		{"in a form of its own", "Friday 3 pm", ""},
		{"on no day", "Xyz 09:00", ""},
		{"at no time", "25:00", ""},
		{"never", "", ""},
		{"in the past", "2026-03-27 14:59", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := onWall(tt.clock, friday)
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("onWall(%q) = %v; want an error", tt.clock, got)
			case tt.want != "" && (err != nil || got.Format(time.RFC3339) != tt.want):
				t.Errorf("onWall(%q) = %v, %v; want %v", tt.clock, got, err, tt.want)
			}
		})
	}
}

func TestOneLineIsOneLine(t *testing.T) {
	tl := Timeline{Begin: dawn, Lines: []Line{{At: dawn, Run: "r1", Text: "two\nlines\tand a tab\n"}}}
	want := "Saturday 1 January 2000, UTC\nSat 00:00:00  +0s  r1      two; lines and a tab\n"
	if got := tl.String(); got != want {
		t.Errorf("String = %q; want %q", got, want)
	}
}
