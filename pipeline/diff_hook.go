package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// hooks tells what changed in what stages do and gates ask.
func (c *comparison) hooks() {
	c.pairs(func(o, n int32) {
		was, now := c.old.environment(o), c.new.environment(n)
		f := finding{
			Difference: Difference{Steps: c.new.names([]int32{n}), Environment: now.Name},
			danger:     max(danger(c.old.environments[was.Name]), danger(c.new.environments[now.Name])), at: n,
		}
		if c.old.twin(was.Name) != now.Name {
			f := f
			f.Kind = "hook"
			c.addf(f.with(was.Name, now.Name), Different, "%s is for %s, was for %s", c.new.title(n), placeName(now), placeName(was))
		}
		switch now := c.new.places[n].step.(type) {
		case Stage:
			c.stage(f, o, n, c.old.places[o].step.(Stage), now)
		case Gate:
			c.gate(f, n, c.old.places[o].step.(Gate), now)
		case ForEach:
			f.Kind = "timing"
			c.number(f, c.new.title(n), "Max", "no limit", c.old.places[o].step.(ForEach).Max, now.Max)
		}
	})
}

func placeName(e stage.Environment) string {
	if e.Name == "" {
		return "no environment"
	}
	return e.Name
}

func (c *comparison) stage(f finding, o, n int32, was, now Stage) {
	title := c.new.title(n)
	f.Kind = "hook"
	if old, new := describe(was.Run), describe(now.Run); old != new {
		effect := judgeStage(was.Run, now.Run)
		if text := c.bake(n, was, now); text != "" {
			c.addf(f.with(old, new), effect, "%s: %s", title, text)
		} else {
			before, after := elide(old, new)
			c.addf(f.with(old, new), effect, "%s: %s, was %s", title, after, before)
		}
	}
	if old, new := c.old.held(o), c.new.held(n); old != new && c.asks(o, n) {
		effect, text := Weaker, "%s no longer waits for the gates of %s"
		if new {
			effect, text = Stronger, "%s now waits for the gates of %s"
		}
		c.addf(f, effect, text, title, now.Environment.Name)
	}
	f.Kind = "timing"
	c.span(f, title, "Timeout", "none", was.Timeout, now.Timeout)
	c.number(f, title, "Retry.Times", "none", was.Retry.Times, now.Retry.Times)
	c.span(f, title, "Retry.Wait", "a second", was.Retry.Wait, now.Retry.Wait)
	c.span(f, title, "Retry.Most", "15m", was.Retry.Most, now.Retry.Most)
	if was.Group != now.Group {
		c.addf(f.with(was.Group, now.Group), Different, "%s: Group is %q, was %q", title, now.Group, was.Group)
	}
	if was.Unknown != now.Unknown {
		old, new := unknownName(was.Unknown), unknownName(now.Unknown)
		c.addf(f.with(old, new), turned(was.Unknown, now.Unknown), "%s: when a crash hid the outcome, %s; was %s", title, new, old)
	}
}

// asks reports whether the environment of a stage has gates, before and now.
func (c *comparison) asks(o, n int32) bool {
	return len(c.old.environments[c.old.environment(o).Name].Gates) > 0 && len(c.new.environments[c.new.environment(n).Name].Gates) > 0
}

func (c *comparison) gate(f finding, n int32, was, now Gate) {
	title := c.new.title(n)
	f.Kind = "gate"
	before := ""
	if envs := c.guarding(n); len(envs) > 0 {
		before = " before " + enumerate(envs, len(envs))
		f.Environment, f.danger = envs[0], max(f.danger, danger(c.new.environments[envs[0]]))
	}
	c.asked(f, title, before, []gate.Gate{was.Require}, []gate.Gate{now.Require})
	if was.OnReject != now.OnReject {
		old, new := was.OnReject.text(), now.OnReject.text()
		c.addf(f.with(old, new), Different, "%s: when rejected, %s; was %s", title, new, old)
	}
	c.span(f, title, "Expires", "never", was.Expires, now.Expires)
	if was.OnExpire != now.OnExpire {
		old, new := was.OnExpire.text(), now.OnExpire.text()
		c.addf(f.with(old, new), Different, "%s: when it expires, %s; was %s", title, new, old)
	}
}

// guarding returns the environments that a gate stands before, the closest to
// users first.
func (c *comparison) guarding(n int32) []string {
	envs := slices.Clone(c.guarded[n])
	slices.SortStableFunc(envs, func(a, b string) int { return danger(c.new.environments[b]) - danger(c.new.environments[a]) })
	return envs
}

// asked tells what gates ask that they did not, and the other way round.
func (c *comparison) asked(f finding, title, before string, was, now []gate.Gate) {
	old, new := wordings(was), wordings(now)
	gone, come := without(texts(old), texts(new))
	if len(gone) == 1 && len(come) == 1 {
		effect := judgeGate(askedBy(old, gone[0]), askedBy(new, come[0]))
		a, b := elide(gone[0], come[0])
		verb := map[Effect]string{Weaker: "is weaker", Different: "asks another thing", Stronger: "is stronger"}[effect]
		c.addf(f.with(gone[0], come[0]), effect, "%s%s %s: %s, was %s", title, before, verb, b, a)
		return
	}
	for _, text := range gone {
		c.addf(f.with(text, ""), Weaker, "%s no longer asks %s%s", title, quote(clip(text, maxQuote)), before)
	}
	for _, text := range come {
		c.addf(f.with("", text), Stronger, "%s now asks %s%s", title, quote(clip(text, maxQuote)), before)
	}
	if len(gone)+len(come) > 0 {
		return
	}
	if a, b := fmt.Sprint(fullWording(was)), fmt.Sprint(fullWording(now)); a != b {
		c.addf(f.with(a, b), Different, "%s asks the same%s in another way", title, before)
	}
}

// A wording is a gate that is not made of others, and its text.
type wording struct {
	gate gate.Gate
	text string
}

// wordings returns the parts of gates that are not made of others.
func wordings(gates []gate.Gate) (all []wording) {
	for _, g := range gates {
		for part := range gate.Walk(g) {
			if _, made := part.(interface{ Parts() []gate.Gate }); !made {
				all = append(all, wording{part, describe(part)})
			}
		}
	}
	return all
}

func texts(wordings []wording) []string {
	out := make([]string, len(wordings))
	for i, q := range wordings {
		out[i] = q.text
	}
	return out
}

// askedBy returns the gate with the given text.
func askedBy(wordings []wording, text string) gate.Gate {
	return wordings[slices.IndexFunc(wordings, func(q wording) bool { return q.text == text })].gate
}

// fullWording returns what gates and all of their parts say.
func fullWording(gates []gate.Gate) (all [][]string) {
	for _, g := range gates {
		all = append(all, describeGate(g))
	}
	return all
}

func (o Otherwise) text() string {
	if o < Fail || o > Hold {
		return "unknown"
	}
	return [...]string{"fail", "skip", "hold"}[o]
}

func unknownName(u Unknown) string {
	if u == AskPerson {
		return "ask a person"
	}
	return "call again"
}

// span tells of a duration, of which 0 has a meaning of its own.
func (c *comparison) span(f finding, title, field, zero string, was, now time.Duration) {
	if was == now {
		return
	}
	text := func(d time.Duration) string {
		if d == 0 {
			return zero
		}
		return span(d)
	}
	c.addf(f.with(text(was), text(now)), Different, "%s: %s %s, was %s", title, field, text(now), text(was))
}

// number does the same for a number.
func (c *comparison) number(f finding, title, field, zero string, was, now int) {
	if was == now {
		return
	}
	text := func(n int) string {
		if n == 0 {
			return zero
		}
		return strconv.Itoa(n)
	}
	c.addf(f.with(text(was), text(now)), Different, "%s: %s %s, was %s", title, field, text(now), text(was))
}
