package pipeline

import (
	"fmt"
	"slices"
)

// groups tells what changed of the limits of a Graph, and of the time that the
// Do of a Finally has.
func (c *comparison) groups() {
	olds, news := c.old.limited(), c.new.limited()
	for _, key := range []func(*side, int32) string{c.anchor, func(s *side, i int32) string { return kindOf(s.places[i].step) }} {
		waiting := map[string][]int32{}
		for _, o := range olds {
			waiting[key(c.old, o)] = append(waiting[key(c.old, o)], o)
		}
		olds, news = nil, slices.DeleteFunc(news, func(n int32) bool {
			at := waiting[key(c.new, n)]
			if len(at) == 0 {
				return false
			}
			c.group(at[0], n)
			waiting[key(c.new, n)] = at[1:]
			return true
		})
		for _, left := range waiting {
			olds = append(olds, left...)
		}
		slices.Sort(olds)
	}
}

// limited returns the steps that have limits and no names.
func (s *side) limited() (at []int32) {
	for i := range s.places {
		switch s.places[i].step.(type) {
		case Graph, Finally:
			at = append(at, int32(i))
		}
	}
	return at
}

// anchor returns what a step is paired by: its kind and the first leaf in it
// that is on both sides, if there is one.
func (c *comparison) anchor(s *side, i int32) string {
	for at := i; at < s.places[i].end; at++ {
		if !s.leaf(at) || s.mates[at] < 0 {
			continue
		}
		if s == c.old {
			at = s.mates[at]
		}
		return fmt.Sprint(kindOf(s.places[i].step), at)
	}
	return kindOf(s.places[i].step)
}

func (c *comparison) group(o, n int32) {
	f := finding{Difference: Difference{Kind: "timing"}, at: n}
	title := kindOf(c.new.places[n].step)
	for at := n; at < c.new.places[n].end; at++ {
		if name := Name(c.new.places[at].step); name != "" {
			title += " of " + name
			break
		}
	}
	switch now := c.new.places[n].step.(type) {
	case Graph:
		was := c.old.places[o].step.(Graph)
		c.number(f, title, "Max", "no limit", was.Max, now.Max)
		if was.FailFast != now.FailFast {
			c.addf(f.with(was.FailFast, now.FailFast), Different, "%s: FailFast %v, was %v", title, now.FailFast, was.FailFast)
		}
	case Finally:
		c.span(f, title, "Within", "an hour", c.old.places[o].step.(Finally).Within, now.Within)
	}
}
