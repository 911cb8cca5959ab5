package platform

import (
	"net/http"
	"sync"
	"time"
)

// A door is the front door of an environment: a reverse proxy that splits
// requests between processes. The zero door turns everybody away.
type door struct {
	mu    sync.Mutex
	split split
}

// turn makes the shares those of requests from now on.
func (d *door) turn(shares []share) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.split = newSplit(shares)
}

// enter returns the process for the next request, which must call its
// busy.Done, or nil.
func (d *door) enter() *process {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.split.next()
	if p != nil {
		p.busy.Add(1)
	}
	return p
}

// VersionHeader is in each answer of a front door and names the version that
// gave it. It is missing if nothing is live.
const VersionHeader = "X-Served-By"

// ServeHTTP implements [http.Handler].
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := d.enter()
	if p == nil {
		http.Error(w, "nothing is live here", http.StatusServiceUnavailable)
		return
	}
	defer p.busy.Done()
	w.Header().Set(VersionHeader, p.version)
	rec := &recorder{ResponseWriter: w}
	began := time.Now()
	defer func() {
		if r.Context().Err() != nil {
			return // the client went away, which says nothing of the process
		}
		now := time.Now()
		p.meter.add(answer{at: now, took: now.Sub(began), failed: rec.status == 0 || rec.status >= 500})
	}()
	p.proxy.ServeHTTP(rec, r)
}

// A recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
