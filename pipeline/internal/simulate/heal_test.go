package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/pipeline/policy"
)

const (
	maxSteps = 100_000             // after nothing goes wrong any more
	maxTime  = 60 * 24 * time.Hour // the same
)

// heal lets everything come to an end: nothing goes wrong any more, hooks
// succeed, and when all runs rest people do what they wait for (I2, I23).
func (w *world) heal() {
	if w.failure != nil {
		return
	}
	w.say(nil, "from here on nothing goes wrong")
	w.calm, w.fate = true, fine
	for k, p := range w.procs {
		p.fate, p.blind, p.numb, p.skew, p.resumes = fine, 0, 0, 0, time.Time{}
		w.begins[k] = time.Time{}
		for i, name := range names { // the roll-out of a new definition ends
			if p.current[name] != w.defs[i][w.version[i]] {
				p.shutdown()
			}
		}
	}
	from, until := w.count.steps, w.now.Add(maxTime)
	for w.failure == nil {
		switch {
		case w.count.steps-from > maxSteps || w.now.After(until):
			w.fail("I23: after %d steps and %v without faults: %s", w.count.steps-from, w.now.Sub(until.Add(-maxTime)), w.stands())
		case w.step():
		case w.ended() && len(w.pending) == 0:
			w.settled()
			return
		case w.soon():
			w.pass()
		case w.parked() && w.help():
		case w.pass():
		case w.circle():
			w.count.circles++
			w.kept()
			return
		default:
			w.fail("I2, I23: nothing goes on by itself, and nobody is asked: %s", w.stands())
		}
	}
}

func (w *world) ended() bool {
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil && !b.m.Status.Done() {
			return false
		}
	}
	return true
}

// parked reports whether no run is under way: each has ended or waits, for
// something that it says.
func (w *world) parked() bool {
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil && !b.m.Status.Done() && b.m.For != "drift" && (b.m.Owner != "" || b.m.InFlight()) {
			return false
		}
	}
	return true
}

// soon reports whether something happens before anybody could complain.
func (w *world) soon() bool {
	at := w.next(true)
	return !at.IsZero() && at.Sub(w.now) < 30*time.Second
}

// help has people do what runs wait for, and reports whether there was something.
func (w *world) help() bool {
	helped := false
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil && !b.m.Status.Done() {
			helped = w.helpRun(b.m) || helped
		}
	}
	return helped
}

func (w *world) helpRun(m *machine.Machine) bool {
	want := func(kind journal.Kind, who, step string) bool {
		w.count.parked++
		w.want(&act{w: w, kind: kind, who: who, run: m.Run, step: step})
		return true
	}
	if m.For == "drift" {
		return want(journal.Adopted, "eve", "")
	}
	for v := range m.Views() {
		switch {
		case v.For == "hold" && m.CanRetry(v.Node.Name) == nil:
			return want(journal.Retried, "eve", v.Node.Name)
		case v.For == "approval":
			if who := w.voter(m, v.Node.Name); who != "" {
				return want(journal.Voted, who, v.Node.Name)
			}
			return want(journal.Overridden, "eve", v.Node.Name)
		case v.For == "environment" && m.Canceled() == "" && w.entangled(m.Run, v.Node.Environment):
			return want(journal.Stopped, "eve", "")
		case v.For == "check" && v.Recheck.IsZero():
			return want(journal.Overridden, "eve", v.Node.Name)
		}
	}
	return false
}

// entangled reports whether a run waits for an environment that a run has which
// waits for an environment too. Runs that hold what each other waits for are for
// people to part.
func (w *world) entangled(run, environment string) bool {
	e := w.audit.env(environment)
	other := e.Holder.Run
	if other == "" && len(e.Queue) > 0 {
		other = e.Queue[0].Run
	}
	if other == "" || other == run {
		return false
	}
	for v := range w.audit.runs[other].m.Views() {
		if v.For == "environment" {
			return true
		}
	}
	return false
}

// circle reports whether all runs that have not ended wait for one another, and
// people can do no more than they have: the runs are canceled, and the ways out of
// each wait for an environment that the next one has. That is promised against only
// for pipelines that [policy.LockOrder] proves to have no such circle, so it has to
// report this one.
func (w *world) circle() bool {
	var open []string
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil && !b.m.Status.Done() {
			open = append(open, run)
		}
	}
	for _, run := range open {
		if w.audit.runs[run].m.Canceled() == "" || !slices.ContainsFunc(open, func(other string) bool { return w.waits(run, other) }) {
			return false
		}
	}
	var all []pipeline.Pipeline
	for _, defs := range w.defs {
		for _, d := range defs {
			all = append(all, d.Pipeline)
		}
	}
	return len(open) > 1 && policy.LockOrder{}.CheckAll(all) != nil
}

// waits reports whether a run waits for an environment that another run is in.
func (w *world) waits(run, other string) bool {
	for v := range w.audit.runs[run].m.Views() {
		if v.For == "environment" && other != run && w.audit.env(v.Node.Environment).Holder.Run == other {
			return true
		}
	}
	return false
}

// voter returns somebody whose approval the named gate lacks, or "".
func (w *world) voter(m *machine.Machine, step string) string {
	i, err := m.CanVote(step)
	if err != nil {
		return ""
	}
	req := m.Request(i, w.wall())
	for _, who := range people {
		v := gate.Vote{By: who, Groups: groupsOf(who), Approve: true, At: req.Now, Subject: req.Subject}
		if gate.Eligible(required(m.Node(i)), req, v) == nil && !approved(req, who) {
			return who
		}
	}
	return ""
}

func approved(req gate.Request, who string) (yes bool) {
	for _, v := range req.Votes {
		if v.By == who && v.Subject == req.Subject {
			yes = v.Approve
		}
	}
	return yes
}

// stands says how far the runs are that have not ended.
func (w *world) stands() string {
	var b strings.Builder
	for _, run := range w.runs {
		books := w.audit.runs[run]
		if books == nil || books.m.Status.Done() {
			continue
		}
		m := books.m
		fmt.Fprintf(&b, "%s is %v, owner %q, for %q, canceled %q; ", run, m.Status, m.Owner, m.For, m.Canceled())
		for v := range m.Views() {
			if !v.Reached.IsZero() && v.Ended.IsZero() {
				fmt.Fprintf(&b, "%s is %v for %q: %s, until %v; ", v.Node.Name, v.Status, v.For, v.Reason, v.Recheck)
			}
		}
	}
	for _, p := range w.procs {
		for _, r := range p.lives() {
			fmt.Fprintf(&b, "%s has %s, flight %d, erring %v, owner %q, length %d; ", p.name, r.id, len(r.flight), r.erring, r.m.Owner, r.m.Length)
		}
	}
	return b.String()
}

// settled holds what is there at the end against what was acknowledged.
func (w *world) settled() {
	w.kept()
	w.freed()
}

// kept holds that what was acknowledged is recorded, once.
func (w *world) kept() {
	for _, run := range w.runs {
		if b := w.audit.runs[run]; b != nil {
			w.count.ended++
			w.audit.refolded(run)
		}
	}
	for _, a := range w.acks {
		b := w.audit.runs[a.run]
		if b == nil || b.ids[a.id] == 0 {
			w.fail("I1: %s by %s on %s %s was acknowledged and is not recorded", a.kind, a.who, a.run, a.step)
			return
		}
	}
	for _, run := range w.runs {
		b := w.audit.runs[run]
		if b == nil {
			continue
		}
		for id, n := range b.ids {
			if strings.HasPrefix(id, "act-") && n > 1 {
				w.fail("I1: %s is recorded %d times in %s", id, n, run)
			}
		}
	}
}

// freed holds that nobody holds an environment or waits for it.
func (w *world) freed() {
	for _, name := range environments {
		if e := w.audit.env(name); e.Holder.Run != "" || len(e.Queue) > 0 {
			w.fail("I7: all runs have ended; %s is held by %q, and %d wait for it", name, e.Holder.Run, len(e.Queue))
		}
	}
}
