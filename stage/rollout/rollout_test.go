package rollout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/rollout"
	"github.com/penstock/penstock/stage/stagetest"
)

var (
	v1         = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}}
	v2         = artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}}
	production = stage.Environment{Name: "production", Tier: stage.Production}
)

func input(artifacts, previous artifact.Set) stage.Input {
	return stage.Input{
		Run: "run-2", Key: "run-2/rollout", Attempt: 1, Token: 2,
		Environment: production, Artifacts: artifacts, Previous: previous,
	}
}

func TestRolloutsKeepThePromisesOfARunner(t *testing.T) {
	for name, roll := range map[string]func(stage.Deployer) stage.Runner{
		"full":     func(d stage.Deployer) stage.Runner { return rollout.Full{Via: d} },
		"canary":   func(d stage.Deployer) stage.Runner { return rollout.Canary{Via: d, Traffic: 5} },
		"rollback": func(d stage.Deployer) stage.Runner { return rollout.Back{Via: d} },
	} {
		t.Run(name, func(t *testing.T) {
			stagetest.Run(t, func(t testing.TB) stagetest.RunCase {
				p := new(stagetest.Platform)
				bad := artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v3"))}}
				err := p.Deploy(t.Context(), stage.Deployment{Environment: production, Artifacts: bad, Traffic: 100})
				if err != nil {
					t.Fatal(err)
				}
				return stagetest.RunCase{Runner: roll(p), Input: input(v2, v1), Effects: p.Effects, Fenced: true}
			})
		})
	}
}

func TestRolloutsSayWhatTheEnvironmentHolds(t *testing.T) {
	tests := []struct {
		name    string
		roll    func(stage.Deployer) stage.Runner
		in      stage.Input
		serving []stagetest.Share
		live    artifact.Set
		traffic int
		summary string
	}{
		{"full", full, input(v2, v1), []stagetest.Share{share(v2, 100)}, v2, 100, "shop@fb04dcb6970e to 100% of production"},
		{"full, the first ever", full, input(v2, nil), []stagetest.Share{share(v2, 100)}, v2, 100, "shop@fb04dcb6970e to 100% of production"},
		{"canary beside what was there", canary, input(v2, v1), []stagetest.Share{share(v1, 95), share(v2, 5)}, v2, 5, "shop@fb04dcb6970e to 5% of production"},
		{"canary, the first ever (D2)", canary, input(v2, nil), []stagetest.Share{share(v2, 5)}, v2, 5, "shop@fb04dcb6970e to 5% of production"},
		{"canary of what is there already", canary, input(v1, v1), []stagetest.Share{share(v1, 100)}, v1, 100, "shop@3bfc269594ef to 100% of production"},
		{"back to what was there (E5)", back, input(v2, v1), []stagetest.Share{share(v1, 100)}, v1, 100, "shop@3bfc269594ef to 100% of production"},
		{"back to nothing, after the first ever (D2)", back, input(v2, nil), nil, artifact.Set{}, 0, "shop@fb04dcb6970e to 0% of production"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p stagetest.Platform
			out, err := tt.roll(&p).Run(t.Context(), tt.in)
			if err != nil {
				t.Fatalf("Run: %v", err)
			}
			if out.Live == nil || out.Live.Digest() != tt.live.Digest() || out.Traffic != tt.traffic {
				t.Errorf("Live is %v at %d%%; want %v at %d%%, for the history of the environment", out.Live, out.Traffic, tt.live, tt.traffic)
			}
			if out.Summary != tt.summary {
				t.Errorf("Summary = %q; want %q", out.Summary, tt.summary)
			}
			got := p.Serving("production")
			if !slices.EqualFunc(got, tt.serving, func(a, b stagetest.Share) bool {
				return a.Traffic == b.Traffic && a.Artifacts.Digest() == b.Artifacts.Digest()
			}) {
				t.Errorf("platform serves %v; want %v", got, tt.serving)
			}
			d := p.Calls()[0].Deployment
			if d.Key != tt.in.Key || d.Token != tt.in.Token || d.Environment.Name != "production" || d.Previous.Digest() != tt.in.Previous.Digest() {
				t.Errorf("Deployment = %+v; want key, token, environment and previous artifacts of the input (D1)", d)
			}
		})
	}
}

func share(of artifact.Set, percent int) stagetest.Share {
	return stagetest.Share{Artifacts: of, Traffic: percent}
}

func full(d stage.Deployer) stage.Runner   { return rollout.Full{Via: d} }
func canary(d stage.Deployer) stage.Runner { return rollout.Canary{Via: d, Traffic: 5} }
func back(d stage.Deployer) stage.Runner   { return rollout.Back{Via: d} }

func TestRolloutsKeepNoAndCouldNotApart(t *testing.T) {
	down := errors.New("network is down")
	for _, tt := range []struct {
		name string
		err  error
		no   bool
	}{
		{"a platform that refuses", stage.Failf("image is not signed"), true},
		{"a platform that cannot be asked", down, false},
	} {
		for name, roll := range map[string]func(stage.Deployer) stage.Runner{"full": full, "canary": canary, "back": back} {
			var p stagetest.Platform
			p.Break(1, stagetest.Fault{Err: tt.err})
			out, err := roll(&p).Run(t.Context(), input(v2, v1))
			if !errors.Is(err, tt.err) || out.Live != nil {
				t.Errorf("%s via %s = %+v, %v; want its error, and nothing said of what is live", name, tt.name, out, err)
			}
			if no := (*stage.Failure)(nil); errors.As(err, &no) != tt.no {
				t.Errorf("%s via %s: a verdict is %v; want %v", name, tt.name, !tt.no, tt.no)
			}
		}
	}
}

func TestRolloutsFindAfterACrashWhatTheyDid(t *testing.T) {
	for name, roll := range map[string]func(stage.Deployer) stage.Runner{"full": full, "canary": canary, "back": back} {
		var p stagetest.Platform
		p.Break(1, stagetest.Fault{After: true, Err: errors.New("the process died")})
		r := roll(&p)
		r.Run(t.Context(), input(v2, v1))
		seen, err := r.(stage.Observer).Observe(t.Context(), input(v2, v1))
		if err != nil || !seen.Done || seen.Output.Live == nil {
			t.Errorf("%s: Observe after a crash that hid the outcome = %+v, %v; want it done, with what is live (J3)", name, seen, err)
		}
	}
}

type blind struct{ stage.Deployer }

type broken struct{ stagetest.Platform }

func (*broken) Check() error { return errors.New("no address") }
func (*broken) Observe(context.Context, stage.Deployment) (bool, error) {
	return false, errors.New("network is down")
}

func TestObserveIsAsGoodAsTheDeployer(t *testing.T) {
	for name, roll := range map[string]func(stage.Deployer) stage.Runner{"full": full, "canary": canary, "back": back} {
		o := roll(blind{new(stagetest.Platform)}).(stage.Observer)
		if _, err := o.Observe(t.Context(), input(v2, v1)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: Observe without a DeployObserver = %v; want errors.ErrUnsupported, as if it were no Observer", name, err)
		}
		o = roll(new(broken)).(stage.Observer)
		seen, err := o.Observe(t.Context(), input(v2, v1))
		if err == nil || errors.Is(err, errors.ErrUnsupported) || seen.Done {
			t.Errorf("%s: Observe that fails = %+v, %v; want a plain error, so that it is asked again and not guessed (J3)", name, seen, err)
		}
	}
}

func TestRolloutsRefuseMistakes(t *testing.T) {
	var p stagetest.Platform
	nowhere := input(v2, v1)
	nowhere.Environment = stage.Environment{}
	for _, tt := range []struct {
		name string
		roll stage.Runner
		in   stage.Input
		want string
	}{
		{"no deployer", rollout.Full{}, input(v2, v1), "no Deployer; set Via"},
		{"no environment", rollout.Full{Via: &p}, nowhere, "name an Environment"},
		{"no artifacts", rollout.Full{Via: &p}, input(nil, v1), "list artifacts in the step's Consumes"},
		{"nothing to withdraw", rollout.Back{Via: &p}, input(nil, nil), "list artifacts in the step's Consumes"},
		{"a canary of nothing", rollout.Canary{Via: &p}, input(v2, v1), "traffic of 0%; want 1 to 99"},
		{"a canary of all", rollout.Canary{Via: &p, Traffic: 100}, input(v2, v1), "traffic of 100%; want 1 to 99"},
	} {
		_, err := tt.roll.Run(t.Context(), tt.in)
		_, errObserve := tt.roll.(stage.Observer).Observe(t.Context(), tt.in)
		for method, err := range map[string]error{"Run": err, "Observe": errObserve} {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %s = %v; want %q", tt.name, method, err, tt.want)
			}
		}
	}
	if n := len(p.Calls()); n != 0 {
		t.Errorf("the platform was called %d times; want never, for production is not a place to find mistakes", n)
	}
}

func TestCheckFindsMistakesBeforeAnythingRuns(t *testing.T) {
	good := new(stagetest.Platform)
	for _, tt := range []struct {
		roll stage.Runner
		want string // "" means no mistake
	}{
		{rollout.Full{Via: good}, ""},
		{rollout.Canary{Via: good, Traffic: 1}, ""},
		{rollout.Canary{Via: good, Traffic: 99}, ""},
		{rollout.Back{Via: good}, ""},
		{rollout.Full{}, "full rollout: no Deployer; set Via"},
		{rollout.Back{}, "rollback: no Deployer; set Via"},
		{rollout.Canary{}, "canary rollout: traffic of 0%; want 1 to 99\ncanary rollout: no Deployer; set Via"},
		{rollout.Canary{Via: good, Traffic: -5}, "canary rollout: traffic of -5%; want 1 to 99"},
		{rollout.Full{Via: new(broken)}, "no address"},
	} {
		err := stage.Check(tt.roll)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("Check of %+v = %v; want %q", tt.roll, err, tt.want)
		}
	}
}
