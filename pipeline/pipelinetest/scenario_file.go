package pipelinetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/pipeline"
)

// A scenario is a text file that tells a story.
type scenario struct {
	file   string
	text   string
	story  Story
	titled bool
	groups map[string][]string // by person
	metric map[string]string   // the line that says what one is
}

// readScenario reads a file, with what it does not say from base.
func readScenario(file string, base Story) (*scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseScenario(file, string(text), base)
}

// prompt is what a line of the script begins with.
const prompt = ">"

// happened matches the lines of a timeline.
var happened = regexp.MustCompile(`^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d:\d\d  \+`)

// parseScenario parses the text of a file. It reports all mistakes, each with
// its line.
func parseScenario(file, text string, base Story) (*scenario, error) {
	sc := &scenario{file: file, text: strings.ReplaceAll(text, "\r\n", "\n"), story: base, groups: map[string][]string{}, metric: map[string]string{}}
	var errs []error
	if base.Script != nil || base.Platform != nil {
		errs = append(errs, errors.New("scenarios with a Script or a Platform; want none, for each scenario has its own"))
	}
	sc.story.InOrder = true
	sc.story.Stubs, sc.story.Metrics = copied(base.Stubs), copied(base.Metrics)
	for i, line := range sc.lines() {
		place := fmt.Sprintf("%s:%d", file, i+1)
		if err := sc.add(line, place); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", place, line, err))
		}
	}
	known := vocabularyOf(sc.story.Pipelines)
	for _, name := range sorted(sc.metric) {
		if err := known.metric(name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", sc.metric[name], err))
		}
	}
	if len(sc.story.Script) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: nothing is done in it; want a script, such as %q", file, prompt+" ci starts shop as r1"))
	}
	return sc, errors.Join(errs...)
}

func copied[V any](m map[string]V) map[string]V {
	c := map[string]V{}
	maps.Copy(c, m)
	return c
}

func (sc *scenario) lines() []string {
	return strings.Split(strings.TrimSuffix(sc.text, "\n"), "\n")
}

// add takes in the next line.
func (sc *scenario) add(line, place string) error {
	script, isScript := strings.CutPrefix(line, prompt)
	switch {
	case strings.HasPrefix(line, "#"):
		sc.titled = true
	case strings.TrimSpace(line) == "":
	case !sc.titled:
		return fmt.Errorf("want a title first, such as %q", "# Two people have to approve")
	case isScript:
		a, err := parseAction(script, sc.groups)
		a.place = place
		sc.story.Script = append(sc.story.Script, a)
		return err
	case sc.story.Script == nil:
		return sc.set(line, place)
	case !happened.MatchString(line):
		return fmt.Errorf("want a line of the script, which begins with %q, or one that tells what happened", prompt)
	}
	return nil
}

// tell returns the text of the scenario with what happened.
func (sc *scenario) tell(t Timeline) string {
	var text strings.Builder
	rows := strings.SplitAfter(t.table(), "\n")
	cue := 0
	for _, line := range sc.lines() {
		if happened.MatchString(line) {
			continue
		}
		text.WriteString(line + "\n")
		if !strings.HasPrefix(line, prompt) {
			continue
		}
		cue++
		for i, l := range t.Lines {
			if l.Cue == cue {
				text.WriteString(rows[i])
			}
		}
	}
	return text.String()
}

// set takes in a line that stands before the script.
func (sc *scenario) set(line, place string) error {
	s, err := scan(line)
	if err != nil {
		return err
	}
	f, a := find(setForms, s.clauses[0])
	switch {
	case a == nil:
		return noForm(setForms, s.clauses[0])
	case len(s.clauses) > 1 || s.refused || s.hasText != f.takesText():
		return fmt.Errorf("want just %q", f)
	}
	switch f {
	case setBegins:
		sc.story.Begin = sc.begin(a)
	case setLasts:
		sc.story.Lasts = a.length(0)
	case setPipeline, setPipelines:
		sc.story.Pipelines = sc.choose(a)
	case setIsIn, setAreIn:
		for _, person := range a.names(0) {
			sc.groups[person] = append(sc.groups[person], a.names(1)...)
		}
	case setTakes:
		stub := sc.story.Stubs[a.name(0)]
		stub.Takes = a.length(1)
		sc.story.Stubs[a.name(0)] = stub
	case setGives:
		stub := sc.story.Stubs[a.name(0)]
		stub.Gives = copied(stub.Gives)
		stub.Gives[a.name(1)] = json.RawMessage(s.raw)
		sc.story.Stubs[a.name(0)] = stub
		if !json.Valid([]byte(s.raw)) {
			a.refuse("%s: want JSON such as %s or %s", s.raw, "4711", `"two fixes"`)
		}
	case setMetric:
		sc.story.Metrics[a.name(0)] = a.number(1)
		sc.metric[a.name(0)] = place + ": " + line
	}
	return errors.Join(a.errs...)
}

// begin returns the time that is said by blank 0. Without a zone it is in that in
// which base begins.
func (sc *scenario) begin(a *args) time.Time {
	text := a.raw(0)
	zone := sc.story.Begin.Location()
	if i := strings.LastIndex(text, " "); i >= 0 {
		if loc, err := time.LoadLocation(text[i+1:]); err == nil && loc != time.Local {
			text, zone = text[:i], loc
		}
	}
	for _, form := range []string{"Monday 2 January 2006 15:04", "2006-01-02 15:04"} {
		t, err := time.ParseInLocation(form, text, zone)
		if err == nil && t.Format(form) == text { // so the day of the week is right too
			return t
		}
	}
	a.refuse("want a time such as %q or %q", "Friday 6 March 2026 15:00 Europe/Berlin", "2026-03-06 15:00 UTC")
	return sc.story.Begin
}

// choose returns those of the pipelines that blank 0 names.
func (sc *scenario) choose(a *args) []pipeline.Pipeline {
	var chosen []pipeline.Pipeline
	var known []string
	for _, p := range sc.story.Pipelines {
		known = append(known, p.Name)
	}
	for _, name := range a.names(0) {
		if i := slices.Index(known, name); i >= 0 {
			chosen = append(chosen, sc.story.Pipelines[i])
			continue
		}
		a.refuse("no pipeline %q; there is %q", name, known)
	}
	return chosen
}
