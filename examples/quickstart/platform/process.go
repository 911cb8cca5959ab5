package platform

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A process runs the bytes of an artifact.
type process struct {
	artifact artifact.Artifact
	version  string
	started  time.Time
	url      string
	cmd      *exec.Cmd
	stdin    io.Closer     // the process ends when it is closed, also if the platform is killed
	ended    chan struct{} // closed when the process has

	proxy *httputil.ReverseProxy
	busy  sync.WaitGroup // requests under way
	meter meter
}

// unhealthy is the error of a process that was started and is no good.
type unhealthy struct{ error }

const (
	patience = time.Minute      // for a process to become healthy
	slow     = 20 * time.Second // for an answer to begin; then it counts as failed
	grace    = 5 * time.Second  // for requests under way, and then for the process to end
)

// start copies the artifact out of the store into dir, runs it, and returns
// when it is healthy. What it prints goes to log.
func start(ctx context.Context, store artifact.Store, a artifact.Artifact, dir string, log *os.File) (*process, error) {
	path, err := unpack(ctx, store, a, dir)
	if err != nil {
		return nil, err
	}
	p := &process{artifact: a, started: time.Now(), cmd: exec.Command(path), ended: make(chan struct{})}
	p.cmd.Stderr = log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, unhealthy{err}
	}
	first := make(chan string, 1)
	go func() {
		defer close(p.ended)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		first <- line
		io.Copy(log, lines)
		p.cmd.Wait()
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not healthy within %v", patience))
	defer cancel()
	if err := p.becomeHealthy(ctx, first); err != nil {
		p.stop()
		return nil, unhealthy{fmt.Errorf("%v: %w", a, err)}
	}
	return p, nil
}

// unpack writes the artifact to a file in dir that can be run. Its name is its digest,
// and it has that name only if its bytes have that digest.
func unpack(ctx context.Context, store artifact.Store, a artifact.Artifact, dir string) (string, error) {
	in, err := store.Open(ctx, a)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	out, err := os.CreateTemp(dir, "unpacking-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name()) // fails once it is renamed
	defer out.Close()
	if _, err := io.Copy(out, in); errors.Is(err, artifact.ErrMismatch) {
		return "", unhealthy{err}
	} else if err != nil {
		return "", err
	}
	if err := errors.Join(out.Chmod(0o700), out.Close()); err != nil {
		return "", err
	}
	path := filepath.Join(dir, a.Name+"-"+a.Digest.Short()+exe)
	return path, os.Rename(out.Name(), path)
}

// becomeHealthy learns where the process listens, from the first line it
// prints, and waits until it says that it is healthy.
func (p *process) becomeHealthy(ctx context.Context, first <-chan string) error {
	select {
	case line := <-first:
		at, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok {
			return fmt.Errorf("the first line it prints is %q; want where it listens", line)
		}
		p.url = at
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	target, err := url.Parse(p.url)
	if err != nil {
		return err
	}
	p.proxy = &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: slow},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := ask(ctx, p.url+"/healthz")
		if err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return fmt.Errorf("it ended: %v", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
	version, err := ask(ctx, p.url+"/version")
	p.version = string(bytes.TrimSpace(version))
	return err
}

// ask returns at most 1 KiB of what a GET of url answers.
func ask(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, r.Status)
	}
	return body, err
}

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// drain waits until the requests that p took are answered, or until ctx is
// done. The door must have been turned away from p before.
func (p *process) drain(ctx context.Context) {
	idle := make(chan struct{})
	go func() {
		p.busy.Wait()
		close(idle)
	}()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// stop returns when the process has ended: by itself, or after a while killed.
func (p *process) stop() {
	p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(grace):
		p.cmd.Process.Kill()
		<-p.ended
	}
	if p.proxy != nil {
		p.proxy.Transport.(*http.Transport).CloseIdleConnections()
	}
}
