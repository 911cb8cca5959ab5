package machine

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
	"github.com/penstock/penstock/stage"
)

var update = flag.Bool("update", false, "rewrite the stories with what happens now")

// TestStories tells the stories in testdata again. A story begins with a line
// "# title" and a line "tree: …"; a line that begins with ">" says what happens
// then, and the lines after it are what the machine has the driver do. After
// each the machine is compared with the fold of its journal.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob = %q, %v; want stories", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for story := range strings.SplitSeq(string(text), "\n# ") {
			story = strings.TrimSpace(strings.TrimPrefix(story, "# "))
			title, rest, _ := strings.Cut(story, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txt")+"/"+title, func(t *testing.T) {
				_, got, err := tell(rest)
				switch {
				case err != nil:
					t.Errorf("%v\nafter:\n%s", err, got)
				case *update:
					story = title + "\n" + got
				case got != rest:
					t.Errorf("what happens is\n%s\n\nwant\n%s", got, rest)
				}
			})
			told = append(told, "# "+story+"\n")
		}
		if *update {
			if err := os.WriteFile(name, []byte(strings.Join(told, "\n")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// tell returns the lines of a story with what happens, and the world in which
// it did.
func tell(story string) (w *world, told string, err error) {
	var trees []*spec
	var b strings.Builder
	defer func() {
		if v := recover(); v != nil {
			told, err = b.String(), fmt.Errorf("panic: %v", v)
		}
	}()
	lines := strings.Split(story, "\n")
	for _, l := range lines {
		if text, ok := strings.CutPrefix(l, "tree:"); ok {
			s, err := parse(text)
			if err != nil {
				return nil, "", err
			}
			trees = append(trees, s)
		}
	}
	for _, l := range lines {
		in, happens := strings.CutPrefix(l, "> ")
		switch {
		case strings.HasPrefix(l, "tree:"):
			fmt.Fprintln(&b, l)
		case happens:
			if w == nil {
				w = newWorld(trees...)
			}
			fmt.Fprintln(&b, l)
			if err := w.tell(in, trees); err != nil {
				w.say("no: %v", err)
			}
			w.pull()
			b.WriteString(w.trace.String())
			w.trace.Reset()
			if err := w.check(); err != nil {
				return w, b.String(), err
			}
		}
	}
	return w, strings.TrimSpace(b.String()), nil
}

// tell makes happen what one line says.
func (w *world) tell(line string, trees []*spec) error {
	f := strings.Fields(line)
	subject, verb, rest := f[0], "", f[min(2, len(f)):]
	if len(f) > 1 {
		verb = f[1]
	}
	text := strings.Join(rest, " ")
	switch subject {
	case "start":
		return nil
	case "cancel":
		return w.by("bob", journal.Stopped, "", &journal.Reason{Text: strings.Join(f[1:], " ")}, w.m.CanCancel())
	case "retry":
		return w.by("bob", journal.Retried, verb, &journal.Reason{}, w.m.CanRetry(verb))
	case "override":
		return w.by("bob", journal.Overridden, verb, &journal.Reason{Text: "fire"}, w.m.CanOverride(verb))
	case "vote":
		i, err := w.m.CanVote(verb)
		v := &gate.Vote{By: rest[0], Approve: true, At: w.now, Subject: w.m.Request(i, w.now).Subject}
		return w.by(rest[0], journal.Voted, verb, v, err)
	case "crash":
		w.crash()
		return nil
	case "pass": // time does
		d, err := time.ParseDuration(verb)
		w.now = w.now.Add(d)
		return err
	case "room": // there is
		for i := range w.full {
			w.m.Again(i)
		}
		w.full = nil
		return nil
	case "adopt":
		w.adopt(trees[1])
		return nil
	case "other", "younger", "older": // run enters, waits for or leaves an environment, or deploys an artifact there
		return w.visit(subject, verb, rest[0], rest[1:]...)
	case "show":
		w.show()
		return nil
	}
	switch verb {
	case "done":
		return w.settle(subject, w.output(rest), nil, "")
	case "fails":
		return w.settle(subject, stage.Output{}, stage.Failf("no"), "")
	case "errs":
		if i, _ := w.m.Find(subject); w.calling(i) >= 0 {
			return w.settle(subject, stage.Output{}, errors.New("network"), "")
		}
		return w.decide(subject, gate.Decision{}, errors.New("network"))
	case "panics":
		return w.settle(subject, stage.Output{}, errors.New("panicked: oh"), "goroutine 1")
	case "again":
		d, err := time.ParseDuration(rest[0])
		out := stage.Output{Again: d}
		if len(rest) > 1 {
			out.State = json.RawMessage(rest[1])
		}
		return errors.Join(err, w.settle(subject, out, nil, ""))
	case "asks":
		return w.settle(subject, stage.Output{Ask: text}, nil, "")
	case "passes":
		d, err := w.until(gate.Passf("fine"), rest)
		return errors.Join(err, w.decide(subject, d, nil))
	case "waits":
		d, err := w.until(gate.Waitf("not yet"), rest)
		return errors.Join(err, w.decide(subject, d, nil))
	case "rejects":
		return w.decide(subject, gate.Rejectf("never"), nil)
	case "yes", "no":
		return w.choose(subject, verb == "yes")
	case "lists":
		return w.list(subject, rest)
	case "is": // held up, for there is no place for its call
		return w.crowd(subject)
	case "was":
		return w.observe(subject, stage.Observation{Done: text == "done"})
	}
	return fmt.Errorf("%q is not understood", line)
}

// crowd lets there be no place for the next call of a stage.
func (w *world) crowd(step string) error {
	i, ok := w.m.Find(step)
	if !ok {
		return fmt.Errorf("no step %q", step)
	}
	if w.full == nil {
		w.full = map[int32]bool{}
	}
	w.full[i] = true
	return nil
}

// until returns d with the time that stands after the word for or until.
func (w *world) until(d gate.Decision, rest []string) (gate.Decision, error) {
	if len(rest) < 2 {
		return d, nil
	}
	dur, err := time.ParseDuration(rest[1])
	return d.Until(w.now.Add(dur)), err
}

// output returns what a stage gives: artifacts by name, "live=50" for what it
// changed of its environment, "v:name" for a value.
func (w *world) output(words []string) (out stage.Output) {
	for _, word := range words {
		name, traffic, live := strings.Cut(word, "=")
		a := artifact.Artifact{Name: name, MediaType: "text/plain", Digest: artifact.DigestBytes([]byte(name))}
		switch value, isValue := strings.CutPrefix(word, "v:"); {
		case live:
			fmt.Sscan(traffic, &out.Traffic)
			out.Live = artifact.Set{name: a}
		case isValue:
			if out.Values == nil {
				out.Values = map[string]any{}
			}
			out.Values[value] = 1
		default:
			out.Artifacts = append(out.Artifacts, a)
		}
	}
	return out
}

// visit has another run do something in an environment.
func (w *world) visit(run, verb, name string, images ...string) error {
	started := w.m.Begun.Add(map[string]time.Duration{"older": -2 * time.Hour, "other": -time.Hour, "younger": time.Hour}[run])
	env := w.env(name)
	e := journal.Event{Time: w.now, By: run}
	switch verb {
	case "enters":
		e.Kind, e.Data = journal.Taken, &journal.Hold{Token: env.Token + 1, Started: started}
	case "queues":
		e.Kind, e.Data = journal.Queued, &journal.Arrival{Started: started}
	case "deploys", "restores":
		image := strings.Join(append(images, run)[:1], "") + "=100"
		e.Kind, e.Data = journal.Changed, &journal.Live{Traffic: 100, Artifacts: w.output([]string{image}).Live, Back: verb == "restores"}
	case "quits":
		e.Kind = journal.Quit
	case "leaves":
		e.Kind, e.Data = journal.Given, &journal.Departure{Succeeded: true}
	}
	w.note(name, e)
	w.visits[len(w.visits)-1].length = len(w.events)
	w.last[name] = env.Token
	for _, next := range env.Next() {
		if next == w.m.Run {
			w.m.Unlock(name)
		}
	}
	return nil
}

// show says how far each step is.
func (w *world) show() {
	for v := range w.m.Views() {
		text := fmt.Sprintf("  %s %s", v.Node.Name, v.Status)
		if v.For != "" {
			text += " for " + v.For
		}
		if v.Attempt > 0 {
			text += fmt.Sprintf(", attempt %d", v.Attempt)
		}
		if v.Round > 1 {
			text += fmt.Sprintf(", round %d", v.Round)
		}
		if len(v.Votes) > 0 {
			text += fmt.Sprintf(", votes %d", len(v.Votes))
		}
		if v.Overridden != "" {
			text += ", overridden by " + v.Overridden
		}
		if !v.Recheck.IsZero() {
			text += fmt.Sprintf(", until +%v", v.Recheck.Sub(epoch))
		}
		if v.Reason != "" {
			text += ": " + v.Reason
		}
		w.say("%s", text)
	}
	text := fmt.Sprintf("  run %s", w.m.Status)
	if w.m.Reason != "" {
		text += ": " + w.m.Reason
	}
	w.say("%s", text)
}
