package pipeline

import (
	"fmt"
	"strings"
)

// order tells which steps moved, past others or in and out of others.
func (c *comparison) order() {
	before, now := newCourse(c.old, true), newCourse(c.new, false)
	was, is := newFrames(c.old, true), newFrames(c.new, false)
	told := newCrowds()
	memo := map[[2]uint64]string{}
	c.pairs(func(o, n int32) {
		if !c.new.leaf(n) {
			return
		}
		var parts []string
		if key := [2]uint64{before.in[o], now.in[n]}; key[0] != key[1] {
			if !c.new.steady[n] {
				parts = append(parts, c.moved(before.after(o), now.after(n)))
			} else {
				if _, known := memo[key]; !known {
					memo[key] = c.shifted(before.after(o), now.after(n))
				}
				if memo[key] != "" {
					parts = append(parts, memo[key])
				}
			}
		}
		if was.sum[o] != is.sum[n] {
			gone, come := without(was.around(o, setting), is.around(n, setting))
			for _, f := range come {
				parts = append(parts, "moved into "+is.text[f])
			}
			for _, f := range gone {
				parts = append(parts, "moved out of "+was.text[f])
			}
		}
		if len(parts) > 0 {
			told.add(strings.Join(parts, ", "), n)
		}
	})
	told.each(func(text string, steps []int32) {
		f := c.touching(steps)
		f.Kind = "order"
		c.addf(f, Different, "%s: %s", c.new.title(steps...), text)
	})
}

// failures tells what is no longer, or now, taken after a failure or at the end
// of stages.
func (c *comparison) failures() {
	was, is := newFrames(c.old, true), newFrames(c.new, false)
	told := newCrowds()
	type change struct {
		effect Effect
		format string
	}
	changes := map[string]change{}
	c.pairs(func(o, n int32) {
		if _, ok := c.new.places[n].step.(Stage); !ok || was.sum[o] == is.sum[n] {
			return
		}
		for _, kind := range []frameKind{onFailure, finally} {
			gone, come := without(was.around(o, kind), is.around(n, kind))
			if len(gone)+len(come) == 0 {
				continue
			}
			text := kind.text()
			effect := Different
			switch {
			case len(come) == 0:
				effect, text = Weaker, text+" no longer leads to "+was.list(gone)
			case len(gone) == 0:
				effect, text = Stronger, text+" now leads to "+is.list(come)
			default:
				text += " now leads to " + is.list(come) + ", no longer to " + was.list(gone)
			}
			changes[text] = change{effect, text}
			told.add(text, n)
		}
	})
	told.each(func(text string, steps []int32) {
		f := c.touching(steps)
		f.Kind = "failure"
		c.addf(f, changes[text].effect, text, enumerate(c.new.names(steps), len(steps)))
	})
}

// touching returns a finding about steps.
func (c *comparison) touching(steps []int32) finding {
	f := finding{Difference: Difference{Steps: c.new.names(steps)}, at: steps[0]}
	for _, i := range steps {
		if env := c.new.environment(i); f.Environment == "" || danger(env) > f.danger {
			f.Environment, f.danger = env.Name, danger(env)
		}
	}
	return f
}

// moved says where a step stands that has moved past others.
func (c *comparison) moved(was, now []int32) string {
	where := func(start string, steps []int32) string {
		if len(steps) == 0 {
			return start
		}
		return "after " + enumerate(c.new.names(steps), len(steps))
	}
	return fmt.Sprintf("moved %s, was %s", where("to the start", now), where("at the start", was))
}

// shifted says what another step now comes after, or no longer does.
func (c *comparison) shifted(was, now []int32) string {
	gone, come := unlike(was, now)
	var parts []string
	if len(come) > 0 {
		parts = append(parts, "now after "+enumerate(c.new.names(come), len(come)))
	}
	if len(gone) > 0 {
		parts = append(parts, "no longer after "+enumerate(c.new.names(gone), len(gone)))
	}
	return strings.Join(parts, ", ")
}

// crowds are steps by what is said of them, in the order in which it was first.
type crowds struct {
	order []string
	steps map[string][]int32
}

func newCrowds() *crowds { return &crowds{steps: map[string][]int32{}} }

func (c *crowds) add(text string, i int32) {
	if c.steps[text] == nil {
		c.order = append(c.order, text)
	}
	c.steps[text] = append(c.steps[text], i)
}

func (c *crowds) each(f func(text string, steps []int32)) {
	for _, text := range c.order {
		f(text, c.steps[text])
	}
}
