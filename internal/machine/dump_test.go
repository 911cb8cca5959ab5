package machine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// dump returns everything that follows from what is recorded. What it leaves
// out is not recorded: tickets, what was asked and not answered, and when a
// driver is to look again.
func (m *Machine) dump() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("run %s begun %v over %v length %d definition %s drains %v", m.Run, m.Begun.UTC(), m.Over.UTC(), m.Length, m.Definition.Short(), m.Drains)
	p("owner %q epoch %d status %s reason %q for %q", m.Owner, m.Epoch, m.Status, m.Reason, m.For)
	p("artifacts %s values %s", asJSON(m.Artifacts), asJSON(m.Values))
	p("stopped %q successor %q overridden %s votes %s", m.stopped, m.successor, asJSON(m.overridden), asJSON(m.votes))
	p("lapsing %d inflight %v locked %v", m.lapsing, slices.Sorted(slices.Values(m.inflight)), slices.Sorted(slices.Values(m.locked)))
	for _, e := range m.envs {
		e.previous = nil
		p("env %+v", e)
	}
	for i := range m.states {
		s := m.states[i]
		n := m.node(int32(i))
		x := cmp.Or(s.more, &more{})
		p("%d %d %s: phase %d status %s worst %s begun %v stop %v settled %v failing %v permit %v polled %v gen %d attempt %d left %d running %d cursor %d since %v started %v end %v reason %q",
			i, n.Kind, n.Name, s.phase, s.status, s.worst, s.begun, s.stop, s.settled, s.failing, s.permit, s.polled, s.gen, s.attempt, s.left, s.running, s.cursor,
			s.since.UTC(), s.started.UTC(), s.end.UTC(), s.reason)
		p("  waits %q recheck %v state %s votes %s subject %s lapses %v withdrawn %v stack %q tries %d take %v need %v queue %v kids %v items %q deadline %v",
			x.waits, x.recheck.UTC(), x.state, asJSON(x.votes), x.subject, x.lapses.UTC(), x.withdrawn, x.stack, x.tries, x.take, x.need, x.queue, x.kids, x.items, x.deadline.UTC())
	}
	return b.String()
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// difference returns the lines of a and b that are not the same.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	var out strings.Builder
	for i := range max(len(x), len(y)) {
		var l, r string
		if i < len(x) {
			l = x[i]
		}
		if i < len(y) {
			r = y[i]
		}
		if l != r {
			fmt.Fprintf(&out, "live:   %s\nfolded: %s\n", l, r)
		}
	}
	return out.String()
}
