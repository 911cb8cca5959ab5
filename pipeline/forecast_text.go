package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/stage"
)

// mostDelays is how many delays the text of a forecast names.
const mostDelays = 8

// String returns one line for people, such as
//
//	blocked by year-end freeze until Mon 06:00 Europe/Berlin; then 1 more approval of {ann, ben}; earliest production Tue 14:20; done Tue 16:20
//
// It is about the environments closest to users. Times are up to the minute: what
// is to come is not before the one that is named, and what was is not after it.
func (f Forecast) String() string {
	t := teller{f: &f}
	if f.Run.Status.Done() && f.Run.Ended.Before(f.At) {
		t.add("%v %s", f.Run.Status, t.time(f.Run.Ended))
		return t.parts[0]
	}
	delays, visits := f.told(), f.target()
	for _, v := range visits {
		for len(delays) > 0 && (delays[0].Since.Before(v.Begin) || !delays[0].Until.After(v.Begin)) {
			t.delay(&delays[0])
			delays = delays[1:]
		}
		t.reach(&v)
	}
	for i := range delays {
		t.delay(&delays[i])
	}
	t.end(visits)
	return strings.Join(t.parts, "; ")
}

// told returns the delays that are worth a word, each once: of those that stages
// have in common the first, and of those that a step has again and again the last.
func (f *Forecast) told() (all []Delay) {
	for _, d := range f.Delays {
		d.Reason, _, _ = strings.Cut(d.Reason, ", until ") // what a window says; here it is known better
		like := func(e Delay) bool {
			return d.Run == e.Run && d.For == e.For && d.Reason == e.Reason && d.Votes == e.Votes
		}
		again := func(e Delay) bool { return like(e) && d.Step == e.Step }
		shared := func(e Delay) bool { return like(e) && d.Votes == 0 && d.Until.Equal(e.Until) }
		switch k := slices.IndexFunc(all, again); {
		case d.Until.IsZero() || slices.ContainsFunc(all, shared):
		case k >= 0:
			all[k].Until = d.Until
		default:
			all = append(all, d)
		}
	}
	return all
}

// target returns the visits of the tier closest to users. One that is not
// declared is treated with the most care.
func (f *Forecast) target() (visits []Visit) {
	rank := func(v Visit) int {
		if v.Tier == stage.Undeclared {
			return 2*int(stage.Production) - 1
		}
		return 2 * int(v.Tier)
	}
	for _, v := range f.Visits {
		if len(visits) > 0 && rank(visits[0]) < rank(v) {
			visits = nil
		}
		if len(visits) == 0 || rank(visits[0]) == rank(v) {
			visits = append(visits, v)
		}
	}
	slices.SortStableFunc(visits, func(x, y Visit) int { return x.Begin.Compare(y.Begin) })
	return visits
}

// A teller puts a forecast into words.
type teller struct {
	f      *Forecast
	parts  []string
	zoned  bool // the zone was named
	delays int
}

func (t *teller) add(format string, args ...any) {
	t.parts = append(t.parts, fmt.Sprintf(format, args...))
}

// delay tells of a delay that ends.
func (t *teller) delay(d *Delay) {
	t.delays++
	if t.delays > mostDelays {
		if t.delays == mostDelays+1 {
			t.add("then more")
		}
		return
	}
	then := ""
	if t.delays > 1 {
		then = "then "
	}
	if d.Run != t.f.Run.ID {
		then += "in run " + d.Run + " "
	}
	switch {
	case d.Votes > 0:
		then += approvals(d.Votes) + " of " + oneOf(d.Who)
		if d.Until.After(d.Since) && d.Until.After(t.f.At) {
			then += " by " + t.time(d.Until)
		}
	case d.For == "environment":
		then += fmt.Sprintf("blocked in %s, for %s, until %s", d.Environment, d.Reason, t.time(d.Until))
	default:
		then += fmt.Sprintf("blocked by %s until %s", d.Reason, t.time(d.Until))
	}
	t.add("%s", then)
}

func approvals(n int) string {
	if n == 1 {
		return "1 more approval"
	}
	return fmt.Sprintf("%d more approvals", n)
}

func oneOf(who []string) string {
	if len(who) == 1 {
		return who[0]
	}
	return "{" + strings.Join(who, ", ") + "}"
}

// reach tells when an environment is reached.
func (t *teller) reach(v *Visit) {
	switch {
	case v.Begin.IsZero():
	case v.Begin.Before(t.f.At):
		t.add("in %s since %s", v.Environment, t.time(v.Begin))
	default:
		t.add("earliest %s %s", v.Environment, t.time(v.Begin))
	}
}

// end tells when all is done, or why that is not seen.
func (t *teller) end(visits []Visit) {
	r := &t.f.Run
	var missed []string
	var done time.Time
	for _, v := range visits {
		if v.Begin.IsZero() {
			missed = append(missed, v.Environment)
		}
		if v.End.After(done) {
			done = v.End
		}
	}
	what := strings.Join(missed, ", ")
	well := r.Status == Succeeded || r.Status == Skipped
	switch {
	case well && len(visits) == 0:
		t.add("earliest end %s", t.time(r.Ended))
	case well:
		t.add("done %s", t.time(done))
	case r.Status.Done() && what != "":
		t.add("never %s: %s: %s", what, r.Status, r.Reason)
	case r.Status.Done():
		t.add("%s %s: %s", r.Status, t.time(r.Ended), r.Reason)
	case what != "":
		t.add("when %s is not seen: %s", what, t.f.Why)
	default:
		t.add("no end is seen: %s", t.f.Why)
	}
}

// time returns a time on the clock on the wall, and the zone of that once.
func (t *teller) time(at time.Time) string {
	if at.After(t.f.At) {
		at = at.Add(time.Minute - 1)
	}
	at = at.Truncate(time.Minute).In(t.f.At.Location())
	form := "Mon 2 Jan 2006 15:04"
	switch {
	case at.Sub(t.f.At).Abs() < 6*24*time.Hour:
		form = "Mon 15:04"
	case at.Year() == t.f.At.Year():
		form = "Mon 2 Jan 15:04"
	}
	text := at.Format(form)
	if !t.zoned {
		t.zoned = true
		text += " " + zoneOf(at)
	}
	return text
}

// zoneOf returns the name of the zone of t, but never "Local", which says nothing.
func zoneOf(t time.Time) string {
	if name := t.Location().String(); name != "Local" && name != "" {
		return name
	}
	return t.Format("MST")
}
