package load

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
)

// service answers /good with 200 and /bad with 503, as v1, and says when it
// has answered n requests.
func service(t *testing.T, n int64) (s *httptest.Server, done <-chan struct{}) {
	var answered atomic.Int64
	enough := make(chan struct{})
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Version", "v1")
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		if answered.Add(1) == n {
			close(enough)
		}
	}))
	t.Cleanup(s.Close)
	return s, enough
}

// run lets users ask until done, and then a little longer, until all that done
// speaks of is counted.
func run(u *Users, done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { u.Run(ctx) })
	done()
	cancel()
	running.Wait()
}

func TestUsersCountAnswers(t *testing.T) {
	s, answered := service(t, 100)
	u := &Users{
		URL:    func(context.Context) (string, error) { return s.URL, nil },
		Paths:  []string{"/good", "/bad", "/good", "/good"},
		Header: "Version",
		Rate:   1000,
	}
	run(u, func() { <-answered })
	got := u.Tally()["v1"]
	// Those under way at the end are given up, and so not counted.
	if got.Answered < 1 || got.Failed < got.Answered/4-most || got.Failed > got.Answered/4+most {
		t.Errorf("tally = %+v; want about a quarter failed", got)
	}
}

func TestUsersLookForTheServiceUntilItIsThere(t *testing.T) {
	s, answered := service(t, 10)
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer away.Close()
	answers := []struct {
		url string
		err error
	}{{"", errors.New("nobody knows")}, {"", nil}, {away.URL, nil}, {s.URL, nil}}
	var asked atomic.Int64
	u := &Users{
		URL: func(context.Context) (string, error) {
			a := answers[min(int(asked.Add(1)), len(answers))-1]
			return a.url, a.err
		},
		Paths: []string{"/good"},
	}
	run(u, func() { <-answered })
	if n := asked.Load(); n < int64(len(answers)) {
		t.Errorf("users asked %d times where the service is; want %d or more", n, len(answers))
	}
}

func TestUsersGoOnWhenTheServiceHangs(t *testing.T) {
	var waiting atomic.Int64
	full := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if waiting.Add(1) == most {
			close(full)
		}
		<-r.Context().Done()
	}))
	defer s.Close()
	u := &Users{URL: func(context.Context) (string, error) { return s.URL, nil }, Paths: []string{"/"}, Rate: 1000}
	run(u, func() { <-full })
	if got := waiting.Load(); got != most {
		t.Errorf("%d requests under way at once; want %d", got, most)
	}
	if got := u.Tally(); len(got) != 0 {
		t.Errorf("tally = %v; want nothing, for nothing was answered", got)
	}
}

func TestString(t *testing.T) {
	u := &Users{tally: map[string]Tally{"v2": {40, 8}, "v1": {90, 0}, "": {3, 3}}}
	want := "nobody answered 3 requests, 3 failed\nv1 answered 90 requests, 0 failed\nv2 answered 40 requests, 8 failed\n"
	if got := u.String(); got != want {
		t.Errorf("String() = %q; want %q", got, want)
	}
}
