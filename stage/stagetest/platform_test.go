package stagetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/stagetest"
)

func TestPlatformKeepsThePromises(t *testing.T) {
	stagetest.Deploy(t, func(testing.TB) stagetest.DeployCase {
		p := new(stagetest.Platform)
		return stagetest.DeployCase{Deployer: p, Effects: p.Effects, Fenced: true, Old: older, New: newer}
	})
}

func TestPlatformBreaksWhenTold(t *testing.T) {
	down := errors.New("network is down")
	killed := errors.New("killed")
	tests := []struct {
		name    string
		fault   stagetest.Fault
		err     error
		changed bool
	}{
		{"no fault", stagetest.Fault{}, nil, true},
		{"an error", stagetest.Fault{Err: down}, down, false},
		{"an answer that is lost", stagetest.Fault{After: true, Err: down}, down, true},
		{"no answer", stagetest.Fault{Hang: true}, context.Canceled, false},
		{"no answer, then an error", stagetest.Fault{Hang: true, Err: down}, down, false},
		{"a crash after the effect", stagetest.Fault{After: true, Hang: true, Err: killed}, killed, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var p stagetest.Platform
				if tt.fault.Hang {
					tt.fault.Do = cancel
				}
				p.Break(1, tt.fault)
				d := stage.Deployment{Environment: stage.Environment{Name: "production"}, Artifacts: newer, Traffic: 100}
				if err := p.Deploy(ctx, d); !errors.Is(err, tt.err) {
					t.Errorf("Deploy = %v; want %v", err, tt.err)
				}
				cancel()
				c := p.Calls()[0]
				if c.Changed != tt.changed || !errors.Is(c.Err, tt.err) {
					t.Errorf("Calls()[0] = %+v; want Changed %v and error %v", c, tt.changed, tt.err)
				}
				if so, err := p.Observe(t.Context(), d); so != tt.changed || err != nil {
					t.Errorf("Observe = %v, %v; want %v, the truth", so, err, tt.changed)
				}
				if err := p.Deploy(t.Context(), d); err != nil || p.Effects() != 1 {
					t.Errorf("the call after = %v, with %d effects in all; want nil and 1", err, p.Effects())
				}
			})
		})
	}
}

func TestPlatformRefusesWhatItCannotMake(t *testing.T) {
	var p stagetest.Platform
	for _, percent := range []int{-1, 101} {
		if err := p.Deploy(t.Context(), stage.Deployment{Artifacts: newer, Traffic: percent}); err == nil || p.Effects() != 0 {
			t.Errorf("Deploy at %d%% = %v with %d effects; want an error and none", percent, err, p.Effects())
		}
	}
}

func TestPlatformRemembersWhatItWasAskedNotWhatBecameOfIt(t *testing.T) {
	var p stagetest.Platform
	set := artifact.Set{"shop": newer["shop"]}
	d := stage.Deployment{Environment: stage.Environment{Name: "production"}, Artifacts: set, Traffic: 100}
	p.Deploy(t.Context(), d)
	delete(set, "shop")
	if got := p.Serving("production"); len(got) != 1 || len(got[0].Artifacts) != 1 {
		t.Errorf("Serving = %v after the caller changed its own map; want the shop", got)
	}
	if got := p.Calls()[0].Deployment.Artifacts; len(got) != 1 {
		t.Errorf("Calls()[0] has %v after the caller changed its own map; want the shop", got)
	}
}

// A release tool is tested against a platform in memory.
func ExamplePlatform() {
	v1 := artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}}
	v2 := artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}}
	var p stagetest.Platform
	canary := stage.Deployment{
		Key:         "run-2/canary",
		Token:       2,
		Environment: stage.Environment{Name: "production"},
		Artifacts:   v2,
		Previous:    v1,
		Traffic:     5,
	}

	fmt.Println(p.Deploy(context.Background(), canary))
	fmt.Println(p.Deploy(context.Background(), canary)) // does nothing
	for _, s := range p.Serving("production") {
		fmt.Printf("%d%% %v\n", s.Traffic, s.Artifacts["shop"])
	}
	late := canary
	late.Token = 1
	fmt.Println(p.Deploy(context.Background(), late))
	fmt.Println(len(p.Calls()), "calls,", p.Effects(), "effect")
	// Output:
	// <nil>
	// <nil>
	// 95% shop@3bfc269594ef
	// 5% shop@fb04dcb6970e
	// stagetest: deploying to "production": token 1 is too old: somebody with token 2 took over
	// 3 calls, 1 effect
}

// An answer is lost after the platform has done what it was asked. The caller
// cannot know, and looks.
func ExamplePlatform_Break() {
	var p stagetest.Platform
	p.Break(1, stagetest.Fault{After: true, Err: errors.New("connection reset")})

	d := stage.Deployment{
		Environment: stage.Environment{Name: "production"},
		Artifacts:   artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}},
		Traffic:     100,
	}
	fmt.Println(p.Deploy(context.Background(), d))
	fmt.Println(p.Observe(context.Background(), d))
	// Output:
	// connection reset
	// true <nil>
}

// A bake is told what the test wants it to see.
func ExamplePlatform_Source() {
	v2 := artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}}
	var p stagetest.Platform
	errorRate := p.Source("error rate")
	query := stage.Query{Input: stage.Input{Environment: stage.Environment{Name: "production"}}, Artifacts: v2}

	fmt.Println(errorRate.Sample(context.Background(), query)) // no data
	p.Report("error rate", "production", v2, stage.Sample{Value: 0.2, Count: 50})
	fmt.Println(errorRate.Sample(context.Background(), query))
	// Output:
	// {0 0} <nil>
	// {0.2 50} <nil>
}
