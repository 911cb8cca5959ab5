package window_test

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on each machine

	"pgregory.net/rapid"

	"github.com/penstock/penstock/gate/window"
)

// zones are those whose clocks do what others do not.
var zones = []string{
	"UTC",
	"Europe/Berlin",
	"Europe/Dublin", // standard time in summer
	"America/New_York",
	"America/Sao_Paulo",   // put forward at midnight until 2018
	"America/Havana",      // put back at 01:00
	"Asia/Kathmandu",      // +05:45
	"Asia/Pyongyang",      // put back half an hour in 2015
	"Australia/Lord_Howe", // put forward half an hour
	"Africa/Casablanca",   // put back for Ramadan
	"Antarctica/Troll",    // put forward two hours
	"Pacific/Apia",        // left out 30 December 2011
	"Pacific/Kwajalein",   // left out 21 August 1993
	"Pacific/Chatham",     // +12:45, with summer time
}

func load(t interface{ Fatal(...any) }, zone string) *time.Location {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// changes returns when the clocks of a zone are changed, and a day that the time
// package takes for the next year (golang/go#81583).
func changes(loc *time.Location) (all []time.Time) {
	end := time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := time.Date(1990, 1, 1, 0, 0, 0, 0, loc); ; {
		_, next := t.ZoneBounds()
		if next.IsZero() || next.After(end) {
			return append(all, time.Date(2040, 12, 31, 12, 0, 0, 0, time.UTC))
		}
		all = append(all, next)
		t = next
	}
}

const day = 24 * 60 // minutes

// A brute is a window worked out minute by minute: whether each minute from a
// start on is in it.
type brute []bool

// reached calls in with what the clock on the wall of a zone has shown latest,
// in minutes, for each minute from start on. A clock put back shows nothing new
// until it is past where it was.
func reached(loc *time.Location, start time.Time, minutes int, in func(latest int64) bool) brute {
	b := make(brute, minutes)
	latest := int64(0)
	const before = 2 * day // to see what it showed before start
	for i := -before; i < minutes; i++ {
		t := start.Add(time.Duration(i) * time.Minute).In(loc)
		_, offset := t.Zone()
		latest = max(latest, (t.Unix()+int64(offset))/60)
		if i >= 0 {
			b[i] = in(latest)
		}
	}
	return b
}

func weeklyBrute(w window.Weekly, loc *time.Location, start time.Time, minutes int) brute {
	has := func(wall int64) bool { return w.Days&(1<<time.Unix(wall*60, 0).UTC().Weekday()) != 0 }
	from, to := clock(w.From, 0), clock(w.To, day)
	return reached(loc, start, minutes, func(latest int64) bool {
		minute := latest % day
		if from < to {
			return has(latest) && from <= minute && minute < to
		}
		return has(latest) && from <= minute || has(latest-day) && minute < to
	})
}

func datesBrute(d window.Dates, loc *time.Location, start time.Time, minutes int) brute {
	wall := func(s window.Date) int64 {
		layout := "2006-01-02 15:04"
		t, _ := time.Parse(layout[:len(s)], string(s))
		return t.Unix() / 60
	}
	return reached(loc, start, minutes, func(latest int64) bool {
		return slices.ContainsFunc(d.Spans, func(s window.Span) bool {
			to := wall(s.From)/day*day + day
			if s.To != "" {
				to = wall(s.To)
			}
			return wall(s.From) <= latest && latest < to
		})
	})
}

func clock(c window.Clock, zero int64) int64 {
	if c == "" {
		return zero
	}
	if c == "24:00" {
		return day
	}
	t, _ := time.Parse("15:04", string(c))
	return int64(t.Hour()*60 + t.Minute())
}

// compare asks w where it says that it changes, and in between.
func compare(t *rapid.T, w window.Window, start time.Time, want brute) {
	var s window.State
	for i, open := range want {
		now := start.Add(time.Duration(i) * time.Minute)
		switch {
		case i == 0, now.Equal(s.Until), i%997 == 0:
			var err error
			if s, err = w.At(now); err != nil {
				t.Fatalf("%s: %v", window.Describe(w), err)
			}
		case !s.Until.IsZero() && now.After(s.Until):
			t.Fatalf("%s: may change at %v, which is no full minute", window.Describe(w), s.Until)
		}
		if s.Open != open {
			t.Fatalf("%s: at %v open=%t until %v; want open=%t", window.Describe(w), now.In(s.Until.Location()), s.Open, s.Until, open)
		}
	}
}

const span = 6 * day

// drawn is a window with what it should be.
type drawn struct {
	window.Window
	brute
}

func drawClock(t *rapid.T, label string) window.Clock {
	if rapid.IntRange(0, 3).Draw(t, label+" near a change") == 0 {
		return rapid.SampledFrom([]window.Clock{"00:00", "00:30", "01:00", "01:30", "02:00", "02:15", "02:30", "03:00", "23:30"}).Draw(t, label)
	}
	m := rapid.IntRange(0, day-1).Draw(t, label)
	return window.Clock(time.Unix(int64(m)*60, 0).UTC().Format("15:04"))
}

// drawStart returns a time in the days before one at which a clock is changed.
func drawStart(t *rapid.T, zone string) time.Time {
	around := rapid.SampledFrom(changes(load(t, zone))).Draw(t, "change")
	return around.Add(-time.Duration(rapid.IntRange(0, 3*day).Draw(t, "minutes before")) * time.Minute).UTC()
}

func drawWeekly(t *rapid.T, zone string, start time.Time) drawn {
	w := window.Weekly{
		Zone: zone,
		Days: window.Days(rapid.IntRange(1, int(window.EveryDay)).Draw(t, "days")),
		From: drawClock(t, "from"),
		To:   drawClock(t, "to"),
	}
	if w.From == w.To {
		w.From, w.To = "", ""
	}
	return drawn{w, weeklyBrute(w, load(t, zone), start, span)}
}

func drawDates(t *rapid.T, zone string, start time.Time) drawn {
	d := window.Dates{Zone: zone}
	for range rapid.IntRange(1, 3).Draw(t, "dates") {
		from := start.Add(time.Duration(rapid.IntRange(-2*day, span).Draw(t, "first")) * time.Minute)
		to := from.Add(time.Duration(rapid.IntRange(1, 3*day).Draw(t, "length")) * time.Minute)
		s := window.Span{From: window.Date(from.Format("2006-01-02 15:04")), To: window.Date(to.Format("2006-01-02 15:04"))}
		switch rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			s.To = ""
		case 1:
			s.From = s.From[:len(time.DateOnly)]
		}
		d.Spans = append(d.Spans, s)
	}
	return drawn{d, datesBrute(d, load(t, zone), start, span)}
}

func TestWeeklyAgreesWithEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		start := drawStart(t, zone)
		w := drawWeekly(t, zone, start)
		compare(t, w.Window, start, w.brute)
	})
}

func TestDatesAgreeWithEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		start := drawStart(t, zone)
		d := drawDates(t, zone, start)
		compare(t, d.Window, start, d.brute)
	})
}

func TestSetsAgreeWithEveryMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := drawStart(t, rapid.SampledFrom(zones).Draw(t, "zone of the change"))
		var draw func(depth int) drawn
		draw = func(depth int) drawn {
			zone := rapid.SampledFrom(zones).Draw(t, "zone")
			kind := rapid.IntRange(0, 4).Draw(t, "kind")
			if depth == 0 {
				kind %= 2
			}
			switch kind {
			case 0:
				return drawWeekly(t, zone, start)
			case 1:
				return drawDates(t, zone, start)
			case 2:
				of := draw(depth - 1)
				return drawn{window.Not(of.Window), combine(of.brute, nil, func(a, _ bool) bool { return !a })}
			case 3:
				a, b := draw(depth-1), draw(depth-1)
				return drawn{window.All(a.Window, b.Window), combine(a.brute, b.brute, func(a, b bool) bool { return a && b })}
			}
			a, b := draw(depth-1), draw(depth-1)
			return drawn{window.Any(a.Window, b.Window), combine(a.brute, b.brute, func(a, b bool) bool { return a || b })}
		}
		w := draw(2)
		compare(t, w.Window, start, w.brute)
	})
}

func combine(a, b brute, op func(a, b bool) bool) brute {
	out := make(brute, len(a))
	for i := range a {
		out[i] = op(a[i], b != nil && b[i])
	}
	return out
}
