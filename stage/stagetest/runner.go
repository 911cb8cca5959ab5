package stagetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// A RunCase is a [stage.Runner] with work that it can do.
type RunCase struct {
	Runner  stage.Runner
	Input   stage.Input // of a first call that succeeds
	Effects func() int  // how often the Runner has changed its world; nil if that cannot be counted
	Fenced  bool        // the Runner must refuse an Input with a Token lower than one it has seen
}

// Run tests that a Runner keeps the promises in the documentation of
// [stage.Runner] and, if it is one, of [stage.Observer]. Each call of fresh
// returns a Runner in a world of its own, in which the work was not done yet.
//
// If the Runner gives back Again, Run waits that long: call it in a bubble of
// [testing/synctest], where this takes no time. Call it with -race.
func Run(t testing.TB, fresh func(t testing.TB) RunCase) {
	t.Helper()
	wellFormed(t, fresh(t).Runner)
	runRepeats(t, fresh(t))
	runObeysContext(t, fresh(t))
	runAtOnce(t, fresh(t))
	if c := fresh(t); c.Fenced {
		runFences(t, c)
	}
	if isObserver(fresh(t)) {
		runObserves(t, fresh(t))
	}
}

// runRepeats tests that a call that follows a crash finds the work done.
func runRepeats(t testing.TB, c RunCase) {
	t.Helper()
	first, err := c.drive(t, c.Input)
	if err != nil || first.Ask != "" {
		t.Errorf("Run = %+v, %v; want it to succeed, or nothing can be said of it", first, err)
		return
	}
	effects := c.effects()
	again := c.Input
	again.Attempt++
	second, err := c.drive(t, again)
	if err != nil {
		t.Errorf("Run after a crash, with the same Key and the next Attempt: %v; want it to find the work done", err)
		return
	}
	if result(second) != result(first) {
		t.Errorf("Run with the same Key gave %s, then %s; want the same, for a crash may hide the first", result(first), result(second))
	}
	if got := c.effects(); got != effects {
		t.Errorf("Run with the same Key had %d effects more; want none, for the work was done", got-effects)
	}
}

// runObeysContext tests a call whose time is up.
func runObeysContext(t testing.TB, c RunCase) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var err error
	if !soon(func() { _, err = c.Runner.Run(ctx, c.Input) }) {
		t.Errorf("Run goes on for more than %v after ctx is done; want it to return soon", patience)
		return
	}
	if no := (*stage.Failure)(nil); errors.As(err, &no) {
		t.Errorf("Run with ctx done is the verdict %q; want a plain error, for it had no time to find out", err)
	}
}

// runAtOnce gives the race detector something to find.
func runAtOnce(t testing.TB, c RunCase) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 4 {
		in := c.Input
		in.Run = fmt.Sprintf("%s-%d", in.Run, i)
		in.Key = fmt.Sprintf("%s-%d", in.Key, i)
		wg.Go(func() {
			if _, err := c.drive(t, in); err != nil {
				t.Errorf("Run for several runs at once: %v; want each to succeed", err)
			}
		})
	}
	wg.Wait()
}

// runFences tests a process that was paused, and comes back when another has
// taken over.
func runFences(t testing.TB, c RunCase) {
	t.Helper()
	late := c.Input
	late.Run, late.Key = late.Run+"-late", late.Key+"-late"
	c.Input.Token++
	if _, err := c.drive(t, c.Input); err != nil {
		t.Errorf("Run with token %d: %v; want it to succeed", c.Input.Token, err)
		return
	}
	effects := c.effects()
	_, err := c.drive(t, late)
	if err == nil {
		t.Errorf("Run with token %d after %d = nil error; want it refused, for somebody took over", late.Token, c.Input.Token)
	}
	if got := c.effects(); got != effects {
		t.Errorf("Run with token %d after %d had %d effects; want none", late.Token, c.Input.Token, got-effects)
	}
}

// runObserves tests that Observe tells the truth and touches nothing.
func runObserves(t testing.TB, c RunCase) {
	t.Helper()
	effects := c.effects()
	before, err := c.observe(t)
	if err != nil || before.Done {
		t.Errorf("Observe before Run = %+v, %v; want it not done, or the work never will be", before, err)
	}
	if got := c.effects(); got != effects {
		t.Errorf("Observe had %d effects; want none, for it must not act on the world", got-effects)
	}
	out, err := c.drive(t, c.Input)
	if err != nil {
		t.Errorf("Run after Observe: %v; want it to succeed", err)
		return
	}
	after, err := c.observe(t)
	if err != nil || !after.Done {
		t.Errorf("Observe after Run = %+v, %v; want it done", after, err)
		return
	}
	if result(after.Output) != result(out) {
		t.Errorf("Observe after Run gives %s; want what Run gave, %s", result(after.Output), result(out))
	}
}

func isObserver(c RunCase) bool {
	o, ok := c.Runner.(stage.Observer)
	if !ok {
		return false
	}
	_, err := o.Observe(context.Background(), c.Input)
	return !errors.Is(err, errors.ErrUnsupported)
}

func (c RunCase) observe(t testing.TB) (stage.Observation, error) {
	t.Helper()
	before := fields(c.Input)
	o, err := c.Runner.(stage.Observer).Observe(t.Context(), c.Input)
	unchanged(t, "Observe", before, c.Input)
	return o, err
}

func (c RunCase) effects() int {
	if c.Effects == nil {
		return 0
	}
	return c.Effects()
}

// drive calls Run as an executor does, until the work has ended.
func (c RunCase) drive(t testing.TB, in stage.Input) (stage.Output, error) {
	t.Helper()
	for {
		before := fields(in)
		out, err := c.Runner.Run(t.Context(), in)
		unchanged(t, "Run", before, in)
		if err != nil {
			return out, err
		}
		bounded(t, out)
		if out.Again <= 0 {
			return out, nil
		}
		in.State = out.State
		select {
		case <-time.After(out.Again):
		case <-t.Context().Done():
			return out, context.Cause(t.Context())
		}
	}
}

// bounded tests that an executor can record what Run gave.
func bounded(t testing.TB, out stage.Output) {
	t.Helper()
	if len(out.State) > stage.MaxState {
		t.Errorf("Output.State has %d bytes; want at most %d", len(out.State), stage.MaxState)
	}
	if out.State != nil && !json.Valid(out.State) {
		t.Errorf("Output.State is not JSON: %.100q", out.State)
	}
	if !utf8.ValidString(out.Summary) {
		t.Errorf("Output.Summary is not UTF-8: %.100q", out.Summary)
	}
	if out.Live != nil && (out.Traffic < 0 || out.Traffic > 100) {
		t.Errorf("Output.Traffic is %d%%; want 0 to 100", out.Traffic)
	}
	for name, v := range out.Values {
		if b, err := json.Marshal(v); err != nil || len(b) > stage.MaxState {
			t.Errorf("Output.Values[%q] has %d bytes as JSON, %v; want at most %d", name, len(b), err, stage.MaxState)
		}
	}
	made := artifact.Set{}
	for _, a := range out.Artifacts {
		if _, twice := made[a.Name]; twice {
			t.Errorf("Output.Artifacts has %q twice; want a name for each", a.Name)
		}
		made[a.Name] = a
	}
	if err := errors.Join(made.Check(), out.Live.Check()); err != nil {
		t.Errorf("Output cannot be recorded: %v", err)
	}
}

// result returns what of an Output has to be the same if the work was done
// before.
func result(out stage.Output) string {
	made := artifact.Set{}
	for _, a := range out.Artifacts {
		made[a.Name] = a
	}
	values, _ := json.Marshal(out.Values)
	return fmt.Sprintf("artifacts %v, values %s, live %v at %d%%", made, values, out.Live, out.Traffic)
}
