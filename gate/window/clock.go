package window

import (
	"fmt"
	"time"
)

// A Clock is a time of day on the clock on the wall, in two digits each, such as
// "09:30", from "00:00" to "24:00".
type Clock string

// minutes returns the minutes since midnight that c shows.
func (c Clock) minutes() (int, error) {
	digit := func(i int) int { return int(c[i] - '0') }
	if len(c) == 5 && isDigit(c[0]) && isDigit(c[1]) && c[2] == ':' && isDigit(c[3]) && isDigit(c[4]) {
		h, m := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
		if h < 24 && m < 60 || h == 24 && m == 0 {
			return 60*h + m, nil
		}
	}
	return 0, fmt.Errorf("window: clock %.40q; want a time of day such as %q, from %q to %q", string(c), "09:30", "00:00", "24:00")
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// loadZone loads an IANA zone. An empty name is refused, and so is the zone of
// the machine, for a window must not depend on where it is asked.
func loadZone(name string) (*time.Location, error) {
	switch name {
	case "":
		return nil, fmt.Errorf("window: no zone; want an IANA name such as %q, or %q", "Europe/Berlin", "UTC")
	case "Local":
		return nil, fmt.Errorf("window: zone %q is that of the machine; want an IANA name such as %q", name, "Europe/Berlin")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("window: zone %q: %w; want an IANA name, and on a machine without zone files import time/tzdata", name, err)
	}
	return zone, nil
}

// A wall is a date and a time of day, as the clock on a wall shows it, whatever
// the zone. It is kept as the instant at which it is shown in UTC.
type wall struct{ utc time.Time }

func wallOf(year int, month time.Month, day, minutes int) wall {
	return wall{time.Date(year, month, day, 0, minutes, 0, 0, time.UTC)}
}

// in returns the first instant at which the clock in zone shows w or later.
//
// If w is shown twice, it is the first time; if it is left out, it is the
// instant at which it is left out. (time.Date does not say which it picks.)
func (w wall) in(zone *time.Location) time.Time {
	// No zone has ever been a day or more from UTC (tzdata: -15:56 to +15:13),
	// so a day before, w is still to come.
	t := w.utc.Add(-24 * time.Hour).In(zone)
	for {
		_, offset := t.Zone()
		shown := w.utc.Add(-time.Duration(offset) * time.Second)
		if shown.Before(t) {
			return t // left out when the clock was put forward at t
		}
		_, end := t.ZoneBounds()
		if !end.IsZero() && !end.After(t) {
			// A year of the rules that end a zone has 365 days (golang/go#81583),
			// so this is 31 December 2040 or of a later leap year.
			end = t.Add(time.Hour)
		}
		if end.IsZero() || shown.Before(end) {
			return shown.In(zone)
		}
		t = end
	}
}
