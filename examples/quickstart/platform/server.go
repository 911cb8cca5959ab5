package platform

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A server is the platform.
type server struct {
	dir    string
	store  artifact.Store
	output *os.File // what processes print
	log    *slog.Logger
	idle   *time.Timer // ends the platform when it fires
	rest   time.Duration
	end    context.CancelFunc

	// forks keeps a process from being started while the file of another is
	// written: it would inherit the open file, and a file open for writing
	// cannot be run (golang.org/issue/22315).
	forks sync.Mutex

	mu     sync.Mutex // guards what follows, and the file
	status Status     // without Environments
	envs   map[string]*environment
}

// What the directory of a platform holds, beside the programs that run.
const (
	statusFile = "platform.json" // a Status
	logFile    = "platform.log"  // what the platform did, as JSON
	outputFile = "processes.log" // what the processes printed
	lockFile   = "lock"          // held by the platform
)

// Serve is the platform of dir. It returns nil when ctx is done, when it is
// told to stop, when nobody asked it for anything for the time idle, or, at
// once, when another process is the platform of dir.
//
// What was live in dir when the platform there ended is started again. No
// process outlives Serve.
func Serve(ctx context.Context, dir string, store artifact.Store, idle time.Duration) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unlock, err := lock(filepath.Join(dir, lockFile))
	if errors.Is(err, errLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	log, err := appendTo(dir, logFile)
	if err != nil {
		return err
	}
	defer log.Close()
	output, err := appendTo(dir, outputFile)
	if err != nil {
		return err
	}
	defer output.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{
		dir: dir, store: store, output: output, log: slog.New(slog.NewJSONHandler(log, nil)),
		idle: time.AfterFunc(idle, cancel), rest: idle, end: cancel,
		envs: map[string]*environment{},
	}
	defer s.idle.Stop()
	return s.serve(ctx)
}

func appendTo(dir, name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
}

func (s *server) serve(ctx context.Context) (err error) {
	before, err := read(s.dir)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.status = Status{PID: os.Getpid(), Started: time.Now(), Admin: "http://" + l.Addr().String(), Secret: rand.Text()}
	s.log.Info("platform begins", "pid", s.status.PID)
	defer func() { err = errors.Join(err, s.close()) }()
	for name, was := range before.Environments {
		s.restore(ctx, name, was)
	}
	if err := s.save(); err != nil {
		l.Close()
		return err
	}
	admin := &http.Server{Handler: s.admin(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- admin.Serve(l) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience+2*grace)
		defer cancel()
		admin.Shutdown(grace) // and so until each order under way is carried out
		<-failed
	}
	return err
}

// restore brings back what was live. What cannot be is logged and left out.
func (s *server) restore(ctx context.Context, name string, was Environment) {
	e, err := s.environment(name, strings.TrimPrefix(was.URL, "http://"))
	if err != nil {
		s.log.Error("cannot restore", "environment", name, "err", err)
		return
	}
	o := order{Token: was.Token}
	for _, p := range was.Processes {
		o.Shares = append(o.Shares, wanted{p.Artifact, p.Percent})
	}
	if _, err := e.become(ctx, o); err != nil {
		s.log.Error("cannot restore", "environment", name, "err", err)
	}
}

// close shuts the front doors, ends all processes, and says so in the file,
// which keeps what was live for the next platform to restore.
func (s *server) close() error {
	for _, e := range s.envs {
		e.close()
	}
	s.log.Info("platform ends", "pid", s.status.PID)
	s.status = Status{Started: s.status.Started}
	return s.save()
}

// environment returns the named environment. If it is new its front door is at
// addr, or, if that is taken or empty, anywhere.
func (s *server) environment(name, addr string) (*environment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.envs[name]; ok {
		return e, nil
	}
	const anywhere = "127.0.0.1:0"
	l, err := net.Listen("tcp", cmp.Or(addr, anywhere))
	if err != nil {
		l, err = net.Listen("tcp", anywhere)
	}
	if err != nil {
		return nil, err
	}
	e := &environment{server: s, name: name, url: "http://" + l.Addr().String(), log: s.log.With("environment", name)}
	e.http = &http.Server{Handler: s.used(&e.door), ReadHeaderTimeout: 5 * time.Second}
	e.serving.Go(func() { e.http.Serve(l) })
	s.envs[name] = e
	return e, nil
}

// used puts off the time at which the platform ends by itself.
func (s *server) used(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.idle.Reset(s.rest)
		h.ServeHTTP(w, r)
	})
}

// admin returns the handler that takes orders.
func (s *server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		from, err1 := time.Parse(time.RFC3339Nano, r.FormValue("from"))
		to, err2 := time.Parse(time.RFC3339Nano, r.FormValue("to"))
		if err := errors.Join(err1, err2); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.look(from, to))
	})
	mux.HandleFunc("PUT /environments/{name}", func(w http.ResponseWriter, r *http.Request) {
		var o order
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&o)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		e, err := s.environment(r.PathValue("name"), "")
		if err == nil {
			err = e.carryOut(r.Context(), o)
		}
		if err != nil {
			http.Error(w, err.Error(), statusOf(err))
		}
	})
	mux.HandleFunc("DELETE /{$}", func(http.ResponseWriter, *http.Request) { s.end() })
	return s.used(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.status.Secret)) != 1 {
			http.Error(w, "want the secret in "+statusFile, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

func statusOf(err error) int {
	var u unhealthy
	var f fenced
	switch {
	case errors.As(err, &u):
		return http.StatusUnprocessableEntity
	case errors.As(err, &f):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// look returns what runs where, with what was measured from from up to to.
func (s *server) look(from, to time.Time) Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookLocked(from, to)
}

func (s *server) lookLocked(from, to time.Time) Status {
	st := s.status
	st.Secret = ""
	st.Environments = map[string]Environment{}
	for name, e := range s.envs {
		st.Environments[name] = e.status(from, to)
	}
	return st
}

// save writes the file.
func (s *server) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.lookLocked(time.Time{}, time.Time{})
	st.Secret = s.status.Secret
	if err := st.write(s.dir); err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	return nil
}

func (s *server) path(elem ...string) string {
	return filepath.Join(slices.Insert(elem, 0, s.dir)...)
}
