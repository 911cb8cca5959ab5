package pipelinetest

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/window"
)

// wider returns windows that are open for longer than w.
func wider(w window.Window) (vs variants[window.Window]) { return resized(w, true) }

// resized returns windows that are open for longer than w, or for less.
func resized(w window.Window, wide bool) (vs variants[window.Window]) {
	switch w := w.(type) {
	case window.Weekly:
		into(&vs, weekly(w, wide), func(w window.Weekly) window.Window { return w })
	case window.Dates:
		into(&vs, dates(w, wide), func(d window.Dates) window.Window { return d })
	}
	if of, ok := parts[window.Window](w, window.All()); ok {
		vs = append(vs, joined(window.All, of, wide, wide)...)
	}
	if of, ok := parts[window.Window](w, window.Any()); ok {
		vs = append(vs, joined(window.Any, of, wide, !wide)...)
	}
	if not, ok := inverse(w); ok {
		into(&vs, resized(not, !wide), window.Not)
	}
	return vs
}

// joined resizes each of several windows, and drops it if that is wanted.
func joined(join func(...window.Window) window.Window, of []window.Window, wide, drop bool) (vs variants[window.Window]) {
	for k, w := range of {
		if drop && len(of) > 1 {
			vs.add(join(without(of, k)...), "%s does not count", window.Describe(w))
		}
		into(&vs, resized(w, wide), func(w window.Window) window.Window { return join(replaced(of, k, w)...) })
	}
	return vs
}

// inverse returns the window that w is Not.
func inverse(w window.Window) (window.Window, bool) {
	if made, ok := w.(interface{ Parts() []window.Window }); ok && reflect.TypeOf(w) == reflect.TypeOf(window.Not(nil)) {
		return made.Parts()[0], true
	}
	return nil, false
}

// passing returns the gate that passes while w is open, said as people do.
func passing(w window.Window) gate.Gate {
	if not, ok := inverse(w); ok {
		return window.Outside(not)
	}
	return window.Inside(w)
}

// opposite returns the gate that passes while w is not open.
func opposite(w window.Window) gate.Gate {
	if not, ok := inverse(w); ok {
		return window.Inside(not)
	}
	return window.Outside(w)
}

// weekly moves the hours of w, and changes its days.
func weekly(w window.Weekly, wide bool) (vs variants[window.Weekly]) {
	hour, days := time.Hour, window.EveryDay
	if !wide {
		hour, days = -time.Hour, w.Days&(w.Days-1) // without the first
	}
	other := w
	other.From = moved(cmp.Or(w.From, "00:00"), -hour)
	vs.add(other, "%s opens at %s", w.Describe(), other.From)
	other = w
	other.To = moved(cmp.Or(w.To, "24:00"), hour)
	vs.add(other, "%s shuts at %s", w.Describe(), other.To)
	other = w
	other.Days = days
	vs.add(other, "%s opens on %v", w.Describe(), days)
	return vs
}

// moved returns a time of day that is d later, but on the same day.
func moved(c window.Clock, d time.Duration) window.Clock {
	var h, m int
	if _, err := fmt.Sscanf(string(c), "%d:%d", &h, &m); err != nil {
		return c
	}
	at := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + d
	at = min(max(at, 0), 24*time.Hour)
	return window.Clock(fmt.Sprintf("%02d:%02d", at/time.Hour, at%time.Hour/time.Minute))
}

// dates ends each span a day later, or a day earlier, or drops it.
func dates(d window.Dates, wide bool) (vs variants[window.Dates]) {
	for k, span := range d.Spans {
		other := d
		if !wide && len(d.Spans) > 1 {
			other.Spans = without(d.Spans, k)
			vs.add(other, "%s does not count", one(d, span))
		}
		longer := span
		longer.To = ends(span, wide)
		other.Spans = replaced(d.Spans, k, longer)
		vs.add(other, "%s lasts until %s", one(d, span), longer.To)
	}
	return vs
}

// one returns what a span of d is called by itself.
func one(d window.Dates, s window.Span) string {
	d.Spans = []window.Span{s}
	return d.Describe()
}

// ends returns the end of s, a day later or earlier.
func ends(s window.Span, later bool) window.Date {
	end, days := s.To, -1
	if later {
		days = 1
	}
	if end == "" {
		day, _, _ := strings.Cut(string(s.From), " ")
		end = window.Date(day)
		days++
	}
	day, clock, _ := strings.Cut(string(end), " ")
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return end
	}
	return window.Date(strings.TrimSpace(t.AddDate(0, 0, days).Format(time.DateOnly) + " " + clock))
}
