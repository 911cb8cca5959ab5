package window

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Weekly is a [Window] that is open on the same hours each week, on the clock on
// the wall of its zone.
//
// If To is before From, it is open past midnight, into the day after each of
// Days. On a day on which the clock is changed it opens when the clock first
// shows From or later, and shuts when it first shows To or later. So it opens
// and shuts once, an hour that is shown twice counts in full if it is inside,
// and an hour that is left out is not there.
type Weekly struct {
	Zone string // IANA name, such as "Europe/Berlin" or "UTC"; "" is a mistake
	Days Days   // on which it opens; at least one
	From Clock  // when it opens; "" means "00:00"
	To   Clock  // when it shuts; "" means "24:00"
	Why  string // what it is, such as "office hours"; "" means the days and hours themselves
}

// At implements [Window].
func (w Weekly) At(t time.Time) (State, error) { return bindAt(w, t) }

// Check reports all mistakes in w: a zone that cannot be loaded, no days, hours
// that are no hours.
func (w Weekly) Check() error {
	_, err := w.bind()
	return err
}

// Describe returns the days, the hours and the zone.
func (w Weekly) Describe() string {
	from, to := w.clocks()
	return fmt.Sprintf("%v %s-%s %s", w.Days, from, to, w.Zone)
}

func (w Weekly) clocks() (from, to Clock) { return cmp.Or(w.From, "00:00"), cmp.Or(w.To, "24:00") }

func (w Weekly) bind() (Window, error) {
	zone, zoneErr := loadZone(w.Zone)
	start, end := w.clocks()
	from, fromErr := start.minutes()
	to, toErr := end.minutes()
	errs := []error{zoneErr, fromErr, toErr}
	if w.Days == 0 || w.Days > EveryDay {
		errs = append(errs, fmt.Errorf("window: weekly on %v; want days such as window.Mon|window.Tue or window.Weekdays", w.Days))
	}
	switch {
	case fromErr != nil || toErr != nil:
	case from == day:
		errs = append(errs, fmt.Errorf("window: weekly from %s; want a time up to %q, or %q of the next day", start, "23:59", "00:00"))
	case from == to%day && to-from != day:
		errs = append(errs, fmt.Errorf("window: weekly from %s to %s, which are the same; for the whole day leave out both", start, end))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if to < from {
		to += day
	}
	return weekly{zone, w.Days, from, to, cmp.Or(w.Why, w.Describe())}, nil
}

const day = 24 * 60 // minutes

// weekly is a Weekly with its zone loaded.
type weekly struct {
	zone     *time.Location
	days     Days
	from, to int // minutes since midnight; to may be on the next day
	why      string
}

func (w weekly) At(t time.Time) (State, error) {
	if w.days == EveryDay && w.to-w.from == day {
		return State{Open: true, Why: w.why}, nil
	}
	year, month, d := t.In(w.zone).Date()
	for d--; ; d++ { // it can have opened on the day before
		start, end, opens := w.on(year, month, d)
		switch {
		case !opens || !end.After(t):
			continue
		case start.After(t):
			return State{Until: start, Why: "outside " + w.why}, nil
		}
		return State{Open: true, Until: end, Why: w.why}, nil
	}
}

// on returns when w opens and shuts on a day; opens is false if it does not.
func (w weekly) on(year int, month time.Month, d int) (start, end time.Time, opens bool) {
	if !w.days.has(wallOf(year, month, d, 0).utc.Weekday()) {
		return start, end, false
	}
	start, end = wallOf(year, month, d, w.from).in(w.zone), wallOf(year, month, d, w.to).in(w.zone)
	return start, end, start.Before(end)
}
