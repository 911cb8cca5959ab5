package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// goesOn reports whether a step that waited still waits for the same. Of an
// approval the reason counts the votes.
func goesOn(waited, reason, waits, now string) bool {
	return waited == waits && (reason == now || waits == "approval")
}

// track notes for what step i waits, if it does.
func (o *outlook) track(r *actor, i int32) {
	v := r.m.View(i)
	waits := v.For
	if waits == "time" { // it is at work
		waits = ""
	}
	if waits == "" && r.marks[i] == nil {
		return
	}
	a := r.mark(i)
	if d := a.delay; d != nil {
		if goesOn(d.For, d.Reason, waits, v.Reason) {
			return
		}
		d.Until, a.delay = o.now, nil
	}
	if waits != "" {
		a.delay = &Delay{Run: r.m.Run, Step: v.Node.Name, Environment: v.Node.Environment, For: waits, Reason: v.Reason, Since: r.waits[v.Node.Name].since}
		o.delays = append(o.delays, a.delay)
	}
}

// forecast returns what was foreseen.
func (o *outlook) forecast() Forecast {
	for _, r := range o.actors {
		for i := range int32(r.m.Size()) {
			o.track(r, i) // what ended together with others
		}
	}
	f := Forecast{At: o.a.At, Run: runOf(o.about.m), Delays: o.held(), Visits: o.about.visits()}
	f.Run.Owner = "" // whoever it is, it is not the forecast
	if !f.Run.Status.Done() {
		f.Why = o.why(o.about, nil)
	}
	return f
}

// held returns the delays of the run, and those of other runs while it waits for
// them to leave an environment.
func (o *outlook) held() []Delay {
	var queue, held []Delay
	for _, d := range o.delays {
		if d.Run == o.about.m.Run && d.For == "environment" {
			queue = append(queue, *d)
		}
	}
	for _, d := range o.delays {
		passing := d.Since.Equal(d.Until) && d.Votes == 0
		overlaps := func(q Delay) bool {
			return (q.Until.IsZero() || d.Since.Before(q.Until)) && (d.Until.IsZero() || !d.Until.Before(q.Since))
		}
		if !passing && (d.Run == o.about.m.Run || slices.ContainsFunc(queue, overlaps)) {
			held = append(held, *d)
		}
	}
	slices.SortStableFunc(held, func(x, y Delay) int { return x.Since.Compare(y.Since) })
	return held
}

// why says why the end of a run is not seen. Before are the runs that wait for it.
func (o *outlook) why(r *actor, before []*actor) string {
	if o.gaveUp != "" {
		return o.gaveUp
	}
	if why, is := r.parked(); is {
		return why
	}
	var all []string
	r.m.Walk(func(i int32) {
		a := r.marks[i]
		if a == nil || a.delay == nil {
			return
		}
		d, now := a.delay, r.m.View(i).Reason
		text := fmt.Sprintf("%s waits for %s: %s", d.Step, d.For, now)
		if a.no {
			text = fmt.Sprintf("%s does not pass: %s", d.Step, now)
		}
		if d.For == "environment" {
			text += o.whyThere(d.Environment, append(before, r))
		}
		all = append(all, text)
	})
	if len(all) == 0 {
		return "it has not ended by " + o.until.In(o.a.At.Location()).Format(time.RFC1123)
	}
	return strings.Join(all, "; ")
}

// whyThere says why the run in an environment does not leave it.
func (o *outlook) whyThere(environment string, before []*actor) string {
	run := o.site(environment).Holder.Run
	r := o.actor(run)
	switch {
	case run == "":
		return ""
	case r == nil:
		return ", and when it leaves is not known"
	case slices.Contains(before, r):
		return ", and each waits for the other"
	}
	return ", and " + o.why(r, before)
}
