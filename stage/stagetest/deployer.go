package stagetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// A DeployCase is a [stage.Deployer] with two releases that it can deploy.
type DeployCase struct {
	Deployer stage.Deployer
	Effects  func() int        // how often the Deployer has changed its world; nil if that cannot be counted
	Fenced   bool              // the Deployer must refuse a Token lower than one it has seen
	Old, New artifact.Set      // different releases; nil means made-up digests, which a Deployer that fetches content finds in no store
	Where    stage.Environment // holds nothing; no name means "stagetest"; the same with "-0" to "-3" after the name is used too
}

// Deploy tests that a Deployer keeps the promises in the documentation of
// [stage.Deployer] and, if it is one, of [stage.DeployObserver]. Each call of
// fresh returns a Deployer in a world of its own. Call it with -race.
func Deploy(t testing.TB, fresh func(t testing.TB) DeployCase) {
	t.Helper()
	start := func() deployTest {
		c := fresh(t)
		if c.Old == nil {
			c.Old = madeUp("old")
		}
		if c.New == nil {
			c.New = madeUp("new")
		}
		c.Where.Name = cmp.Or(c.Where.Name, "stagetest")
		return deployTest{t, c}
	}
	wellFormed(t, fresh(t).Deployer)
	start().forthAndBack()
	start().firstEver()
	start().obeysContext()
	start().atOnce()
	if d := start(); d.Fenced {
		d.fences()
	}
}

func madeUp(content string) artifact.Set {
	return artifact.Set{"image": {Name: "image", Digest: artifact.DigestBytes([]byte(content))}}
}

type deployTest struct {
	testing.TB
	DeployCase
}

// ask returns a Deployment of d's environment.
func (d deployTest) ask(key string, what, before artifact.Set, percent int) stage.Deployment {
	return stage.Deployment{Key: key, Token: 1, Environment: d.Where, Artifacts: what, Previous: before, Traffic: percent}
}

// forthAndBack tests a canary, from the first share to the way back.
func (d deployTest) forthAndBack() {
	d.Helper()
	full := d.ask("first", d.Old, nil, 100)
	canary := d.ask("canary", d.New, d.Old, 5)
	d.deploys(full)
	d.observes(full, true)
	d.observes(canary, false)
	d.deploys(canary)
	d.observes(canary, true)
	d.observes(full, false)
	whole := d.ask("full", d.New, d.Old, 100)
	d.deploys(whole)
	d.observes(whole, true)
	d.observes(canary, false)
	back := d.ask("back", d.Old, d.Old, 100)
	d.deploys(back)
	d.observes(back, true)
	d.observes(whole, false)
}

// firstEver tests a canary with no baseline, and that it can be withdrawn (D2).
func (d deployTest) firstEver() {
	d.Helper()
	canary := d.ask("canary", d.New, nil, 5)
	withdrawn := d.ask("back", d.New, nil, 0)
	d.observes(canary, false)
	d.deploys(canary)
	d.observes(canary, true)
	d.observes(withdrawn, false)
	d.deploys(withdrawn)
	d.observes(withdrawn, true)
	d.observes(canary, false)
}

// deploys tests that q is done when asked, and that nothing is when asked again.
func (d deployTest) deploys(q stage.Deployment) {
	d.Helper()
	d.call(q)
	effects := d.effects()
	d.call(q)
	if got := d.effects(); got != effects {
		d.Errorf("Deploy of %s, asked again, had %d effects; want none, for it was so already (D1)", say(q), got-effects)
	}
}

func (d deployTest) call(q stage.Deployment) {
	d.Helper()
	before := fields(q)
	if err := d.Deployer.Deploy(d.Context(), q); err != nil {
		d.Errorf("Deploy of %s: %v; want nil, also when asked again", say(q), err)
	}
	unchanged(d, "Deploy", before, q)
}

// observes tests that Observe tells the truth and touches nothing.
func (d deployTest) observes(q stage.Deployment, want bool) {
	d.Helper()
	o, ok := d.Deployer.(stage.DeployObserver)
	if !ok {
		return
	}
	before, effects := fields(q), d.effects()
	got, err := o.Observe(d.Context(), q)
	if err != nil || got != want {
		d.Errorf("Observe of %s = %v, %v; want %v, or a crash ends in a guess (J3)", say(q), got, err, want)
	}
	unchanged(d, "Observe", before, q)
	if got := d.effects(); got != effects {
		d.Errorf("Observe of %s had %d effects; want none, for it must not act on the world", say(q), got-effects)
	}
}

// obeysContext tests a call whose time is up.
func (d deployTest) obeysContext() {
	d.Helper()
	ctx, cancel := context.WithCancel(d.Context())
	cancel()
	q := d.ask("late", d.New, nil, 100)
	var err error
	if !soon(func() { err = d.Deployer.Deploy(ctx, q) }) {
		d.Errorf("Deploy goes on for more than %v after ctx is done; want it to return soon", patience)
		return
	}
	if no := (*stage.Failure)(nil); errors.As(err, &no) {
		d.Errorf("Deploy with ctx done is the verdict %q; want a plain error, for it had no time to find out", err)
	}
	if err == nil {
		d.observes(q, true)
	}
}

// atOnce gives the race detector something to find.
func (d deployTest) atOnce() {
	d.Helper()
	var wg sync.WaitGroup
	for i := range 4 {
		d := d
		d.Effects = nil // the others have some meanwhile
		d.Where.Name = fmt.Sprintf("%s-%d", d.Where.Name, i)
		wg.Go(func() {
			q := d.ask(fmt.Sprintf("first-%d", i), d.New, nil, 100)
			d.call(q)
			d.observes(q, true)
		})
	}
	wg.Wait()
}

// fences tests a process that was paused, and comes back when another has
// taken over.
func (d deployTest) fences() {
	d.Helper()
	newer := d.ask("newer", d.New, nil, 100)
	newer.Token = 2
	d.call(newer)
	effects := d.effects()
	if err := d.Deployer.Deploy(d.Context(), d.ask("late", d.Old, nil, 100)); err == nil {
		d.Errorf("Deploy with token 1 after 2 = nil; want it refused, for somebody took over")
	}
	if got := d.effects(); got != effects {
		d.Errorf("Deploy with token 1 after 2 had %d effects; want none", got-effects)
	}
	d.observes(newer, true)
}

func (d deployTest) effects() int {
	if d.Effects == nil {
		return 0
	}
	return d.Effects()
}

func say(q stage.Deployment) string {
	return fmt.Sprintf("%v at %d%% before %v", q.Artifacts, q.Traffic, q.Previous)
}
