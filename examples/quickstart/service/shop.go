package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// prices are in cents.
var prices = map[string]int{"lamp": 4900, "chair": 8900, "table": 24900}

// A shop tells prices. It looks each one up over one of a few connections.
type shop struct {
	connections chan struct{} // one element for each that is free
	patience    time.Duration // to wait for a free one
	leaks       bool          // every fourth lookup forgets to give its connection back
	lookups     atomic.Int64
}

func newShop(leaks bool) http.Handler {
	const connections = 8
	s := &shop{
		connections: make(chan struct{}, connections),
		patience:    100 * time.Millisecond,
		leaks:       leaks,
	}
	for range connections {
		s.connections <- struct{}{}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, version) })
	mux.HandleFunc("GET /price/{item}", s.price)
	return mux
}

// An offer is the answer to GET /price/{item}.
type offer struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
	Cents    int    `json:"cents"`
}

func (s *shop) price(w http.ResponseWriter, r *http.Request) {
	quantity, err := quantity(r.FormValue("quantity"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	each, err := s.lookUp(r.Context(), r.PathValue("item"))
	switch {
	case errors.Is(err, errNoItem):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(offer{r.PathValue("item"), quantity, total(each, quantity)})
}

// quantity reads how many are wanted, 1 to 1000. Empty means 1.
func quantity(s string) (int, error) {
	if s == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 1000 {
		return 0, fmt.Errorf("quantity %q: want 1 to 1000", s)
	}
	return n, nil
}

// total is the price in cents of n things: a tenth less from ten on.
func total(each, n int) int {
	if n < 10 {
		return each * n
	}
	return each * n * 9 / 10
}

var (
	errNoItem = errors.New("no such item")
	errBusy   = errors.New("no connection is free")
)

// lookUp returns the price in cents of one item.
func (s *shop) lookUp(ctx context.Context, item string) (int, error) {
	select {
	case <-s.connections:
	case <-time.After(s.patience):
		return 0, errBusy
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if n := s.lookups.Add(1); !s.leaks || n%4 != 0 {
		defer func() { s.connections <- struct{}{} }()
	}
	cents, ok := prices[item]
	if !ok {
		return 0, errNoItem
	}
	return cents, nil
}
