package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// Errors of [Machine.Apply], wrapped.
var (
	ErrFenced = errors.New("written under a claim that is not the newest") // J4
	ErrOrder  = errors.New("cannot follow what was recorded before")
)

// Apply takes the next event of the journal. After an error the machine is of
// no more use.
func (m *Machine) Apply(e *journal.Event) error {
	if err := m.apply(e); err != nil {
		return fmt.Errorf("run %s: event %d, %s %q: %w", m.Run, m.Length, e.Kind, e.Step, err)
	}
	m.Length++
	return nil
}

func (m *Machine) apply(e *journal.Event) error {
	if m.Begun.IsZero() != (e.Kind == journal.Began) {
		return ErrOrder
	}
	if m.Status.Done() && e.Kind != journal.Retried {
		return ErrOrder
	}
	if e.Kind == journal.Claimed {
		return m.claimed(e)
	}
	if fenced := e.Epoch != m.Epoch || m.Owner == ""; fenced && (e.Epoch != 0 || !anyone(e)) {
		return ErrFenced
	}
	if e.Step != "" {
		i, ok := m.lookup(e)
		if !ok {
			return errors.New("there is no such step in the definition")
		}
		return m.step(i, e)
	}
	switch e.Kind {
	case journal.Began:
		return m.began(e)
	case journal.Released:
		m.Owner = ""
		if m.For == "" {
			m.Status = Waiting
		}
	case journal.Waiting:
		d, err := data[journal.Wait](e)
		if err != nil {
			return err
		}
		m.Status, m.For, m.Reason = Waiting, d.For, d.Text
	case journal.Left:
		d, err := data[journal.Exit](e)
		if err != nil {
			return err
		}
		if env := m.env(d.Environment); env != nil {
			env.held, env.queued = false, false
		}
	case journal.Stopped:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.stopped = "canceled by " + e.By
		if d.Text != "" {
			m.stopped += ": " + d.Text
		}
		m.stop(e.Time)
	case journal.Superseded:
		d, err := data[journal.Successor](e)
		if err != nil {
			return err
		}
		m.successor = d.Run
		m.stop(e.Time)
	case journal.Adopted:
		d, err := data[journal.Adoption](e)
		if err != nil {
			return err
		}
		m.Definition, m.Drains, m.For, m.Reason = d.Definition, false, "", ""
	case journal.Drained:
		m.Drains, m.For, m.Reason = true, "", ""
	case journal.Ended:
		d, err := data[journal.End](e)
		if err != nil {
			return err
		}
		st, ok := parseStatus(d.Status)
		if !ok || !st.Done() {
			return fmt.Errorf("status %q: %w", d.Status, journal.ErrUnknown)
		}
		m.Status, m.Reason, m.For, m.Over, m.Owner = st, d.Text, "", e.Time, ""
		m.giveUp(e.Time)
	default:
		return fmt.Errorf("not an event of a run: %w", journal.ErrUnknown)
	}
	return nil
}

// anyone reports whether e needs no claim: whether people, and programs on their
// behalf, may write it.
func anyone(e *journal.Event) bool {
	switch e.Kind {
	case journal.Began, journal.Voted, journal.Stopped, journal.Retried, journal.Overridden, journal.Adopted, journal.Drained:
		return true
	case journal.Waiting:
		return e.Step == "" // for drift
	}
	return false
}

// data returns what an event carries, or a new zero T if it carries nothing.
func data[T any](e *journal.Event) (*T, error) {
	if e.Data == nil {
		return new(T), nil
	}
	d, ok := e.Data.(*T)
	if !ok {
		return nil, fmt.Errorf("data is a %T: %w", e.Data, journal.ErrCorrupt)
	}
	return d, nil
}

func (m *Machine) began(e *journal.Event) error {
	d, err := data[journal.Beginning](e)
	if err != nil {
		return err
	}
	m.Begun, m.Beginning, m.Definition = e.Time, *d, d.Definition
	m.Artifacts = maps.Clone(d.Artifacts)
	if m.prog != nil {
		m.enter(0, e.Time)
	}
	return nil
}

// claimed gives the run to another owner. What the one before had called is
// unknown from here on (I5).
func (m *Machine) claimed(e *journal.Event) error {
	if e.Epoch <= m.Epoch || e.By == "" {
		return ErrFenced
	}
	m.Owner, m.Epoch = e.By, e.Epoch
	m.Status, m.For, m.Reason = Running, "", ""
	for _, i := range m.inflight {
		m.states[i].phase, m.states[i].slot = unknown, 0
		m.push(i)
	}
	m.inflight = m.inflight[:0]
	return nil
}

// stop cancels the run.
func (m *Machine) stop(t time.Time) {
	if m.prog == nil {
		return
	}
	m.cancel(0, t)
	m.giveUp(t)
}

// giveUp ends the gates of which the pass was withdrawn. What comes after them
// was reached before, so they did not end with what they are in.
func (m *Machine) giveUp(t time.Time) {
	for _, g := range m.lost {
		if s := &m.states[g]; s.phase != ended {
			s.phase, s.status, s.end = ended, Canceled, t
		}
	}
}

// step takes an event that is about node i.
func (m *Machine) step(i int32, e *journal.Event) error {
	s := &m.states[i]
	switch e.Kind {
	case journal.Retried:
		return m.retried(i, e)
	case journal.Overridden:
		return m.overrode(i, e)
	}
	if !m.fits(i, e.Kind) {
		return ErrOrder
	}
	switch e.Kind {
	case journal.Called:
		return m.called(i, e)
	case journal.Again:
		return m.again(i, e)
	case journal.Done:
		return m.done(i, e)
	case journal.Failed:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.fail(i, Failed, d.Text, d.Stack, e.Time)
	case journal.Erred:
		return m.erred(i, e)
	case journal.Held:
		d, err := data[journal.Reason](e)
		if err != nil {
			return err
		}
		m.land(i)
		if s.stop {
			m.fail(i, Canceled, d.Text, "", e.Time)
			return nil
		}
		s.phase, s.reason, s.polled = held, d.Text, false
		m.more(i).waits = "hold"
	case journal.Waiting:
		return m.waits(i, e)
	case journal.Voted:
		d, err := data[gate.Vote](e)
		if err != nil {
			return err
		}
		x := m.more(i)
		x.votes = append(x.votes, *d)
		if d.ID != "" {
			if m.votes == nil {
				m.votes = map[string]bool{}
			}
			m.votes[d.ID] = true
		}
		m.push(i)
	case journal.Passed:
		return m.passed(i, e)
	case journal.Permitted:
		d, err := data[journal.Pass](e)
		if err != nil {
			return err
		}
		s.permit = true
		m.more(i).lapses = d.Lapses
		m.push(i)
	case journal.Rejected:
		return m.rejected(i, e)
	case journal.Withdrawn:
		return m.withdraw(i, e)
	case journal.Chosen:
		return m.chosen(i, e)
	case journal.Listed:
		return m.listed(i, e)
	case journal.Took:
		return m.took(i, e)
	default:
		return fmt.Errorf("not an event of a step: %w", journal.ErrUnknown)
	}
	return nil
}

// fits reports whether an event of kind k can happen to node i now.
func (m *Machine) fits(i int32, k journal.Kind) bool {
	if of, sure := about(k); sure && of != m.node(i).Kind {
		return false
	}
	switch p := m.states[i].phase; k {
	case journal.Again, journal.Done, journal.Erred, journal.Held:
		return p == calling || p == unknown
	case journal.Passed, journal.Rejected, journal.Chosen, journal.Listed:
		return p == ready || p == waiting
	case journal.Called, journal.Waiting, journal.Permitted, journal.Took:
		return p == ready || p == waiting || p == unknown || p == again || p == erred
	case journal.Withdrawn:
		return p == ended
	default:
		return p != idle && p != dropped && p != ended && p != active
	}
}

// recount has stage i of a machine without a program, of which what is in more
// than one step is not known, agree with a call: the stage may have ended with
// others, and have been reached anew with them.
func (m *Machine) recount(i int32, e *journal.Event, d *journal.Call) {
	s := &m.states[i]
	gen := s.gen
	if round, err := strconv.Atoi(strings.TrimPrefix(d.Key, m.Run+"/"+m.node(i).Name+"/")); err == nil {
		gen = int32(round - 1)
	}
	if gen != s.gen {
		m.reset(i)
		s.phase, s.since, s.born = ready, e.Time, int32(m.Length)
	}
	s.gen = gen
	s.polled = s.polled && d.Attempt == int(s.attempt)
	if !s.polled {
		s.attempt = int32(d.Attempt - 1)
	}
}

// nextAttempt returns the number of the next call of stage i: that of the one
// before, if the call goes on with it.
func (m *Machine) nextAttempt(i int32) int {
	s := &m.states[i]
	if s.polled {
		return int(s.attempt)
	}
	return int(s.attempt) + 1
}

func (m *Machine) called(i int32, e *journal.Event) error {
	d, err := data[journal.Call](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	if m.prog == nil {
		m.recount(i, e, d)
	}
	if d.Attempt != m.nextAttempt(i) {
		return ErrOrder
	}
	if s.started.IsZero() {
		s.started = e.Time
	}
	s.phase, s.attempt, s.permit, s.asked, s.blind = calling, int32(d.Attempt), false, 0, false
	if s.more != nil {
		s.more.waits = ""
	}
	if !s.polled {
		s.reason = ""
		if s.more != nil {
			s.more.state = nil
		}
	}
	for _, e := range n.envs {
		if !n.Urgent {
			m.envs[e].righted = false
		}
	}
	m.fly(i)
	m.begin(i)
	if m.lapsing > 0 {
		m.use(i)
	}
	return nil
}

func (m *Machine) again(i int32, e *journal.Event) error {
	d, err := data[journal.Pause](e)
	if err != nil {
		return err
	}
	m.land(i)
	s := &m.states[i]
	if s.stop {
		m.fail(i, Canceled, d.Summary, "", e.Time)
		return nil
	}
	s.phase, s.reason, s.polled = again, d.Summary, true
	x := m.more(i)
	x.waits, x.state, x.recheck = "time", d.State, d.Until
	m.wakeAt(i, d.Until)
	return nil
}

func (m *Machine) done(i int32, e *journal.Event) error {
	m.states[i].reason = ""
	if e.Data != nil {
		d, err := data[journal.Result](e)
		if err != nil {
			return err
		}
		m.take(i, d)
	}
	m.land(i)
	m.close(i, Succeeded, e.Time)
	return nil
}

// take keeps what stage i gave.
func (m *Machine) take(i int32, d *journal.Result) {
	m.states[i].reason = d.Summary
	for _, a := range d.Artifacts {
		if m.Artifacts == nil {
			m.Artifacts = artifact.Set{}
		}
		m.Artifacts[a.Name] = a
	}
	for name, v := range d.Values {
		if m.Values == nil {
			m.Values = map[string]json.RawMessage{}
		}
		m.Values[name] = v
	}
}

// fail ends a leaf that did not succeed.
func (m *Machine) fail(i int32, st Status, why, stack string, t time.Time) {
	m.land(i)
	s := &m.states[i]
	if s.stop {
		st = Canceled
	}
	s.reason = why
	if stack != "" {
		m.more(i).stack = stack
	}
	m.close(i, st, t)
}

func (m *Machine) erred(i int32, e *journal.Event) error {
	d, err := data[journal.Fault](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	if d.Retry.IsZero() || s.stop {
		m.fail(i, Errored, d.Text, d.Stack, e.Time)
		return nil
	}
	m.land(i)
	s.phase, s.reason, s.polled = erred, d.Text, false
	x := m.more(i)
	x.waits, x.stack, x.recheck, x.state = "retry", d.Stack, d.Retry, nil
	x.tries++
	m.wakeAt(i, d.Retry)
	return nil
}

func (m *Machine) waits(i int32, e *journal.Event) error {
	d, err := data[journal.Wait](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	if s.phase != unknown {
		s.phase = waiting
	}
	s.reason, s.permit = d.Text, false
	x := m.more(i)
	x.waits, x.recheck = d.For, d.Recheck
	if !d.Subject.IsZero() {
		x.subject = d.Subject
	}
	if d.For == "environment" {
		m.lock(i)
	}
	m.wakeAt(i, m.soonest(i, d.Recheck))
	if s.phase == unknown && s.stop {
		m.push(i) // it is not asked again
	}
	return nil
}

// lock notes that stage i waits for its environment.
func (m *Machine) lock(i int32) {
	for _, e := range m.node(i).envs {
		m.envs[e].queued = true
	}
	if s := &m.states[i]; !s.locked {
		s.locked = true
		m.locked = append(m.locked, i)
	}
}

func (m *Machine) passed(i int32, e *journal.Event) error {
	d, err := data[journal.Pass](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	s.reason = d.Text
	x := m.more(i)
	x.waits, x.lapses, x.subject = "", d.Lapses, d.Subject
	if !d.Lapses.IsZero() {
		m.lapsing++
	}
	if !x.withdrawn {
		m.close(i, Succeeded, e.Time)
		return nil
	}
	m.regain(i)
	s.phase, s.status, s.end = ended, Succeeded, e.Time
	m.unbar()
	return nil
}

func (m *Machine) rejected(i int32, e *journal.Event) error {
	d, err := data[journal.Rejection](e)
	if err != nil {
		return err
	}
	m.more(i).rejection = d
	m.reject(i, e.Time)
	return nil
}

// reject takes gate i on after it was rejected.
func (m *Machine) reject(i int32, t time.Time) {
	s, n := &m.states[i], m.node(i)
	then, d := n.OnReject, s.more.rejection
	if d.Expired {
		then = n.OnExpire
	}
	s.reason = d.Text
	switch {
	case then == Hold:
		s.phase = held
		s.more.waits = "hold"
	case s.more.withdrawn: // what comes after it is reached already; the stages behind it fail
		s.phase, s.status, s.end = ended, Failed, t
		m.unbar()
	case then == Skip:
		m.close(i, Skipped, t)
	default:
		m.close(i, Failed, t)
	}
}

func (m *Machine) chosen(i int32, e *journal.Event) error {
	d, err := data[journal.Choice](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	s.reason = d.Text
	m.more(i).take = d.Take
	if len(n.Children) == 0 {
		s.phase = active
		return nil
	}
	m.decide(i, e.Time)
	return nil
}

// decide takes When i on after its condition was decided.
func (m *Machine) decide(i int32, t time.Time) {
	s := &m.states[i]
	if !s.more.take {
		m.close(i, Skipped, t)
		return
	}
	s.phase = active
	m.enter(m.node(i).Children[0], t)
}

func (m *Machine) listed(i int32, e *journal.Event) error {
	d, err := data[journal.List](e)
	if err != nil {
		return err
	}
	s := &m.states[i]
	s.reason = fmt.Sprintf("%d items", len(d.Items))
	m.more(i).items, m.more(i).listed = d.Items, true
	if m.prog == nil {
		s.phase = active
		return nil
	}
	if err := m.grow(i, d.Items); err != nil {
		return err
	}
	m.open(i, m.children(i), e.Time)
	return nil
}

// grow adds the body of ForEach i for each item.
func (m *Machine) grow(i int32, items []string) error {
	n := *m.node(i)
	if len(m.extra) == 0 {
		m.names = maps.Clone(m.names) // the program's are shared
	}
	b := &Builder{nodes: &m.extra, base: int32(len(m.prog.nodes)), names: m.names, env: m.envIndex, root: &n, at: i}
	first := b.base + int32(len(m.extra))
	for _, item := range items {
		if err := n.Expand(b, i, item); err != nil {
			return fmt.Errorf("item %q: %w", item, err)
		}
	}
	b.count(first)
	m.states = append(m.states, make([]state, len(m.extra)-int(first-b.base))...)
	m.more(i).kids = b.kids
	if m.carried != nil {
		m.spend(first)
	}
	for _, c := range b.kids {
		if m.node(c).uses > 0 {
			m.expect(c)
		}
	}
	return nil
}

func (m *Machine) envIndex(name string) int32 {
	for i := range m.envs {
		if m.envs[i].name == name {
			return int32(i)
		}
	}
	m.envs = append(m.envs, envState{name: name})
	return int32(len(m.envs) - 1)
}

func (m *Machine) env(name string) *envState {
	for i := range m.envs {
		if m.envs[i].name == name {
			return &m.envs[i]
		}
	}
	return nil
}

func (m *Machine) took(i int32, e *journal.Event) error {
	d, err := data[journal.Entry](e)
	if err != nil {
		return err
	}
	env := m.env(d.Environment)
	if env == nil {
		env = &m.envs[m.envIndex(d.Environment)]
	}
	env.held, env.queued, env.token, env.previous = true, false, d.Token, d.Previous
	rest := m.locked[:0]
	for _, j := range m.locked {
		if m.node(j).Environment != d.Environment {
			rest = append(rest, j)
			continue
		}
		m.states[j].locked = false
		m.push(j)
	}
	m.locked = rest
	m.push(i)
	return nil
}

func (m *Machine) overrode(i int32, e *journal.Event) error {
	d, err := data[journal.Reason](e)
	if err != nil {
		return err
	}
	s, n := &m.states[i], m.node(i)
	m.overridden = append(m.overridden, Override{Step: n.Name, By: e.By, Reason: d.Text, At: e.Time})
	switch {
	case n.Kind == Gate && (s.phase == ready || s.phase == waiting || s.phase == held):
		p := journal.Event{Time: e.Time, Kind: journal.Passed, Step: e.Step, Data: &journal.Pass{Text: "overridden by " + e.By}}
		return m.passed(i, &p)
	case n.Kind == Stage && s.phase == held:
		s.reason = "overridden by " + e.By
		m.close(i, Succeeded, e.Time)
	case n.Kind == Stage && m.fits(i, journal.Permitted):
		s.asked = 0 // what the gates of its environment answer does not matter any more
		m.push(i)
	}
	return nil
}

// passer returns who overrode the named step, or "".
func (m *Machine) passer(step string) string {
	for _, o := range m.overridden {
		if o.Step == step {
			return o.By
		}
	}
	return ""
}
