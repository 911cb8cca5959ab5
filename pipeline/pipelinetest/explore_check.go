package pipelinetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// outcomesOf are the outcomes of a step by its kind.
var outcomesOf = map[string][]Outcome{
	"stage":    {Succeeds, Fails, Errs, TimesOut, Asks, Passes, Waits, FoundDone, FoundNotDone},
	"gate":     {Passes, Rejects, Expires, Lapses},
	"when":     {Yes, No},
	"for-each": {NoItems, OneItem, TwoItems},
}

// Most that an Exploration can have.
const (
	maxRuns      = 8 // of all pipelines
	maxArtifacts = 64
)

// pipelines returns all that x has runs of; Pipeline is the first.
func (x *Exploration) pipelines() []pipeline.Pipeline {
	return append([]pipeline.Pipeline{x.Pipeline}, x.Others...)
}

// check reports all mistakes in x.
func (x *Exploration) check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	pipelines, kinds, artifacts := map[string]bool{}, map[string][]string{}, map[string]bool{}
	for _, p := range x.pipelines() {
		if err := p.Validate(); err != nil {
			errs = append(errs, err)
		}
		if pipelines[p.Name] {
			refuse("two pipelines %q; want a name of its own for each", p.Name)
		}
		pipelines[p.Name] = true
		for _, s := range p.All() {
			name := base(pipeline.Name(s))
			kinds[name] = append(kinds[name], kindOf(s))
			if s, ok := s.(pipeline.Stage); ok {
				for _, name := range slices.Concat(s.Consumes, s.Produces) {
					artifacts[name] = true
				}
			}
		}
	}
	for _, name := range sorted(x.Outcomes) {
		if name == "" || kinds[name] == nil {
			refuse("outcomes of %q, which is no step", name)
		}
		if len(x.Outcomes[name]) == 0 {
			refuse("no outcomes of %q; want one or more, or no entry for all", name)
		}
		for _, kind := range kinds[name] {
			for _, o := range x.Outcomes[name] {
				if !slices.Contains(outcomesOf[kind], o) {
					refuse("%s %q %v; want one of %v", kind, name, o, outcomesOf[kind])
				}
			}
		}
	}
	if len(artifacts) > maxArtifacts {
		refuse("%d artifacts; want at most %d", len(artifacts), maxArtifacts)
	}
	for _, n := range []struct {
		name         string
		value, limit int
	}{{"Runs", x.Runs, maxRuns - len(x.Others)}, {"Crashes", x.Crashes, 100}, {"Retries", x.Retries, 100}, {"Overrides", x.Overrides, 100}, {"States", x.States, 1 << 30}} {
		if n.value < 0 || n.value > n.limit {
			refuse("%s is %d; want 0 to %d", n.name, n.value, n.limit)
		}
	}
	for i, r := range x.Rules {
		if r.Holds == nil {
			refuse("rule %d, %q, has no function Holds", i, r.Name)
		}
	}
	return errors.Join(errs...)
}
