package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/penstock/penstock/stage"
)

// twin returns the name that an environment has on the other side.
func (s *side) twin(env string) string { return cmp.Or(s.twins[env], env) }

// rename finds environments that have another name and are alike in all else: a
// step that is on both sides went from one to the other.
func (c *comparison) rename() {
	c.pairs(func(o, n int32) {
		was, is := c.old.environment(o), c.new.environment(n)
		_, stays := c.new.environments[was.Name]
		_, known := c.old.environments[is.Name]
		if was.Name == "" || is.Name == "" || stays || known || differ(was, is) != "" {
			return
		}
		if c.old.twin(was.Name) == was.Name && c.new.twin(is.Name) == is.Name {
			c.old.twins[was.Name], c.new.twins[is.Name] = is.Name, was.Name
		}
	})
}

// environments tells what changed in environments themselves.
func (c *comparison) environments() {
	held := map[string][]int32{} // stages that have to wait for the gates of an environment
	for i := range c.new.places {
		if c.new.held(int32(i)) {
			name := c.new.environment(int32(i)).Name
			held[name] = append(held[name], int32(i))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.new.environments)) {
		now := c.new.environments[name]
		f := finding{Difference: Difference{Kind: "environment", Environment: name}, danger: danger(now)}
		was, ok := c.old.environments[c.new.twin(name)]
		if !ok {
			c.addf(f, Different, "environment %s is new, tier %v", name, now.Tier)
			continue
		}
		f.danger = max(f.danger, danger(was))
		c.environment(f, was, now, held[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.old.environments)) {
		if _, ok := c.new.environments[c.old.twin(name)]; !ok {
			was := c.old.environments[name]
			f := finding{Difference: Difference{Kind: "environment", Environment: name}, danger: danger(was)}
			c.addf(f, Different, "environment %s is gone, tier %v", name, was.Tier)
		}
	}
}

// addf adds f with an effect and a text.
func (c *comparison) addf(f finding, effect Effect, format string, args ...any) {
	f.Effect, f.Text = effect, fmt.Sprintf(format, args...)
	c.add(f)
}

// turned returns the effect of a number that makes something stronger when it
// grows.
func turned[T cmp.Ordered](was, now T) Effect { return Effect(cmp.Compare(now, was)) + Different }

func (c *comparison) environment(f finding, was, now stage.Environment, held []int32) {
	if was.Name != now.Name {
		c.addf(f.with(was.Name, now.Name), Different, "environment %s is now named %s; its lock and its history begin anew", was.Name, now.Name)
	}
	before := ""
	if len(held) > 0 {
		f.Steps = c.new.names(held)
		before = " before " + enumerate(f.Steps, len(held))
	}
	c.asked(f, "environment "+now.Name, before, was.Gates, now.Gates)
	f.Steps = nil
	if was.Tier != now.Tier {
		effect := turned(danger(was), danger(now))
		c.addf(f.with(was.Tier, now.Tier), effect, "environment %s: tier %v, was %v", now.Name, now.Tier, was.Tier)
	}
	if was.Queue != now.Queue {
		c.addf(f.with(was.Queue, now.Queue), Different, "environment %s: the %v run enters next, was the %v", now.Name, now.Queue, was.Queue)
	}
	if was.Shared != now.Shared {
		effect, text := Stronger, "environment %s is held by one run at a time, was shared"
		if now.Shared {
			effect, text = Weaker, "environment %s is shared: runs may overlap there, which they did not"
		}
		c.addf(f, effect, text, now.Name)
	}
	c.config(f, was, now)
}

func (c *comparison) config(f finding, was, now stage.Environment) {
	keys := maps.Clone(was.Config)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, now.Config)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		old, had := was.Config[key]
		new, has := now.Config[key]
		before, after := elide(old, new)
		switch {
		case had && !has:
			c.addf(f.with(old, ""), Different, "environment %s: config %q is gone, was %s", now.Name, key, before)
		case has && !had:
			c.addf(f.with("", new), Different, "environment %s: config %q is new, %s", now.Name, key, after)
		case old != new:
			c.addf(f.with(old, new), Different, "environment %s: config %q is %s, was %s", now.Name, key, after, before)
		}
	}
}

// with returns f with what was and what is.
func (f finding) with(was, now any) finding {
	f.Old, f.New = fmt.Sprint(was), fmt.Sprint(now)
	return f
}

// held reports whether the gates of its environment hold up the step at i.
func (s *side) held(i int32) bool {
	st, ok := s.places[i].step.(Stage)
	return ok && len(s.environments[st.Environment.Name].Gates) > 0 && !s.urgent[i] && !watches(st)
}

// watches returns what the hook of s says. Validate refuses one that panics.
func watches(s Stage) (yes bool) {
	_ = guarded(func() error { yes = stage.Watches(s.Run); return nil })
	return yes
}
