package pipelinetest

// The lines of a script.
const (
	lineStarts    form = "PERSON starts PIPELINE as RUN"
	lineNobody    form = "nobody starts PIPELINE as RUN"
	lineApproves  form = "PERSON approves RUN GATE"
	lineObjects   form = "PERSON objects to RUN GATE: COMMENT"
	lineCancels   form = "PERSON cancels RUN: REASON"
	lineRetries   form = "PERSON retries RUN STEP: REASON"
	lineOverrides form = "PERSON overrides RUN STEPS: REASON"
	lineMeasure   form = "METRIC is NUMBER for RUN"
	lineFails     form = "RUN STAGE fails: WHY"
	lineErrs      form = "RUN STAGE errors once: WHY"
	lineErrors    form = "RUN STAGE errors NUMBER times: WHY"
	lineAsks      form = "RUN STAGE asks: WHY"
	lineHangs     form = "RUN STAGE hangs"
	linePanics    form = "RUN STAGE panics: VALUE"
	lineCrashes   form = "RUN STAGE crashes"
	lineDies      form = "the executor dies"
	lineDiesFor   form = "the executor dies for SPAN"
)

// What can be said of a run that starts.
const (
	partCause     form = "a CAUSE run"
	partAnCause   form = "an CAUSE run"
	partKind      form = "by a KIND"
	partChanges   form = "changes by AUTHORS"
	partParams    form = "with PARAMS"
	partArtifacts form = "bringing ARTIFACTS"
)

// When a line comes.
const (
	whenIt    form = "when MOMENTS"
	whenAfter form = "SPAN after MOMENTS"
	whenLater form = "SPAN later"
	whenAt    form = "at TIME"
)

// The moments of a [moment].
const (
	storyBegins  form = "the story begins"
	runBegins    form = "RUN begins"
	stepReached  form = "RUN STEP is reached"
	roundReached form = "RUN STEP is reached for round NUMBER"
	runEnded     form = "RUN has ended"
	stepEnded    form = "RUN STEP has ended"
	runRetriable form = "RUN has ended or STEP waits for a person"
)

// What stands before the script.
const (
	setBegins    form = "the story begins TIME"
	setLasts     form = "the story lasts SPAN"
	setPipeline  form = "the pipeline is PIPELINES"
	setPipelines form = "the pipelines are PIPELINES"
	setIsIn      form = "PERSON is in GROUPS"
	setAreIn     form = "PERSONS are in GROUPS"
	setTakes     form = "STAGE takes SPAN"
	setGives     form = "STAGE gives VALUE: JSON"
	setMetric    form = "METRIC is NUMBER"
)

var (
	lineForms = []form{
		lineStarts, lineNobody, lineApproves, lineObjects, lineCancels, lineRetries, lineOverrides, lineMeasure,
		lineFails, lineErrs, lineErrors, lineAsks, lineHangs, linePanics, lineCrashes, lineDies, lineDiesFor,
	}
	partForms   = []form{partCause, partAnCause, partKind, partChanges, partParams, partArtifacts}
	whenForms   = []form{whenIt, whenAfter, whenLater, whenAt}
	momentForms = []form{storyBegins, runBegins, stepReached, roundReached, runEnded, stepEnded, runRetriable}
	setForms    = []form{setBegins, setLasts, setPipeline, setPipelines, setIsIn, setAreIn, setTakes, setGives, setMetric}
)

// reserved has the words that forms are made of. A name that is one of them is
// quoted.
var reserved = literals(lineForms, partForms, whenForms, momentForms, setForms)

func literals(lists ...[]form) map[string]bool {
	words := map[string]bool{"and": true, "refused": true}
	for _, forms := range lists {
		for _, f := range forms {
			for _, w := range f.words() {
				if !isBlank(w) {
					words[w] = true
				}
			}
		}
	}
	return words
}
