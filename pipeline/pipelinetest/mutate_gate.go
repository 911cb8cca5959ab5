package pipelinetest

import (
	"reflect"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/gate/approval"
	"github.com/penstock/penstock/gate/window"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// gateStep has s ask for less, or for something else.
func (m *mutator) gateStep(s pipeline.Gate) (vs variants[pipeline.Step]) {
	name := m.call(s)
	for _, v := range m.gate(s.Require) {
		other := s
		other.Require = v.Instead
		vs.add(other, "%s: %s", name, v.What)
	}
	for k, artifact := range s.Subject {
		other := s
		other.Subject = without(s.Subject, k)
		vs.add(other, "%s does not decide on %s", name, artifact)
	}
	for k, value := range s.Takes {
		other := s
		other.Takes = without(s.Takes, k)
		vs.add(other, "%s is not told %s", name, value)
	}
	if s.Environment.Name != "" {
		other := s
		other.Environment = stage.Environment{}
		vs.add(other, "%s is for no environment, not %s", name, s.Environment.Name)
	}
	if s.OnReject != pipeline.Skip {
		other := s
		other.OnReject = pipeline.Skip
		vs.add(other, "%s is skipped when it is rejected", name)
	}
	if s.Expires > 0 {
		other := s
		other.Expires, other.OnExpire = 0, pipeline.Fail
		vs.add(other, "%s never expires", name)
		if s.OnExpire != pipeline.Skip {
			other = s
			other.OnExpire = pipeline.Skip
			vs.add(other, "%s is skipped when it expires", name)
		}
	}
	return vs
}

// environment takes from e what guards it.
func (m *mutator) environment(e stage.Environment) (vs variants[stage.Environment]) {
	for k, g := range e.Gates {
		other := e
		other.Gates = without(e.Gates, k)
		vs.add(other, "does not ask: %s", gate.Describe(g))
		into(&vs, m.gate(g), func(g gate.Gate) stage.Environment {
			other := e
			other.Gates = replaced(e.Gates, k, g)
			return other
		})
	}
	other := e
	other.Queue = stage.Newest - e.Queue
	vs.add(other, "the %v enters first, not the %v", other.Queue, e.Queue)
	if !e.Shared {
		other = e
		other.Shared = true
		vs.add(other, "runs overlap there")
	}
	if e.Tier > stage.Development {
		other = e
		other.Tier--
		vs.add(other, "is declared %v, not %v", other.Tier, e.Tier)
	}
	return vs
}

// gate returns gates that ask for less than g.
func (m *mutator) gate(g gate.Gate) (vs variants[gate.Gate]) {
	if gates, ok := parts[gate.Gate](g, gate.All()); ok {
		if len(gates) > 1 {
			vs.add(gate.Any(gates...), "any one part of it is enough")
		}
		for k, part := range gates {
			if len(gates) > 1 {
				vs.add(gate.All(without(gates, k)...), "does not ask: %s", gate.Describe(part))
			}
			into(&vs, m.gate(part), func(g gate.Gate) gate.Gate { return gate.All(replaced(gates, k, g)...) })
		}
	}
	if gates, ok := parts[gate.Gate](g, gate.Any()); ok {
		for k, part := range gates {
			into(&vs, m.gate(part), func(g gate.Gate) gate.Gate { return gate.Any(replaced(gates, k, g)...) })
		}
	}
	switch g := g.(type) {
	case approval.Quorum:
		into(&vs, quorum(g), func(q approval.Quorum) gate.Gate { return q })
	case *approval.Quorum:
		return m.gate(*g)
	case window.Fits:
		into(&vs, slack(g), func(g gate.Gate) gate.Gate { return g })
	}
	if w, ok := window.Of(g); ok {
		vs.add(opposite(w), "passes when it should wait, and waits when it should pass: %s", gate.Describe(g))
		into(&vs, wider(w), passing)
	}
	if m.Gates != nil {
		vs = append(vs, m.Gates(g)...)
	}
	return vs
}

// parts returns what whole is made of, if it was made as empty was, by a function
// such as gate.All.
func parts[T any](whole, empty any) ([]T, bool) {
	v := reflect.ValueOf(whole)
	if !v.IsValid() || v.Type() != reflect.TypeOf(empty) {
		return nil, false
	}
	return v.Convert(reflect.TypeFor[[]T]()).Interface().([]T), true
}

// quorum asks fewer people, or others.
func quorum(q approval.Quorum) (vs variants[approval.Quorum]) {
	if len(q.Slots) == 0 {
		into(&vs, seats(approval.Slot{Need: q.Need, Group: q.Group, From: q.From, Anyone: q.Anyone}), func(s approval.Slot) approval.Quorum {
			other := q
			other.Need, other.Group, other.From, other.Anyone = s.Need, s.Group, s.From, s.Anyone
			return other
		})
	}
	for k, s := range q.Slots {
		other := q
		if len(q.Slots) > 1 {
			other.Slots = without(q.Slots, k)
			vs.add(other, "nothing is needed of %v", s)
		}
		into(&vs, seats(s), func(s approval.Slot) approval.Quorum {
			other.Slots = replaced(q.Slots, k, s)
			return other
		})
	}
	unless := func(already bool, what string, change func(*approval.Quorum)) {
		if !already {
			other := q
			change(&other)
			vs.add(other, "%s", what)
		}
	}
	unless(q.AllowAuthor, "authors may approve", func(q *approval.Quorum) { q.AllowAuthor = true })
	unless(q.AllowStarter, "the starter may approve", func(q *approval.Quorum) { q.AllowStarter = true })
	unless(!q.Veto, "an objection does not reject", func(q *approval.Quorum) { q.Veto = false })
	if q.MaxAge > 0 {
		other := q
		other.MaxAge = 0
		vs.add(other, "approvals hold for ever, not %s", length(q.MaxAge))
		other.MaxAge = 2 * q.MaxAge
		vs.add(other, "approvals hold for %s, not %s", length(other.MaxAge), length(q.MaxAge))
	}
	return vs
}

// seats needs fewer people, or lets everybody be one.
func seats(s approval.Slot) (vs variants[approval.Slot]) {
	if s.Need > 1 {
		other := s
		other.Need--
		vs.add(other, "%d of %v is enough, not %d", other.Need, approval.Slot{Group: s.Group, From: s.From, Anyone: s.Anyone}, s.Need)
	}
	if !s.Anyone {
		vs.add(approval.Slot{Need: s.Need, Anyone: true}, "anyone may be one of %v", s)
	}
	return vs
}

// slack needs less room, or none.
func slack(g window.Fits) (vs variants[gate.Gate]) {
	vs.add(window.Inside(g.In), "%s need not fit", length(g.For))
	half := g.For / 2
	vs.add(window.Fits{For: half, In: g.In}, "%s have to fit, not %s", length(half), length(g.For))
	into(&vs, wider(g.In), func(w window.Window) gate.Gate { return window.Fits{For: g.For, In: w} })
	return vs
}
