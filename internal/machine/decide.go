package machine

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

// The functions here make the event that records what a driver did or was
// told. They change nothing: the event does, when it is applied.

func (m *Machine) event(k journal.Kind, i int32, now time.Time, data any) journal.Event {
	m.made = i
	return journal.Event{Time: now, Kind: k, Step: m.node(i).Name, Epoch: m.Epoch, Data: data}
}

// Called returns the intent to call the hook of stage i (J3).
func (m *Machine) Called(i int32, now time.Time) journal.Event {
	n := m.node(i)
	if len(m.calls) == 0 {
		left := len(m.states) - m.Length/2 // that are not called yet, if each has two events
		m.calls = make([]journal.Call, max(1, min(256, left, len(m.states)/4)))
	}
	c := &m.calls[0]
	m.calls = m.calls[1:]
	*c = journal.Call{Attempt: m.nextAttempt(i), Key: m.Key(i), Token: m.Token(i), Input: m.InputDigest(n)}
	return m.event(journal.Called, i, now, c)
}

// Key returns the idempotency key of stage i: the same for all its calls, until
// a person has it done anew.
func (m *Machine) Key(i int32) string {
	name, gen := m.node(i).Name, m.states[i].gen
	need := len(m.Run) + len(name) + 12
	if m.keys.Cap()-m.keys.Len() < need {
		m.keys = strings.Builder{} // what was cut from the old one keeps it
		m.keys.Grow(max(need, min(1<<13, 8*len(m.states)*need)/8))
	}
	from := m.keys.Len()
	m.keys.WriteString(m.Run)
	m.keys.WriteByte('/')
	m.keys.WriteString(name)
	if gen > 0 {
		m.keys.WriteByte('/')
		m.keys.WriteString(strconv.Itoa(int(gen) + 1))
	}
	return m.keys.String()[from:]
}

// Returned returns the event for what the hook of stage i gave back. A stack
// is that of a hook that panicked or ended its goroutine (R9).
func (m *Machine) Returned(i int32, out stage.Output, err error, stack string, now time.Time) journal.Event {
	n := m.node(i)
	if out.Live != nil && (n.Environment == "" || out.Traffic < 0 || out.Traffic > 100) {
		return m.event(journal.Failed, i, now, &journal.Reason{Text: fmt.Sprintf("says that %d %% of environment %q is live; want 0 to 100 %% and a name", out.Traffic, n.Environment)})
	}
	switch {
	case stack != "":
		return m.event(journal.Failed, i, now, &journal.Reason{Text: Clip(err.Error()), Stack: stack})
	case err != nil:
		return m.unsuccessful(i, err, now)
	case out.Ask != "":
		return m.event(journal.Held, i, now, &journal.Reason{Text: Clip(out.Ask)})
	case out.Again > 0:
		if len(out.State) > stage.MaxState {
			return m.event(journal.Failed, i, now, &journal.Reason{Text: fmt.Sprintf("returned %d bytes of state; want at most %d", len(out.State), stage.MaxState)})
		}
		state, err := compact(out.State)
		if err != nil {
			return m.event(journal.Failed, i, now, &journal.Reason{Text: Clip("returned state that is not JSON: " + err.Error())})
		}
		return m.event(journal.Again, i, now, &journal.Pause{Until: now.Add(out.Again), Summary: Clip(out.Summary), State: state})
	}
	if len(n.Produces)+len(n.Gives)+len(out.Artifacts)+len(out.Values)+len(out.Summary) == 0 {
		return m.event(journal.Done, i, now, nil)
	}
	r := &journal.Result{Summary: Clip(out.Summary), Artifacts: out.Artifacts}
	if r.Values, err = values(n, out.Values); err == nil {
		err = produced(n, out.Artifacts)
	}
	if err != nil {
		return m.event(journal.Failed, i, now, &journal.Reason{Text: Clip(err.Error())})
	}
	return m.event(journal.Done, i, now, r)
}

// unsuccessful returns the event for an error, which says no or could not.
func (m *Machine) unsuccessful(i int32, err error, now time.Time) journal.Event {
	if failure := (*stage.Failure)(nil); errors.As(err, &failure) {
		return m.event(journal.Failed, i, now, &journal.Reason{Text: Clip(err.Error())})
	}
	return m.event(journal.Erred, i, now, &journal.Fault{Text: Clip(err.Error()), Retry: m.retryAt(i, now)})
}

// Observed returns the event for what was found out of stage i after a crash,
// and false if that is that it was not done.
func (m *Machine) Observed(i int32, o stage.Observation, now time.Time) (journal.Event, bool) {
	if !o.Done {
		return journal.Event{}, false
	}
	e := m.Returned(i, o.Output, nil, "", now)
	if e.Kind == journal.Done {
		r := new(journal.Result)
		if e.Data != nil {
			r = e.Data.(*journal.Result)
		}
		r.Observed = true
		e.Data = r
	}
	return e, true
}

// retryAt returns when stage i is called again after an error, or the zero
// Time if it is not (R7). The wait doubles, ±20 %, which the seed of the run
// decides.
func (m *Machine) retryAt(i int32, now time.Time) time.Time {
	n, s := m.node(i), &m.states[i]
	tries := 0
	if s.more != nil {
		tries = s.more.tries
	}
	if tries >= n.Retry.Times {
		return time.Time{}
	}
	wait, most := n.Retry.Wait, n.Retry.Most
	if wait <= 0 {
		wait = time.Second
	}
	if most <= 0 {
		most = 15 * time.Minute
	}
	for ; tries > 0 && wait < most; tries-- {
		wait += min(wait, most-wait)
	}
	wait = min(wait, most, math.MaxInt64/2)
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, m.Beginning.Seed))
	fmt.Fprintf(h, "%s/%d", n.Name, s.attempt)
	part := float64(h.Sum64()>>11) / (1 << 53) // uniform in [0, 1)
	return now.Add(time.Duration(float64(wait) * (0.8 + 0.4*part)))
}

// Decided returns the event for the answer of gate i, and false if it is no
// news: then the gate is asked again when [Machine.Defer] was told.
func (m *Machine) Decided(i int32, d gate.Decision, err error, subject artifact.Digest, now time.Time) (journal.Event, bool) {
	s, n := &m.states[i], m.node(i)
	expired := n.Kind == Gate && n.Expires > 0 && !now.Before(s.since.Add(n.Expires))
	if err == nil && d.Verdict == gate.Passed && past(d.Recheck, now) {
		err = fmt.Errorf("it passes until %v only, which is over", d.Recheck.UTC())
		m.Defer(i, m.AskAgain(i, d, err, now))
	}
	if err == nil && d.Verdict == gate.Passed {
		k := journal.Passed
		if n.Kind == Stage {
			k = journal.Permitted
		}
		return m.event(k, i, now, &journal.Pass{Text: Clip(d.Reason), Lapses: d.Recheck, Subject: subject}), true
	}
	if err == nil && d.Verdict == gate.Rejected && n.Kind == Gate {
		return m.event(journal.Rejected, i, now, &journal.Rejection{Text: Clip(d.Reason)}), true
	}
	w := journal.Wait{For: waitsFor(d.For), Text: Clip(d.Reason), Recheck: d.Recheck, Subject: subject}
	if past(d.Recheck, now) {
		w.Recheck = time.Time{}
	}
	if err != nil {
		w = journal.Wait{For: "check", Text: Clip("could not be answered: " + err.Error()), Subject: subject}
	}
	if expired {
		return m.event(journal.Rejected, i, now, &journal.Rejection{Text: Clip(fmt.Sprintf("not passed within %v: %s", n.Expires, w.Text)), Expired: true}), true
	}
	if x := s.more; s.phase != ready && x != nil && x.waits == w.For && s.reason == w.Text && x.subject == subject {
		return journal.Event{}, false
	}
	return m.event(journal.Waiting, i, now, &w), true
}

// AskAgain returns when to ask gate i again. After errors it waits for half
// the time that there were nothing else, between a second and five minutes.
func (m *Machine) AskAgain(i int32, d gate.Decision, err error, now time.Time) time.Time {
	x := m.more(i)
	if err == nil {
		x.erring = time.Time{}
		switch {
		case d.Verdict == gate.Rejected: // by a gate of an environment, which may yet pass
			return now.Add(time.Minute)
		case past(d.Recheck, now):
			return now.Add(time.Second)
		}
		return d.Recheck
	}
	if x.erring.IsZero() {
		x.erring = now
	}
	return now.Add(min(max(now.Sub(x.erring)/2, time.Second), 5*time.Minute))
}

// past reports whether t is set and is not to come.
func past(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

func waitsFor(w gate.Waits) string {
	switch w {
	case gate.ForApproval:
		return "approval"
	case gate.ForWindow:
		return "window"
	}
	return "check"
}

// Chosen returns the event for the answer of condition i.
func (m *Machine) Chosen(i int32, take bool, now time.Time) journal.Event {
	return m.event(journal.Chosen, i, now, &journal.Choice{Take: take})
}

// Listed returns the event for the items of ForEach i.
func (m *Machine) Listed(i int32, items []string, now time.Time) (journal.Event, error) {
	if len(items) > maxItems {
		return journal.Event{}, fmt.Errorf("%d items; want at most %d", len(items), maxItems)
	}
	seen := map[string]bool{}
	for _, item := range items {
		if seen[item] {
			return journal.Event{}, fmt.Errorf("item %q twice", item)
		}
		if seen[item] = true; !isItem(item) {
			return journal.Event{}, fmt.Errorf("item %.80q; want 1 to 64 letters, digits, dots, hyphens or underscores", item)
		}
	}
	return m.event(journal.Listed, i, now, &journal.List{Items: slices.Clone(items)}), nil
}

// Stays returns the event that says that step i waits, and false if that is no
// news.
func (m *Machine) Stays(i int32, w journal.Wait, now time.Time) (journal.Event, bool) {
	if s := &m.states[i]; s.more != nil && s.more.waits == w.For && s.reason == w.Text {
		return journal.Event{}, false
	}
	return m.event(journal.Waiting, i, now, &w), true
}

// Simple returns the event for a command that needs nothing else: to Withdraw,
// to Refuse or to Wait.
func (m *Machine) Simple(c Command, now time.Time) journal.Event {
	k := journal.Failed
	switch c.Do {
	case Withdraw:
		k = journal.Withdrawn
	case Wait:
		k = journal.Held
	}
	return m.event(k, c.Node, now, &journal.Reason{Text: c.Text})
}

// Abandoned returns the events that end what Finally i has not ended in time.
func (m *Machine) Abandoned(i int32, now time.Time) (events []journal.Event, nodes []int32) {
	var walk func(i int32)
	walk = func(i int32) {
		s, n := &m.states[i], m.node(i)
		switch {
		case s.phase == idle || s.phase == ended || s.phase == dropped:
		case s.phase == active:
			for _, c := range m.children(i) {
				walk(c)
			}
		case n.Name != "":
			nodes = append(nodes, i)
			events = append(events, m.event(journal.Failed, i, now, &journal.Reason{Text: timeIsUp}))
		}
	}
	walk(m.node(i).Children[1])
	return events, nodes
}

// Finished returns the event that ends the run. A run of which everything was
// done has succeeded, also if it was to be stopped.
func (m *Machine) Finished(now time.Time) journal.Event {
	end := journal.End{Status: m.states[0].status.String()}
	switch st := m.states[0].status; {
	case st.OK():
	case m.successor != "":
		end = journal.End{Status: Superseded.String(), Text: "superseded by " + m.successor}
	case m.stopped != "":
		end = journal.End{Status: Canceled.String(), Text: m.stopped}
	default:
		end = journal.End{Status: Failed.String(), Text: m.failures()}
	}
	return journal.Event{Time: now, Kind: journal.Ended, Epoch: m.Epoch, Data: &end}
}

// reached reports whether something in node i was reached.
func (m *Machine) reached(i int32) bool {
	for _, c := range m.children(i) {
		if !m.states[c].since.IsZero() {
			return true
		}
	}
	return false
}

// failures says what failed, in the order of the tree (R4), or, if nothing did
// in the end, what was canceled when something failed before.
func (m *Machine) failures() string {
	text := m.ends(func(s *state) bool { return s.status == Failed || s.status == Errored })
	if text == "" {
		text = m.ends(func(s *state) bool { return s.status == Canceled })
	}
	return Clip(text)
}

// ends says how the innermost steps ended that are bad.
func (m *Machine) ends(bad func(s *state) bool) string {
	var b strings.Builder
	m.Walk(func(i int32) {
		s, n := &m.states[i], m.node(i)
		if n.Name == "" || s.phase != ended || !bad(s) || m.reached(i) || b.Len() > maxText {
			return
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", n.Name, cmp.Or(s.reason, s.status.String()))
	})
	return b.String()
}
