package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/machine"
)

// A Wait says why a step of a run does not go on.
type Wait struct {
	Step        string    // empty if it is the run as a whole
	For         string    // approval, window, check, environment, hold, time, retry, drift or capacity
	Reason      string    // one clause for people, such as "1 of 2 approvals from release-managers"
	Environment string    // that the step is for; may be empty
	Since       time.Time // when the step was reached
	Recheck     time.Time // when it is looked at again by itself; zero if that takes something to happen
	Who         []string  // people and groups, or a run, that can take it forward; empty if nobody is named
	Can         string    // what the person who was asked about may do: "vote", "retry, override or cancel" …; empty if nothing
	Cannot      error     // why the person may not vote; nil if they may, or if nobody can
}

// Explain says for each step of a run that waits what for, since when, who can
// take it forward, and when it is looked at again. Person and groups are whom
// Can and Cannot are about; an empty person is nobody in particular.
//
// A run that has ended waits for nothing.
func (x *Executor) Explain(ctx context.Context, run, person string, groups ...string) ([]Wait, error) {
	if err := x.init(); err != nil {
		return nil, err
	}
	m, err := x.fold(ctx, run)
	if err != nil {
		return nil, err
	}
	if m.Status.Done() {
		return nil, nil
	}
	if m.For != "" {
		return []Wait{{For: m.For, Reason: m.Reason, Since: m.Begun, Can: may(person, "adopt, drain or cancel")}}, nil
	}
	var waits []Wait
	now := time.Now()
	for v := range m.Views() {
		if v.For == "" || v.Status != machine.Waiting && v.Status != machine.Errored {
			continue
		}
		w := Wait{Step: v.Node.Name, For: v.For, Reason: v.Reason, Environment: v.Node.Environment, Since: v.Reached}
		if v.Recheck.After(now) {
			w.Recheck = v.Recheck
		}
		if err := x.unblock(ctx, m, &w, person, groups, now); err != nil {
			return nil, err
		}
		waits = append(waits, w)
	}
	return waits, nil
}

// unblock fills in who can take w forward, and whether person is among them.
func (x *Executor) unblock(ctx context.Context, m *machine.Machine, w *Wait, person string, groups []string, now time.Time) error {
	switch w.For {
	case "hold":
		w.Can = may(person, "retry, override or cancel")
	case "environment":
		env, err := x.Environment(ctx, w.Environment)
		if err != nil {
			return err
		}
		if env.Holder.Run != "" {
			w.Who = []string{env.Holder.Run}
		}
	}
	i, err := m.CanVote(w.Step)
	if err != nil {
		return nil
	}
	g := require(m.Node(i))
	if g == nil {
		return nil
	}
	req := m.Request(i, now)
	return guarded(func() error {
		if who := gate.Who(g, req); who != nil {
			w.Who = who
		}
		if person == "" {
			return nil
		}
		switch w.Cannot = gate.Eligible(g, req, gate.Vote{By: person, Groups: groups, Approve: true, At: now, Subject: req.Subject}); {
		case w.Cannot == nil:
			w.Can = "vote"
		case errors.Is(w.Cannot, gate.ErrNoVotes):
			w.Cannot = nil
		}
		return nil
	})
}

func may(person, what string) string {
	if person == "" {
		return ""
	}
	return what
}

// String returns one line for people.
func (w Wait) String() string {
	var b strings.Builder
	if w.Step != "" {
		b.WriteString(w.Step + " ")
	}
	fmt.Fprintf(&b, "waits for %s", w.For)
	if w.Reason != "" {
		b.WriteString(": " + w.Reason)
	}
	if len(w.Who) > 0 {
		b.WriteString(" (" + strings.Join(w.Who, ", ") + ")")
	}
	if !w.Recheck.IsZero() {
		b.WriteString("; looked at again " + w.Recheck.Format(time.RFC3339))
	}
	return b.String()
}
