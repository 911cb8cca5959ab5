package pipelinetest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// Scenarios plays the stories that are told in text files, each in a subtest with
// the name of its file, and compares what happens with what the file says. If
// update is set it writes what happens into the files; read the difference
// before you commit it. Glob is a pattern such as "testdata/scenarios/*.txt".
//
// Base has what a text cannot say: the Pipelines, of which a file may name some,
// Stubs with a Run, Real, Gates, and the limits of the Executor. It has no Script
// and no Platform.
//
// # What a file looks like
//
//	# A release waits for the weekend to end
//
//	the story begins Friday 6 March 2026 15:00 Europe/Berlin
//	the pipeline is toys
//	ann and ben are in release-managers
//	build takes 12m
//	error-rate is 0.001
//
//	> ci starts toys as r7, changes by bob
//	Fri 15:00:00  +0s      r7                  toys started by ci
//	Fri 15:00:00  +0s      r7  stage  build    running
//	…
//	> ann approves r7 release, 10m after r7 release is reached
//	> ben approves r7 release, at Fri 17:30
//
// It begins with a title. Lines that begin with "#" are for people, as are empty
// lines. After the title stands what holds from the beginning:
//
//	the story begins TIME        "Friday 6 March 2026 15:00 Europe/Berlin" or "2026-03-06 15:00"
//	the story lasts SPAN         such as "5d"; see Story.Lasts
//	the pipelines are PIPELINES  all that the executor has; left out, those of base
//	ann and ben are in GROUPS
//	STAGE takes SPAN             as in a Stub
//	STAGE gives VALUE: JSON      as in a Stub
//	METRIC is NUMBER             as in Story.Metrics
//
// Then comes the script. A line that begins with ">" is an [Action] in the words
// of its String. What these say of when it comes can be left out if that is when
// it comes anyway. The script is InOrder. After each line of it stands what
// happened until the next one came.
//
// # The script
//
// In these forms, capitals stand for names. "and" stands between names where
// there can be several.
//
//	PERSON starts PIPELINE as RUN     or "nobody starts …"
//	PERSON approves RUN GATE
//	PERSON objects to RUN GATE: COMMENT
//	PERSON cancels RUN: REASON
//	PERSON retries RUN STEP: REASON
//	PERSON overrides RUN STEPS: REASON
//	METRIC is NUMBER for RUN
//	RUN STAGE fails: WHY
//	RUN STAGE errors once: WHY        or "errors 3 times"
//	RUN STAGE asks: WHY
//	RUN STAGE hangs
//	RUN STAGE panics: VALUE
//	RUN STAGE crashes
//	the executor dies                 or "dies for SPAN"
//
// When it comes stands after a comma, before the reason:
//
//	…, at 14:20                       or "at Tue 14:20", "at 2026-03-12 14:20"
//	…, 2h 30m later                   than the line above
//	…, when RUN begins
//	…, when RUN STEP is reached       or "is reached for round 2"
//	…, when RUN STEP has ended        or "when RUN has ended"
//	…, 2h 30m after RUN STEP is reached
//
// What a run is started by follows after commas too:
//
//	…, a manual run                   see pipeline.Cause
//	…, by a bot                       see pipeline.ActorKind
//	…, changes by AUTHORS
//	…, with version=1.2 and region=eu
//	…, bringing ARTIFACTS             made up, or as "image@sha256:…"
//
// What is to be refused ends with "; refused: WHY". A name with spaces or marks
// in it, or that is a word of the forms, stands in quotes, as in Go; so does a
// text for people that begins with a quote. A stage, step or metric that the
// pipelines do not have is a mistake, and the name that may be meant is said.
func Scenarios(t *testing.T, glob string, update bool, base Story) {
	t.Helper()
	files, err := filepath.Glob(glob)
	if err != nil || len(files) == 0 {
		t.Fatalf("pipelinetest: scenarios %q: %v", glob, cmp.Or(err, errors.New("no such file")))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		t.Run(name, func(t *testing.T) { playScenario(t, t, file, update, base) })
	}
}

// ReadScenario returns the story that a file tells, with the rest from base: see
// [Scenarios]. It can be changed before it is played, or given to
// [CrashAnywhere].
func ReadScenario(file string, base Story) (Story, error) {
	sc, err := readScenario(file, base)
	if err != nil {
		return Story{}, fmt.Errorf("pipelinetest: %w", err)
	}
	return sc.story, nil
}

// playScenario plays the story in a file and reports to tb.
func playScenario(t *testing.T, tb testing.TB, file string, update bool, base Story) {
	t.Helper()
	tb.Helper()
	sc, err := readScenario(file, base)
	if err != nil {
		tb.Fatalf("pipelinetest: %v", err)
	}
	r := run(t, tb, sc.story, 0)
	if tb.Failed() {
		return
	}
	told := sc.tell(r.Timeline)
	switch {
	case told == sc.text:
	case update:
		if err := os.WriteFile(file, []byte(told), 0o666); err != nil {
			tb.Errorf("pipelinetest: writing the scenario: %v", err)
		}
	default:
		tb.Errorf("%s: the story goes otherwise (-want +got):\n%s", file, gocmp.Diff(sc.text, told))
	}
}
