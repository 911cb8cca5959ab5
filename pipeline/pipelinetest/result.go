package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage/stagetest"
)

// A Result is how a story went. Its methods report to the test what did not go
// as wanted, with the timeline at the first thing of that kind.
type Result struct {
	Timeline     Timeline
	Runs         map[string]pipeline.Run         // by ID, as they were at the end
	Environments map[string]pipeline.Environment // by name, as they were at the end
	Waits        map[string][]pipeline.Wait      // by ID of a run that has not ended: what it waits for
	Platform     *stagetest.Platform             // that of the story

	t         testing.TB
	told      bool // the timeline was
	writes    int  // of the first executor
	pipelines []pipeline.Pipeline
	entries   []entry // all that was recorded
	answers   map[answer]bool
}

// result returns how the story has gone so far.
func (b *bench) result() *Result {
	r := &Result{
		Timeline: b.tale.told(), Platform: b.Platform, writes: b.lives[0].writes,
		pipelines: b.Pipelines, entries: b.entries, answers: b.answers,
		Runs: map[string]pipeline.Run{}, Environments: map[string]pipeline.Environment{}, Waits: map[string][]pipeline.Wait{},
	}
	ctx, x := context.Background(), b.asked()
	for _, run := range b.runs {
		got, err := x.Run(ctx, run)
		b.blame(err)
		r.Runs[run] = got
		if b.open[run] {
			r.Waits[run], err = x.Explain(ctx, run, "")
			b.blame(err)
		}
	}
	for env := range environments(b.Pipelines) {
		got, err := x.Environment(ctx, env)
		b.blame(err)
		r.Environments[env] = got
	}
	return r
}

// For returns r with another test to report to, such as a subtest.
func (r *Result) For(t testing.TB) *Result {
	other := *r
	other.t, other.told = t, false
	return &other
}

func (r *Result) errorf(format string, args ...any) {
	r.t.Helper()
	text := fmt.Sprintf(format, args...)
	if !r.told {
		text += "\n\n" + r.Timeline.String()
		r.told = true
	}
	r.t.Error(text)
}

// Is wants the timeline to be just the given text.
func (r *Result) Is(want string) {
	r.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(r.Timeline.String())); diff != "" {
		r.told = true // by the difference
		r.errorf("the story goes otherwise (-want +got):\n%s", diff)
	}
}

// Golden wants the timeline to be just what is in a file, such as
// "testdata/five-days.txt". If update is set it writes the file instead; read
// the difference before you commit it.
func (r *Result) Golden(file string, update bool) {
	r.t.Helper()
	if update {
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(r.Timeline.String()), 0o666))
		if err != nil {
			r.errorf("writing the story: %v", err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		r.errorf("reading the story: %v; write it with update", err)
		return
	}
	r.Is(strings.ReplaceAll(string(want), "\r\n", "\n"))
}

// Tells wants the timeline to have lines with these texts, in this order, such
// as "r1 leaves production" before "r2 stage deploy succeeded". What is before
// the run of a line does not count, nor how many spaces there are.
func (r *Result) Tells(lines ...string) {
	r.t.Helper()
	rest := r.Timeline.Lines
	for i, want := range lines {
		n := len(rest)
		for k := range rest {
			if strings.Contains(rest[k].plain(), strings.Join(strings.Fields(want), " ")) {
				rest = rest[k+1:]
				break
			}
		}
		if len(rest) == n {
			after := ""
			if i > 0 {
				after = fmt.Sprintf(" after %q", lines[i-1])
			}
			r.errorf("the timeline has no line with %q%s", want, after)
			return
		}
	}
}

// Run returns what can be asked of one run. It is an error if there is none
// with the given ID.
func (r *Result) Run(id string) *RunResult {
	r.t.Helper()
	run, ok := r.Runs[id]
	if !ok {
		r.errorf("there is no run %q; there is %q", id, sorted(r.Runs))
	}
	return &RunResult{Run: run, r: r, id: id}
}
