package bake_test

import (
	"context"
	"fmt"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/bake"
)

// A canary bakes for an hour. It may be a little slower than what it replaces,
// and one sample of sixty may miss.
func ExampleWatch() {
	errorRate := stage.SourceFunc(func(ctx context.Context, q stage.Query) (stage.Sample, error) {
		return stage.Sample{Value: 0.002, Count: 4000}, nil // asks a monitoring system
	})
	latency := stage.SourceFunc(func(ctx context.Context, q stage.Query) (stage.Sample, error) {
		return stage.Sample{Value: 0.180, Count: 4000}, nil
	})
	watch := bake.Watch{
		For:      time.Hour,
		Tolerate: 1,
		Metrics: []bake.Metric{
			{Name: "error rate", Source: errorRate, Want: bake.AtMost(0.01), MinCount: 100},
			{Name: "p99", Source: latency, Want: bake.AtMost(1.2).TimesBaseline(0.010)},
		},
	}
	fmt.Println(watch.Check())

	in := stage.Input{
		Environment: stage.Environment{Name: "production"},
		Artifacts:   artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v2"))}},
		Previous:    artifact.Set{"shop": {Name: "shop", Digest: artifact.DigestBytes([]byte("v1"))}},
	}
	out, err := watch.Run(context.Background(), in)
	fmt.Println(out.Summary, err)
	fmt.Println("again in", out.Again.Round(time.Second))
	// Output:
	// <nil>
	// baked for 0s of 1h0m0s, 0 misses, 1 tolerated <nil>
	// again in 1m0s
}

func ExampleBound() {
	fmt.Println(bake.AtMost(0.01))
	fmt.Println(bake.AtLeast(100))
	fmt.Println(bake.Between(20, 30))
	// Output:
	// at most 0.01
	// at least 100
	// 20 to 30
}

// A comparison allows for noise: one error is infinitely worse than none.
func ExampleBound_TimesBaseline() {
	fmt.Println(bake.AtMost(1.2).TimesBaseline(0.001))
	// Output: at most 1.2 × baseline, give or take 0.001
}

func ExampleInconclusive() {
	fmt.Println(bake.Ask, bake.Fail)
	// Output: ask fail
}
