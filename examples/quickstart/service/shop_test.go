package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestShop(t *testing.T) {
	for _, tt := range []struct {
		name, path string
		status     int
		body       string
	}{
		{"it is healthy", "/healthz", 200, "ok"},
		{"it names its version", "/version", 200, "dev"},
		{"one costs its price", "/price/lamp", 200, `{"item":"lamp","quantity":1,"cents":4900}`},
		{"nine cost nine times as much", "/price/lamp?quantity=9", 200, `{"item":"lamp","quantity":9,"cents":44100}`},
		{"ten cost a tenth less", "/price/lamp?quantity=10", 200, `{"item":"lamp","quantity":10,"cents":44100}`},
		{"what is not sold has no price", "/price/moon", 404, "no such item"},
		{"nothing is no quantity", "/price/lamp?quantity=0", 400, `quantity "0": want 1 to 1000`},
		{"words are no quantity", "/price/lamp?quantity=many", 400, `quantity "many": want 1 to 1000`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := get(newShop(false), tt.path)
			if status != tt.status || body != tt.body {
				t.Errorf("GET %s = %d %s; want %d %s", tt.path, status, body, tt.status, tt.body)
			}
		})
	}
}

func TestConnectionsAreGivenBack(t *testing.T) {
	s := newShop(false)
	for i := range 100 {
		if status, body := get(s, "/price/chair"); status != 200 {
			t.Fatalf("request %d = %d %s; want 200, so that the shop stays open", i+1, status, body)
		}
	}
}

func TestServeEndsWithItsInput(t *testing.T) {
	in, parent := io.Pipe()
	out, ready := io.Pipe()
	ctx, stop := untilClosed(context.Background(), in)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, "127.0.0.1:0", ready) }()
	line, _ := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		t.Fatalf("first line is %q; want where it listens", line)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // so that nothing is left of it
	r, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatalf("GET /healthz = %v; want 200", err)
	}
	r.Body.Close()
	if r.StatusCode != 200 {
		t.Errorf("GET /healthz = %s; want 200", r.Status)
	}
	parent.Close()
	if err := <-ended; err != nil {
		t.Errorf("serve = %v; want nil, so that it ends well when its platform does", err)
	}
}

func get(h http.Handler, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}
