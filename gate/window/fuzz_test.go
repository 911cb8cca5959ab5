package window_test

import (
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
)

// FuzzClock compares what is taken for a time of day with the time package,
// which knows no 24:00.
func FuzzClock(f *testing.F) {
	for _, s := range []string{"00:00", "09:30", "23:59", "24:00", "24:01", "9:00", "", "12:60", "１2:00", "-1:00", "12:00 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w := window.Weekly{Zone: "UTC", Days: window.Mon, From: "00:00", To: window.Clock(s)}
		_, err := time.Parse("15:04", s)
		want := err == nil && len(s) == len("15:04") && s != "00:00" || s == "24:00" || s == ""
		if got := w.Check(); (got == nil) != want {
			t.Errorf("Check of To %q = %v; want valid=%t", s, got, want)
		}
	})
}

// FuzzDate compares what is taken for a date with the time package.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2026-12-24", "2026-12-24 18:00", "2026-12-24 24:00", "2026-02-29", "2026-12-24T18:00", "26-12-24", "2026-12-24 ", "2026-12-24  8:00", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := window.Dates{Zone: "UTC", Spans: []window.Span{{From: window.Date(s)}}}
		text := strings.Replace(s, " 24:00", " 00:00", 1)
		_, asDay := time.Parse("2006-01-02", text)
		at, asTime := time.Parse("2006-01-02 15:04", text)
		want := asDay == nil || asTime == nil && at.Format("2006-01-02 15:04") == text // Parse takes more blanks than one
		if asTime == nil && strings.HasSuffix(s, " 24:00") {
			return // a day has no time after its end
		}
		if got := d.Check(); (got == nil) != want {
			t.Errorf("Check of From %q = %v; want valid=%t", s, got, want)
		}
	})
}

// FuzzWeekly holds a gate to what it says at any time in any zone: it is asked
// just before it changes, and then.
func FuzzWeekly(f *testing.F) {
	f.Add("Europe/Berlin", byte(window.EveryDay), "02:30", "03:30", int64(1774659600))  // put forward
	f.Add("Europe/Berlin", byte(window.EveryDay), "02:30", "02:15", int64(1792886400))  // put back
	f.Add("Pacific/Apia", byte(window.Fri), "", "", int64(1325152800))                  // a Friday left out
	f.Add("Pacific/Apia", byte(window.Thu), "22:00", "02:00", int64(1325152800))        // into it
	f.Add("Australia/Lord_Howe", byte(window.Sun), "01:45", "02:15", int64(1775314800)) // put back half an hour
	f.Add("Europe/Dublin", byte(window.EveryDay), "12:06", "05:56", int64(98552556142)) // hung (golang/go#81583)
	f.Add("Asia/Kathmandu", byte(window.Mon), "00:00", "00:01", int64(-2000000000))     // seconds from full minutes
	f.Fuzz(func(t *testing.T, zone string, days byte, from, to string, unix int64) {
		w := window.Weekly{Zone: zone, Days: window.Days(days), From: window.Clock(from), To: window.Clock(to)}
		if w.Check() != nil || unix < -1e11 || unix > 1e11 {
			return
		}
		for _, g := range []gate.Gate{window.Inside(w), window.Outside(w)} {
			ask := func(now time.Time) gate.Decision {
				d, err := g.Decide(t.Context(), gate.Request{Now: now})
				if err != nil {
					t.Fatalf("%s at %v: %v", gate.Describe(g), now, err)
				}
				return d
			}
			now := time.Unix(unix, 0)
			d := ask(now)
			if d.Recheck.IsZero() {
				if w.Days != window.EveryDay {
					t.Fatalf("%s at %v: %v for ever (%s)", gate.Describe(g), now, d.Verdict, d.Reason)
				}
				continue
			}
			if !d.Recheck.After(now) || d.Recheck.Sub(now) > 15*24*time.Hour && unix < 4e9 {
				t.Fatalf("%s at %v: changes at %v; want within two weeks", gate.Describe(g), now, d.Recheck)
			}
			if before, then := ask(d.Recheck.Add(-1)), ask(d.Recheck); before.Verdict != d.Verdict || then.Verdict == d.Verdict {
				t.Fatalf("%s at %v: %v until %v; but just before it is %v, and then %v", gate.Describe(g), now, d.Verdict, d.Recheck, before.Verdict, then.Verdict)
			}
		}
	})
}
