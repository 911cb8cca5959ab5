package pipelinetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/penstock/penstock/internal/suggest"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage/bake"
)

// A vocabulary is the names that the pipelines of a story give to things.
type vocabulary struct {
	steps, stages map[string]bool
	gated         map[string]bool // gates and environments
	metrics       map[string]bool // that bakes watch
	free          bool            // a bake for each item may watch metrics that are named after it
	hinter        suggest.Hinter
}

func vocabularyOf(ps []pipeline.Pipeline) *vocabulary {
	v := &vocabulary{steps: map[string]bool{}, stages: map[string]bool{}, gated: map[string]bool{}, metrics: map[string]bool{}}
	for _, p := range ps {
		for path, s := range p.All() {
			if name := pipeline.Name(s); name != "" {
				v.steps[name] = true
			}
			switch s := s.(type) {
			case pipeline.Stage:
				v.stages[s.Name] = true
				if s.Environment.Name != "" {
					v.gated[s.Environment.Name] = true
				}
				watch, _ := s.Run.(bake.Watch)
				for _, m := range watch.Metrics {
					v.metrics[m.Name] = true
					v.free = v.free || strings.Contains(path, ".body")
				}
			case pipeline.Gate:
				v.gated[s.Name] = true
			}
		}
	}
	return v
}

// action returns an error if a names what is not there, and would never come or
// change nothing.
func (v *vocabulary) action(a *Action) error {
	var errs []error
	if a.stage != "" {
		errs = append(errs, v.stage(a.stage))
	}
	if a.metric != "" {
		errs = append(errs, v.metric(a.metric))
	}
	if a.from.step != "" && a.clock == "" {
		errs = append(errs, v.is(v.steps, "step", a.from.step))
	}
	return errors.Join(errs...)
}

func (v *vocabulary) stage(name string) error { return v.is(v.stages, "stage", name) }

func (v *vocabulary) guard(name string) error { return v.is(v.gated, "gate and no environment", name) }

func (v *vocabulary) metric(name string) error {
	if v.free {
		return nil
	}
	return v.is(v.metrics, "metric that a bake watches", name)
}

// is returns nil if name is one of those that are known, which are of the given
// kind.
func (v *vocabulary) is(known map[string]bool, kind, name string) error {
	if known[name] || known[base(name)] || known[generic(name)] {
		return nil
	}
	return fmt.Errorf("%q is no %s%s", name, kind, v.hinter.Hint(generic(name), sorted(known)))
}

// generic returns the name that [pipeline.Pipeline.All] gives a step of a ForEach,
// which may be named after the items that it is for.
func generic(name string) string {
	plain, items, _ := strings.Cut(name, "[")
	for item := range strings.SplitSeq(strings.TrimSuffix(items, "]"), "][") {
		if item != "" {
			plain = strings.ReplaceAll(plain, item, "item")
		}
	}
	return plain
}
