package pipeline

import (
	"fmt"
	"strings"
)

// pipeline tells what changed of the pipeline as a whole.
func (c *comparison) pipeline() {
	if was, now := c.old.Name, c.new.Name; was != now {
		f := finding{Difference: Difference{Kind: "step"}}
		c.addf(f.with(was, now), Different, "pipeline %s is now named %s", was, now)
	}
	c.list(finding{}, "the trigger", "has to bring", c.old.Given, c.new.Given, false)
}

// flow tells what changed in the artifacts and values that steps use and make.
func (c *comparison) flow() {
	c.pairs(func(o, n int32) {
		env := c.new.environment(n)
		f := finding{Difference: Difference{Steps: c.new.names([]int32{n}), Environment: env.Name}, danger: danger(env), at: n}
		title := c.new.title(n)
		switch now := c.new.places[n].step.(type) {
		case Stage:
			was := c.old.places[o].step.(Stage)
			c.list(f, title, "consumes", was.Consumes, now.Consumes, false)
			c.list(f, title, "produces", was.Produces, now.Produces, false)
			c.list(f, title, "takes", was.Takes, now.Takes, false)
			c.list(f, title, "gives", was.Gives, now.Gives, false)
		case Gate:
			was := c.old.places[o].step.(Gate)
			c.list(f, title, "decides on", was.Subject, now.Subject, true)
			c.list(f, title, "is told", was.Takes, now.Takes, true)
		}
	})
}

// list tells what names of artifacts or values a list lost and gained. What a
// vote is bound to guards.
func (c *comparison) list(f finding, title, verb string, was, now []string, guards bool) {
	gone, come := without(was, now)
	if len(gone)+len(come) == 0 {
		return
	}
	f.Kind = "flow"
	var parts []string
	if len(come) > 0 {
		parts = append(parts, fmt.Sprintf("now %s %s", verb, enumerate(come, len(come))))
	}
	if len(gone) > 0 {
		parts = append(parts, fmt.Sprintf("no longer %s %s", verb, enumerate(gone, len(gone))))
	}
	does := Different
	if guards {
		does = effect(-fewer(len(gone), len(come)))
	}
	c.addf(f.with(strings.Join(was, ", "), strings.Join(now, ", ")), does, "%s %s", title, strings.Join(parts, ", and "))
}
