package pipelinetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// Replay returns the story in which just that happens to runs of p and others
// which the script of a [Counterexample] says, a line a second: their hooks,
// gates, conditions and items are not asked. A step of which the script says no
// more goes on until the story ends, a second after the last line.
//
// Of the pipelines, the Timeouts, Expires and waits before retries are left
// out, for the script says when they are over.
func Replay(p pipeline.Pipeline, script string, others ...pipeline.Pipeline) Story {
	all := append([]pipeline.Pipeline{p}, others...)
	r := &replay{given: map[string][]string{}, platform: new(stagetest.Platform)}
	for _, p := range all {
		r.given[p.Name] = p.Given
	}
	s := Story{Stubs: map[string]Stub{}, Gates: map[string]gate.Gate{}, Platform: r.platform}
	for line := range strings.Lines(script) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			s.Script = append(s.Script, r.add(p.Name, line)...)
		}
	}
	s.Lasts = time.Duration(len(r.scenes)) * beat
	s.Executor = &pipeline.Executor{Grace: s.Lasts} // what is canceled ends when the script says so
	for _, p := range all {
		for _, step := range p.All() {
			switch step := step.(type) {
			case pipeline.Stage:
				as, ok := s.Stubs[step.Name].Run.(player)
				if !ok {
					as = player{r, map[string]pipeline.Stage{}}
				}
				as.of[p.Name] = step
				s.Stubs[step.Name] = Stub{Run: as}
				if step.Environment.Name != "" {
					s.Gates[step.Environment.Name] = r
				}
			case pipeline.Gate:
				s.Gates[step.Name] = r
			}
		}
		p.Steps = r.steps(p.Steps, "")
		s.Pipelines = append(s.Pipelines, p)
	}
	return s
}

// beat is the time from one thing that happens to the next.
const beat = time.Second

// A replay is what happens in a story, and when.
type replay struct {
	scenes   []scene
	given    map[string][]string // artifacts, by name of pipeline
	platform *stagetest.Platform
}

// A scene is one line of a script.
type scene struct {
	at        time.Time
	run, step string
	outcome   Outcome
}

// add takes the next line of the script, and returns what it is in a Story.
func (r *replay) add(name, line string) []Action {
	now := scene{at: worldBegins.Add(time.Duration(len(r.scenes)) * beat)}
	said := false
	for o := range Outcome(len(outcomes)) {
		subject, ok := strings.CutSuffix(line, o.String())
		names := strings.Fields(subject)
		if fits := len(names) == subjects(o) || o == starts && len(names) == 2; ok && o > 0 && fits {
			names = append(names, "", "")
			now.run, now.step, now.outcome, said = names[0], names[1], o, true
		}
	}
	r.scenes = append(r.scenes, now)
	after := now.at.Sub(worldBegins)
	who := Person{Name: somebody}
	fixed := func(a Action) []Action {
		a.from = moment{}
		return []Action{a.After(after)}
	}
	switch {
	case !said:
		return fixed(Action{text: line, do: func(*bench) error { return fmt.Errorf("want a line such as %q", "r1 deploy fails") }})
	case now.outcome == starts:
		name = cmp.Or(now.step, name)
		return fixed(who.Starts(name, pipeline.Trigger{Key: now.run, Artifacts: given(now.run, r.given[name])}))
	case now.outcome == cancels:
		return fixed(who.Cancels(now.run, ""))
	case now.outcome == retries:
		return fixed(who.Retries(now.run, now.step, ""))
	case now.outcome == overrides:
		return fixed(who.Overrides(now.run, whyLets.Text, now.step))
	case now.outcome == freezes || now.outcome == thaws:
		return fixed(Action{text: line, do: func(b *bench) error { b.book.note(Line{Text: line}); return nil }})
	case now.outcome == crashes:
		return fixed(Crash(0))
	}
	return nil
}

// subjects returns how many names come before o in a line. When a run starts
// that is not of the first pipeline, the name of its pipeline comes too.
func subjects(o Outcome) int {
	switch o {
	case crashes, freezes, thaws:
		return 0
	case starts, cancels:
		return 1
	}
	return 2
}

// wait waits until the next thing happens to a step that is one of those given.
// It does not wait beyond the end of ctx, unless the run was canceled: what a
// stage does then is in the script too.
func (r *replay) wait(ctx context.Context, run, step string, of ...Outcome) (Outcome, error) {
	next := scene{at: worldBegins.Add(twoWeeks)} // the story ends before
	for _, s := range slices.Backward(r.scenes) {
		if s.run == run && s.step == step && s.at.After(time.Now()) && slices.Contains(of, s.outcome) {
			next = s
		}
	}
	pass(ctx, time.Until(next.at))
	if ctx.Err() != nil && r.canceled(run) {
		over := worldBegins.Add(time.Duration(len(r.scenes)+1) * beat)
		pass(context.WithoutCancel(ctx), time.Until(earlier(next.at, over)))
	}
	if time.Now().Before(next.at) {
		return 0, context.Cause(ctx)
	}
	return next.outcome, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// canceled reports whether a run is canceled by now.
func (r *replay) canceled(run string) bool {
	return slices.ContainsFunc(r.scenes, func(s scene) bool {
		return s.run == run && s.outcome == cancels && !s.at.After(time.Now())
	})
}

// Decide implements [gate.Gate]. It answers at the moment at which the script says
// so, or when the run is canceled, which it may wait for.
func (r *replay) Decide(ctx context.Context, req gate.Request) (gate.Decision, error) {
	next := scene{at: worldBegins.Add(twoWeeks)}
	for _, s := range slices.Backward(r.scenes) {
		if s.run == req.Run && s.at.After(time.Now()) && (s.step == req.Gate || s.outcome == cancels) {
			next = s
		}
	}
	pass(ctx, time.Until(next.at))
	switch o := next.outcome; {
	case ctx.Err() != nil:
		return gate.Decision{}, context.Cause(ctx)
	case o == Passes:
		return gate.Decision{Verdict: gate.Passed, Recheck: r.lapse(req)}, nil
	case o == Rejects || o == Expires:
		return gate.Decision{Verdict: gate.Rejected}, nil
	}
	return gate.Decision{Reason: whyWaits.Text, Recheck: time.Now().Add(time.Millisecond)}, nil
}

// lapse returns when the pass lapses that a gate gives now, or the zero Time if it
// does not.
func (r *replay) lapse(req gate.Request) time.Time {
	for _, s := range r.scenes {
		if s.run == req.Run && s.step == req.Gate && s.at.After(time.Now()) {
			if s.outcome == Lapses {
				return s.at
			}
			break
		}
	}
	return time.Time{}
}

// A player is a stage of which the script says what becomes of it.
type player struct {
	r  *replay
	of map[string]pipeline.Stage // by name of pipeline
}

// Run implements [stage.Runner].
func (p player) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	o, err := p.r.wait(ctx, in.Run, in.Stage, Succeeds, Fails, Errs, TimesOut, Asks)
	switch {
	case err != nil:
		return stage.Output{}, err
	case o == Fails:
		return stage.Output{}, stage.Failf("%s", whyFails.Text)
	case o == Errs:
		return stage.Output{}, errors.New(whyErrs.Text)
	case o == TimesOut:
		return stage.Output{}, errors.New(whyTime.Text)
	case o == Asks:
		return stage.Output{Ask: whyAsks.Text}, nil
	}
	return p.work(ctx, in)
}

// work gives what the stage has to give, and deploys what it deploys, also when the
// run was canceled: the script says that it succeeds.
func (p player) work(ctx context.Context, in stage.Input) (stage.Output, error) {
	s := p.of[in.Pipeline]
	return (&hook{of: s, inner: via(s.Run, p.r.platform)}).work(context.WithoutCancel(ctx), in, Stub{})
}

// Observe implements [stage.Observer].
func (p player) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	if _, ok := p.of[in.Pipeline].Run.(stage.Observer); !ok {
		return stage.Observation{}, errors.ErrUnsupported
	}
	o, err := p.r.wait(ctx, in.Run, in.Stage, FoundDone, FoundNotDone)
	if err != nil || o == FoundNotDone {
		return stage.Observation{}, err
	}
	out, err := p.work(ctx, in)
	return stage.Observation{Done: true, Output: out}, err
}

func (r *replay) steps(steps []pipeline.Step, suffix string) []pipeline.Step {
	out := make([]pipeline.Step, len(steps))
	for i, s := range steps {
		out[i] = r.step(s, suffix)
	}
	return out
}

// step returns s with what the script decides. Suffix is what is put after the
// names of steps in a ForEach.
func (r *replay) step(s pipeline.Step, suffix string) pipeline.Step {
	switch s := s.(type) {
	case pipeline.Stage:
		s.Timeout = 0
		if s.Retry.Times > 0 {
			s.Retry.Wait, s.Retry.Most = time.Millisecond, time.Millisecond
		}
		return s
	case pipeline.Gate:
		if slices.ContainsFunc(r.scenes, func(sc scene) bool { return base(sc.step) == s.Name && sc.outcome == Expires }) {
			s.OnReject = s.OnExpire
		}
		s.Expires, s.OnExpire = 0, pipeline.Fail
		return s
	case pipeline.Sequence:
		return pipeline.Sequence(r.steps(s, suffix))
	case pipeline.Parallel:
		return pipeline.Parallel(r.steps(s, suffix))
	case pipeline.Graph:
		s.Nodes = slices.Clone(s.Nodes)
		for i := range s.Nodes {
			s.Nodes[i].Step = r.step(s.Nodes[i].Step, suffix)
		}
		return s
	case pipeline.When:
		s.If = func(ctx context.Context, f pipeline.Facts) (bool, error) {
			o, err := r.wait(ctx, f.Run, s.Name+suffix, Yes, No)
			return o == Yes, err
		}
		s.Do = r.step(s.Do, suffix)
		return s
	case pipeline.ForEach:
		body := s.Body
		s.Items = func(ctx context.Context, f pipeline.Facts) ([]string, error) {
			o, err := r.wait(ctx, f.Run, s.Name+suffix, NoItems, OneItem, TwoItems)
			return itemsOf[o], err
		}
		s.Body = func(item string) pipeline.Step { return r.step(body(item), suffix+"["+item+"]") }
		return s
	case pipeline.OnFailure:
		s.Of, s.Do = r.step(s.Of, suffix), r.step(s.Do, suffix)
		return s
	case pipeline.Finally:
		s.Of, s.Do, s.Within = r.step(s.Of, suffix), r.step(s.Do, suffix), twoWeeks
		return s
	}
	panic(fmt.Sprintf("pipelinetest: a step of kind %T, which this package does not know", s))
}
