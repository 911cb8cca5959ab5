package window_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/gatetest"
	"github.com/penstock/penstock/gate/window"
)

var (
	office = window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}
	night  = window.Weekly{Zone: "Europe/Berlin", Days: window.Fri, From: "22:00", To: "02:00"}
	always = window.Weekly{Zone: "UTC", Days: window.EveryDay}
	feasts = window.Dates{Zone: "Europe/Berlin", Why: "holidays", Spans: []window.Span{
		{From: "2026-05-01", Why: "Labour Day"},
		{From: "2026-12-23 12:00", To: "2027-01-02", Why: "year end"},
	}}
)

// utc returns a time in 2026.
func utc(month time.Month, day, hour, minute int) time.Time {
	return time.Date(2026, month, day, hour, minute, 0, 0, time.UTC)
}

func wait(reason string, until time.Time) gate.Decision {
	return gate.Decision{Reason: reason, For: gate.ForWindow, Recheck: until}
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name string
		gate gate.Gate
		now  time.Time
		want gate.Decision
	}{
		{"before it opens", window.Inside(office), utc(3, 2, 7, 59), wait("outside office hours, until Mon 2 Mar 2026 09:00 CET", utc(3, 2, 8, 0))},
		{"at its start it is open (G9)", window.Inside(office), utc(3, 2, 8, 0), gate.Passf("office hours, until Mon 2 Mar 2026 17:00 CET").Until(utc(3, 2, 16, 0))},
		{"the last nanosecond is open, so is the last minute (G9)", window.Inside(office), utc(3, 2, 16, 0).Add(-1), gate.Passf("office hours, until Mon 2 Mar 2026 17:00 CET").Until(utc(3, 2, 16, 0))},
		{"at its end it is shut (G9)", window.Inside(office), utc(3, 2, 16, 0), wait("outside office hours, until Tue 3 Mar 2026 09:00 CET", utc(3, 3, 8, 0))},
		{"over the weekend clocks are put forward", window.Inside(office), utc(3, 27, 16, 0), wait("outside office hours, until Mon 30 Mar 2026 09:00 CEST", utc(3, 30, 7, 0))},
		{"on a day that the time package takes for the next year (golang/go#81583)", window.Inside(office), time.Date(2040, 12, 31, 7, 0, 0, 0, time.UTC), wait("outside office hours, until Mon 31 Dec 2040 09:00 CET", time.Date(2040, 12, 31, 8, 0, 0, 0, time.UTC))},
		{"without a name it tells its hours", window.Inside(night), utc(3, 2, 0, 0), wait("outside Fri 22:00-02:00 Europe/Berlin, until Fri 6 Mar 2026 22:00 CET", utc(3, 6, 21, 0))},
		{"past midnight", window.Inside(night), utc(3, 7, 0, 59), gate.Passf("Fri 22:00-02:00 Europe/Berlin, until Sat 7 Mar 2026 02:00 CET").Until(utc(3, 7, 1, 0))},
		{"a window that never shuts", window.Inside(always), utc(3, 2, 0, 0), gate.Passf("Mon-Sun 00:00-24:00 UTC")},
		{"days that follow on one another", window.Inside(window.Weekly{Zone: "UTC", Days: window.Weekdays}), utc(3, 2, 0, 0), gate.Passf("Mon-Fri 00:00-24:00 UTC, until Sat 7 Mar 2026 00:00 UTC").Until(utc(3, 7, 0, 0))},

		{"before a freeze", window.Outside(feasts), utc(5, 1, 22, 0), gate.Passf("outside holidays, until Wed 23 Dec 2026 12:00 CET").Until(utc(12, 23, 11, 0))},
		{"in a freeze", window.Outside(feasts), utc(12, 23, 11, 0), wait("year end, until Sat 2 Jan 2027 00:00 CET", time.Date(2027, 1, 1, 23, 0, 0, 0, time.UTC))},
		{"after the last freeze", window.Outside(feasts), time.Date(2027, 1, 1, 23, 0, 0, 0, time.UTC), gate.Passf("outside holidays")},
		{"after the last date", window.Inside(feasts), time.Date(2027, 1, 1, 23, 0, 0, 0, time.UTC), gate.Rejectf("outside holidays, and the window never opens again")},
		{"dates without a name", window.Outside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: "2026-03-02"}}}), utc(3, 2, 9, 0), wait("2026-03-02, until Tue 3 Mar 2026 00:00 UTC", utc(3, 3, 0, 0))},

		{"office hours on a holiday", window.Inside(window.All(office, window.Not(feasts))), utc(5, 1, 8, 0), wait("Labour Day, until Mon 4 May 2026 09:00 CEST", utc(5, 4, 7, 0))},
		{"office hours cut by a freeze", window.Inside(window.All(office, window.Not(feasts))), utc(12, 23, 8, 0), gate.Passf("office hours, outside holidays, until Wed 23 Dec 2026 12:00 CET").Until(utc(12, 23, 11, 0))},
		{"hours on dates that are over", window.Inside(window.All(office, feasts)), time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), gate.Rejectf("outside holidays, and the window never opens again")},
		{"one of two windows", window.Inside(window.Any(office, night)), utc(3, 6, 21, 0), gate.Passf("Fri 22:00-02:00 Europe/Berlin, until Sat 7 Mar 2026 02:00 CET").Until(utc(3, 7, 1, 0))},

		{"enough time is left (G10)", window.Fits{For: 4 * time.Hour, In: office}, utc(3, 2, 11, 59), gate.Passf("office hours, until Mon 2 Mar 2026 13:00 CET").Until(utc(3, 2, 12, 0))},
		{"not enough time is left (G10)", window.Fits{For: 4 * time.Hour, In: office}, utc(3, 2, 12, 0), wait("not more than 4h0m0s left of office hours, until Tue 3 Mar 2026 09:00 CET", utc(3, 3, 8, 0))},
		{"the next day is too short (G10)", window.Fits{For: 4 * time.Hour, In: window.All(office, window.Not(feasts))}, utc(12, 22, 15, 0), wait("not more than 4h0m0s left of office hours, outside holidays, until Mon 4 Jan 2027 09:00 CET", time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC))},
		{"it fits over midnight between open days", window.Fits{For: 30 * time.Hour, In: window.Weekly{Zone: "UTC", Days: window.Weekdays}}, utc(3, 2, 20, 0), gate.Passf("Mon-Fri 00:00-24:00 UTC, until Thu 5 Mar 2026 18:00 UTC").Until(utc(3, 5, 18, 0))},
		{"in what never shuts all fits", window.Fits{For: 1000 * time.Hour, In: always}, utc(3, 2, 0, 0), gate.Passf("Mon-Sun 00:00-24:00 UTC")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := gatetest.Run(t, tt.gate, gate.Request{Now: tt.now})[0]; got != tt.want {
				t.Errorf("Decide = %+v\nwant     %+v", got, tt.want)
			}
		})
	}
}

func TestWhatCannotBeAnsweredKeepsTheGateShut(t *testing.T) {
	lost := window.Weekly{Zone: "Europe/Atlantis", Days: window.Weekdays}
	for _, g := range []gate.Gate{
		window.Inside(lost),
		window.Outside(lost), // a freeze whose zone is lost may not let anything pass
		window.Inside(window.Any(always, lost)),
		window.Outside(window.All(always, lost)),
		window.Inside(window.Weekly{Zone: "Local", Days: window.Weekdays}),
		window.Inside(nil),
		window.Outside(nil),
		window.Inside(window.All()),
		window.Inside(window.Any()),
		window.Outside(window.Dates{Zone: "UTC"}),
		window.Fits{For: time.Hour},
		window.Fits{In: always},
		window.Inside(stuck{}),
		window.Fits{For: time.Hour, In: stuck{}},
		window.Inside(dark{}),
		window.Outside(window.All(always, window.Not(dark{}))),
	} {
		if d, err := g.Decide(t.Context(), gate.Request{Now: utc(3, 2, 9, 0)}); err == nil {
			t.Errorf("%s: Decide = %+v; want an error, so that it stays shut (G9)", gate.Describe(g), d)
		}
		if gate.Check(g) == nil {
			t.Errorf("%s: Check = nil; want an error", gate.Describe(g))
		}
	}
}

// stuck is a window of another package that says its state is over at once.
type stuck struct{}

func (stuck) At(t time.Time) (window.State, error) { return window.State{Open: true, Until: t}, nil }

var errDark = errors.New("calendar: no such host")

// dark is one that cannot be asked.
type dark struct{}

func (dark) At(time.Time) (window.State, error) { return window.State{}, errDark }

func TestErrorsOfAWindowAreKept(t *testing.T) {
	_, err := window.Inside(window.Any(always, window.Not(dark{}))).Decide(t.Context(), gate.Request{})
	if !errors.Is(err, errDark) {
		t.Errorf("Decide = %v; want %v", err, errDark)
	}
}

func TestCheck(t *testing.T) {
	monday := window.Inside(window.Weekly{Zone: "UTC", Days: window.Mon})
	tuesday := window.Inside(window.Weekly{Zone: "UTC", Days: window.Tue})
	weekly := func(from, to window.Clock) gate.Gate {
		return window.Inside(window.Weekly{Zone: "UTC", Days: window.Mon, From: from, To: to})
	}
	dates := func(from, to window.Date) gate.Gate {
		return window.Inside(window.Dates{Zone: "UTC", Spans: []window.Span{{From: from, To: to}}})
	}
	for _, tt := range []struct {
		name string
		gate gate.Gate
		want string // in the error; empty if there is none
	}{
		{"all hours of a day", weekly("00:00", "24:00"), ""},
		{"past midnight", weekly("23:59", "00:00"), ""},
		{"hours that are none", weekly("9:00", "25:00"), "clock \"9:00\"; want a time of day such as \"09:30\", from \"00:00\" to \"24:00\"\nwindow: clock \"25:00\""},
		{"no hours", weekly("09:00", "09:00"), "from 09:00 to 09:00, which are the same"},
		{"no hours at midnight", weekly("00:00", "00:00"), "from 00:00 to 00:00, which are the same"},
		{"from the end of a day", weekly("24:00", "02:00"), `from 24:00; want a time up to "23:59", or "00:00" of the next day`},
		{"no days", window.Inside(window.Weekly{Zone: "UTC"}), "weekly on no day; want days such as"},
		{"days that are none", window.Inside(window.Weekly{Zone: "UTC", Days: 200}), "weekly on Days(200)"},
		{"no zone", window.Inside(window.Weekly{Days: window.Mon}), `no zone; want an IANA name such as "Europe/Berlin"`},
		{"the zone of the machine", window.Inside(window.Weekly{Zone: "Local", Days: window.Mon}), "is that of the machine"},
		{"a zone that is lost", window.Inside(window.Dates{Zone: "Europe/Atlantis", Spans: []window.Span{{From: "2026-03-02"}}}), `zone "Europe/Atlantis": unknown time zone`},
		{"a day that is none", dates("2026-02-29", ""), `date "2026-02-29"; want the form "2026-12-24" or "2026-12-24 18:00"`},
		{"a time that is none", dates("2026-02-28 7:00", ""), `date "2026-02-28 7:00"`},
		{"an end that is none", dates("2026-02-28", "soon"), `date "soon"`},
		{"an end before the start", dates("2026-02-28", "2026-02-28"), "from 2026-02-28 to 2026-02-28, which is not after it"},
		{"no dates", window.Inside(window.Dates{Zone: "UTC"}), "no dates; want some in Spans"},
		{"dates of long ago (G6)", dates("1999-12-31", "2000-01-02"), "can never pass: never open after 2026-01-01"},
		{"a freeze for ever (G6)", window.Outside(always), "outside Mon-Sun 00:00-24:00 UTC: can never pass: never open after 2026-01-01"},
		{"a freeze of all days, put together (G6)", window.Outside(window.Any(window.Weekly{Zone: "UTC", Days: window.Weekdays}, window.Weekly{Zone: "UTC", Days: window.Weekend})), "can never pass: never open from 2026-01-01 to"},
		{"a set of windows that never meet (G6)", window.Inside(window.All(window.Weekly{Zone: "UTC", Days: window.Mon}, window.Weekly{Zone: "UTC", Days: window.Tue})), "can never pass: never open from 2026-01-01 to"},
		{"a duration longer than the window (G6, G10)", window.Fits{For: 9 * time.Hour, In: office}, "9h0m0s left inside Mon-Fri 09:00-17:00 Europe/Berlin: can never pass"},
		{"a duration as long as the window (G6, G10)", window.Fits{For: 8 * time.Hour, In: office}, "can never pass"},
		{"a duration shorter than the window", window.Fits{For: 8*time.Hour - 1, In: office}, ""},
		{"no duration", window.Fits{In: office}, "Fits has For 0s; want a duration that has to fit"},
		{"nothing to fit into", window.Fits{For: 1}, "nil; want a window"},

		{"gates that meet", gate.All(window.Inside(office), monday, window.Outside(feasts)), ""},
		{"gates that never meet (G6)", gate.All(monday, tuesday), "inside Tue 00:00-24:00 UTC: can never pass together with inside Mon 00:00-24:00 UTC"},
		{"gates that never meet, and one more (G6)", gate.All(monday, tuesday, window.Inside(office)), "inside Tue 00:00-24:00 UTC: can never pass together with inside Mon 00:00-24:00 UTC"},
		{"gates that need not meet", gate.Any(monday, tuesday), ""},
		{"gates in zones whose hours meet", gate.All(weekly("09:00", "10:00"), window.Inside(window.Weekly{Zone: "Asia/Kathmandu", Days: window.Mon, From: "14:45", To: "14:46"})), ""},
		{"gates that meet only while clocks differ", gate.All(
			window.Inside(window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "10:00"}),
			window.Inside(window.Weekly{Zone: "America/New_York", Days: window.Weekdays, From: "04:00", To: "05:00"}),
		), ""},
		{"three of which two meet (G6)", gate.All(
			window.Inside(window.Weekly{Zone: "UTC", Days: window.Mon | window.Tue}),
			window.Inside(window.Weekly{Zone: "UTC", Days: window.Tue | window.Wed}),
			window.Inside(window.Weekly{Zone: "UTC", Days: window.Mon | window.Wed}),
		), "inside Mon, Wed 00:00-24:00 UTC: can never pass together with inside Mon, Tue 00:00-24:00 UTC and inside Tue, Wed 00:00-24:00 UTC"},
		{"no time left to fit between a freeze and hours (G6)", gate.All(window.Outside(window.Weekly{Zone: "Europe/Berlin", Days: window.EveryDay, From: "08:00", To: "13:00"}), window.Fits{For: 4 * time.Hour, In: office}), "can never pass together with outside"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := gate.Check(tt.gate)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Check: %v; want nothing wrong", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Check: %v\nwant   %s", err, tt.want)
			case tt.want != "" && strings.Count(err.Error(), "can never pass") > 1:
				t.Errorf("Check: %v; want each mistake once", err)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		gate gate.Gate
		want string
	}{
		{window.Inside(office), "inside Mon-Fri 09:00-17:00 Europe/Berlin"},
		{window.Outside(feasts), "outside 2026-05-01, 2026-12-23 12:00 to 2027-01-02 Europe/Berlin"},
		{window.Fits{For: time.Hour, In: window.All(office, window.Not(night))}, "1h0m0s left inside all of (Mon-Fri 09:00-17:00 Europe/Berlin; outside Fri 22:00-02:00 Europe/Berlin)"},
		{window.Inside(window.Any(always, dark{})), "inside any of (Mon-Sun 00:00-24:00 UTC; window_test.dark)"},
	} {
		if got := gate.Describe(tt.gate); got != tt.want {
			t.Errorf("Describe = %s\nwant       %s", got, tt.want)
		}
	}
}

// Who looks into a definition can take a window apart, and put it together again.
func TestAWindowCanBeTakenApart(t *testing.T) {
	if w, ok := window.Of(window.Inside(office)); !ok || w != window.Window(office) {
		t.Errorf("Of(Inside(office)) = %v, %t; want office", w, ok)
	}
	if w, ok := window.Of(window.Outside(office)); !ok || w != window.Not(office) {
		t.Errorf("Of(Outside(office)) = %v, %t; want Not(office)", w, ok)
	}
	for _, g := range []gate.Gate{nil, gate.All(), window.Fits{For: time.Hour, In: office}} {
		if w, ok := window.Of(g); ok {
			t.Errorf("Of(%v) = %v; want none, for what a Fits waits for is in its fields", g, w)
		}
	}
	for _, w := range []window.Window{window.All(office, night), window.Any(office, night)} {
		parts := w.(interface{ Parts() []window.Window }).Parts()
		if len(parts) != 2 || parts[0] != window.Window(office) || parts[1] != window.Window(night) {
			t.Errorf("Parts of %s = %v; want office and night", window.Describe(w), parts)
		}
	}
}

func TestDays(t *testing.T) {
	for _, tt := range []struct {
		days window.Days
		want string
	}{
		{0, "no day"}, {window.Sun, "Sun"}, {window.Weekend, "Sat, Sun"}, {window.Weekdays, "Mon-Fri"}, {window.EveryDay, "Mon-Sun"},
		{window.Sun | window.Mon, "Mon, Sun"}, {window.Mon | window.Tue | window.Thu | window.Fri | window.Sat, "Mon, Tue, Thu-Sat"}, {128, "Days(128)"},
	} {
		if got := tt.days.String(); got != tt.want {
			t.Errorf("Days(%d).String() = %q; want %q", uint8(tt.days), got, tt.want)
		}
	}
}

// TestFitsAgreesWithEveryMinute looks in the minutes ahead for one that is shut
// (G10), and holds the gate to its Recheck.
func TestFitsAgreesWithEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		start := drawStart(t, zone)
		in := drawWeekly(t, zone, start)
		least := rapid.IntRange(1, day).Draw(t, "minutes")
		f := window.Fits{For: time.Duration(least) * time.Minute, In: in.Window}
		if f.Check() != nil {
			return
		}
		left := 0
		fits := make(brute, span-2*day) // as far as the minutes known tell
		for i := len(in.brute) - 1; i >= 0; i-- {
			if left++; !in.brute[i] {
				left = 0
			}
			if i < len(fits) {
				fits[i] = left > least
			}
		}
		var d gate.Decision
		for i, want := range fits {
			now := start.Add(time.Duration(i) * time.Minute)
			if i > 0 && !d.Recheck.IsZero() && now.Before(d.Recheck) && i%997 != 0 {
				if want != (d.Verdict == gate.Passed) {
					t.Fatalf("%s: %v until %v, but at %v fits=%t", f.Describe(), d.Verdict, d.Recheck, now, want)
				}
				continue
			}
			before := d
			d = decide(t, f, now)
			if want != (d.Verdict == gate.Passed) {
				t.Fatalf("%s: at %v %v (%s); want fits=%t", f.Describe(), now, d.Verdict, d.Reason, want)
			}
			if i > 0 && now.Equal(before.Recheck) && d.Verdict == before.Verdict {
				t.Fatalf("%s: said it changes at %v, and is %v as before", f.Describe(), now, d.Verdict)
			}
		}
	})
}

func decide(t *rapid.T, g gate.Gate, now time.Time) gate.Decision {
	d, err := g.Decide(t.Context(), gate.Request{Now: now})
	if err != nil {
		t.Fatalf("%s: %v", gate.Describe(g), err)
	}
	return d
}
