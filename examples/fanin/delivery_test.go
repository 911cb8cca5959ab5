package fanin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/pipelinetest"
	"github.com/penstock/penstock/stage"
)

// A workshop notes which parts it put together. The content of a part says which
// revision it was made from.
type workshop struct {
	contents  map[artifact.Digest]string
	assembled []string // such as "server 4 + client 4"
}

func (w *workshop) work() Work {
	return Work{Fetch: w.make("source"), Fast: w.make("server"), Slow: w.make("client"), Assemble: stage.Func(w.assemble)}
}

func (w *workshop) make(name string) stage.Runner {
	return stage.Func(func(_ context.Context, in stage.Input) (stage.Output, error) {
		return w.gives(name, name+" "+in.Params["revision"]), nil
	})
}

func (w *workshop) assemble(_ context.Context, in stage.Input) (stage.Output, error) {
	made := w.contents[in.Artifacts["server"].Digest] + " + " + w.contents[in.Artifacts["client"].Digest]
	w.assembled = append(w.assembled, made)
	return w.gives("product", made), nil
}

func (w *workshop) gives(name, content string) stage.Output {
	a := artifact.Artifact{Name: name, Digest: artifact.DigestBytes([]byte(content))}
	w.contents[a.Digest] = content
	return stage.Output{Artifacts: []artifact.Artifact{a}}
}

// fiveChanges is a change every five minutes. The client takes twenty minutes to
// build, one at a time, and does not compile at the third change.
func fiveChanges(w *workshop, queue stage.Queue) pipelinetest.Story {
	s := pipelinetest.Story{
		Pipelines: []pipeline.Pipeline{Delivery(w.work(), queue)},
		Real:      []string{"fetch", "build-server", "build-client", "assemble"},
		Stubs: map[string]pipelinetest.Stub{
			"build-server": {Takes: 2 * time.Minute},
			"build-client": {Takes: 20 * time.Minute},
			"assemble":     {Takes: time.Minute},
		},
		Executor: &pipeline.Executor{Groups: map[string]int{SlowBuilders: 1}},
	}
	for i := range 5 {
		change := pipeline.Trigger{Key: fmt.Sprintf("r%d", i+1), Params: map[string]string{"revision": fmt.Sprint(i + 1)}}
		s.Script = append(s.Script, pipelinetest.Start("product", change).After(time.Duration(i)*5*time.Minute))
	}
	s.Script = append(s.Script, pipelinetest.Stage{Run: "r3", Name: "build-client"}.Fails("the client does not compile"))
	return s
}

func TestPartsComeTogetherFromTheSameRevision(t *testing.T) {
	w := &workshop{contents: map[artifact.Digest]string{}}
	got := pipelinetest.Run(t, fiveChanges(w, stage.Oldest))

	want := []string{"server 1 + client 1", "server 2 + client 2", "server 4 + client 4", "server 5 + client 5"}
	if !slices.Equal(w.assembled, want) {
		t.Errorf("assembled %q; want %q", w.assembled, want)
	}
	got.Run("r3").Want(pipeline.Failed)
	got.Run("r3").Never("assemble")
	for _, r := range []string{"r1", "r2", "r4", "r5"} {
		got.Run(r).Want(pipeline.Succeeded)
		got.Run(r).After("assemble", "build-server")
		got.Run(r).After("assemble", "build-client")
	}
	// The server of the fourth change is there long before the client of the
	// second is.
	got.Tells("r4 stage build-server succeeded", "r2 stage build-client succeeded", "r2 stage assemble succeeded", "r4 stage assemble succeeded")
}

func TestTheSlowSideIsBuiltOneAtATime(t *testing.T) {
	got := pipelinetest.Run(t, fiveChanges(&workshop{contents: map[artifact.Digest]string{}}, stage.Oldest))
	got.Run("r2").Waiting("build-client", "capacity", "")
	var last time.Time
	for _, r := range []string{"r1", "r2", "r3", "r4", "r5"} {
		s, _ := got.Run(r).Step("build-client")
		if s.Started.Before(last) {
			t.Errorf("%s builds the client at %v, before the one ahead of it has ended at %v", r, s.Started, last)
		}
		last = s.Ended
	}
}

// With the newest first, what waits for the bench when a newer product can be
// made gives way to it: Concourse calls it the latest version, and GoCD may skip
// one as well.
func TestTheNewestMaySkipOthers(t *testing.T) {
	w := &workshop{contents: map[artifact.Digest]string{}}
	s := fiveChanges(w, stage.Newest)
	s.Stubs["assemble"] = pipelinetest.Stub{Takes: 2 * time.Hour}
	got := pipelinetest.Run(t, s)

	if want := []string{"server 1 + client 1", "server 5 + client 5"}; !slices.Equal(w.assembled, want) {
		t.Errorf("assembled %q; want %q, for the bench was busy when the others came", w.assembled, want)
	}
	for _, r := range []string{"r2", "r4"} {
		got.Run(r).Want(pipeline.Superseded)
	}
}

// A definition in which nothing matches the pattern is refused.
func TestPatternsThatMatchNothingAreFound(t *testing.T) {
	p := Delivery((&workshop{}).work(), stage.Oldest)
	g := p.Steps[0].(pipeline.Graph)
	g.Nodes[3].After = passed(g.Nodes[:3], "compile-*")
	err := p.Validate()
	if err == nil || !strings.Contains(err.Error(), `stage "assemble": needs artifact "server"`) {
		t.Errorf("Validate = %v; want that assemble lacks its parts", err)
	}
}

func TestAProductIsOfOneRevisionWhereverTheExecutorDies(t *testing.T) {
	w := &workshop{contents: map[artifact.Digest]string{}}
	s := fiveChanges(w, stage.Oldest)
	s.Script = s.Script[:2]
	pipelinetest.CrashAnywhere(t, s, func(t *testing.T, got *pipelinetest.Result) {
		for _, r := range []string{"r1", "r2"} {
			got.Run(r).Want(pipeline.Succeeded)
		}
		for _, made := range w.assembled {
			if made != "server 1 + client 1" && made != "server 2 + client 2" {
				t.Errorf("assembled %q; want parts of one revision", made)
			}
		}
	})
}
