package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
)

// A Client asks the platform of a directory to do things. It may be copied, and
// used from several goroutines and processes at once.
type Client struct {
	Dir string // of the platform

	// Command is a program and its arguments that call [Serve] for Dir. It
	// is started, to live on by itself, when Start or Deploy find no
	// platform. If it is empty, that is an error.
	Command []string
}

// ErrAway says that the platform does not run.
var ErrAway = errors.New("platform: not running")

// Describe implements what [stage.Deployer] says of it.
func (c Client) Describe() string { return "the platform on this machine" }

// Deploy implements [stage.Deployer] for a program: a set of one artifact.
func (c Client) Deploy(ctx context.Context, d stage.Deployment) error {
	o, err := orderFor(d)
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, "/environments/"+d.Environment.Name, bytes.NewReader(body), nil)
}

// Observe implements [stage.DeployObserver].
func (c Client) Observe(ctx context.Context, d stage.Deployment) (bool, error) {
	want, err := orderFor(d)
	if err != nil {
		return false, err
	}
	st, err := c.Now(ctx)
	if errors.Is(err, ErrAway) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return want.metBy(st.Environments[d.Environment.Name]), nil
}

// orderFor returns what the environment shall be for d.
func orderFor(d stage.Deployment) (order, error) {
	if d.Traffic < 0 || d.Traffic > 100 {
		return order{}, fmt.Errorf("platform: %d%% of traffic; want 0 to 100", d.Traffic)
	}
	o := order{Token: d.Token}
	for _, part := range []struct {
		set     artifact.Set
		percent int
	}{{d.Artifacts, d.Traffic}, {d.Previous, 100 - d.Traffic}} {
		if len(part.set) > 1 {
			return order{}, stage.Failf("platform: %d artifacts for one program; want one", len(part.set))
		}
		for _, a := range part.set {
			o.add(a, part.percent)
		}
	}
	return o, nil
}

// add gives percent more to a.
func (o *order) add(a artifact.Artifact, percent int) {
	if percent == 0 {
		return
	}
	for i, w := range o.Shares {
		if w.Artifact.Digest == a.Digest {
			o.Shares[i].Percent += percent
			return
		}
	}
	o.Shares = append(o.Shares, wanted{a, percent})
}

// metBy reports whether e is as ordered.
func (o order) metBy(e Environment) bool {
	percent := map[artifact.Digest]int{}
	for _, p := range e.Processes {
		if p.PID != 0 {
			percent[p.Artifact.Digest] = p.Percent
		}
	}
	for _, w := range o.Shares {
		if percent[w.Artifact.Digest] != w.Percent {
			return false
		}
	}
	return len(e.Processes) == len(o.Shares)
}

// Status returns what runs where, with what the front doors measured from from
// up to but not including to. The error is [ErrAway] if the platform does not
// run.
func (c Client) Status(ctx context.Context, from, to time.Time) (st Status, err error) {
	q := url.Values{"from": {from.Format(time.RFC3339Nano)}, "to": {to.Format(time.RFC3339Nano)}}
	err = c.call(ctx, http.MethodGet, "/?"+q.Encode(), nil, &st)
	return st, err
}

// Now returns what runs where, with what the front doors measured in the last
// second. The error is [ErrAway] if the platform does not run.
func (c Client) Now(ctx context.Context) (Status, error) {
	now := time.Now()
	return c.Status(ctx, now.Add(-time.Second), now)
}

// Stop ends the platform and all of its processes, and returns when they have
// ended. What was live comes back when the platform is started again.
func (c Client) Stop(ctx context.Context) error {
	was, err := read(c.Dir)
	if err != nil {
		return err
	}
	err = c.call(ctx, http.MethodDelete, "/", nil, nil)
	if errors.Is(err, ErrAway) {
		return nil
	}
	const within = patience + 4*grace
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("platform with PID %d: not ended within %v", was.PID, within))
	defer cancel()
	for is := was; err == nil && is.Secret == was.Secret; {
		if err = pause(ctx); err == nil {
			is, err = read(c.Dir)
		}
	}
	return err
}

// Start returns when the platform runs, with what was live when it ran last.
func (c Client) Start(ctx context.Context) error {
	_, err := c.Now(ctx)
	if !errors.Is(err, ErrAway) || len(c.Command) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("platform in %q: not started within %v; see %s there", c.Dir, patience, logFile))
	defer cancel()
	for errors.Is(err, ErrAway) {
		err = c.startOnce(ctx)
	}
	return err
}

// startOnce starts a process and returns when a platform runs, or when the
// process has ended. It ends at once if another one that is about to end, or to
// begin, has the lock.
func (c Client) startOnce(ctx context.Context) error {
	cmd := exec.Command(c.Command[0], c.Command[1:]...)
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("platform: starting it: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	for {
		if err := pause(ctx); err != nil {
			return err
		}
		_, err := c.Now(ctx)
		if !errors.Is(err, ErrAway) {
			return err
		}
		select {
		case <-ended:
			return err
		default:
		}
	}
}

// pause waits a little. The error is the cause for which ctx is done.
func pause(ctx context.Context) error {
	select {
	case <-time.After(20 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// call asks the platform whose address the file has, and decodes its answer
// into answer unless that is nil.
func (c Client) call(ctx context.Context, method, path string, body io.Reader, answer any) error {
	at, err := read(c.Dir)
	if err != nil {
		return err
	}
	if at.Admin == "" {
		return ErrAway
	}
	req, err := http.NewRequestWithContext(ctx, method, at.Admin+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+at.Secret)
	r, err := http.DefaultClient.Do(req)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" && ctx.Err() == nil {
		return ErrAway
	}
	if err != nil {
		return fmt.Errorf("platform: %w", err)
	}
	defer r.Body.Close()
	switch {
	case r.StatusCode == http.StatusUnauthorized:
		return ErrAway // it ended, and something else listens there
	case r.StatusCode != http.StatusOK:
		return refusal(r)
	case answer == nil:
		return nil
	}
	return json.NewDecoder(r.Body).Decode(answer)
}

// refusal returns the error that r tells.
func refusal(r *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, 4<<10))
	text = bytes.TrimSpace(text)
	switch {
	case err != nil:
		return fmt.Errorf("platform: %w", err)
	case r.StatusCode == http.StatusUnprocessableEntity:
		return stage.Failf("platform: %s", text)
	}
	return fmt.Errorf("platform: %s: %s", r.Status, text)
}
