package pipelinetest

import (
	"cmp"
	"math"
	"slices"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
	"github.com/penstock/penstock/stage/rollout"
)

// stage takes from s what keeps it in bounds, and gives it other artifacts.
func (m *mutator) stage(s pipeline.Stage) (vs variants[pipeline.Step]) {
	name := m.call(s)
	for _, v := range m.runner(s.Run) {
		other := s
		other.Run = v.Instead
		vs.add(other, "%s: %s", name, v.What)
	}
	if s.Environment.Name != "" {
		other := s
		other.Environment = stage.Environment{}
		vs.add(other, "%s: its environment %s is dropped", name, s.Environment.Name)
		for _, e := range m.sites {
			if e.Name != s.Environment.Name {
				other.Environment = e.Environment
				vs.add(other, "%s acts in %s, not in %s", name, e.Name, s.Environment.Name)
			}
		}
	}
	if s.Timeout > 0 {
		other := s
		other.Timeout = 0
		vs.add(other, "%s: its timeout of %s is dropped", name, length(s.Timeout))
	}
	if s.Group != "" {
		other := s
		other.Group = ""
		vs.add(other, "%s is not in group %s", name, s.Group)
	}
	if s.Unknown == pipeline.AskPerson {
		other := s
		other.Unknown = pipeline.CallAgain
		vs.add(other, "%s is called again when a crash hid the outcome, and nobody is asked", name)
	}
	return append(vs, m.consumes(s)...)
}

// consumes gives s other artifacts instead of each that it consumes: none, one
// of another name, and one that is built anew just before.
func (m *mutator) consumes(s pipeline.Stage) (vs variants[pipeline.Step]) {
	name := m.call(s)
	for k, artifact := range s.Consumes {
		other := s
		other.Consumes = without(s.Consumes, k)
		vs.add(other, "%s does not consume %s", name, artifact)
		for _, instead := range sorted(m.makers) {
			if !slices.Contains(s.Consumes, instead) {
				other.Consumes = replaced(s.Consumes, k, instead)
				vs.add(other, "%s consumes %s, not %s", name, instead, artifact)
			}
		}
		if maker, ok := m.makers[artifact]; ok && maker.Name != s.Name {
			other.Consumes = replaced(s.Consumes, k, artifact+anew)
			vs.add(pipeline.Sequence{again(maker), other}, "%s consumes %s that is built anew", name, artifact)
		}
	}
	return vs
}

func replaced[T any](s []T, k int, v T) []T {
	s = slices.Clone(s)
	s[k] = v
	return s
}

// anew is put after the names of a stage that is there twice and of what it
// produces and gives.
const anew = "-anew"

// again returns a stage that does what s does once more.
func again(s pipeline.Stage) pipeline.Stage {
	s.Name += anew
	s.Produces, s.Gives = slices.Clone(s.Produces), slices.Clone(s.Gives)
	for _, names := range [][]string{s.Produces, s.Gives} {
		for k := range names {
			names[k] += anew
		}
	}
	return s
}

// runner returns what can be made of the hook of a stage.
func (m *mutator) runner(r stage.Runner) (vs variants[stage.Runner]) {
	switch r := r.(type) {
	case rollout.Canary:
		vs.add(rollout.Full{Via: r.Via}, "all of the traffic goes to it, not %d %%", r.Traffic)
	case *rollout.Canary:
		return m.runner(*r)
	case rollout.Back:
		vs.add(rollout.Full(r), "does not go back; all of the traffic goes to what is new")
	case *rollout.Back:
		return m.runner(*r)
	case bake.Watch:
		into(&vs, watch(r), func(w bake.Watch) stage.Runner { return w })
	case *bake.Watch:
		return m.runner(*r)
	}
	if m.Runners != nil {
		vs = append(vs, m.Runners(r)...)
	}
	return vs
}

// watch bakes for less, and takes less for good.
func watch(w bake.Watch) (vs variants[bake.Watch]) {
	other := w
	other.For, other.MinSamples = w.For/2, 0
	other.Every = min(w.Every, other.For)
	vs.add(other, "bakes for %s, not %s", length(other.For), length(w.For))
	other = w
	other.Tolerate++
	vs.add(other, "one more miss is tolerated")
	if w.MinSamples != 1 {
		other = w
		other.MinSamples = 1
		vs.add(other, "one sample is enough")
	}
	for k, metric := range w.Metrics {
		other = w
		if len(w.Metrics) > 1 {
			other.Metrics = without(w.Metrics, k)
			vs.add(other, "%s is not watched", metric.Name)
		}
		loose := metric
		loose.Want = looser(metric.Want)
		other.Metrics = slices.Clone(w.Metrics)
		other.Metrics[k] = loose
		vs.add(other, "%s is good if it is %v, not %v", metric.Name, loose.Want, metric.Want)
		if metric.MinCount > 1 {
			loose = metric
			loose.MinCount = 1
			other.Metrics = slices.Clone(w.Metrics)
			other.Metrics[k] = loose
			vs.add(other, "%s is good with one measurement, not %d", metric.Name, metric.MinCount)
		}
	}
	return vs
}

// looser returns a bound that twice as much keeps, or half as little.
func looser(b bake.Bound) (wide bake.Bound) {
	low, high := b.Limits()
	low -= cmp.Or(math.Abs(low)/2, 1)
	high += cmp.Or(math.Abs(high), 1)
	switch {
	case math.IsInf(low, -1):
		wide = bake.AtMost(high)
	case math.IsInf(high, 1):
		wide = bake.AtLeast(low)
	default:
		wide = bake.Between(low, high)
	}
	if slack, ok := b.Baseline(); ok {
		wide = wide.TimesBaseline(slack)
	}
	return wide
}
