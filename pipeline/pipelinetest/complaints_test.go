package pipelinetest

import (
	"errors"
	"log/slog"
	"testing"
)

func TestAnErrorThatTheExecutorLogsFailsTheStory(t *testing.T) {
	b := newBench(Story{}, 0)
	l := &life{b: b}
	log := slog.New(complaints{l}).With("executor", "x-4711").WithGroup("g")
	log.Warn("a hook does not listen")
	log.Error("a run is left alone", "run", "r1", "error", "torn")
	l.dead = true
	log.Error("said after death", "run", "r1")

	want := "the executor logs an error: a run is left alone, run r1, error torn"
	if err := errors.Join(b.errs...); err == nil || err.Error() != want {
		t.Errorf("the story is blamed for %v; want %s", err, want)
	}
}
