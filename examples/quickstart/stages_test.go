package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/stage"
)

func built(t *testing.T, store artifact.Store, params map[string]string) artifact.Artifact {
	t.Helper()
	out, err := build{store}.Run(t.Context(), stage.Input{Run: "r", Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return out.Artifacts[0]
}

func TestBuildFollowsFromItsParams(t *testing.T) {
	store := new(artifact.Memory)
	v1 := built(t, store, map[string]string{version: "v1"})
	for _, tt := range []struct {
		name   string
		params map[string]string
		same   bool
	}{
		{"the same version is the same bytes", map[string]string{version: "v1"}, true},
		{"another version is not", map[string]string{version: "v2"}, false},
		{"nor is a broken one", map[string]string{version: "v1", broken: "yes"}, false},
	} {
		if got := built(t, store, tt.params); (got.Digest == v1.Digest) != tt.same {
			t.Errorf("%s: %v has digest %v, v1 has %v", tt.name, tt.params, got.Digest, v1.Digest)
		}
	}
}

func TestSmoke(t *testing.T) {
	store := new(artifact.Memory)
	a := built(t, store, map[string]string{version: "v1"})
	on := platform.Client{Dir: t.TempDir()}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := platform.Serve(ctx, on.Dir, store, time.Hour); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); serving.Wait() })
	d := stage.Deployment{Token: 1, Environment: staging, Artifacts: artifact.Set{shop: a}, Traffic: 100}
	for err := on.Deploy(ctx, d); err != nil; err = on.Deploy(ctx, d) {
		if !errors.Is(err, platform.ErrAway) {
			t.Fatal(err)
		}
	}
	run := func(v string) error {
		_, err := smoke{on}.Run(ctx, stage.Input{Environment: staging, Params: map[string]string{version: v}})
		return err
	}
	if err := run("v1"); err != nil {
		t.Errorf("smoke tests of v1: %v", err)
	}
	var no *stage.Failure
	if err := run("v2"); !errors.As(err, &no) {
		t.Errorf("smoke tests of v2, while v1 serves = %v; want a Failure", err)
	}
}
