package window

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Dates is a [Window] that is open on a list of dates: holidays, a freeze at the
// end of the year, an event.
type Dates struct {
	Zone  string // IANA name, such as "Europe/Berlin" or "UTC"; "" is a mistake
	Spans []Span // at least one, in any order; they may overlap
	Why   string // what they are, such as "public holidays"; may be empty
}

// A Span is one entry of [Dates]: from the start of From until just before To.
type Span struct {
	From Date
	To   Date   // when it is over, as the day after the last one; "" means at the end of the day of From
	Why  string // what it is, such as "Christmas Day"; "" means the Why of the list, or the dates themselves
}

// A Date is a day, which begins at midnight, as "2026-12-24", or a time on a
// day, as "2026-12-24 18:00", on the clock on the wall. A time that this clock
// shows twice means the first, one that is left out the instant after.
type Date string

func (d Date) wall() (wall, error) {
	text, clock, timed := strings.Cut(string(d), " ")
	date, err := time.Parse(time.DateOnly, text)
	var minutes int
	if err == nil && timed {
		minutes, err = Clock(clock).minutes()
	}
	if err != nil {
		return wall{}, fmt.Errorf("window: date %.40q; want the form %q or %q", string(d), "2026-12-24", "2026-12-24 18:00")
	}
	return wallOf(date.Year(), date.Month(), date.Day(), minutes), nil
}

// walls returns the first and the last instant of s on the clock on the wall.
func (s Span) walls() (from, to wall, err error) {
	from, err = s.From.wall()
	if err != nil {
		return from, to, err
	}
	if s.To == "" {
		y, m, d := from.utc.Date()
		return from, wallOf(y, m, d+1, 0), nil
	}
	to, err = s.To.wall()
	if err == nil && !from.utc.Before(to.utc) {
		err = fmt.Errorf("window: dates from %s to %s, which is not after it; want the day after the last in To", s.From, s.To)
	}
	return from, to, err
}

// At implements [Window].
func (d Dates) At(t time.Time) (State, error) { return bindAt(d, t) }

// Check reports all mistakes in d: a zone that cannot be loaded, no dates, dates
// that are no dates.
func (d Dates) Check() error {
	_, err := d.bind()
	return err
}

// Describe returns the dates and the zone.
func (d Dates) Describe() string {
	texts := make([]string, len(d.Spans))
	for i, s := range d.Spans {
		texts[i] = s.text()
	}
	slices.Sort(texts)
	return strings.Join(slices.Compact(texts), ", ") + " " + d.Zone
}

func (s Span) text() string {
	if s.To == "" {
		return string(s.From)
	}
	return string(s.From) + " to " + string(s.To)
}

func (d Dates) bind() (Window, error) {
	zone, err := loadZone(d.Zone)
	errs := []error{err}
	if len(d.Spans) == 0 {
		errs = append(errs, errors.New("window: no dates; want some in Spans"))
	}
	bound := dates{outside: "outside " + cmp.Or(d.Why, "the dates listed")}
	for _, s := range d.Spans {
		from, to, err := s.walls()
		errs = append(errs, err)
		if err == nil && zone != nil {
			bound.spans = append(bound.spans, span{from.in(zone), to.in(zone), cmp.Or(s.Why, d.Why, s.text())})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(bound.spans, func(a, b span) int { return a.start.Compare(b.start) })
	return bound, nil
}

// dates is Dates as instants, sorted by their start.
type dates struct {
	spans   []span
	outside string // Why, when shut
}

type span struct {
	start, end time.Time // the same if the clock has left out all of it
	why        string
}

func (d dates) At(t time.Time) (State, error) {
	s := State{Why: d.outside}
	for _, span := range d.spans {
		switch {
		case !span.end.After(t) || !span.start.Before(span.end): // over, or left out
		case !s.Open && span.start.After(t):
			s.Until = span.start
			return s, nil
		case !s.Open:
			s = State{Open: true, Until: span.end, Why: span.why}
		case !span.start.After(s.Until) && span.end.After(s.Until):
			s.Until = span.end
		}
	}
	return s, nil
}
