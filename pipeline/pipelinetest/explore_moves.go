package pipelinetest

import (
	"fmt"
	"slices"

	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/pipeline/journal"
)

// A move is one thing that happens to a world at rest.
type move struct {
	outcome Outcome
	run     uint8
	node    int32 // that it is about, or, of a run that starts, the place of its plan
}

// moves adds to all what may happen to w, which is at rest, in a fixed order.
func (w *world) moves(all []move) []move {
	for k, t := range w.seats {
		if t != nil {
			all = append(all, w.outcomes(t, k)...)
		}
	}
	all = slices.DeleteFunc(all, w.idle)
	inFlight := false
	for k, t := range w.seats {
		if t == nil {
			all = w.starts(all, k)
			break
		}
		inFlight = inFlight || t.m.InFlight()
		if w.s.x.Cancels && t.m.CanCancel() == nil && t.m.Canceled() == "" {
			all = append(all, move{outcome: cancels, run: uint8(k)})
		}
		if w.retries > 0 {
			all = w.retriable(all, k)
		}
		if w.overrides > 0 {
			all = w.overridable(all, k)
		}
	}
	if w.crashes > 0 && inFlight { // otherwise all that there is is recorded, and nothing changes
		all = append(all, move{outcome: crashes})
	}
	switch {
	case w.frozen && w.seats[0] != nil: // one that is over when the first run starts is nothing
		all = append(all, move{outcome: thaws})
	case w.s.x.Freezes && !w.frozen:
		all = append(all, move{outcome: freezes})
	}
	return all
}

// idle reports whether nothing comes of v: the gates of an environment do not pass
// in a freeze, and that they would let a run in that waits for another is not
// recorded.
func (w *world) idle(v move) bool {
	if v.outcome != Passes {
		return false
	}
	do, _ := w.seats[v.run].m.Open(v.node)
	return do == machine.Permit && (w.frozen || w.barred(int(v.run), v.node))
}

// barred reports whether stage i of run k waits for another run to leave.
func (w *world) barred(k int, i int32) bool {
	m := w.seats[k].m
	if !m.Queues(i) {
		return false
	}
	e := w.envs[w.s.things.environment(m.Node(i).Environment)]
	return m.Barred(i, e)
}

// starts adds the pipelines of which run k can be.
func (w *world) starts(all []move, k int) []move {
	for nr, pl := range w.s.plans {
		begun := 0
		for _, t := range w.seats[:k] {
			if t.plan == pl {
				begun++
			}
		}
		if begun < pl.runs {
			all = append(all, move{starts, uint8(k), int32(nr)})
		}
	}
	return all
}

// outcomes returns those of what is open in run k, which has seat t.
func (w *world) outcomes(t *seat, k int) []move {
	if t.listed {
		return t.next
	}
	t.next, t.listed = t.next[:0], true
	if t.m.Status.Done() {
		return nil
	}
	for i := range int32(t.m.Size()) {
		do, _ := t.m.Open(i)
		if do == machine.None && !w.s.x.Lapses {
			continue
		}
		n := t.m.Node(i)
		for _, o := range t.plan.part(t.m, i).outcomes {
			if fits(t.m, i, n, do, o) {
				t.next = append(t.next, move{o, uint8(k), i})
			}
		}
	}
	return t.next
}

// fits reports whether o can come of what is open about node i.
func fits(m *machine.Machine, i int32, n *machine.Node, do machine.Do, o Outcome) bool {
	switch do {
	case machine.Call:
		return o == Succeeds || o == Fails || o == Asks || o == Errs && m.Tries(i) < n.Retry.Times || o == TimesOut && n.Timeout > 0
	case machine.Ask:
		return o == Passes || o == Rejects || o == Expires && n.Expires > 0
	case machine.Permit:
		return o == Passes || o == Waits && m.Queues(i)
	case machine.Choose:
		return o == Yes || o == No
	case machine.Items:
		return o == NoItems || o == OneItem || o == TwoItems
	case machine.Observe:
		return o == FoundDone || o == FoundNotDone
	case machine.None:
		return o == Lapses && n.Kind == machine.Gate && m.Lapse(i).Do != machine.None
	}
	return false
}

// retriable adds the steps of run k that a person can have done anew.
func (w *world) retriable(all []move, k int) []move {
	m := w.seats[k].m
	for i := range int32(m.Size()) {
		n := m.Node(i)
		if n.Kind != machine.Stage && n.Kind != machine.Gate {
			continue
		}
		if do, _ := m.Open(i); do != machine.Wait && !bad(m.View(i).Status) {
			continue
		}
		if m.CanRetry(n.Name) == nil {
			all = append(all, move{retries, uint8(k), i})
		}
	}
	return all
}

// overridable adds the steps of run k that wait for something that a person can
// let them pass without.
func (w *world) overridable(all []move, k int) []move {
	m := w.seats[k].m
	for i := range int32(m.Size()) {
		switch do, _ := m.Open(i); do {
		case machine.Ask, machine.Permit, machine.Wait:
			if m.View(i).Overridden == "" && m.CanOverride(m.Node(i).Name) == nil {
				all = append(all, move{overrides, uint8(k), i})
			}
		}
	}
	return all
}

func bad(s machine.Status) bool {
	return s == machine.Failed || s == machine.Errored || s == machine.Canceled
}

// What events carry that are the same each time.
var (
	whyFails   = &journal.Reason{Text: "something is wrong"}
	whyErrs    = &journal.Fault{Text: "it could not be done", Retry: worldBegins}
	whyTime    = &journal.Fault{Text: "timed out", Retry: worldBegins}
	whyLast    = &journal.Fault{Text: "timed out"}
	whyAsks    = &journal.Reason{Text: "a person has to look"}
	whyPasses  = &journal.Pass{}
	whyAWhile  = &journal.Pass{Lapses: worldBegins.Add(twoWeeks)} // never comes; see Lapses
	whyWaits   = &journal.Wait{For: "check", Text: "not yet"}
	whyRejects = &journal.Rejection{}
	whyExpires = &journal.Rejection{Expired: true}
	whyYes     = &journal.Choice{Take: true}
	whyNo      = &journal.Choice{}
	whyLets    = &journal.Reason{Text: "it has to be"}
	whyNothing = &journal.Reason{}
	foundDone  = &journal.Result{Observed: true}
	somebody   = "someone"
)

var itemsOf = map[Outcome][]string{NoItems: nil, OneItem: {"one"}, TwoItems: {"one", "two"}}

// do has v happen, and all that follows by itself.
func (w *world) do(v move) {
	if w.told != nil {
		w.told.next(w, v)
	}
	w.beats++
	k := int(v.run)
	switch v.outcome {
	case starts:
		w.start(k, w.s.plans[v.node])
	case crashes:
		w.crash()
	case cancels:
		w.put(k, journal.Event{Time: w.now(), Kind: journal.Stopped, By: somebody, Data: whyNothing})
		w.askAgain(k)
	case retries:
		w.retries--
		w.put(k, journal.Event{Time: w.now(), Kind: journal.Retried, By: somebody, Step: w.seats[k].m.Node(v.node).Name, Data: whyNothing})
		if w.seats[k].m.Owner == "" && w.wrong == nil {
			w.claim(k)
		}
		w.reckon()
	case overrides:
		w.overrides--
		w.put(k, journal.Event{Time: w.now(), Kind: journal.Overridden, By: somebody, Step: w.seats[k].m.Node(v.node).Name, Data: whyLets})
	case freezes, thaws:
		w.frozen = v.outcome == freezes
		if w.told != nil {
			w.told.say(Line{Text: v.outcome.String()})
		}
	case Lapses:
		m := w.own(k).m
		w.put(k, m.Simple(m.Lapse(v.node), w.now()))
	default:
		w.answer(k, v)
	}
	w.settle()
}

// askAgain has the gates of run k asked anew that were asked: they have said that
// they wait, and the run does not wait for them any more if it need not.
func (w *world) askAgain(k int) {
	m := w.own(k).m
	for i := range int32(m.Size()) {
		if do, ticket := m.Open(i); do == machine.Ask || do == machine.Permit {
			m.Asked(i, ticket)
			m.Again(i)
		}
	}
}

// answer has what is open about a node come out in one way.
func (w *world) answer(k int, v move) {
	m := w.own(k).m
	do, ticket := m.Open(v.node)
	if do != machine.Call && !m.Asked(v.node, ticket) {
		w.broken("an answer is wanted", fmt.Errorf("that of %q is not", m.Node(v.node).Name))
		return
	}
	put := func(kind journal.Kind, data any) { w.put(k, w.about(k, kind, v.node, data)) }
	switch v.outcome {
	case Succeeds:
		w.succeed(k, v.node, false)
	case Fails:
		put(journal.Failed, whyFails)
	case Errs:
		put(journal.Erred, whyErrs)
	case TimesOut:
		why := whyLast
		if m.Tries(v.node) < m.Node(v.node).Retry.Times {
			why = whyTime
		}
		put(journal.Erred, why)
	case Asks:
		put(journal.Held, whyAsks)
	case Passes:
		switch {
		case do == machine.Permit && m.Queues(v.node) && m.Barred(v.node, w.env(m.Node(v.node).Environment)):
		case do == machine.Permit:
			put(journal.Permitted, whyPasses)
		case w.s.x.Lapses:
			put(journal.Passed, whyAWhile)
		default:
			put(journal.Passed, whyPasses)
		}
	case Waits:
		put(journal.Waiting, whyWaits)
		m.Again(v.node)
	case Rejects:
		put(journal.Rejected, whyRejects)
	case Expires:
		put(journal.Rejected, whyExpires)
	case Yes:
		put(journal.Chosen, whyYes)
	case No:
		put(journal.Chosen, whyNo)
	case NoItems, OneItem, TwoItems:
		e, err := m.Listed(v.node, itemsOf[v.outcome], w.now())
		if err != nil {
			w.broken("a ForEach takes items", err)
			return
		}
		w.put(k, e)
	case FoundDone:
		w.succeed(k, v.node, true)
	case FoundNotDone:
		if w.told != nil {
			w.told.say(Line{Run: w.s.names[k], Kind: "stage", Step: m.Node(v.node).Name, Text: "found not done"})
		}
		m.Blind(v.node)
	}
}

// start begins run k.
func (w *world) start(k int, pl *plan) {
	*w.own(k) = seat{plan: pl, m: machine.New(w.s.names[k], pl.prog)}
	began := &journal.Beginning{Pipeline: pl.prog.Pipeline, Definition: pl.prog.Definition, Actor: somebody}
	if w.live() {
		began.Artifacts = given(w.s.names[k], pl.given)
	}
	w.put(k, journal.Event{Time: w.now(), Kind: journal.Began, Data: began})
	w.claim(k)
}

func (w *world) claim(k int) {
	w.put(k, journal.Event{Time: w.now(), Kind: journal.Claimed, By: "x", Epoch: w.seats[k].m.Epoch + 1})
}

// crash ends the executor, and lets another one go on.
func (w *world) crash() {
	w.crashes--
	if w.told != nil {
		w.told.say(Line{Text: "the executor dies"})
		w.told.say(Line{Text: "another executor goes on"})
	}
	for k, t := range w.seats {
		if t != nil && !t.m.Status.Done() {
			w.own(k).m.Restart()
			w.claim(k)
		}
	}
}

// dead returns a run that has not ended while nothing goes on and nobody is
// asked, or "".
func (w *world) dead() (run string) {
	for k, t := range w.seats {
		switch {
		case t == nil || t.m.Status.Done():
		case t.m.InFlight() || w.asks(k):
			return ""
		case run == "":
			run = w.s.names[k]
		}
	}
	return run
}

// asks reports whether run k waits for an answer that may come, or a person.
func (w *world) asks(k int) bool {
	m, pl := w.seats[k].m, w.seats[k].plan
	for i := range int32(m.Size()) {
		do, _ := m.Open(i)
		if do == machine.Wait {
			return true
		}
		for _, o := range pl.part(m, i).outcomes {
			if do != machine.None && fits(m, i, m.Node(i), do, o) && !(do == machine.Permit && o == Passes && w.barred(k, i)) {
				return true
			}
		}
	}
	return false
}
