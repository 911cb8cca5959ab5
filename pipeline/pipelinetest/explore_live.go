package pipelinetest

import (
	"context"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
)

// via returns r with another Deployer, and nil if r is not of package rollout.
func via(r stage.Runner, d stage.Deployer) stage.Runner {
	switch r := r.(type) {
	case rollout.Full:
		r.Via = d
		return r
	case rollout.Canary:
		r.Via = d
		return r
	case rollout.Back:
		r.Via = d
		return r
	}
	return nil
}

// obedient is a platform that does at once what it is asked.
var obedient = stage.DeployFunc(func(context.Context, stage.Deployment) error { return nil })

// deploys reports whether a stage of p is known to bring something into its
// environment.
func deploys(p pipeline.Pipeline) bool {
	for _, step := range p.All() {
		if s, ok := step.(pipeline.Stage); ok && via(s.Run, obedient) != nil {
			return true
		}
	}
	return false
}

// live reports whether it is recorded what stages make and make live: where
// releases may take each other's place, and in a story.
func (w *world) live() bool { return w.s.live || w.told != nil }

// succeed records that stage i of run k has done its work, or was found to have
// done it.
func (w *world) succeed(k int, i int32, found bool) {
	if !w.live() {
		if found {
			w.put(k, w.about(k, journal.Done, i, foundDone))
		} else {
			w.put(k, w.about(k, journal.Done, i, nil))
		}
		return
	}
	m := w.seats[k].m
	out, err := w.output(k, i)
	if err != nil {
		w.broken("a rollout deploys", err)
		return
	}
	if out.Live != nil {
		w.visit(w.env(m.Node(i).Environment), []journal.Event{m.Deployed(i, out, w.now())})
	}
	w.put(k, w.about(k, journal.Done, i, &journal.Result{Summary: out.Summary, Artifacts: out.Artifacts, Observed: found}))
}

// output returns what stage i of run k gives.
func (w *world) output(k int, i int32) (out stage.Output, err error) {
	m, run := w.seats[k].m, w.s.names[k]
	n := m.Node(i)
	if r := w.seats[k].plan.part(m, i).deploys; r != nil {
		out, err = r.Run(context.Background(), stage.Input{
			Run: run, Stage: n.Name, Environment: n.Step.(*pipeline.Stage).Environment, Token: m.Token(i),
			Artifacts: m.Pick(n.Consumes), Previous: m.Previous(i),
		})
	}
	for _, name := range n.Produces {
		out.Artifacts = append(out.Artifacts, makeUp(name, n.Name, run))
	}
	return out, err
}

// given returns what a run of a pipeline is given.
func given(run string, names []string) artifact.Set {
	set := artifact.Set{}
	for _, name := range names {
		set[name] = makeUp(name, somebody, run)
	}
	return set
}
