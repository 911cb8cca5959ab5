package pipelinetest

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/penstock/penstock/pipeline"
)

// A cast is the steps of all pipelines, by name. Names that pipelines share are
// told apart by nothing: the first one counts.
type cast struct{ parts map[string]part }

type part struct {
	kind  string
	order int // among all steps
}

func (c *cast) learn(ps []pipeline.Pipeline) {
	c.parts = map[string]part{}
	for _, p := range ps {
		for _, s := range p.All() {
			name := base(pipeline.Name(s))
			if _, ok := c.parts[name]; !ok {
				c.parts[name] = part{kindOf(s), len(c.parts)}
			}
		}
	}
}

// of returns the step with the given name, which may be in a ForEach.
func (c *cast) of(name string) part { return c.parts[base(name)] }

// base returns the name of a step without the items that it is for.
func base(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return name
}

func kindOf(s pipeline.Step) string {
	switch s.(type) {
	case pipeline.Stage:
		return "stage"
	case pipeline.Gate:
		return "gate"
	case pipeline.When:
		return "when"
	case pipeline.ForEach:
		return "for-each"
	}
	return ""
}

// environments yields the names of the environments of ps, in order.
func environments(ps []pipeline.Pipeline) iter.Seq[string] {
	names := map[string]bool{}
	for _, p := range ps {
		for _, s := range p.All() {
			if s, ok := s.(pipeline.Stage); ok && s.Environment.Name != "" {
				names[s.Environment.Name] = true
			}
		}
	}
	return slices.Values(sorted(names))
}

// sorted returns the keys of m in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
