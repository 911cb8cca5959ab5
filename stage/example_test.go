package stage_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// The work of a stage is a function. What it makes is named by digest.
func ExampleFunc() {
	build := stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
		binary := strings.NewReader("the program for " + in.Params["commit"])
		digest, size, err := artifact.DigestOf(binary)
		if err != nil {
			return stage.Output{}, err
		}
		return stage.Output{
			Artifacts: []artifact.Artifact{{Name: "image", Digest: digest, Size: size}},
			Summary:   fmt.Sprintf("built %d bytes", size),
		}, nil
	})

	out, err := build.Run(context.Background(), stage.Input{Params: map[string]string{"commit": "c0ffee"}})
	fmt.Println(out.Artifacts[0].Name, out.Summary, err)
	// Output: image built 22 bytes <nil>
}

// A test that fails is the work saying no; it is not tried again. A network
// that is down is a plain error, and is.
func ExampleFailf() {
	smoke := stage.Func(func(ctx context.Context, in stage.Input) (stage.Output, error) {
		if in.Params["url"] == "" {
			return stage.Output{}, errors.New("dial: connection refused")
		}
		return stage.Output{}, stage.Failf("%s answers 500; want 200", in.Params["url"])
	})

	for _, url := range []string{"", "https://example.com"} {
		_, err := smoke.Run(context.Background(), stage.Input{Params: map[string]string{"url": url}})
		var no *stage.Failure
		fmt.Println(errors.As(err, &no), err)
	}
	// Output:
	// false dial: connection refused
	// true https://example.com answers 500; want 200
}

// A stage that waits for something outside gives back Again, and holds no
// goroutine until then. What it knows survives a restart in its state.
func ExamplePoll() {
	type state struct{ Looks int }
	ready := stage.Poll(func(ctx context.Context, in stage.Input, s *state) (stage.Output, error) {
		if s.Looks++; s.Looks < 3 {
			return stage.Output{Again: 10 * time.Second}, nil
		}
		return stage.Output{Summary: fmt.Sprintf("ready after %d looks", s.Looks)}, nil
	})

	var in stage.Input
	for {
		out, err := ready.Run(context.Background(), in)
		if err != nil || out.Again == 0 {
			fmt.Println(out.Summary, err)
			return
		}
		fmt.Printf("again in %v with %s\n", out.Again, out.State)
		in.State = out.State // an executor records it, and waits
	}
	// Output:
	// again in 10s with {"Looks":1}
	// again in 10s with {"Looks":2}
	// ready after 3 looks <nil>
}

// A stage reads what an earlier one gave.
func ExampleValue() {
	in := stage.Input{Stage: "announce", Values: map[string]json.RawMessage{"ticket": json.RawMessage(`4711`)}}

	ticket, err := stage.Value[int](in, "ticket")
	fmt.Println(ticket, err)
	_, err = stage.Value[string](in, "url")
	fmt.Println(err)
	// Output:
	// 4711 <nil>
	// stage "announce": no value "url"; list it in the step's Takes
}

// Secrets are looked up at the call and never recorded.
func ExampleInput_Secret() {
	in := stage.Input{Stage: "publish", Secrets: func(ctx context.Context, name string) (string, error) {
		return "", fmt.Errorf("vault: no such key")
	}}
	_, err := in.Secret(context.Background(), "registry-token")
	fmt.Println(err)
	// Output: stage "publish": secret "registry-token": vault: no such key
}

type registry struct{ pushed map[string]string } // digest by idempotency key

func (r registry) Run(_ context.Context, in stage.Input) (stage.Output, error) {
	image := in.Artifacts["image"]
	r.pushed[in.Key] = image.Digest.String() // pushed twice is pushed once
	return stage.Output{Summary: "pushed " + image.String()}, nil
}

func (r registry) Observe(_ context.Context, in stage.Input) (stage.Observation, error) {
	image := in.Artifacts["image"]
	done := r.pushed[in.Key] == image.Digest.String()
	return stage.Observation{Done: done, Output: stage.Output{Summary: "found " + image.String()}}, nil
}

// After a crash that hid the outcome, an executor asks an Observer before it
// calls Run again.
func ExampleObserver() {
	r := registry{pushed: map[string]string{}}
	digest, _, _ := artifact.DigestOf(strings.NewReader("v1"))
	in := stage.Input{Key: "run-1/publish", Artifacts: artifact.Set{"image": {Name: "image", Digest: digest}}}

	before, _ := r.Observe(context.Background(), in)
	r.Run(context.Background(), in) // and the process dies before the outcome is recorded
	after, _ := r.Observe(context.Background(), in)
	fmt.Println(before.Done, after.Done, after.Output.Summary)
	// Output: false true found image@3bfc269594ef
}

// A deploy hook is told which share of traffic to give to what.
func ExampleDeployFunc() {
	deployer := stage.DeployFunc(func(ctx context.Context, d stage.Deployment) error {
		fmt.Printf("%d%% of %s to %s\n", d.Traffic, d.Environment.Name, d.Artifacts["image"])
		return nil
	})

	digest, _, _ := artifact.DigestOf(strings.NewReader("v1"))
	deployer.Deploy(context.Background(), stage.Deployment{
		Environment: stage.Environment{Name: "production", Tier: stage.Production},
		Artifacts:   artifact.Set{"image": {Name: "image", Digest: digest}},
		Traffic:     5,
	})
	// Output: 5% of production to image@3bfc269594ef
}

type kubectl struct{ context string }

func (k kubectl) Deploy(context.Context, stage.Deployment) error { return nil }
func (k kubectl) Describe() string                               { return "kubectl in context " + k.context }

// What a hook says of itself is shown in drawings, and a definition's digest
// depends on it.
func ExampleDescribe() {
	fmt.Println(stage.Describe(kubectl{"eu-1"}))
	fmt.Println(stage.Describe(stage.DeployFunc(nil)))
	// Output:
	// kubectl in context eu-1
	// stage.DeployFunc
}

// A source says what a metric is, and how many measurements that is made of.
func ExampleSourceFunc() {
	requests, failed := 4000, 8
	errorRate := stage.SourceFunc(func(ctx context.Context, q stage.Query) (stage.Sample, error) {
		return stage.Sample{Value: float64(failed) / float64(requests), Count: requests}, nil
	})
	fmt.Println(errorRate.Sample(context.Background(), stage.Query{}))
	// Output: {0.002 4000} <nil>
}

// balancer sends users to what was deployed.
type balancer map[string]int // percent, by digest

func (b balancer) Deploy(_ context.Context, d stage.Deployment) error {
	b[d.Artifacts["image"].Digest.String()] = d.Traffic
	return nil
}

func (b balancer) Observe(_ context.Context, d stage.Deployment) (bool, error) {
	return b[d.Artifacts["image"].Digest.String()] == d.Traffic, nil
}

// A Deployer that can look is asked after a crash that hid the outcome, and called
// again only if its deployment did not take place.
func ExampleDeployObserver() {
	b := balancer{}
	digest, _, _ := artifact.DigestOf(strings.NewReader("v1"))
	tenth := stage.Deployment{Artifacts: artifact.Set{"image": {Name: "image", Digest: digest}}, Traffic: 10}

	before, _ := b.Observe(context.Background(), tenth)
	b.Deploy(context.Background(), tenth) // and the process dies before the outcome is recorded
	after, _ := b.Observe(context.Background(), tenth)

	all := tenth
	all.Traffic = 100
	another, _ := b.Observe(context.Background(), all)
	fmt.Println(before, after, another)
	// Output: false true false
}
