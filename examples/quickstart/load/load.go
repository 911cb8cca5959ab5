// Package load sends requests to a service, as its users would, and counts how
// they were answered.
package load

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Users ask for one path after another, at a steady rate that does not fall
// when the service is slow. They must not be copied.
type Users struct {
	// URL returns where the service is, or "" as long as there is none. It
	// is asked again when a request finds nobody there.
	URL func(ctx context.Context) (string, error)

	Paths  []string // what is asked for, in turn
	Rate   int      // requests in a second; 0 means 100
	Header string   // of an answer: names the version that gave it

	mu    sync.Mutex
	tally map[string]Tally
}

// A Tally counts the requests that one version answered.
type Tally struct {
	Answered int // with any status
	Failed   int // of them: status 500 and above
}

// At most so many requests are under way. Beyond that users go away and are not
// counted, as behind any load balancer that is full. So a slow machine has fewer
// requests to answer, and not each of them later than the one before.
const most = 32

// patience is how long a user waits for an answer. It is longer than a proxy
// waits, so that the proxy counts what is too slow.
const patience = 30 * time.Second

// Run sends requests until ctx is done. Those under way are then given up.
func (u *Users) Run(ctx context.Context) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = most
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}

	var under sync.WaitGroup
	defer under.Wait()
	tick := time.NewTicker(time.Second / time.Duration(cmp.Or(u.Rate, 100)))
	defer tick.Stop()
	free := make(chan struct{}, most)
	lost := make(chan struct{}, 1) // a request found nobody
	var base string
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-lost:
			base = ""
			continue
		case <-tick.C:
		}
		if base == "" {
			if base = u.find(ctx); base == "" {
				continue
			}
		}
		select {
		case free <- struct{}{}:
		default:
			continue
		}
		url := base + u.Paths[n%len(u.Paths)]
		n++
		under.Go(func() {
			defer func() { <-free }()
			if err := u.ask(ctx, client, url); err != nil && ctx.Err() == nil {
				select {
				case lost <- struct{}{}:
				default: // it is known already
				}
			}
		})
	}
}

// find returns where the service is, or, after a little, that it is nowhere.
func (u *Users) find(ctx context.Context) string {
	if url, err := u.URL(ctx); err == nil && url != "" {
		return url
	}
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
	return ""
}

// ask counts the answer to one request.
func (u *Users) ask(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r, err := client.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	by := r.Header.Get(u.Header)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tally == nil {
		u.tally = map[string]Tally{}
	}
	t := u.tally[by]
	t.Answered++
	if r.StatusCode >= 500 {
		t.Failed++
	}
	u.tally[by] = t
	return nil
}

// Tally returns the counts so far by version; "" stands for answers that name
// none.
func (u *Users) Tally() map[string]Tally {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.tally)
}

// String returns a line for each version, such as "v1 answered 812 requests, 0
// failed", in their order.
func (u *Users) String() string {
	var s string
	tally := u.Tally()
	for _, version := range slices.Sorted(maps.Keys(tally)) {
		t := tally[version]
		s += fmt.Sprintf("%s answered %d requests, %d failed\n", cmp.Or(version, "nobody"), t.Answered, t.Failed)
	}
	return s
}
