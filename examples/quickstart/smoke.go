package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/stage"
)

// smoke is a stage that asks a running service for a few things.
type smoke struct{ on platform.Client }

// Describe implements what [stage.Runner] says of it.
func (smoke) Describe() string { return "smoke tests over HTTP" }

// Run implements [stage.Runner].
func (s smoke) Run(ctx context.Context, in stage.Input) (stage.Output, error) {
	st, err := s.on.Now(ctx)
	if err != nil {
		return stage.Output{}, err
	}
	tests := []struct{ path, want string }{
		{"/healthz", "ok"},
		{"/version", in.Params[version]},
		{"/price/lamp", `{"item":"lamp","quantity":1,"cents":4900}`},
		{"/price/chair?quantity=10", `{"item":"chair","quantity":10,"cents":80100}`},
	}
	for _, tt := range tests {
		got, err := get(ctx, st.Environments[in.Environment.Name].URL+tt.path)
		if err != nil {
			return stage.Output{}, err
		}
		if got != tt.want {
			return stage.Output{}, stage.Failf("GET %s in %s: %q; want %q", tt.path, in.Environment.Name, got, tt.want)
		}
	}
	return stage.Output{Summary: fmt.Sprintf("%d requests answered as they should", len(tests))}, nil
}

// get returns the text that url has, whatever the status.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	return strings.TrimSpace(string(b)), err
}
