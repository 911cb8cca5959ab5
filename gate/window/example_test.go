package window_test

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
)

func tell(g gate.Gate, times ...string) {
	for _, text := range times {
		now, err := time.Parse("2006-01-02 15:04", text) // UTC
		if err != nil {
			fmt.Println(err)
			return
		}
		d, err := g.Decide(context.Background(), gate.Request{Now: now})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v: %s\n", d.Verdict, d.Reason)
	}
}

func ExampleInside() {
	office := window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}
	tell(window.Inside(office), "2026-03-27 15:59", "2026-03-27 16:00")
	// Output:
	// passed: office hours, until Fri 27 Mar 2026 17:00 CET
	// waiting: outside office hours, until Mon 30 Mar 2026 09:00 CEST
}

// A freeze is a window to stay outside of.
func ExampleOutside() {
	freeze := window.Dates{Zone: "America/New_York", Why: "freezes", Spans: []window.Span{
		{From: "2026-11-26", To: "2026-12-01", Why: "Thanksgiving"},
		{From: "2026-12-23 12:00", To: "2027-01-02", Why: "year end"},
	}}
	tell(window.Outside(freeze), "2026-11-25 12:00", "2026-11-26 12:00", "2027-01-02 05:00")
	// Output:
	// passed: outside freezes, until Thu 26 Nov 2026 00:00 EST
	// waiting: Thanksgiving, until Tue 1 Dec 2026 00:00 EST
	// passed: outside freezes
}

// Do not begin what cannot end before people go home, also on the day before a
// holiday.
func ExampleFits() {
	office := window.Weekly{Zone: "Europe/London", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "office hours"}
	holidays := window.Dates{Zone: "Europe/London", Why: "holidays", Spans: []window.Span{
		{From: "2026-12-24 13:00", To: "2026-12-25", Why: "Christmas Eve"},
		{From: "2026-12-25", Why: "Christmas Day"},
		{From: "2026-12-28", Why: "Boxing Day"},
	}}
	staffed := window.Fits{For: 4 * time.Hour, In: window.All(office, window.Not(holidays))}
	tell(staffed, "2026-12-23 12:59", "2026-12-24 08:00", "2026-12-24 09:00")
	// Output:
	// passed: office hours, outside holidays, until Wed 23 Dec 2026 13:00 GMT
	// waiting: outside office hours, until Tue 29 Dec 2026 09:00 GMT
	// waiting: not more than 4h0m0s left of office hours, outside holidays, until Tue 29 Dec 2026 09:00 GMT
}

// A window can last past midnight. On the night on which clocks are put forward
// it is an hour shorter.
func ExampleWeekly() {
	night := window.Weekly{Zone: "Europe/Berlin", Days: window.Sat, From: "22:00", To: "04:00"}
	for _, saturday := range []string{"2026-03-21", "2026-03-28"} {
		evening, _ := time.Parse(time.DateOnly, saturday)
		shut, _ := night.At(evening)
		open, _ := night.At(shut.Until)
		fmt.Println(shut.Until.Format(time.RFC1123), "for", open.Until.Sub(shut.Until))
	}
	// Output:
	// Sat, 21 Mar 2026 22:00:00 CET for 6h0m0s
	// Sat, 28 Mar 2026 22:00:00 CET for 5h0m0s
}

func ExampleDates() {
	d := window.Dates{Zone: "Asia/Kathmandu", Spans: []window.Span{{From: "2026-10-20", To: "2026-10-22"}}}
	s, err := d.At(time.Date(2026, 10, 21, 0, 0, 0, 0, time.UTC))
	fmt.Println(s.Open, s.Until, err)
	// Output: true 2026-10-22 00:00:00 +0545 +0545 <nil>
}

func ExampleAll() {
	berlin := window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "Berlin at work"}
	boston := window.Weekly{Zone: "America/New_York", Days: window.Weekdays, From: "09:00", To: "17:00", Why: "Boston at work"}
	tell(window.Inside(window.All(berlin, boston)), "2026-07-01 08:00", "2026-07-01 14:00")
	// Output:
	// waiting: outside Boston at work, until Wed 1 Jul 2026 09:00 EDT
	// passed: Berlin at work, Boston at work, until Wed 1 Jul 2026 17:00 CEST
}

func ExampleAny() {
	mornings := window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "06:00", To: "12:00"}
	weekend := window.Weekly{Zone: "UTC", Days: window.Weekend}
	tell(window.Inside(window.Any(mornings, weekend)), "2026-03-06 06:00", "2026-03-07 06:00")
	// Output:
	// passed: Mon-Fri 06:00-12:00 UTC, until Fri 6 Mar 2026 12:00 UTC
	// passed: Sat, Sun 00:00-24:00 UTC, until Mon 9 Mar 2026 00:00 UTC
}

func ExampleNot() {
	lunch := window.Weekly{Zone: "UTC", Days: window.EveryDay, From: "12:00", To: "13:00", Why: "lunch"}
	s, err := window.Not(lunch).At(time.Date(2026, 3, 2, 12, 30, 0, 0, time.UTC))
	fmt.Println(s.Open, s.Why, err)
	// Output: false lunch <nil>
}

func ExampleDays() {
	fmt.Println(window.Mon|window.Tue|window.Wed|window.Sat, window.Weekend)
	// Output: Mon-Wed, Sat Sat, Sun
}

func ExampleCheck() {
	fmt.Println(window.Check(window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "9:00"}))
	fmt.Println(window.Check(window.Weekly{Days: window.Weekdays}))
	// Output:
	// window: clock "9:00"; want a time of day such as "09:30", from "00:00" to "24:00"
	// window: no zone; want an IANA name such as "Europe/Berlin", or "UTC"
}

// Gates that never pass together are found before anything runs.
func ExampleCheck_never() {
	fmt.Println(gate.Check(gate.All(
		window.Inside(window.Weekly{Zone: "UTC", Days: window.Weekend}),
		window.Outside(window.Weekly{Zone: "UTC", Days: window.Fri | window.Weekend}),
	)))
	fmt.Println(gate.Check(window.Fits{For: 12 * time.Hour, In: window.Weekly{Zone: "UTC", Days: window.Weekdays, From: "09:00", To: "17:00"}}))
	// Output:
	// window: outside Fri-Sun 00:00-24:00 UTC: can never pass together with inside Sat, Sun 00:00-24:00 UTC: never open from 2026-01-01 to 2032-05-23
	// window: 12h0m0s left inside Mon-Fri 09:00-17:00 UTC: can never pass: never open from 2026-01-01 to 2029-01-03
}

func ExampleDescribe() {
	fmt.Println(window.Describe(window.Weekly{Zone: "Europe/Berlin", Days: window.Weekdays, From: "09:00", To: "17:00"}))
	// Output: Mon-Fri 09:00-17:00 Europe/Berlin
}

// A program that shows a calendar of what is closed finds the windows in gates.
func ExampleOf() {
	freeze := window.Outside(window.Dates{Zone: "UTC", Why: "year end", Spans: []window.Span{{From: "2026-12-23", To: "2027-01-02"}}})
	guards := gate.All(freeze, gate.Func(nil))
	noon := time.Date(2026, time.December, 24, 12, 0, 0, 0, time.UTC)
	for g := range gate.Walk(guards) {
		if w, ok := window.Of(g); ok {
			s, err := w.At(noon)
			fmt.Println(s.Open, s.Until, err)
		}
	}
	// Output: false 2027-01-02 00:00:00 +0000 UTC <nil>
}
