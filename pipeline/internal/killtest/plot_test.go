package killtest

import (
	"context"
	"slices"

	"github.com/penstock/penstock/pipeline"
)

// A plot is what is played: some runs, and what people do to them.
type plot struct {
	name      string
	pipelines func(p *platform) []pipeline.Pipeline
	former    func(p *platform) []pipeline.Pipeline // definitions that the runs begin under; nil means pipelines
	runs      []string
	deeds     []deed
	when      map[string]cond            // gates that people vote on once something is so
	objects   map[string]bool            // gates that people object to in the first round
	ends      map[string]pipeline.Status // of runs that do not succeed
	racy      bool                       // time decides in which order stages come to an environment
}

// calm returns why a story without a crash is not what the plot is about, or "".
func (p *plot) calm(s story) string {
	if s.err != nil {
		return s.err.Error()
	}
	for _, run := range p.runs {
		want := pipeline.Succeeded
		if end, ok := p.ends[run]; ok {
			want = end
		}
		if got := s.runs[run].Status; got != want {
			return "run " + run + " " + got.String() + "; want " + want.String()
		}
	}
	return ""
}

// A deed is what somebody does as long as something is so. Once it is done that
// is not so any more.
type deed struct {
	due cond
	do  func(ctx context.Context, x *pipeline.Executor)
}

// A cond says whether something is so.
type cond func(runs map[string]pipeline.Run) bool

func all(conds ...cond) cond {
	return func(runs map[string]pipeline.Run) bool {
		return !slices.ContainsFunc(conds, func(c cond) bool { return !c(runs) })
	}
}

func never(map[string]pipeline.Run) bool { return false }

func absent(run string) cond {
	return func(runs map[string]pipeline.Run) bool { return runs[run].ID == "" }
}

func done(run string) cond {
	return func(runs map[string]pipeline.Run) bool { return runs[run].Status.Done() }
}

func is(run string, s pipeline.Status) cond {
	return func(runs map[string]pipeline.Run) bool { return runs[run].Status == s }
}

func stepIs(run, name string, is func(pipeline.StepState) bool) cond {
	return func(runs map[string]pipeline.Run) bool {
		s, ok := runs[run].Step(name)
		return ok && is(s)
	}
}

func reached(run, name string) cond {
	return stepIs(run, name, func(s pipeline.StepState) bool { return !s.Reached.IsZero() })
}

func begun(run, name string) cond {
	return stepIs(run, name, func(s pipeline.StepState) bool { return !s.Started.IsZero() })
}

func waits(run, name, what string) cond {
	return stepIs(run, name, func(s pipeline.StepState) bool { return s.For == what })
}

// begin starts a run, once all conds hold.
func begin(name string, t pipeline.Trigger, conds ...cond) deed {
	t.Actor = "zoe"
	return deed{all(append(conds, absent(t.Key))...), func(ctx context.Context, x *pipeline.Executor) { x.Start(ctx, name, t) }}
}

// retry has a step done anew that failed, once all conds hold.
func retry(run, step string, conds ...cond) deed {
	return deed{all(append(conds, is(run, pipeline.Failed))...), func(ctx context.Context, x *pipeline.Executor) {
		x.Retry(ctx, run, step, "bob", "it is put right")
	}}
}

// retryAll has each step done anew that failed, the first one first.
func retryAll(run string) deed {
	return deed{is(run, pipeline.Failed), func(ctx context.Context, x *pipeline.Executor) {
		r, err := x.Run(ctx, run)
		if err != nil {
			return
		}
		for _, s := range r.Steps {
			if s.Kind == "stage" && (s.Status == pipeline.Failed || s.Status == pipeline.Errored) {
				x.Retry(ctx, run, s.Name, "bob", "it is put right")
				return
			}
		}
	}}
}

func cancel(run string, due cond) deed {
	return deed{due, func(ctx context.Context, x *pipeline.Executor) { x.Cancel(ctx, run, "bob", "it is not wanted") }}
}

func override(run, step string, due cond) deed {
	return deed{due, func(ctx context.Context, x *pipeline.Executor) { x.Override(ctx, run, "bob", "it cannot wait", step) }}
}
