package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// environments checks the environments that steps name. Environments with one
// name are the same, so they have to be alike.
func (c *checker) environments() {
	type first struct {
		env stage.Environment
		at  int32
	}
	known := map[string]first{}
	for i := range c.places {
		at, env, ok := int32(i), stage.Environment{}, false
		switch s := c.places[i].step.(type) {
		case Stage:
			env, ok = s.Environment, true
		case Gate:
			env, ok = s.Environment, true
		}
		if !ok || isZero(env) {
			continue
		}
		old, again := known[env.Name]
		if !again {
			known[env.Name] = first{env, at}
			c.environment(at, env)
			continue
		}
		if field := differ(old.env, env); field != "" {
			c.addf(at, "environment %q has another %s than at %s; want one definition for one name", env.Name, field, c.path(old.at))
		}
	}
}

// isZero reports whether a step names no environment.
func isZero(e stage.Environment) bool {
	return e.Name == "" && e.Tier == stage.Undeclared && len(e.Gates) == 0 && e.Queue == stage.Oldest && !e.Shared && len(e.Config) == 0
}

// environment checks one environment, the first time it is named.
func (c *checker) environment(at int32, e stage.Environment) {
	switch {
	case e.Name == "":
		c.addf(at, "environment without a Name; want one, or no environment")
	case len(e.Name) > maxName:
		c.addf(at, "environment name of %d bytes; want at most %d", len(e.Name), maxName)
	case strings.ContainsFunc(e.Name, notPlain):
		c.addf(at, "environment %q: want a name of letters, digits, dots, hyphens and underscores", e.Name)
	}
	if e.Tier < stage.Undeclared || e.Tier > stage.Production {
		c.addf(at, "environment %q: Tier is %d; want one of those in package stage", e.Name, e.Tier)
	}
	if e.Queue < stage.Oldest || e.Queue > stage.Newest {
		c.addf(at, "environment %q: Queue is %d; want stage.Oldest or stage.Newest", e.Name, e.Queue)
	}
	for k, g := range e.Gates {
		field := fmt.Sprintf("environment %q: Gates[%d]", e.Name, k)
		if isNil(g) {
			c.addf(at, "%s is nil; want a gate.Gate", field)
			continue
		}
		c.require(at, field, g)
	}
}

func notPlain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_", r)
}

// differ returns the name of a field in which a and b differ, or "".
func differ(a, b stage.Environment) string {
	switch {
	case a.Tier != b.Tier:
		return "Tier"
	case a.Queue != b.Queue:
		return "Queue"
	case a.Shared != b.Shared:
		return "Shared"
	case !maps.Equal(a.Config, b.Config):
		return "Config"
	case !alike(a.Gates, b.Gates):
		return "list of Gates"
	}
	return ""
}

// alike compares gates by what they say of themselves, since they may hold
// functions, which cannot be compared.
func alike(a, b []gate.Gate) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 0 || &a[0] == &b[0] {
		return true
	}
	return slices.EqualFunc(a, b, func(x, y gate.Gate) bool { return slices.Equal(describeGate(x), describeGate(y)) })
}
