// Package fanin is the diamond of GoCD and Concourse: one change is built in two
// ways, and what comes after needs both, of the same change.
//
// GoCD walks back through the histories of both sides until they agree on a
// revision, and gives up after a hundred steps; Concourse has passed for it. Here
// a run is one change from end to end, so there is nothing to look for: whatever
// comes together in a run was made in it.
//
// What it adds to hello: a [pipeline.Graph], in which steps come after others,
// and an environment where runs queue.
package fanin

import (
	"path"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
)

// Work is what is done to a change. Each finds its revision in Input.Params.
type Work struct {
	Fetch    stage.Runner // gives the source
	Fast     stage.Runner // gives the server from the source
	Slow     stage.Runner // gives the client from the source; see SlowBuilders
	Assemble stage.Runner // gives the product from both
}

// SlowBuilders is the Group of the slow builds, so that an executor can limit how
// many there are at a time.
const SlowBuilders = "slow-builders"

// Delivery returns the pipeline that makes a product of each change. The bench
// is where products are put together, one at a time; its queue says whether
// each change gets there, or only the newest.
func Delivery(w Work, queue stage.Queue) pipeline.Pipeline {
	bench := stage.Environment{Name: "bench", Tier: stage.Testing, Queue: queue}
	source, parts := []string{"source"}, []string{"server", "client"}
	nodes := []pipeline.Node{
		{Step: pipeline.Stage{Name: "fetch", Run: w.Fetch, Produces: source}},
		{Step: pipeline.Stage{Name: "build-server", Run: w.Fast, Consumes: source, Produces: parts[:1]}, After: []string{"fetch"}},
		{Step: pipeline.Stage{Name: "build-client", Run: w.Slow, Consumes: source, Produces: parts[1:], Group: SlowBuilders}, After: []string{"fetch"}},
	}
	nodes = append(nodes, pipeline.Node{
		Step:  pipeline.Stage{Name: "assemble", Run: w.Assemble, Environment: bench, Consumes: parts, Produces: []string{"product"}},
		After: passed(nodes, "build-*"),
	})
	return pipeline.Pipeline{Name: "product", Steps: pipeline.Sequence{pipeline.Graph{Nodes: nodes}}}
}

// passed returns the names of the nodes that match a pattern, as passed does in
// Concourse. That nothing matches is found by Validate, for then the parts are
// missing.
func passed(nodes []pipeline.Node, pattern string) []string {
	var names []string
	for _, n := range nodes {
		name := pipeline.Name(n.Step)
		if ok, _ := path.Match(pattern, name); ok {
			names = append(names, name)
		}
	}
	return names
}
