package simulate

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/stage"
)

// A platform is the world that hooks act on. It remembers what was done under
// which key, and refuses a token older than one that it has seen.
type platform struct {
	w       *world
	effects map[string]int   // calls that took effect, by key
	tokens  map[string]int64 // highest seen, by environment
	fenced  int              // calls refused for their token
}

func newPlatform(w *world) *platform {
	return &platform{w: w, effects: map[string]int{}, tokens: map[string]int64{}}
}

// A plan is what a call does.
type plan struct {
	takes time.Duration
	ends  ending
	deaf  bool // it does not listen to its context
	stale bool // the platform refuses its token
}

type ending int

const (
	succeeds ending = iota
	fails
	errs    // without effect
	liesErr // with effect, but the answer is lost
	repeats // asks to be called again
	asks    // for a person
	panics
	misbuilds // gives back what it does not produce
)

// call begins a call.
func (f *platform) call(t *task) plan {
	w := f.w
	w.count.calls++
	w.audit.calls(t)
	w.audit.beside(t)
	p := plan{takes: w.upTo(10 * time.Second)}
	if w.calm {
		return p
	}
	if env := t.in.Environment.Name; t.in.Token > 0 {
		if p.stale = t.in.Token < f.tokens[env]; !p.stale {
			f.tokens[env] = t.in.Token
		}
	}
	if w.is(10) {
		p.takes = w.upTo(10 * time.Minute)
	}
	p.deaf = w.is(5)
	if w.is(30) {
		p.ends = ending(w.rng.IntN(int(misbuilds) + 1))
	}
	return p
}

// returns ends a call. A call that was interrupted has taken effect or not.
func (f *platform) returns(t *task) (out stage.Output, stack string, err error) {
	w, n := f.w, t.n
	w.say(t.r.p, "%s of %s returns (%d)", t.in.Stage, t.in.Run, t.plan.ends)
	if t.plan.stale {
		f.fenced++
		return out, "", stage.Failf("fenced")
	}
	if t.cause != nil && !t.plan.deaf {
		if w.is(50) {
			f.effects[t.in.Key]++
		}
		if w.is(80) {
			return out, "", t.cause
		}
	}
	switch t.plan.ends {
	case fails:
		return out, "", stage.Failf("no")
	case errs:
		return out, "", errNet
	case repeats:
		return stage.Output{Again: 1 + w.upTo(time.Hour), State: json.RawMessage(`{"n":1}`)}, "", nil
	case asks:
		return stage.Output{Ask: "which"}, "", nil
	case panics:
		return out, "stack", errors.New("panicked")
	case misbuilds:
		return stage.Output{Values: map[string]any{"odd": 1}}, "", nil
	}
	f.effects[t.in.Key]++
	if t.plan.ends == liesErr {
		return out, "", errNet
	}
	return f.output(t.in, n.Produces), "", nil
}

func (f *platform) output(in stage.Input, produces []string) (out stage.Output) {
	out.Summary = "done"
	if len(produces) > 0 {
		out.Artifacts = []artifact.Artifact{image(in.Key)}
	}
	if in.Environment.Name != "" && len(in.Artifacts) > 0 {
		out.Live, out.Traffic = in.Artifacts, 100
	}
	return out
}

// observe says whether what was called under a key is done. No observer builds.
func (f *platform) observe(in stage.Input) (stage.Observation, error) {
	if !f.w.calm && f.w.is(10) {
		return stage.Observation{}, errNet
	}
	if f.effects[in.Key] == 0 {
		return stage.Observation{}, nil
	}
	return stage.Observation{Done: true, Output: f.output(in, nil)}, nil
}

// decide is the answer of a door.
func (f *platform) decide(req gate.Request) (gate.Decision, error) {
	w := f.w
	switch k := w.rng.IntN(12); {
	case w.calm || k < 7:
		return gate.Passf("fine"), nil
	case k == 7:
		return gate.Decision{}, errNet
	case k == 8:
		return gate.Rejectf("never"), nil
	case k == 9:
		return gate.Waitf("not yet"), nil
	case k == 10:
		return gate.Passf("for a while").Until(req.Now.Add(1 + w.upTo(20*time.Minute))), nil
	default:
		return gate.Waitf("later").Until(req.Now.Add(1 + w.upTo(3*time.Hour))), nil
	}
}

func (f *platform) choose() (bool, error) {
	if !f.w.calm && f.w.is(10) {
		return false, errNet
	}
	return f.w.is(70), nil
}

func (f *platform) list() ([]string, error) {
	if !f.w.calm && f.w.is(10) {
		return nil, errNet
	}
	return []string{"x", "y"}[:f.w.rng.IntN(3)], nil
}
