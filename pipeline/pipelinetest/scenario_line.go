package pipelinetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/pipeline"
)

// parseAction returns the Action whose String is line. What String says of when
// it comes can be left out, if that is when it comes anyway. Groups are those of
// the people.
func parseAction(line string, groups map[string][]string) (Action, error) {
	s, err := scan(line)
	if err != nil {
		return Action{}, err
	}
	f, blanks := find(lineForms, s.clauses[0])
	switch {
	case blanks == nil:
		return Action{}, noForm(lineForms, s.clauses[0])
	case s.hasText && !f.takesText():
		return Action{}, fmt.Errorf("a text after %q; want none", f)
	}
	t, whens, err := parseTrigger(f, blanks, s.clauses[1:])
	if err != nil {
		return Action{}, err
	}
	a := parseVerb(f, blanks, s.text, t, groups)
	if err := errors.Join(blanks.errs...); err != nil {
		return Action{}, err
	}
	forms := whenForms
	if f == lineStarts || f == lineNobody {
		forms = slices.Concat(partForms, whenForms)
	}
	for i, clause := range whens {
		if err := a.parseWhen(clause, forms); err != nil {
			return Action{}, err
		}
		if i > 0 {
			return Action{}, errors.New("two times at which it comes; want one")
		}
	}
	if s.refused {
		a = a.Refused(s.because)
	}
	return a, nil
}

// find returns the form of a clause and what stands in its blanks, or nil if it
// has none.
func find(forms []form, clause []token) (form, *args) {
	for _, f := range forms {
		if a, ok := f.match(clause); ok {
			return f, a
		}
	}
	return "", nil
}

// noForm says which forms there are: those that have the most words of a
// clause.
func noForm(forms []form, clause []token) error {
	var near []string
	most := 0
	for _, f := range forms {
		n := 0
		for _, w := range f.words() {
			if slices.ContainsFunc(clause, func(t token) bool { return t.is(w) }) {
				n++
			}
		}
		if n > most {
			near, most = nil, n
		}
		if n == most {
			near = append(near, string(f))
		}
	}
	return fmt.Errorf("want a form such as\n\t%s\nwith a name in quotes if it is a word of the forms, or has spaces or marks", strings.Join(near, "\n\t"))
}

// parseVerb returns what a line of form f does.
func parseVerb(f form, a *args, text string, t pipeline.Trigger, groups map[string][]string) Action {
	person := func() Person { return Person{Name: a.name(0), Groups: groups[a.name(0)]} }
	stage := func() Stage { return Stage{Run: a.name(0), Name: a.name(1)} }
	switch f {
	case lineStarts:
		return person().Starts(a.name(1), t)
	case lineNobody:
		return Start(a.name(0), t)
	case lineApproves:
		return person().Approves(a.name(1), a.name(2))
	case lineObjects:
		return person().Objects(a.name(1), a.name(2), text)
	case lineCancels:
		return person().Cancels(a.name(1), text)
	case lineRetries:
		return person().Retries(a.name(1), a.name(2), text)
	case lineOverrides:
		return person().Overrides(a.name(1), text, a.names(2)...)
	case lineMeasure:
		return Measure(a.name(2), a.name(0), a.number(1))
	case lineFails:
		return stage().Fails(text)
	case lineErrs:
		return stage().Errors(1, text)
	case lineErrors:
		return stage().Errors(a.count(2), text)
	case lineAsks:
		return stage().Asks(text)
	case lineHangs:
		return stage().Hangs()
	case linePanics:
		return stage().Panics(text)
	case lineCrashes:
		return stage().Crashes()
	case lineDies:
		return Crash(0)
	}
	return Crash(a.length(0)) // lineDiesFor
}

// parseTrigger returns the trigger of a line of form f that starts a run, and the
// clauses that say something else.
func parseTrigger(f form, a *args, clauses [][]token) (t pipeline.Trigger, rest [][]token, err error) {
	switch f {
	case lineStarts:
		t.Actor, t.Key = a.name(0), a.name(2)
	case lineNobody:
		t.Key = a.name(1)
	default:
		return t, clauses, nil
	}
	said := map[form]bool{}
	for _, clause := range clauses {
		part, a := find(partForms, clause)
		if said[part] {
			return t, nil, fmt.Errorf("%q twice", part)
		}
		said[part] = a != nil
		switch part {
		case partCause, partAnCause:
			t.Cause = pipeline.Cause(a.name(0))
		case partKind:
			t.ActorKind = pipeline.ActorKind(a.name(0))
		case partChanges:
			t.Authors = a.names(0)
		case partParams:
			t.Params = a.params(0)
		case partArtifacts:
			t.Artifacts = a.artifacts(0, t.Key)
		default:
			rest = append(rest, clause)
			continue
		}
		if err := errors.Join(a.errs...); err != nil {
			return t, nil, err
		}
	}
	return t, rest, nil
}

// sayTrigger returns the line that starts a run.
func sayTrigger(name string, t pipeline.Trigger) string {
	parts := []string{lineStarts.say(t.Actor, name, t.Key)}
	if t.Actor == "" {
		parts[0] = lineNobody.say(name, t.Key)
	}
	switch {
	case t.Cause != "" && strings.Contains("aeiou", string(t.Cause[:1])):
		parts = append(parts, partAnCause.say(string(t.Cause)))
	case t.Cause != "":
		parts = append(parts, partCause.say(string(t.Cause)))
	}
	if t.ActorKind != "" {
		parts = append(parts, partKind.say(string(t.ActorKind)))
	}
	if len(t.Authors) > 0 {
		parts = append(parts, partChanges.say(t.Authors))
	}
	if len(t.Params) > 0 {
		var params []string
		for _, k := range sorted(t.Params) {
			params = append(params, word(k)+"="+word(t.Params[k]))
		}
		parts = append(parts, partParams.say(verbatim(strings.Join(params, " and "))))
	}
	if len(t.Artifacts) > 0 {
		var brought []string
		for _, k := range sorted(t.Artifacts) {
			brought = append(brought, sayArtifact(t.Artifacts[k], t.Key))
		}
		parts = append(parts, partArtifacts.say(brought))
	}
	return strings.Join(parts, ", ")
}

// params returns what a blank such as "version=1.2 and region=eu" stands for.
func (a *args) params(i int) map[string]string {
	params := map[string]string{}
	for _, item := range a.lists(i) {
		if len(item) != 3 || !item[1].is("=") {
			a.refuse("%q: want params such as %q", a.raw(i), "version=1.2 and region=eu")
			break
		}
		params[item[0].text] = item[2].text
	}
	return params
}

// artifacts returns what a blank such as "image and notes@sha256:…" stands for.
func (a *args) artifacts(i int, run string) artifact.Set {
	set := artifact.Set{}
	for _, name := range a.names(i) {
		x, err := parseArtifact(name, run)
		if err != nil {
			a.errs = append(a.errs, err)
		}
		set[x.Name] = x
	}
	return set
}

// brought returns the artifact of which a script says no more than the name.
func brought(name, run string) artifact.Artifact {
	content := fmt.Appendf(nil, "%s, brought to run %s", name, run)
	return artifact.Artifact{Name: name, Digest: artifact.DigestBytes(content), Size: int64(len(content))}
}

// sayArtifact returns the name of an artifact that was made up, "name@digest", or
// for one of which there is more to say, JSON.
func sayArtifact(x artifact.Artifact, run string) string {
	text := x.Name
	if x != brought(x.Name, run) {
		text += "@" + x.Digest.String()
	}
	if same, err := parseArtifact(text, run); err != nil || same != x {
		object, _ := json.Marshal(x) // has texts and a number alone
		return string(object)
	}
	return text
}

func parseArtifact(text, run string) (x artifact.Artifact, err error) {
	if strings.HasPrefix(text, "{") {
		err = json.Unmarshal([]byte(text), &x)
		return x, err
	}
	name, digest, ok := strings.Cut(text, "@")
	if !ok {
		return brought(name, run), nil
	}
	x.Name = name
	x.Digest, err = artifact.ParseDigest(digest)
	return x, err
}

// parseWhen lets a come when a clause says, which should have one of the forms.
func (a *Action) parseWhen(clause []token, forms []form) error {
	f, blanks := find(whenForms, clause)
	if blanks == nil {
		return noForm(forms, clause)
	}
	if f == whenLater {
		*a = a.Later(blanks.length(0))
		return errors.Join(blanks.errs...)
	}
	if f == whenAfter {
		a.after = blanks.length(0)
	}
	if err := errors.Join(blanks.errs...); err != nil {
		return err
	}
	return a.parseFrom(blanks.blanks[len(blanks.blanks)-1])
}

// parseFrom lets a come at a moment, or at a time on the wall.
func (a *Action) parseFrom(clause []token) error {
	if m, ok := parseMoment(clause); ok {
		a.from = m
		return nil
	}
	if a.clock = unscanned(clause); !isClock(a.clock) {
		return noForm(slices.Concat(momentForms, []form{"14:20", "Tue 14:20", "2026-03-12 14:20"}), clause)
	}
	return nil
}

func parseMoment(clause []token) (m moment, ok bool) {
	f, a := find(momentForms, clause)
	switch f {
	case runBegins:
		m.run = a.name(0)
	case stepReached:
		m = moment{reached, a.name(0), a.name(1), 1}
	case roundReached:
		m = moment{reached, a.name(0), a.name(1), a.count(2)}
	case runEnded:
		m = moment{what: ended, run: a.name(0)}
	case stepEnded:
		m = moment{what: ended, run: a.name(0), step: a.name(1)}
	case runRetriable:
		m = moment{what: retriable, run: a.name(0), step: a.name(1)}
	}
	return m, a != nil && a.errs == nil
}
