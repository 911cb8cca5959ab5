package pipeline

import (
	"fmt"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/internal/machine"
	"github.com/penstock/penstock/stage"
)

// called has the hook of stage i, which was called, return when its time has come.
// One that says how long it lasts asks to be called again until then, as a bake
// does.
func (o *outlook) called(r *actor, i int32) {
	n := r.m.Node(i)
	s, c, takes := n.Step.(*Stage), r.calls[n.Name], o.a.takes(n)
	end := c.first.Add(takes)
	if lasts(s) > 0 {
		o.at(o.now, returns, r, i, func() {
			out := o.output(r, n)
			if end.After(o.now) {
				out = stage.Output{Again: end.Sub(o.now)}
			}
			o.returned(r, i, c.attempt, out, nil)
		})
		return
	}
	if up := c.last.Add(s.Timeout); s.Timeout > 0 && !end.Before(up) {
		o.at(up, returns, r, i, func() {
			o.returned(r, i, c.attempt, stage.Output{}, fmt.Errorf("%w after %v; it takes %v", errTimeout, s.Timeout, takes))
		})
		return
	}
	o.at(end, returns, r, i, func() { o.returned(r, i, c.attempt, o.output(r, n), nil) })
}

// stop has the hook of stage i, of which the context is canceled, return at once.
func (o *outlook) stop(r *actor, i int32) {
	attempt := r.m.Attempt(i)
	r.mark(i).stopped = attempt
	o.at(o.now, returns, r, i, func() { o.returned(r, i, attempt, stage.Output{}, nil) })
}

// returned records what the hook of stage i gave, unless it was stopped first.
func (o *outlook) returned(r *actor, i int32, attempt int, out stage.Output, err error) {
	if !r.m.Calling(i, attempt) {
		return
	}
	if r.mark(i).stopped == attempt {
		out, err = stage.Output{}, errStopped
	}
	o.put(r, r.m.Returned(i, out, err, "", o.now))
}

// output makes up what stage n gives.
func (o *outlook) output(r *actor, n *machine.Node) stage.Output {
	var out stage.Output
	for _, name := range n.Produces {
		content := fmt.Sprintf("%s of %s, run %s", name, n.Name, r.m.Run)
		out.Artifacts = append(out.Artifacts, artifact.Artifact{Name: name, Digest: artifact.DigestBytes([]byte(content))})
	}
	for _, name := range n.Gives {
		if out.Values == nil {
			out.Values = map[string]any{}
		}
		v, ok := o.a.Gives[name]
		if !ok {
			v = name + " of " + r.m.Run
		}
		out.Values[name] = v
	}
	return out
}
