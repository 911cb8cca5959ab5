package stagetest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

// A recorder is a testing.TB that remembers what a kit finds.
type recorder struct {
	testing.TB
	mu    sync.Mutex
	found []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = append(r.found, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// finds checks that a kit, told of a broken implementation, says what is
// broken; want "" means that nothing is.
func finds(t *testing.T, want string, kit func(testing.TB)) {
	t.Helper()
	r := &recorder{TB: t}
	kit(r)
	all := strings.Join(r.found, "\n")
	if want == "" && all != "" {
		t.Errorf("the kit found:\n%s\nwant nothing", all)
	}
	if !strings.Contains(all, want) {
		t.Errorf("the kit found:\n%s\nwant %q", all, want)
	}
}

var (
	older = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}}
	newer = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}}
)

func TestDeploySaysWhichPromiseIsBroken(t *testing.T) {
	type deploy = func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error
	type observe = func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) (bool, error)
	var deploys deploy = (*stagetest.Platform).Deploy
	var observes observe = (*stagetest.Platform).Observe
	tests := []struct {
		name    string
		deploy  deploy
		observe observe
		want    string
	}{
		{"all promises kept", deploys, observes, ""},
		{"deploys again when asked again", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			away := d
			away.Traffic = 0
			return errors.Join(p.Deploy(ctx, away), p.Deploy(ctx, d))
		}, observes, "it was so already (D1)"},
		{"refuses to be asked again", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if so, _ := p.Observe(ctx, d); so {
				return errors.New("exists already")
			}
			return p.Deploy(ctx, d)
		}, observes, "want nil, also when asked again"},
		{"takes each share for all", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			d.Traffic = 100
			return p.Deploy(ctx, d)
		}, observes, "want true, or a crash ends in a guess (J3)"},
		{"never withdraws", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if d.Traffic == 0 {
				return nil
			}
			return p.Deploy(ctx, d)
		}, observes, "at 0% before"},
		{"obeys whoever was paused", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			d.Token = 0
			return p.Deploy(ctx, d)
		}, observes, "Deploy with token 1 after 2 = nil"},
		{"does not look at its context", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if ctx.Err() != nil {
				time.Sleep(time.Hour)
			}
			return p.Deploy(ctx, d)
		}, observes, "after ctx is done; want it to return soon"},
		{"takes being stopped for a verdict", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if err := p.Deploy(ctx, d); err != nil {
				return stage.Failf("refused: %w", err)
			}
			return nil
		}, observes, "want a plain error, for it had no time"},
		{"claims success for what it had no time for", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if ctx.Err() != nil {
				return nil
			}
			return p.Deploy(ctx, d)
		}, observes, "Observe of map[image:image@"},
		{"writes to what it was given", func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) error {
			if d.Key == "canary" {
				d.Artifacts["sidecar"] = older["shop"]
			}
			return nil
		}, observes, "Deploy changed the Artifacts it was given"},
		{"observes what it hopes for", deploys, func(*stagetest.Platform, context.Context, stage.Deployment) (bool, error) {
			return true, nil
		}, "= true, <nil>; want false"},
		{"deploys when it should look", deploys, func(p *stagetest.Platform, ctx context.Context, d stage.Deployment) (bool, error) {
			return true, p.Deploy(ctx, d)
		}, "it must not act on the world"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				finds(t, tt.want, func(tb testing.TB) {
					stagetest.Deploy(tb, func(testing.TB) stagetest.DeployCase {
						p := new(stagetest.Platform)
						return stagetest.DeployCase{Deployer: deployer{p, tt.deploy, tt.observe}, Effects: p.Effects, Fenced: true}
					})
				})
				time.Sleep(2 * time.Hour) // so that what does not look at its context ends inside the bubble
			})
		})
	}
}

type deployer struct {
	*stagetest.Platform
	deploy  func(*stagetest.Platform, context.Context, stage.Deployment) error
	observe func(*stagetest.Platform, context.Context, stage.Deployment) (bool, error)
}

func (d deployer) Deploy(ctx context.Context, q stage.Deployment) error {
	return d.deploy(d.Platform, ctx, q)
}
func (d deployer) Observe(ctx context.Context, q stage.Deployment) (bool, error) {
	return d.observe(d.Platform, ctx, q)
}

// A ledger is a world that pays once for each key.
type ledger struct {
	mu    sync.Mutex
	paid  map[string]bool
	token int64
	n     int
}

func (l *ledger) pay(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.paid[key] {
		l.paid[key] = true
		l.n++
	}
}

func (l *ledger) fence(token int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token < l.token {
		return fmt.Errorf("token %d after %d", token, l.token)
	}
	l.token = token
	return nil
}

func (l *ledger) has(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paid[key]
}

func (l *ledger) effects() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

type runner struct {
	run     func(context.Context, stage.Input) (stage.Output, error)
	observe func(context.Context, stage.Input) (stage.Observation, error)
}

func (r runner) Run(ctx context.Context, in stage.Input) (stage.Output, error) { return r.run(ctx, in) }
func (r runner) Observe(ctx context.Context, in stage.Input) (stage.Observation, error) {
	return r.observe(ctx, in)
}

func TestRunSaysWhichPromiseIsBroken(t *testing.T) {
	type run = func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error)
	type observe = func(l *ledger, in stage.Input) (stage.Observation, error)
	receipt := stage.Output{Values: map[string]any{"receipt": 4711}, Summary: "paid"}
	pays := func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
		if err := errors.Join(ctx.Err(), l.fence(in.Token)); err != nil {
			return stage.Output{}, err
		}
		if in.State == nil {
			return stage.Output{Again: time.Hour, State: []byte(`"waits"`)}, nil
		}
		l.pay(in.Key)
		return receipt, nil
	}
	observes := func(l *ledger, in stage.Input) (stage.Observation, error) {
		return stage.Observation{Done: l.has(in.Key), Output: receipt}, nil
	}
	cannot := func(*ledger, stage.Input) (stage.Observation, error) {
		return stage.Observation{}, errors.ErrUnsupported
	}
	gives := func(out stage.Output) run {
		return func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			_, err := pays(l, ctx, in)
			return out, err
		}
	}
	tests := []struct {
		name    string
		run     run
		observe observe
		want    string
	}{
		{"all promises kept", pays, observes, ""},
		{"all promises kept by one that wraps no observer", pays, cannot, ""},
		{"does not succeed", func(*ledger, context.Context, stage.Input) (stage.Output, error) {
			return stage.Output{}, stage.Failf("no")
		}, cannot, "want it to succeed"},
		{"asks a person", gives(stage.Output{Ask: "which?"}), cannot, "want it to succeed"},
		{"pays for each call", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			in.Key += fmt.Sprint(in.Attempt)
			return pays(l, ctx, in)
		}, cannot, "had 1 effects more"},
		{"does not find what was done", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			if l.has(in.Key) {
				return stage.Output{}, errors.New("paid already")
			}
			return pays(l, ctx, in)
		}, cannot, "want it to find the work done"},
		{"makes another thing each time", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			out, err := pays(l, ctx, in)
			out.Values = map[string]any{"attempt": in.Attempt}
			return out, err
		}, cannot, "want the same, for a crash may hide the first"},
		{"does not look at its context", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			if ctx.Err() != nil {
				time.Sleep(time.Hour)
			}
			return pays(l, ctx, in)
		}, cannot, "after ctx is done; want it to return soon"},
		{"takes being stopped for a verdict", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			out, err := pays(l, ctx, in)
			if err != nil {
				err = stage.Failf("%w", err)
			}
			return out, err
		}, cannot, "is the verdict"},
		{"writes to what it was given", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			if in.Attempt > 1 {
				in.Params["seen"] = "yes"
			}
			return pays(l, ctx, in)
		}, cannot, "Run changed the Params it was given"},
		{"obeys whoever was paused", func(l *ledger, ctx context.Context, in stage.Input) (stage.Output, error) {
			in.Token = 9
			return pays(l, ctx, in)
		}, cannot, "want it refused, for somebody took over"},
		{"keeps too much", gives(stage.Output{State: make([]byte, stage.MaxState+1)}), cannot, "Output.State has 65537 bytes"},
		{"keeps what is not JSON", gives(stage.Output{State: []byte("{")}), cannot, "Output.State is not JSON"},
		{"says what nobody can read", gives(stage.Output{Summary: "\xff"}), cannot, "Output.Summary is not UTF-8"},
		{"gives more than all traffic", gives(stage.Output{Live: older, Traffic: 101}), cannot, "Output.Traffic is 101%"},
		{"gives a value with no JSON form", gives(stage.Output{Values: map[string]any{"f": func() {}}}), cannot, `Output.Values["f"]`},
		{"makes two artifacts of one name", gives(stage.Output{Artifacts: []artifact.Artifact{older["shop"], newer["shop"]}}), cannot, `"shop" twice`},
		{"makes an artifact without content", gives(stage.Output{Artifacts: []artifact.Artifact{{Name: "shop"}}}), cannot, "no digest"},
		{"observes what it hopes for", pays, func(*ledger, stage.Input) (stage.Observation, error) {
			return stage.Observation{Done: true, Output: receipt}, nil
		}, "want it not done, or the work never will be"},
		{"never sees that it is done", pays, func(*ledger, stage.Input) (stage.Observation, error) {
			return stage.Observation{}, nil
		}, "want it done"},
		{"observes another outcome", pays, func(l *ledger, in stage.Input) (stage.Observation, error) {
			return stage.Observation{Done: l.has(in.Key)}, nil
		}, "want what Run gave"},
		{"acts when it should look", pays, func(l *ledger, in stage.Input) (stage.Observation, error) {
			l.pay(in.Key)
			return stage.Observation{}, nil
		}, "it must not act on the world"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				finds(t, tt.want, func(tb testing.TB) {
					stagetest.Run(tb, func(testing.TB) stagetest.RunCase {
						l := &ledger{paid: map[string]bool{}}
						return stagetest.RunCase{
							Runner: runner{
								func(ctx context.Context, in stage.Input) (stage.Output, error) { return tt.run(l, ctx, in) },
								func(_ context.Context, in stage.Input) (stage.Observation, error) { return tt.observe(l, in) },
							},
							Input:   stage.Input{Run: "run-1", Key: "run-1/pay", Attempt: 1, Token: 1, Params: map[string]string{}},
							Effects: l.effects,
							Fenced:  true,
						}
					})
				})
				time.Sleep(2 * time.Hour) // so that what does not look at its context ends inside the bubble
			})
		})
	}
}

type shy struct{ stage.Func }

func (shy) Check() error     { return errors.New("no address") }
func (shy) Describe() string { return "two\nlines" }

func TestRunLooksAtCheckAndDescribe(t *testing.T) {
	for _, want := range []string{"Check: no address", "want one line"} {
		finds(t, want, func(tb testing.TB) {
			stagetest.Run(tb, func(testing.TB) stagetest.RunCase {
				return stagetest.RunCase{Runner: shy{func(context.Context, stage.Input) (stage.Output, error) { return stage.Output{}, nil }}}
			})
		})
	}
}
