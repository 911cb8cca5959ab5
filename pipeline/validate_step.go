package pipeline

import (
	"reflect"
	"slices"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// maxTimes is the bound of Retry.Times.
const maxTimes = 10_000

// step checks what can be seen at one step alone.
func (c *checker) step(at int32) {
	switch s := c.places[at].step.(type) {
	case nil:
		c.addf(at, "step is nil; want a step")
	case Stage:
		c.stage(at, s)
	case Gate:
		c.gate(at, s)
	case Sequence:
		if at > 0 { // an empty pipeline has its own mistake
			c.some(at, len(s))
		}
	case Parallel:
		c.some(at, len(s))
	case Graph:
		c.graph(at, s)
	case When:
		if s.If == nil {
			c.addf(at, "no If; want a condition")
		}
	case ForEach:
		c.forEach(at, s)
	case OnFailure:
		if s.Of != nil && !c.works(at+1) {
			c.addf(at, "no stage in Of, so Do is never taken; want a stage there, or no OnFailure")
		}
	case Finally:
		c.duration(at, "Within", s.Within)
	default:
		c.unknown(at, s)
	}
}

// unknown reports a step of a kind that is not known. A pointer to a step is a
// Step to the compiler, and so is a struct that embeds one.
func (c *checker) unknown(at int32, s Step) {
	if t := reflect.TypeOf(s); t.Kind() == reflect.Pointer {
		c.addf(at, "step is a *%v; want a %v, not a pointer", t.Elem(), t.Elem())
		return
	}
	c.addf(at, "step is a %T; want a kind of step that is listed at pipeline.Step", s)
}

func (c *checker) some(at int32, n int) {
	if n == 0 {
		c.addf(at, "no steps; want at least one")
	}
}

// works reports whether there is a stage in a step.
func (c *checker) works(at int32) bool {
	return slices.ContainsFunc(c.places[at:c.places[at].end], func(p place) bool { _, ok := p.step.(Stage); return ok })
}

func (c *checker) stage(at int32, s Stage) {
	if isNil(s.Run) {
		c.addf(at, "no Run; want a stage.Runner")
	} else {
		c.hook(at, "Run", func() error { return stage.Check(s.Run) })
		c.described(at, "Run", s.Run)
	}
	c.duration(at, "Timeout", s.Timeout)
	c.retry(at, s.Retry)
	if s.Unknown < CallAgain || s.Unknown > AskPerson {
		c.addf(at, "Unknown is %d; want CallAgain or AskPerson", s.Unknown)
	}
	if len(s.Group) > maxName {
		c.addf(at, "Group of %d bytes; want at most %d", len(s.Group), maxName)
	}
}

func (c *checker) retry(at int32, r Retry) {
	if r.Times < 0 || r.Times > maxTimes {
		c.addf(at, "Retry.Times of %d; want 0 to %d", r.Times, maxTimes)
	}
	c.duration(at, "Retry.Wait", r.Wait)
	c.duration(at, "Retry.Most", r.Most)
	most := r.Most
	if most == 0 {
		most = 15 * time.Minute
	}
	if most > 0 && r.Wait > most {
		c.addf(at, "Retry.Wait of %v is more than Retry.Most of %v", r.Wait, most)
	}
	if r.Times == 0 && r != (Retry{}) {
		c.addf(at, "Retry has waits but no Times, so it does not retry; want Times of 1 or more")
	}
}

func (c *checker) gate(at int32, s Gate) {
	if isNil(s.Require) {
		c.addf(at, "no Require; want a gate.Gate")
	} else {
		c.require(at, "Require", s.Require)
	}
	c.duration(at, "Expires", s.Expires)
	if s.OnReject < Fail || s.OnReject > Hold {
		c.addf(at, "OnReject is %d; want Fail, Skip or Hold", s.OnReject)
	}
	switch {
	case s.OnExpire == Hold:
		c.addf(at, "OnExpire is Hold; want Fail or Skip: a gate that stays shut has not expired")
	case s.OnExpire < Fail || s.OnExpire > Hold:
		c.addf(at, "OnExpire is %d; want Fail or Skip", s.OnExpire)
	case s.OnExpire != Fail && s.Expires == 0:
		c.addf(at, "OnExpire without Expires, so it never expires; want a time in Expires")
	}
	if s.skips() && !c.bars(at) {
		c.addf(at, "can be skipped, but nothing comes after it in its own Sequence or Graph, so that to skip it is to let all through; want Fail, or what it guards right after it")
	}
}

// bars reports whether something is not taken if the gate at is skipped.
func (c *checker) bars(at int32) bool {
	up := c.places[at].parent
	pos := int(c.places[at].pos)
	switch s := c.places[up].step.(type) {
	case Sequence:
		return pos+1 < len(s)
	case Graph:
		return len(c.order(up).next[pos]) > 0
	}
	return false
}

// require checks a gate and its parts (G6).
func (c *checker) require(at int32, field string, g gate.Gate) {
	c.hook(at, field, func() error { return gate.Check(g) })
	c.described(at, field, g)
}

// described asks for a description once, so that a panic in it shows here.
func (c *checker) described(at int32, field string, r any) {
	c.hook(at, field+": Describe", func() error { stage.Describe(r); return nil })
}

func (c *checker) forEach(at int32, s ForEach) {
	if s.Items == nil {
		c.addf(at, "no Items; want a function")
	}
	c.number(at, "Max", s.Max)
	switch {
	case s.Body == nil:
		c.addf(at, "no Body; want a function")
	case c.wrong[at] != nil:
		c.addf(at, "Body(%q): %w", probe, c.wrong[at])
	}
}

// isNil reports whether a hook is nil, or a nil function or pointer in an
// interface.
func isNil(hook any) bool {
	if hook == nil {
		return true
	}
	v := reflect.ValueOf(hook)
	return (v.Kind() == reflect.Func || v.Kind() == reflect.Pointer) && v.IsNil()
}
